//! A line as a pattern: fields with text between them, as a `logging` format string describes it.
//!
//! `%(asctime)s [%(levelname)-8s] %(message)s`, the same in `{}` and `$` style, and the table's own patterns, whose times
//! may have directives: `{ip} - {user} [{time:%d/%b/%Y:%H:%M:%S %z}] …`.
mod event;
mod pattern;
mod request;
mod syslog;

use std::borrow::Cow;

use memchr::memmem;

use super::quick::{Kind, Quick};
use super::{is_name, level, Head, Span, NO_TIME};
use crate::error::{Error, Result};
use crate::query::when::{Clock, TimeFormat};
pub use pattern::is_pattern;
use pattern::{tokens, what, What};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    what: What,
    /// The text that follows the field.
    after: Vec<u8>,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    name: String,
    before: Vec<u8>,
    parts: Vec<Part>,
    /// A logger may hold spaces: the format is known to be the text's own.
    lenient: bool,
    /// Spaces before the message are a column's, not its own: uvicorn's `INFO:     started`.
    padded: bool,
    /// The same, where it is of the common kind.
    quick: Option<Quick>,
}

impl Layout {
    /// From a format string. Fails where it has neither a time nor a level, by which a record's first line is known.
    pub fn compile(pattern: &str, date_format: Option<&str>) -> Result<Self> {
        let mut layout = Self::build(pattern, date_format).ok_or_else(|| Error::Setting {
            field: "format",
            why: format!("{pattern:?} has no time and no level, by which the first line of a record is known"),
        })?;
        layout.lenient = true;
        layout.quick = layout.quick();
        Ok(layout)
    }

    /// A pattern of the table.
    pub(super) fn of_table(name: &str, pattern: &str) -> Option<Self> {
        let mut layout = Self::build(pattern, None)?;
        name.clone_into(&mut layout.name);
        layout.padded =
            matches!(&*layout.parts, [level, message] if level.what == What::Level && message.what == What::Message);
        layout.quick = layout.quick();
        Some(layout)
    }

    fn build(pattern: &str, date_format: Option<&str>) -> Option<Self> {
        let (tokens, rest) = tokens(pattern)?;
        let mut before = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        for token in &tokens {
            // `%(asctime)s.%(msecs)03d` is one time.
            if let (Some(Part { what: What::Time(time), after }), "msecs") = (parts.last_mut(), token.name) {
                if after.is_empty() && matches!(&*token.before, "." | ",") {
                    *time = time.clone().with_fraction();
                    continue;
                }
            }
            match parts.last_mut() {
                Some(part) => part.after.extend_from_slice(token.before.as_bytes()),
                None => before.extend_from_slice(token.before.as_bytes()),
            }
            parts.push(Part { what: what(token, date_format), after: Vec::new() });
        }
        parts.last_mut()?.after.extend_from_slice(rest.as_bytes());
        // A format of several lines is known by its first.
        if let Some(cut) = parts.iter().position(|part| part.after.contains(&b'\n')) {
            parts.truncate(cut + 1);
            let after = &mut parts[cut].after;
            after.truncate(memchr::memchr(b'\n', after).unwrap_or(0));
        }
        let known = parts
            .iter()
            .any(|part| matches!(part.what, What::Time(_) | What::Level | What::LowerLevel | What::Priority));
        known.then(|| Self { name: pattern.to_owned(), before, parts, lenient: false, padded: false, quick: None })
    }

