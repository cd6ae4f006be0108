//! A query over many files: each log with its rotated siblings, merged by time, counted, or the last of them.
//!
//! A [`Chain`] is one log: its files from the oldest to the newest, all opened at the beginning, so that a rotation meanwhile
//! changes nothing. Files that cannot hold an answer are not read; what goes wrong with one is said in [`Search::notices`],
//! and the others go on.
mod current;
mod found;
mod opened;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;
use crate::query::filter::{value, Filter};
use crate::query::formats::Format;
use crate::query::scan::{Copies, Input, Record};
use crate::query::when::{Clock, Zone};
use current::Current;
pub use found::Found;
use opened::Opened;

/// Bytes from the end that are looked at first where only the last records are asked for.
const TAIL: u64 = 256 << 10;
/// What is done where something is wrong within a file.
const REST: &str = "what is left of it is missing";

/// What is asked beside the query.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Records shown before and after each answer.
    pub before: usize,
    pub after: usize,
    /// Fill [`Found::fields`].
    pub fields: bool,
}

struct Chain {
    /// Indexes of files, the oldest last, so that the next is popped.
    files: Vec<usize>,
    current: Option<Current>,
    /// Found and not yet given.
    ready: VecDeque<Found>,
    /// Records before the next answer, and how many more after the last are asked for.
    recent: VecDeque<Found>,
    after: usize,
}

/// A query at work.
pub struct Search {
    filter: Arc<Filter>,
    options: Options,
    zone: Arc<Zone>,
    now: i64,
    files: Vec<Opened>,
    chains: Vec<Chain>,
    clock: Clock,
    notices: Vec<String>,
}

impl Search {
    /// `now`: nanoseconds since the epoch.
    pub fn new(filter: Arc<Filter>, options: Options, zone: Arc<Zone>, now: i64) -> Self {
        let clock = Clock::new(Arc::clone(&zone), now / 1_000_000_000);
        Self { filter, options, zone, now, files: Vec::new(), chains: Vec::new(), clock, notices: Vec::new() }
    }

