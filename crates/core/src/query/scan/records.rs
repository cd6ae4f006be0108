//! A source cut into records: where a line begins one, the lines after it belong to it until the next such line.
mod again;
mod bare;
mod begin;
mod parts;
mod seam;

use std::io;

use memchr::{memchr, memmem, memrchr};

use super::{Input, Record};
use crate::query::columnar::Asked;
use crate::query::formats::{Format, Head, NO_TIME};
use crate::query::when::Clock;
use bare::Within;

/// What is read at once: small enough to stay in the processor's cache between reading and looking.
const BLOCK: usize = 256 << 10;
/// A record longer than this is cut; what is left of its line is passed over.
pub const LONGEST: usize = 8 << 20;
/// Bytes of a sample by which formats are detected.
const SAMPLE: usize = 64 << 10;
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

/// The line that comes next, where it begins a record.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    /// Its end, from `at`.
    end: usize,
    head: Option<Head>,
    format: usize,
}

/// Records of one source, one after the other.
pub struct Records {
    input: Input,
    formats: Vec<Format>,
    clock: Clock,
    buffer: Vec<u8>,
    /// Where the next record begins, and how far the buffer is filled.
    at: usize,
    filled: usize,
    /// Where the buffer's first byte stands in the source.
    base: u64,
    ended: bool,
    ahead: Option<Ahead>,
    last_time: i64,
    /// The rest of a line that was too long is passed over.
    passing: bool,
    cut: u64,
    message: Vec<u8>,
    exception: Vec<u8>,
    logger: Vec<u8>,
    template: Vec<u8>,
    traceback: memmem::Finder<'static>,
    /// What stands behind the source's end, and whether it was appended.
    more: Vec<u8>,
    more_given: bool,
    /// NULs at its begin, which were passed over.
    nulls: u64,
    /// A record longer than this may be of another format.
    strange: usize,
}

impl Records {
    /// Goes on as if records of these formats, the last of this time, had been read before.
    pub fn take_formats(&mut self, formats: &[Format], time: i64) {
        self.formats = formats.to_vec();
        self.last_time = time;
    }

    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Records that were too long and were cut.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Counts them anew.
    pub fn forget_cut(&mut self) {
        self.cut = 0;
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    /// As [`Input::narrow`]; offsets then count only what is read.
    pub fn narrow(&mut self, asked: &Asked<'_>) -> io::Result<()> {
        self.input.narrow(asked)
    }

    /// Whether each record has a time of its own, so that none depends on the record before.
    pub fn is_timed(&self) -> bool {
        self.formats.iter().all(Format::is_timed)
    }

    /// Whether records may have times at all.
    pub fn may_be_timed(&self) -> bool {
        self.formats.iter().any(Format::may_be_timed)
    }

    /// The time of a line, if a record begins with it.
    pub fn time_of(&mut self, line: &[u8]) -> Option<i64> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let clock = &mut self.clock;
        let head = self.formats.iter().find_map(|format| format.head(line, clock))?;
        (head.time != NO_TIME).then_some(head.time)
    }

    /// Where the next record begins.
    pub fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Goes on from a place where a record begins.
    pub fn seek(&mut self, position: u64) {
        self.input.seek(position);
        (self.at, self.filled, self.base, self.ended, self.ahead) = (0, 0, position, false, None);
        self.last_time = NO_TIME;
        self.more_given = false;
    }

    /// Goes on from the first record at or behind `from`; `begin` is where one is known to begin.
    pub fn align(&mut self, from: u64, begin: u64) -> io::Result<()> {
        if self.input.size().is_none() {
            return Ok(());
        }
        if from <= begin {
            self.seek(begin);
            return Ok(());
        }
        self.seek(from - 1);
        let mut next = match self.line_end(0)? {
            Some(end) => end + 1,
            None => return Ok(()),
        };
        while let Some(end) = self.line_end(next)? {
            if self.passing || self.surely_begins(self.at + next, self.at + end) {
                break;
            }
            next = end + 1;
        }
        self.at = (self.at + next).min(self.filled);
        Ok(())
    }

