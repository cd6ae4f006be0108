//! Lines that say nothing but text: of plain text, and of what somebody stamped line by line, such as a console's copy.
//!
//! Each begins a record, but for those of a traceback. These have no word of their own that says so, only what Python prints
//! around and between exceptions.
use memchr::memrchr;

use super::parts::group_start;
use super::{Records, TRACEBACK};
use crate::query::formats::level::WARNING;
use crate::query::formats::{Format, Head};

const BETWEEN: [&[u8]; 2] = [
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
];

/// What a line is, by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The first line of a traceback.
    Lead,
    /// Between two exceptions of a chain.
    Between,
    /// Nothing, a frame, source text.
    Inner,
    Other,
}

/// Where the lines of a record are in a traceback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// Behind a first line: the next that is not indented is the last.
    pub traceback: bool,
    /// Another traceback is announced.
    chained: bool,
    /// A traceback that comes is the record's: the first.
    expected: bool,
}

impl Within {
    /// `first` is what a record's first line is; `level` its level, None in plain text.
    pub(super) fn new(first: Option<Line>, level: Option<i32>) -> Self {
        // What was printed to a console before an exception that nobody caught has nothing to do with it.
        let expected = level.is_none_or(|level| level >= WARNING);
        Self { traceback: first == Some(Line::Lead), chained: false, expected }
    }

    /// Whether the next line goes on with the record.
    pub(super) fn takes(&mut self, line: Line) -> bool {
        match line {
            Line::Inner => true,
            Line::Between => {
                self.chained = true;
                true
            }
            Line::Lead => {
                let taken = self.expected || self.chained;
                (self.traceback, self.chained) = (taken, false);
                taken
            }
            Line::Other => {
                let last = std::mem::take(&mut self.traceback);
                self.expected &= !last;
                last
            }
        }
    }
}

impl Records {
    /// What a line is, where it says nothing but text; None in formats that tell records apart. Within a traceback nothing
    /// else counts: source text may look like a level.
    #[inline]
    pub(super) fn kind(
        &mut self,
        format: usize,
        head: &Head,
        (start, end): (usize, usize),
        within: bool,
    ) -> Option<Line> {
        match self.formats[format] {
            Format::Plain => Some(kind(&self.buffer[start..end])),
            Format::Timed if within || head.level == 0 && head.logger.is_empty() => {
                let line = &self.buffer[start..end];
                let (_, length) = self.clock.iso(line)?;
                Some(kind(unspaced(&line[length..])))
            }
            _ => None,
        }
    }

    /// Whether what a line is may depend on its text.
    pub(super) fn has_bare_lines(&self) -> bool {
        self.formats.iter().any(|format| matches!(format, Format::Plain | Format::Timed))
    }

    /// Whether a record begins with this line whatever stands before: with others it is told from the lines before it.
    pub(super) fn surely_begins(&mut self, start: usize, end: usize) -> bool {
        let Some((format, head)) = self.begins(start, end) else { return false };
        let Some(line) = self.kind(format, &head, (start, end), true) else { return true };
        if start == self.at {
            return true;
        }
        let before = memrchr(b'\n', &self.buffer[self.at..start - 1]).map_or(self.at, |found| self.at + found + 1);
        let Some((format, head)) = self.begins(before, start - 1) else { return false };
        let before = self.kind(format, &head, (before, start - 1), true);
        line == Line::Other && before.is_none_or(|before| before == Line::Other)
    }

    /// Takes the stamps from lines behind a record's first one, into `self.exception`; where its traceback begins there.
    pub(super) fn unstamp(&mut self, start: usize, end: usize) -> usize {
        let Self { buffer, clock, exception, traceback, .. } = self;
        exception.clear();
        for line in buffer[start..end].split(|byte| *byte == b'\n') {
            let text = clock.iso(line).map_or(line, |(_, length)| unspaced(&line[length..]));
            exception.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
            exception.push(b'\n');
        }
        exception.truncate(exception.trim_ascii_end().len());
        traceback.find(exception).map_or(exception.len(), |found| group_start(exception, found))
    }
}

/// The text behind a stamp.
fn unspaced(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

fn kind(text: &[u8]) -> Line {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text.first() {
        None | Some(b' ' | b'\t') => Line::Inner,
        _ if text.starts_with(TRACEBACK) => Line::Lead,
        _ if BETWEEN.contains(&text) => Line::Between,
        _ => Line::Other,
    }
}
