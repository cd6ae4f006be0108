//! One file of a chain, opened, and read when its turn comes.
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::query::columnar::Asked;
use crate::query::filter::Filter;
use crate::query::formats::Format;
use crate::query::scan::{bisect, Copies, Input, Records, Sieve};
use crate::query::when::Zone;

/// A time without a zone may be of another machine's: so far from this one's, in nanoseconds.
pub const DAY: i64 = 26 * 3600 * 1_000_000_000;
const MICRO: i64 = 1000;

/// A file of a chain.
pub struct Opened {
    pub path: PathBuf,
    /// Taken when it is read.
    input: Option<Input>,
    /// Begun before its turn, because of the file before; and the lines at its begin that are that one's.
    begun: Option<io::Result<Records>>,
    leading: Vec<u8>,
    /// A file's last change is at or after its last record.
    changed: i64,
    /// As it was when it was opened: what is written later is not read.
    pub size: u64,
    known: Vec<Format>,
    /// The next newer file of its chain; the one that was asked for has none.
    pub newer: Option<usize>,
    /// Whether it has an older one, whose the lines at its begin may be.
    pub has_older: bool,
    pub copies: Copies,
}

impl Opened {
    pub fn file(path: &Path, known: &[Format]) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as i64);
        let (input, changed) = if metadata.is_file() {
            (Input::of_file(file)?, changed)
        } else {
            (Input::open(path).map_err(io::Error::other)?, i64::MAX)
        };
        let size = input.size().unwrap_or(u64::MAX);
        Ok(Self { changed, size, ..Self::input(path.into(), input, known) })
    }

    pub fn input(path: PathBuf, input: Input, known: &[Format]) -> Self {
        Self {
            path,
            input: Some(input),
            begun: None,
            leading: Vec::new(),
            changed: i64::MAX,
            size: u64::MAX,
            known: known.to_vec(),
            newer: None,
            has_older: false,
            copies: Copies::default(),
        }
    }

    /// Whether it can hold nothing from `since` on. What can be bisected is asked itself, for a clock may have run ahead;
    /// and so is what the user named.
    pub fn is_before(&self, since: i64) -> bool {
        let is_packed = self.input.as_ref().is_some_and(|input| input.size().is_none());
        self.newer.is_some() && is_packed && self.changed < since.saturating_sub(DAY)
    }

    fn records(&mut self, zone: &Arc<Zone>, now: i64) -> Option<io::Result<Records>> {
        if let Some(begun) = self.begun.take() {
            return Some(begun);
        }
        let input = self.input.take()?;
        let now = self.changed.min(now) / 1_000_000_000;
        Some(Records::new(input, &self.known, Arc::clone(zone), now).and_then(|records| {
            if records.is_binary() {
                return Err(io::Error::other("this is no text (it holds NUL bytes)"));
            }
            Ok(records)
        }))
    }

    /// The lines at its begin that go on with the file before.
    pub fn leading(&mut self, zone: &Arc<Zone>, now: i64) -> Vec<u8> {
        if self.begun.is_none() && self.input.is_some() {
            let begun = self.records(zone, now);
            self.begun = begun.map(|begun| {
                begun.and_then(|mut records| {
                    self.leading = records.leading()?;
                    Ok(records)
                })
            });
        }
        self.leading.clone()
    }

    /// Its records from the first place on that may hold an answer, where the last such place ends, and what tells those
    /// apart that are found elsewhere; None where it was read before.
    pub fn start(
        &mut self,
        (filter, context): (&Filter, bool),
        zone: &Arc<Zone>,
        now: i64,
    ) -> Option<io::Result<(Records, u64, Sieve)>> {
        let records = self.records(zone, now)?;
        Some(records.and_then(|mut records| {
            let copies = self.copies.sieve(&records, zone, now / 1_000_000_000);
            let until = filter.until.min(self.copies.until());
            let (start, end) = bisect::range(&mut records, filter.since, until)?;
            if start > records.position() {
                records.seek(start);
            }
            if !context && records.are_rows() && (records.is_timed() || !filter.has_range()) {
                narrow(&mut records, filter)?;
            }
            Ok((records, end.min(self.size), copies))
        }))
    }
}

/// Leaves out an archive's rows that cannot answer.
fn narrow(records: &mut Records, filter: &Filter) -> io::Result<()> {
    let find = filter.needed();
    let holds = |bytes: &[u8]| find.as_ref().is_some_and(|find| find(bytes).is_some());
    let text = filter.needed_text().map(|text| (text, &holds as &dyn Fn(&[u8]) -> bool));
    let local = |time: i64, by: i64| time.saturating_add(by) / MICRO;
    let times = filter.has_range().then(|| (local(filter.since, -DAY), local(filter.until, DAY)));
    let asked = Asked { text, times, levels: filter.levels() };
    if asked.text.is_some() || asked.times.is_some() || asked.levels.is_some() {
        records.narrow(&asked)?;
    }
    Ok(())
}