    /// Reads more behind what is still needed.
    fn fill(&mut self) -> io::Result<()> {
        if self.at > 0 && self.filled > self.at {
            self.buffer.copy_within(self.at..self.filled, 0);
        }
        self.base += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        if self.buffer.len() - self.filled < BLOCK / 2 {
            let more = (self.filled + BLOCK).max(BLOCK);
            self.buffer.resize(more.min(LONGEST + BLOCK).max(self.filled + 1), 0);
        }
        let read = self.input.read(&mut self.buffer[self.filled..])?;
        self.filled += read;
        self.ended = read == 0 && !self.append_more();
        Ok(())
    }

    /// The end of the line that begins `from` bytes behind `at`; None at the end of the source.
    #[inline]
    fn line_end(&mut self, from: usize) -> io::Result<Option<usize>> {
        let mut searched = from;
        loop {
            let rest = self.buffer[..self.filled].get(self.at + searched..).unwrap_or_default();
            if let Some(found) = memchr(b'\n', rest) {
                return Ok(Some(searched + found));
            }
            searched = searched.max(self.filled - self.at);
            if self.ended {
                return Ok((self.filled - self.at > from).then_some(searched));
            }
            if searched >= LONGEST {
                self.passing = true;
                return Ok(Some(searched));
            }
            self.fill()?;
        }
    }

