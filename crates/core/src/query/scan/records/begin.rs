//! How a source begins: its formats are found out, and what stands in the way of that is taken out.
use std::io;
use std::sync::Arc;

use memchr::{memchr, memmem, memrchr};

use super::{Records, SAMPLE, TRACEBACK};
use crate::query::formats::{self, Format, Given, NO_TIME};
use crate::query::scan::changed::{Change, Changed};
use crate::query::scan::colours::{Coloured, ESCAPE};
use crate::query::scan::otlp::{self, Otlp};
use crate::query::scan::utf16::Utf16;
use crate::query::scan::Input;
use crate::query::when::{Clock, Zone};

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Records {
    /// Looks at the beginning and finds out the formats; `known` ones are preferred. `now` dates times without a day or year.
    ///
    /// Terminal codes are taken out where that is what it takes to recognise a format.
    pub fn new(input: Input, known: &[Format], zone: Arc<Zone>, now: i64) -> io::Result<Self> {
        let mut records = Self::begun(input, zone, now);
        if let Some(told) = records.input.told().filter(|told| !told.formats.is_empty()) {
            if known.is_empty() || known == told.known {
                if records.input.before().starts_with(MARK) {
                    records.fill()?;
                    records.at = MARK.len();
                }
                records.formats = told.formats;
                return Ok(records);
            }
        }
        records.fill()?;
        if let Some(change) = Utf16::of(&records.buffer[..records.filled]) {
            records.change(Box::new(change));
        }
        records.pass_hole()?;
        records.look(known)?;
        if otlp::is_in(records.sample()) {
            records.change(Box::new(Otlp::default()));
            records.look(known)?;
        }
        if memmem::find(records.sample(), ESCAPE).is_some() {
            records.without_colours(known);
        }
        Ok(records)
    }

    /// From here on the source is what `change` makes of it.
    fn change(&mut self, change: Box<dyn Change>) {
        let begun = self.buffer[self.at..self.filled].to_vec();
        let input = std::mem::replace(&mut self.input, Input::memory(Vec::new()));
        self.input = Input::Changed(Box::new(Changed::new(input, begun, change)));
        (self.at, self.filled, self.base, self.ended) = (0, 0, 0, false);
    }

    /// Passes over NULs at the begin: what logrotate's copytruncate leaves where the writer does not append.
    fn pass_hole(&mut self) -> io::Result<()> {
        let nulls = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == 0).count();
        loop {
            let passed = nulls(&self.buffer[self.at..self.filled]);
            self.nulls += passed as u64;
            self.at += passed;
            if self.at < self.filled || self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// As [`Records::new`], but all bytes are left as they are.
    pub fn exact(input: Input, known: &[Format], zone: Arc<Zone>, now: i64) -> io::Result<Self> {
        let mut records = Self::begun(input, zone, now);
        records.look(known)?;
        Ok(records)
    }

    fn begun(input: Input, zone: Arc<Zone>, now: i64) -> Self {
        Self {
            input,
            formats: Vec::new(),
            clock: Clock::new(zone, now),
            buffer: Vec::new(),
            at: 0,
            filled: 0,
            base: 0,
            ended: false,
            ahead: None,
            last_time: NO_TIME,
            passing: false,
            cut: 0,
            message: Vec::new(),
            exception: Vec::new(),
            logger: Vec::new(),
            template: Vec::new(),
            traceback: memmem::Finder::new(TRACEBACK),
            more: Vec::new(),
            more_given: false,
            nulls: 0,
            strange: SAMPLE,
        }
    }

    /// Reads the beginning, and finds out the formats.
    fn look(&mut self, known: &[Format]) -> io::Result<()> {
        // Of a pipe what is there must do.
        let enough = if self.input.may_wait() { 1 } else { SAMPLE };
        while self.filled - self.at < enough && !self.ended {
            self.fill()?;
        }
        if self.base == 0 && self.at == 0 && self.buffer[..self.filled].starts_with(MARK) {
            self.at = MARK.len();
        }
        let (from, to) = self.sampled();
        self.formats = formats::detect(&self.buffer[from..to], known, &mut self.clock);
        Ok(())
    }

    /// Where the whole lines at the beginning stand by which formats are found out.
    fn sampled(&self) -> (usize, usize) {
        let whole = memrchr(b'\n', &self.buffer[..self.filled]).unwrap_or(self.filled);
        (self.at.min(whole), whole.min(self.at + SAMPLE))
    }

    /// Its first lines, as long as they are in memory.
    pub fn sample(&self) -> &[u8] {
        let (from, to) = self.sampled();
        &self.buffer[from..to]
    }

    /// Takes terminal codes out, if other formats are found without them.
    fn without_colours(&mut self, known: &[Format]) {
        let input = std::mem::replace(&mut self.input, Input::memory(Vec::new()));
        let mut begun = self.buffer[..self.filled].to_vec();
        let (coloured, length) = Coloured::new(input, &mut begun);
        begun.truncate(length);
        let end = memrchr(b'\n', &begun).unwrap_or(length);
        let sample = &begun[self.at.min(end)..end.min(self.at + SAMPLE)];
        let formats = formats::detect(sample, known, &mut self.clock);
        if formats == self.formats {
            self.input = coloured.back();
            return;
        }
        self.buffer[..length].copy_from_slice(&begun);
        self.filled = length;
        self.formats = formats;
        self.input = Input::Coloured(Box::new(coloured));
    }

    /// Whether it is no text: NUL bytes at its beginning, and no format recognised. To be asked before records are read.
    pub fn is_binary(&self) -> bool {
        let sample = &self.buffer[self.at..self.filled.min(self.at + SAMPLE)];
        self.formats == [Format::Plain] && (self.nulls > 0 || memchr(0, sample).is_some())
    }

    /// A line for each of its formats, for [`Format::of_told`]; empty where they do not say it all.
    pub fn told(&self, given: &[Given]) -> String {
        // What [`Records::new`] changes before it cuts records, or refuses.
        let begun = &self.buffer[..self.filled];
        let is_changed = Utf16::of(begun).is_some() || begun.first() == Some(&0) || otlp::is_in(self.sample());
        if is_changed || self.is_binary() || memmem::find(self.sample(), ESCAPE).is_some() {
            return String::new();
        }
        let told: Option<Vec<String>> = self.formats.iter().map(|format| format.told(given)).collect();
        told.unwrap_or_default().join("\n")
    }

    /// Whether it is an archive whose rows are its records, so that rows may be left out.
    pub fn are_rows(&mut self) -> bool {
        self.input.told().is_some_and(|told| !told.formats.is_empty() && told.formats == self.formats)
    }
}
