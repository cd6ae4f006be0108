//! Formats: lines of anyone's log recognised, so that each gives a time, a level, a logger and a message.
//!
//! [`detect`] looks at a sample and says which formats a text is in; they are then tried in that order at each line. A line
//! that none takes belongs to the record before it: tracebacks, messages of several lines. Formats that are text are a
//! pattern in [`table`]; what is more than a pattern (JSON, logfmt, text that only has a time) has a file here.
use std::borrow::Cow;

use crate::error::Result;
use crate::query::when::Clock;

pub mod example;
pub mod json;
pub mod layout;
pub mod level;
pub mod logfmt;
mod quick;
mod strings;
pub mod table;
pub mod timed;
mod vocabulary;

pub use json::traceback;
pub use strings::unescape;

/// A format as it is given: a `logging` format string, a known format's name or an example line, and a date format.
pub type Given = (String, Option<String>);

/// Where a record has no time of its own.
pub const NO_TIME: i64 = i64::MIN;

/// A part of a line, as offsets from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The same part of a longer line, in which it stands so far behind.
    #[must_use]
    pub fn after(self, offset: usize) -> Self {
        Self { start: self.start + offset as u32, end: self.end + offset as u32 }
    }

    pub fn of(self, line: &[u8]) -> &[u8] {
        line.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What the first line of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Nanoseconds since the epoch; [`NO_TIME`].
    pub time: i64,
    /// As `logging` numbers levels; 0 where none is known.
    pub level: i32,
    pub logger: Span,
    pub message: Span,
    /// An exception that the first line holds (JSON).
    pub exception: Span,
    /// What the message was made of, as the call has it (JSON of ours).
    pub template: Span,
    /// The spans are JSON strings without their quotes, and hold escapes.
    pub escaped: bool,
}

impl Head {
    fn message_only(message: Span) -> Self {
        let none = Span::default();
        Self { time: NO_TIME, level: 0, logger: none, message, exception: none, template: none, escaped: false }
    }
}

/// One way of writing records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Layout(layout::Layout),
    Json,
    Logfmt,
    /// A time at the head, and what can be made of the rest.
    Timed,
    /// Text without times: each line that is not indented is a record.
    Plain,
}

impl Format {
    /// From a `logging` format string (`%`, `{` or `$` style), the name of a known format, or an example line.
    pub fn given(text: &str, date_format: Option<&str>) -> Result<Self> {
        if let Some(format) = table::named(text) {
            return Ok(format);
        }
        if layout::is_pattern(text) {
            return layout::Layout::compile(text, date_format).map(Self::Layout);
        }
        example::learn(text).map(Self::Layout)
    }

    /// A format of the table, by the name it is shown by.
    pub fn named(name: &str) -> Option<Self> {
        table::named(name)
    }

    /// A line that tells it, for [`Format::of_told`]: its name, or the one of `given` that it is made of.
    pub fn told(&self, given: &[Given]) -> Option<String> {
        if Self::named(self.name()).is_some_and(|named| named == *self) {
            return Some(self.name().to_owned());
        }
        let is_self = |given: &&Given| Self::given(&given.0, given.1.as_deref()).is_ok_and(|format| format == *self);
        serde_json::to_string(given.iter().find(is_self)?).ok()
    }

    /// The format that a line tells.
    pub fn of_told(line: &str) -> Option<Self> {
        if line.starts_with('[') {
            let (text, date): Given = serde_json::from_str(line).ok()?;
            return Self::given(&text, date.as_deref()).ok();
        }
        Self::named(line)
    }

    /// The name it is shown by.
    pub fn name(&self) -> &str {
        match self {
            Self::Layout(layout) => layout.name(),
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::Timed => "timed",
            Self::Plain => "plain",
        }
    }

    /// Whether each of its records has a time.
    pub fn is_timed(&self) -> bool {
        match self {
            Self::Layout(layout) => layout.is_timed(),
            Self::Timed => true,
            Self::Json | Self::Logfmt | Self::Plain => false,
        }
    }

