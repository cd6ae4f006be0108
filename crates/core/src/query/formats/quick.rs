//! The layouts of most logs, read in one go: a year-first time, fields that each end at a short text, and the message.
//!
//! It gives what `Layout`'s own walk gives (a test compares them), at a fraction of its instructions.
use super::{is_name, level, Head, Span, NO_TIME};
use crate::query::when::Clock;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Logger,
    Name,
    Level,
    Number,
    Word,
    Text,
}

/// A field and the text behind it, of at most eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    kind: Kind,
    until: Literal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Literal {
    word: u64,
    mask: u64,
    length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quick {
    after_time: Literal,
    steps: Vec<Step>,
    lenient: bool,
}

impl Literal {
    fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > 8 {
            return None;
        }
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { word: u64::from_le_bytes(bytes), mask: u64::MAX >> (64 - 8 * text.len()), length: text.len() })
    }

    #[inline]
    fn stands_at(self, line: &[u8], at: usize) -> bool {
        if let Some(word) = load(line, at) {
            return word & self.mask == self.word;
        }
        // Near the end of the line.
        let rest = line.get(at..).unwrap_or_default();
        rest.len() >= self.length && rest[..self.length].iter().zip(self.word.to_le_bytes()).all(|(a, b)| *a == b)
    }

    #[inline]
    fn find(self, line: &[u8], mut at: usize) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let first = self.word.to_le_bytes()[0];
        let pattern = ONES * u64::from(first);
        while let Some(word) = load(line, at) {
            // A byte is zero where it equals the first one of the text; the lowest such is exact.
            let zeros = word ^ pattern;
            let found = zeros.wrapping_sub(ONES) & !zeros & (ONES << 7);
            if found == 0 {
                at += 8;
                continue;
            }
            at += found.trailing_zeros() as usize / 8;
            if self.stands_at(line, at) {
                return Some(at);
            }
            at += 1;
        }
        (at..line.len()).find(|at| line[*at] == first && self.stands_at(line, *at))
    }
}

#[inline]
fn load(line: &[u8], at: usize) -> Option<u64> {
    line.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

impl Quick {
    /// `fields` in order, each with the text that follows it; the message comes last.
    pub(super) fn new(after_time: &[u8], fields: &[(Kind, &[u8])], lenient: bool) -> Option<Self> {
        let step = |(kind, text): &(Kind, &[u8])| Some(Step { kind: *kind, until: Literal::new(text)? });
        let steps = fields.iter().map(step).collect::<Option<Vec<_>>>()?;
        Some(Self { after_time: Literal::new(after_time)?, steps, lenient })
    }

    #[inline]
    pub(super) fn head(&self, line: &[u8], clock: &mut Clock) -> Option<Head> {
        let (time, length) = clock.iso(line)?;
        let mut head = Head::message_only(Span::default());
        debug_assert_ne!(time, NO_TIME);
        head.time = time;
        if !self.after_time.stands_at(line, length) {
            return None;
        }
        let mut at = length + self.after_time.length;
        for step in &self.steps {
            let mut end = step.until.find(line, at)?;
            let next = end + step.until.length;
            let mut start = at;
            while start < end && line[start] == b' ' {
                start += 1;
            }
            while end > start && line[end - 1] == b' ' {
                end -= 1;
            }
            let field = &line[start..end];
            match step.kind {
                Kind::Level => head.level = self.level(field)?,
                Kind::Logger => {
                    if !self.lenient && (field.is_empty() || field.contains(&b' ')) {
                        return None;
                    }
                    head.logger = Span::new(start, end);
                }
                Kind::Name => {
                    is_name(field).then_some(())?;
                    head.logger = Span::new(start, end);
                }
                Kind::Number => {
                    let digits = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
                    (!field.is_empty() && field.iter().all(digits)).then_some(())?;
                }
                Kind::Word => (!field.is_empty() && !field.contains(&b' ')).then_some(())?,
                Kind::Text => {}
            }
            at = next;
        }
        head.message = Span::new(at, line.len());
        Some(head)
    }

    #[inline]
    fn level(&self, word: &[u8]) -> Option<i32> {
        match level::named(word) {
            0 => level::beside_time(word.strip_suffix(b":").unwrap_or(word), self.lenient),
            level => Some(level),
        }
    }
}