    /// The quick way, where the time is ISO and first, the message last, and each field ends at a short text.
    fn quick(&self) -> Option<Quick> {
        let (Some((first, rest)), true) = (self.parts.split_first(), self.before.is_empty()) else { return None };
        let (last, fields) = rest.split_last()?;
        let ends = matches!(last.what, What::Message) && last.after.is_empty();
        (ends && matches!(first.what, What::Time(TimeFormat::Iso))).then_some(())?;
        let kind = |part: &Part| {
            Some(match &part.what {
                What::Logger => Kind::Logger,
                What::Name => Kind::Name,
                What::Level => Kind::Level,
                What::Number(name) if name != "status" => Kind::Number,
                What::Word(name) if name != "filename" => Kind::Word,
                What::Text(_) => Kind::Text,
                _ => return None,
            })
        };
        let fields: Option<Vec<(Kind, &[u8])>> = fields.iter().map(|part| Some((kind(part)?, &*part.after))).collect();
        Quick::new(&first.after, &fields?, self.lenient)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_timed(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.what, What::Time(_)))
    }

    /// Walks the fields of a line; `take` gets each with its place. None where the line is not of this layout.
    #[inline]
    fn walk(&self, line: &[u8], clock: &mut Clock, head: &mut Head, mut take: impl FnMut(&What, Span)) -> Option<()> {
        let mut at = begins(line, &self.before).then_some(self.before.len())?;
        for (i, part) in self.parts.iter().enumerate() {
            if let What::Time(format) = &part.what {
                // Behind a padded level.
                at += if i > 0 { spaces(&line[at..]) } else { 0 };
                let (time, length) = format.parse(&line[at..], clock)?;
                head.time = time;
                at += length;
                at += begins(&line[at..], &part.after).then_some(part.after.len())?;
                continue;
            }
            // What is padded to the right of its column begins with spaces.
            let rest = &line[at..];
            let pad = if matches!(part.what, What::Message) && !self.padded { 0 } else { spaces(rest) };
            let start = at + pad;
            let rest = &line[start..];
            let length = if part.after.is_empty() {
                self.extent(&part.what, rest, i)
            } else if matches!(part.what, What::Message) && self.lenient {
                memmem::rfind(rest, &part.after)?
            } else {
                find(rest, &part.after)?
            };
            let field = rest[..length].trim_ascii_end();
            self.check(&part.what, field, head)?;
            let span = Span::new(start, start + field.len());
            match part.what {
                What::Logger | What::Name => head.logger = span,
                What::Message | What::Request => head.message = Span::new(start, start + length),
                What::Tag => head.logger = syslog::tag(field).map_or(Span::default(), |(name, _)| name.after(start)),
                What::Event => {
                    let parts = event::split(field);
                    (head.message, head.logger) = (parts.message.after(start), parts.logger.after(start));
                }
                _ => {}
            }
            take(&part.what, span);
            at = start + length + part.after.len();
        }
        Some(())
    }

    /// How far a field reaches that no text follows: to the end, or as far as its kind goes.
    fn extent(&self, what: &What, rest: &[u8], index: usize) -> usize {
        let last = index + 1 == self.parts.len();
        match what {
            What::Number(_) | What::Priority => {
                rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')).count()
            }
            What::Structured => syslog::structured(rest),
            What::Level if !last => {
                // uvicorn's `levelprefix`: "INFO:     ".
                let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                word + rest[word..].iter().take_while(|byte| matches!(byte, b':' | b' ')).count()
            }
            _ if last => rest.len(),
            _ => rest.iter().take_while(|byte| **byte != b' ').count(),
        }
    }

    #[inline]
    fn check(&self, what: &What, field: &[u8], head: &mut Head) -> Option<()> {
        match what {
            What::Level => {
                let word = field.strip_suffix(b":").unwrap_or(field);
                head.level = level::beside_time(word, self.lenient)?;
                (head.level != 0 || head.time != NO_TIME).then_some(())
            }
            What::LowerLevel => {
                head.level = level::named(field);
                (head.level != 0 && field.iter().all(u8::is_ascii_lowercase)).then_some(())
            }
            What::Priority => {
                let number: i64 = std::str::from_utf8(field).ok()?.parse().ok()?;
                head.level = level::of_syslog(number);
                (number < 192).then_some(())
            }
            What::Number(_) => {
                let all = |digit: &u8| digit.is_ascii_digit() || matches!(digit, b'.' | b'-');
                (!field.is_empty() && field.iter().all(all)).then_some(())
            }
            What::Word(name) if name == "filename" => (field.contains(&b'.') && !field.contains(&b' ')).then_some(()),
            What::Word(_) | What::Tag => (!field.is_empty() && !field.contains(&b' ')).then_some(()),
            What::Logger => (self.lenient || !field.is_empty() && !field.contains(&b' ')).then_some(()),
            What::Name => is_name(field).then_some(()),
            What::Message | What::Request | What::Text(_) | What::Time(_) | What::Structured | What::Event => Some(()),
        }
    }

    #[inline]
    pub fn head(&self, line: &[u8], clock: &mut Clock) -> Option<Head> {
        match &self.quick {
            Some(quick) => quick.head(line, clock),
            None => self.slow_head(line, clock),
        }
    }

    fn slow_head(&self, line: &[u8], clock: &mut Clock) -> Option<Head> {
        let mut head = Head::message_only(Span::default());
        self.walk(line, clock, &mut head, |_, _| {})?;
        if !self.parts.iter().any(|part| matches!(part.what, What::Message | What::Request | What::Event)) {
            head.message = Span::new(0, line.len());
        }
        if head.level == 0 {
            head.level = self.level_by_status(line, clock);
        }
        Some(head)
    }

    /// Access logs have no level: what failed on the server is an error, what failed by the client a warning.
    fn level_by_status(&self, line: &[u8], clock: &mut Clock) -> i32 {
        let is_status = |what: &What| matches!(what, What::Number(name) if name == "status");
        if !self.parts.iter().any(|part| is_status(&part.what)) {
            return 0;
        }
        let mut found = 0;
        let _ = self.walk(line, clock, &mut Head::message_only(Span::default()), |what, span| {
            if is_status(what) {
                found = match span.of(line).first() {
                    Some(b'5') => level::ERROR,
                    Some(b'4') => level::WARNING,
                    _ => level::INFO,
                };
            }
        });
        found
    }

    pub fn fields<'a>(&self, line: &'a [u8], clock: &mut Clock, take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
        let mut head = Head::message_only(Span::default());
        let _ = self.walk(line, clock, &mut head, |what, span| {
            let field = span.of(line);
            match what {
                // What stands for nothing is no field.
                What::Number(name) | What::Word(name) | What::Text(name) if field != b"-" => {
                    take(name, Cow::Borrowed(field));
                }
                What::Tag => {
                    if let Some((_, Some(pid))) = syslog::tag(field) {
                        take("pid", Cow::Borrowed(pid.of(field)));
                    }
                }
                What::Structured => syslog::parameters(field, take),
                What::Event => event::fields(field, take),
                What::Request => request::fields(field, take),
                _ => {}
            }
        });
    }
}

