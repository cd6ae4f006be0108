//! One record, as it stands in its source.
use std::borrow::Cow;

use memchr::memchr;

use crate::query::formats::Format;
use crate::query::when::Clock;

/// One record as it stands in its source.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// All its lines, without the last newline.
    pub raw: &'a [u8],
    /// Where it begins in its (unpacked) source.
    pub offset: u64,
    /// Nanoseconds since the epoch; that of the record before where it has none, and [`NO_TIME`] where none had any.
    pub time: i64,
    /// As `logging` numbers levels; 0 where none is known.
    pub level: i32,
    pub logger: &'a [u8],
    /// Without its traceback.
    pub message: &'a [u8],
    /// The traceback, from its first line.
    pub exception: &'a [u8],
    /// What the message was made of, where the record says so; else empty.
    pub template: &'a [u8],
    /// The format its first line is in.
    pub format: &'a Format,
}

impl<'a> Record<'a> {
    /// What it says, for people: as it stands there; of JSON, and of lines that are stamped, message and traceback alone.
    pub fn text(&self) -> Cow<'a, [u8]> {
        let is_in_raw = self.raw.as_ptr_range().contains(&self.exception.as_ptr());
        if !matches!(self.format, Format::Json) && (self.exception.is_empty() || is_in_raw) {
            return Cow::Borrowed(self.raw);
        }
        if self.exception.is_empty() {
            return Cow::Borrowed(self.message);
        }
        Cow::Owned([self.message, b"\n", self.exception].concat())
    }

    /// Calls `take` with each named value that is not time, level, logger, message or exception.
    pub fn fields(&self, clock: &mut Clock, take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
        let line = &self.raw[..memchr(b'\n', self.raw).unwrap_or(self.raw.len())];
        self.format.fields(line.strip_suffix(b"\r").unwrap_or(line), clock, take);
    }
}