    /// Adds one log: its files from the oldest to the newest, each with the formats that are known for it. `copies` are
    /// found in another log.
    ///
    /// A file that is gone is returned as an error, and the caller looks again; any other trouble is noted.
    pub fn add_chain(&mut self, paths: &[PathBuf], known: &[Format], copies: &Copies) -> io::Result<()> {
        let mut files = Vec::new();
        for path in paths {
            match Opened::file(path, known) {
                Ok(mut opened) => {
                    opened.has_older = !files.is_empty();
                    opened.copies = copies.clone();
                    if let Some(older) = files.last() {
                        let newer = self.files.len();
                        let older: &mut Opened = &mut self.files[*older];
                        older.newer = Some(newer);
                    }
                    files.push(self.files.len());
                    self.files.push(opened);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => self.notices.push(format!("{}: {error}; it is left out", path.display())),
            }
        }
        files.reverse();
        self.push_chain(files);
        Ok(())
    }

    /// Adds a source that is no file: standard input, or lines made in memory.
    pub fn add_input(&mut self, name: &str, input: Input, known: &[Format]) {
        let file = self.files.len();
        self.files.push(Opened::input(PathBuf::from(name), input, known));
        self.push_chain(vec![file]);
    }

    fn push_chain(&mut self, files: Vec<usize>) {
        let (ready, recent) = (VecDeque::new(), VecDeque::new());
        self.chains.push(Chain { files, current: None, ready, recent, after: 0 });
    }

    /// The path of the file that [`Found::file`] names.
    pub fn path(&self, file: usize) -> &Path {
        &self.files[file].path
    }

    /// What went wrong so far, a line each; taken away by asking.
    pub fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Begins to read a file at the first place that may hold an answer.
    fn begin(&mut self, file: usize) -> Option<Current> {
        if self.files[file].is_before(self.filter.since) {
            return None;
        }
        if self.files[file].has_older {
            self.files[file].leading(&self.zone, self.now);
        }
        let leading = self.files[file].newer.map(|newer| self.files[newer].leading(&self.zone, self.now));
        let asked = (&*self.filter, self.options.before + self.options.after > 0);
        let started = self.files[file].start(asked, &self.zone, self.now)?;
        match started {
            Ok((mut records, end, copies)) => {
                records.go_on(leading.unwrap_or_default());
                Some(Current { records, file, end, copies })
            }
            Err(error) => {
                self.note(file, &error, "it is left out");
                None
            }
        }
    }

    fn note(&mut self, file: usize, error: &io::Error, done: &str) {
        self.notices.push(format!("{}: {error}; {done}", self.files[file].path.display()));
    }

    fn finish(&mut self, current: &Current) {
        let cut = current.records.cut();
        if cut > 0 {
            let path = self.files[current.file].path.display();
            let what = if cut == 1 { "1 record" } else { &format!("{cut} records") };
            self.notices.push(format!("{path}: {what} longer than 8 MB cut"));
        }
    }

    /// Calls `take` with each answer, file after file; false ends it.
    pub fn each(&mut self, take: &mut dyn FnMut(&Record<'_>, usize, &mut Clock) -> bool) {
        for chain in 0..self.chains.len() {
            while let Some(file) = self.chains[chain].files.pop() {
                let Some(mut current) = self.begin(file) else { continue };
                let filter = Arc::clone(&self.filter);
                let clock = &mut self.clock;
                let done = current.scan(
                    &filter,
                    clock,
                    &mut |record, answers, clock| !answers || take(record, file, clock),
                    true,
                );
                self.finish(&current);
                match done {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => self.note(file, &error, REST),
                }
            }
        }
    }

    /// How many answers there are.
    pub fn count(&mut self) -> u64 {
        let mut count = 0;
        self.each(&mut |_, _, _| {
            count += 1;
            true
        });
        count
    }

    /// Answers counted by the values of fields and by spans of `per` nanoseconds (0: not by time).
    ///
    /// Each row: the values (empty where a record has none), the span's begin, the count; in order of time, then values.
    pub fn group(&mut self, by: &[String], per: i64) -> Vec<(Vec<String>, i64, u64)> {
        let mut counts: std::collections::HashMap<Vec<u8>, u64> = std::collections::HashMap::new();
        let mut key = Vec::new();
        let zone = Arc::clone(&self.zone);
        let width = per / 1_000_000_000;
        self.each(&mut |record, _, clock| {
            key.clear();
            let span = if per > 0 && record.time != crate::query::formats::NO_TIME {
                span(record.time, per, width, &zone)
            } else {
                0
            };
            // Order by bytes is order by time: the sign bit is turned.
            key.extend_from_slice(&((span as u64) ^ (1 << 63)).to_be_bytes());
            for name in by {
                match name.as_str() {
                    "level" => key.extend_from_slice(crate::query::formats::level::name(record.level).as_bytes()),
                    "logger" => key.extend_from_slice(record.logger),
                    _ => key.extend_from_slice(&value(record, name, clock).unwrap_or_default()),
                }
                key.push(0);
            }
            if let Some(count) = counts.get_mut(&key) {
                *count += 1;
            } else {
                counts.insert(key.clone(), 1);
            }
            true
        });
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort_unstable();
        let row = |(key, count): (Vec<u8>, u64)| {
            let mut span = [0; 8];
            span.copy_from_slice(&key[..8]);
            let mut values: Vec<String> =
                key[8..].split(|byte| *byte == 0).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
            values.truncate(by.len());
            (values, (u64::from_be_bytes(span) ^ (1 << 63)) as i64, count)
        };
        rows.into_iter().map(row).collect()
    }

    /// The next answer (or its context) of all chains, the earliest at hand first; None at the end.
    pub fn next_found(&mut self) -> Option<Found> {
        for chain in 0..self.chains.len() {
            self.fill(chain);
        }
        let heads = self.chains.iter().enumerate().filter_map(|(i, chain)| Some((chain.ready.front()?.time, i)));
        let (_, chain) = heads.min()?;
        self.chains[chain].ready.pop_front()
    }

    /// Reads a chain on until something is ready or nothing is left.
    fn fill(&mut self, chain: usize) {
        while self.chains[chain].ready.is_empty() {
            let current = self.chains[chain].current.take();
            let Some(mut current) = current.or_else(|| self.next_file(chain)) else { return };
            let context = self.options.before + self.options.after > 0;
            let filter = Arc::clone(&self.filter);
            let (options, file) = (&self.options, current.file);
            let Chain { ready, recent, after, .. } = &mut self.chains[chain];
            let mut take = |record: &Record<'_>, answers: bool, clock: &mut Clock| {
                if answers {
                    ready.extend(recent.drain(..));
                    ready.push_back(Found::new(record, file, true, clock, options.fields));
                    *after = options.after;
                    return false;
                }
                if *after > 0 {
                    *after -= 1;
                    ready.push_back(Found::new(record, file, false, clock, options.fields));
                    return false;
                }
                if options.before > 0 {
                    if recent.len() == options.before {
                        recent.pop_front();
                    }
                    recent.push_back(Found::new(record, file, false, clock, options.fields));
                }
                true
            };
            match current.scan(&filter, &mut self.clock, &mut take, !context) {
                Ok(false) => self.chains[chain].current = Some(current),
                Ok(true) => self.finish(&current),
                Err(error) => {
                    self.finish(&current);
                    self.note(file, &error, REST);
                }
            }
        }
    }

    fn next_file(&mut self, chain: usize) -> Option<Current> {
        loop {
            let file = self.chains[chain].files.pop()?;
            if let Some(current) = self.begin(file) {
                return Some(current);
            }
        }
    }

    /// The last `count` answers, in order of time. Large files are read from their end.
    pub fn last(&mut self, count: usize) -> Vec<Found> {
        let mut found = Vec::new();
        for chain in 0..self.chains.len() {
            let mut own: Vec<Found> = Vec::new();
            let mut files = std::mem::take(&mut self.chains[chain].files);
            files.reverse();
            while let Some(file) = files.pop().filter(|_| own.len() < count) {
                let Some(mut current) = self.begin(file) else { continue };
                let mut older = self.last_of(&mut current, count - own.len());
                self.finish(&current);
                older.append(&mut own);
                own = older;
            }
            found.append(&mut own);
        }
        found.sort_by_key(|found| found.time);
        found.split_off(found.len().saturating_sub(count))
    }

    /// Looks at the end of a file, and further back until enough is found.
    fn last_of(&mut self, current: &mut Current, count: usize) -> Vec<Found> {
        let size = current.records.input().size();
        let (begin, end) = (current.records.position(), current.end.min(size.unwrap_or(u64::MAX)));
        let mut window = TAIL;
        loop {
            let from = if size.is_some() { end.saturating_sub(window).max(begin) } else { begin };
            let mut found = VecDeque::new();
            current.records.forget_cut(); // They are read again.
            let done = current.records.align(from, begin).and_then(|()| {
                let filter = Arc::clone(&self.filter);
                let (file, fields) = (current.file, self.options.fields);
                current.scan(
                    &filter,
                    &mut self.clock,
                    &mut |record, answers, clock| {
                        if answers {
                            if found.len() == count {
                                found.pop_front();
                            }
                            found.push_back(Found::new(record, file, true, clock, fields));
                        }
                        true
                    },
                    true,
                )
            });
            if let Err(error) = done {
                self.note(current.file, &error, REST);
                return found.into();
            }
            if found.len() >= count || from <= begin {
                return found.into();
            }
            window *= 8;
        }
    }
}

/// The begin of the span of `per` nanoseconds in which a time lies. Spans of days begin at local midnight, whose days may
/// have 23 or 25 hours; shorter ones follow the clock on the wall.
fn span(time: i64, per: i64, width: i64, zone: &Zone) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    if width < 60 {
        return time.div_euclid(per) * per;
    }
    let second = time.div_euclid(SECOND);
    let offset = i64::from(zone.offset(second));
    let local = (second + offset).div_euclid(width) * width;
    SECOND * if width % 86_400 == 0 { zone.utc(local) } else { local - offset }
}

/// A query from JSON, as [`Filter::compile`].
pub fn compile(json: &str) -> Result<Arc<Filter>> {
    Filter::compile(json).map(Arc::new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fuzz;