/// How many spaces a text begins with.
#[inline]
fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

/// `starts_with` for texts of a few bytes: a loop is over before `memcmp` is called.
#[inline]
fn begins(text: &[u8], wanted: &[u8]) -> bool {
    text.len() >= wanted.len() && text.iter().zip(wanted).all(|(a, b)| a == b)
}

/// `memmem` for the short texts between fields, of which the first byte is rarely elsewhere.
#[inline]
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, rest) = wanted.split_first()?;
    let mut at = 0;
    loop {
        // Fields are short: a loop finds their end before a vector search has begun.
        at += text.get(at..)?.iter().position(|byte| byte == first)?;
        if begins(&text[at + 1..], rest) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::query::when::Zone;

    proptest! {
        #[test]
        fn the_quick_way_gives_what_the_walk_gives(
            index in 0..super::super::table::PATTERNS.len(),
            lenient in any::<bool>(),
            parts in prop::collection::vec("( - )|(: )|\\[|\\]|\\||,|[0-9]{1,3}|INFO|error|AUDIT| |[a-z.]{1,9}", 0..12),
        ) {
            let (name, pattern) = super::super::table::PATTERNS[index];
            let layout = if lenient { Layout::compile(pattern, None).unwrap() } else { Layout::of_table(name, pattern).unwrap() };
            let mut clock = Clock::new(Arc::new(Zone::fixed(0)), 0);
            let line = format!("2026-11-20 14:03:07,123{}", parts.concat());
            prop_assert_eq!(layout.head(line.as_bytes(), &mut clock), layout.slow_head(line.as_bytes(), &mut clock));
        }
    }
}