    /// Whether some of its records may have one.
    pub fn may_be_timed(&self) -> bool {
        self.is_timed() || matches!(self, Self::Json | Self::Logfmt)
    }

    /// What the line says, if a record of this format begins with it.
    #[inline]
    pub fn head(&self, line: &[u8], clock: &mut Clock) -> Option<Head> {
        // A line that is indented goes on with what was before it, whatever it holds.
        if matches!(line.first(), None | Some(b' ' | b'\t' | b'\r')) {
            return None;
        }
        match self {
            Self::Layout(layout) => layout.head(line, clock),
            Self::Json => json::head(line, clock),
            Self::Logfmt => logfmt::head(line, clock),
            Self::Timed => timed::head(line, clock),
            Self::Plain => Some(Head::message_only(Span::new(0, line.len()))),
        }
    }

    /// Calls `take` with each named value of a record's first line that is not time, level, logger or message.
    pub fn fields<'a>(&self, line: &'a [u8], clock: &mut Clock, take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
        match self {
            Self::Layout(layout) => layout.fields(line, clock, take),
            Self::Json => json::fields(line, take),
            Self::Logfmt => logfmt::fields(line, take),
            Self::Timed | Self::Plain => {}
        }
    }
}

/// Lines of a sample that are looked at.
const LOOK_AT: usize = 400;
/// Lines from which on a doubtful format is believed, if nearly all others have it too.
const SURE: usize = 10;

/// Whether these lines are in a format, and not in the looser one that takes them too: nearly all that the looser one takes
/// must be, and be many, or have a logger that no word is.
fn is_believed(format: &Format, takes: &[&[u8]], rest: &[&[u8]], clock: &mut Clock) -> bool {
    let Some(looser) = table::looser(format.name()) else { return true };
    let others = rest.iter().filter(|line| looser.head(line, clock).is_some()).count();
    let mut is_logger = |line: &&[u8]| {
        let name = format.head(line, clock).map_or(&b""[..], |head| head.logger.of(line));
        name.contains(&b'.') || matches!(name, b"root" | b"__main__")
    };
    takes.len() >= 9 * others && (takes.len() >= SURE || takes.iter().any(&mut is_logger))
}

/// A name as programs have them: letters, digits, points, dashes.
fn is_name(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_') && text.iter().all(plain)
}

/// The formats of a text; `known` (from configuration or the command) are tried before the table.
///
/// A specific format comes before a looser one that takes the same lines, unless it is rare: then it may be a word of a message.
/// Where nothing is recognised, times at the lines' heads are looked for; else it is [`Format::Plain`].
pub fn detect(sample: &[u8], known: &[Format], clock: &mut Clock) -> Vec<Format> {
    let lines: Vec<&[u8]> = sample
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !matches!(line.first(), None | Some(b' ' | b'\t')))
        .take(LOOK_AT)
        .collect();
    let mut rest = lines.clone();
    let mut found: Vec<(usize, Format)> = Vec::new();
    let loose = [Format::Timed];
    for format in known.iter().chain(table::all()).chain(&loose) {
        let (takes, others): (Vec<&[u8]>, Vec<&[u8]>) =
            rest.iter().copied().partition(|line| format.head(line, clock).is_some());
        if !takes.is_empty() && is_believed(format, &takes, &others, clock) {
            found.push((takes.len(), format.clone()));
            rest = others;
        }
    }
    let timed: usize = found.iter().filter(|(_, format)| format.is_timed()).map(|(count, _)| count).sum();
    // In a text with times, a line such as "ERROR: x" is more often part of a message than a record.
    let least = lines.len() / 20;
    found.retain(|(count, format)| format.is_timed() || timed == 0 || *count > least);
    found.sort_by_key(|(count, _)| *count <= least);
    if found.is_empty() {
        return vec![example::guess(&lines, clock).map_or(Format::Plain, Format::Layout)];
    }
    found.into_iter().map(|(_, format)| format).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