    /// Passes over what is left of a line that was cut.
    fn pass(&mut self) -> io::Result<()> {
        self.passing = false;
        loop {
            if let Some(found) = memchr(b'\n', &self.buffer[self.at..self.filled]) {
                self.at += found + 1;
                return Ok(());
            }
            self.at = self.filled;
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    #[inline]
    fn begins(&mut self, start: usize, end: usize) -> Option<(usize, Head)> {
        let line = &self.buffer[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let clock = &mut self.clock;
        self.formats.iter().enumerate().find_map(|(i, format)| Some((i, format.head(line, clock)?)))
    }

    /// The next record; None at the end.
    #[inline]
    pub fn next_record(&mut self) -> io::Result<Option<Record<'_>>> {
        let mut first = match self.ahead.take() {
            Some(ahead) => ahead,
            None => match self.first()? {
                Some(ahead) => ahead,
                None => return Ok(None),
            },
        };
        let mut end = first.end;
        let mut within = self.within(&first);
        let mut next = end + 1;
        while !self.passing {
            if self.look_again(end) {
                first = self.headed(first.end);
                (end, next, within) = (first.end, first.end + 1, self.within(&first));
            }
            let Some(line_end) = self.line_end(next)? else { break };
            let (start, stop) = (self.at + next, self.at + line_end);
            if let Some((format, head)) = self.begins(start, stop) {
                let line = self.kind(format, &head, (start, stop), within.traceback);
                if !line.is_some_and(|line| within.takes(line)) {
                    self.ahead = Some(Ahead { end: line_end - next, head: Some(head), format });
                    break;
                }
            }
            if next > LONGEST {
                self.cut += 1;
                self.ahead = Some(Ahead { end: line_end - next, head: None, format: 0 });
                break;
            }
            end = line_end;
            next = line_end + 1;
        }
        self.cut += u64::from(self.passing && self.ahead.is_none());
        Ok(Some(self.record(&first, end, next)))
    }

    /// Where a record is in a traceback with its first line.
    #[inline]
    fn within(&mut self, first: &Ahead) -> Within {
        let is_plain = matches!(self.formats[first.format], Format::Plain);
        let line = first.head.and_then(|head| self.kind(first.format, &head, (self.at, self.at + first.end), false));
        Within::new(line, first.head.filter(|_| !is_plain).map(|head| head.level))
    }

    /// The first line of a source, or of what follows a cut.
    fn first(&mut self) -> io::Result<Option<Ahead>> {
        if self.passing {
            self.pass()?;
        }
        loop {
            let Some(end) = self.line_end(0)? else { return Ok(None) };
            // Empty lines before the first record are nothing.
            if end == 0 || &self.buffer[self.at..self.at + end] == b"\r" {
                self.at += end + 1;
                if self.at > self.filled {
                    self.at = self.filled;
                }
                continue;
            }
            return Ok(Some(self.headed(end)));
        }
    }

    /// The line at `at`, which ends at `end` from there.
    fn headed(&mut self, end: usize) -> Ahead {
        let found = self.begins(self.at, self.at + end);
        Ahead { end, head: found.map(|(_, head)| head), format: found.map_or(0, |(i, _)| i) }
    }

    /// The record whose lines end at `end`, and `at` moved to `next`, both from `at`.
    #[inline]
    fn record(&mut self, first: &Ahead, end: usize, next: usize) -> Record<'_> {
        let start = self.at;
        let offset = self.base + start as u64;
        self.at = (start + next).min(self.filled);
        let is_stamped = end > first.end && matches!(self.formats[first.format], Format::Timed);
        let below = is_stamped.then(|| self.unstamp(start + first.end + 1, start + end));
        let raw = &self.buffer[start..start + end];
        // Empty lines behind a record are nobody's.
        let raw = if end > first.end { &raw[..raw.trim_ascii_end().len().max(first.end)] } else { raw };
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let format = &self.formats[first.format];
        let Some(head) = first.head else {
            return Record {
                raw,
                offset,
                time: self.last_time,
                level: 0,
                logger: b"",
                message: raw,
                exception: b"",
                template: b"",
                format,
            };
        };
        if head.time != NO_TIME {
            self.last_time = head.time;
        }
        let (mut logger, message, exception) = (head.logger.of(raw), head.message.of(raw), head.exception.of(raw));
        let mut template = head.template.of(raw);
        let (told, raised) = (&mut self.message, &mut self.exception);
        let (message, exception) = if head.escaped {
            logger = parts::decoded(logger, &mut self.logger);
            template = parts::decoded(template, &mut self.template);
            parts::escaped((message, exception), (told, raised), &self.traceback)
        } else if let Some(begin) = below {
            parts::stamped(message, begin, (told, raised))
        } else if raw.len() > first.end {
            let place = (head.message.start as usize, head.message.end as usize);
            parts::of_lines(raw, first.end, place, told, &self.traceback)
        } else {
            (message, exception)
        };
        Record { raw, offset, time: self.last_time, level: head.level, logger, message, exception, template, format }
    }

    /// Moves on to the record in which `finder`'s text next stands; false where it stands nowhere more.
    ///
    /// Records passed over are not looked at, so their times are not known to those that have none.
    pub fn skip_to(&mut self, find: &mut dyn FnMut(&[u8]) -> Option<usize>) -> io::Result<bool> {
        if self.passing {
            self.pass()?;
        }
        loop {
            if let Some(hit) = find(&self.buffer[self.at..self.filled]) {
                // What a line of plain text is, only all of it tells.
                let is_cut = !self.ended && memchr(b'\n', &self.buffer[self.at + hit..self.filled]).is_none();
                if is_cut && self.has_bare_lines() && self.filled - self.at <= LONGEST {
                    self.fill()?;
                    continue;
                }
                let start = self.begin_before(self.at + hit);
                if start != self.at {
                    self.at = start;
                    self.ahead = None;
                }
                return Ok(true);
            }
            if self.ended {
                self.at = self.filled;
                self.ahead = None;
                return Ok(false);
            }
            // The last record may go on in what is read next.
            let whole = memrchr(b'\n', &self.buffer[self.at..self.filled]).map_or(self.at, |found| self.at + found);
            let start = self.begin_before(whole);
            if start != self.at {
                self.at = start;
                self.ahead = None;
            } else if self.look_again(whole - start) {
                return Ok(true); // whose times are not all known
            }
            if self.filled - self.at > LONGEST {
                self.cut += 1;
                self.ahead = None;
                if whole > self.at {
                    self.at = whole + 1;
                } else {
                    self.pass()?;
                }
            } else {
                self.fill()?;
            }
        }
    }

    /// Where the record begins that holds the byte before or at `place`; not before `at`.
    fn begin_before(&mut self, place: usize) -> usize {
        let mut end = place;
        loop {
            let start = memrchr(b'\n', &self.buffer[self.at..end]).map_or(self.at, |found| self.at + found + 1);
            if start == self.at {
                return start;
            }
            let line_end = memchr(b'\n', &self.buffer[start..self.filled]).map_or(self.filled, |found| start + found);
            if self.surely_begins(start, line_end) {
                return start;
            }
            end = start - 1;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
