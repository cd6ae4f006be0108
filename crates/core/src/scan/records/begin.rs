//! How a source begins: its formats are found out, and what stands in the way of that is taken out.
use std::io;
use std::sync::Arc;

use memchr::{memmem, memrchr};

use super::{Records, SAMPLE, TRACEBACK};
use crate::formats::{self, Format, NO_TIME};
use crate::scan::colours::{Coloured, ESCAPE};
use crate::scan::Input;
use crate::when::{Clock, Zone};

impl Records {
    /// Looks at the beginning and finds out the formats; `known` ones are preferred. `now` dates times without a day or year.
    ///
    /// Terminal codes are taken out where that is what it takes to recognise a format.
    pub fn new(input: Input, known: &[Format], zone: Arc<Zone>, now: i64) -> io::Result<Self> {
        let mut records = Self::begun(input, zone, now);
        let told = records.input.formats();
        if known.is_empty() && !told.is_empty() {
            records.formats = told;
            return Ok(records);
        }
        records.look(known)?;
        if memmem::find(records.sample(), ESCAPE).is_some() {
            records.without_colours(known);
        }
        Ok(records)
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
            traceback: memmem::Finder::new(TRACEBACK),
            more: Vec::new(),
            more_given: false,
        }
    }

    /// Reads the beginning, and finds out the formats.
    fn look(&mut self, known: &[Format]) -> io::Result<()> {
        // A pipe may give a line now and the next one in an hour: what is there must do.
        let enough = if self.input.size().is_some() { SAMPLE } else { 1 };
        while self.filled < enough && !self.ended {
            self.fill()?;
        }
        if self.buffer[..self.filled].starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
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

    fn sample(&self) -> &[u8] {
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

    /// Names that tell its formats, a line each; empty where names do not say it all.
    pub fn named(&self) -> String {
        if memmem::find(self.sample(), ESCAPE).is_some() {
            return String::new();
        }
        let told = self.formats.iter().all(|format| Format::named(format.name()).is_some_and(|named| named == *format));
        if told {
            self.formats.iter().map(Format::name).collect::<Vec<_>>().join("\n")
        } else {
            String::new()
        }
    }
}
