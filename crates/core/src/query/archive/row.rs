//! A record as a row.
use std::ops::Range;

use crate::query::columnar::form::{OPEN, SECOND, VALUE};
use crate::query::columnar::VALUES;
use crate::query::mine::{parts, Part};

/// Where a record's time stands, at the latest.
const HEAD: usize = 48;

/// A time as text: `2026-11-20 09:00:00,123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    start: usize,
    end: usize,
    /// Microseconds since the epoch, as if it were UTC.
    micros: i64,
    between: u8,
    /// The sign before the fraction; 0 without one.
    sign: u8,
    digits: u8,
}

/// A record taken apart.
#[derive(Default, Debug)]
pub struct Row {
    pub time: Option<i64>,
    pub template: Vec<u8>,
    pub values: Vec<Range<usize>>,
    /// Of the fraction of its time; 0 where there is none.
    pub digits: u8,
}

fn number(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// `shop.orders`: a logger as a rule, of which there are few.
fn is_name(text: &[u8]) -> bool {
    text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_'))
}

impl Stamp {
    fn find(text: &[u8]) -> Option<Self> {
        let head = &text[..text.len().min(HEAD)];
        let start = head.iter().position(u8::is_ascii_digit)?;
        Self::at(text, start)
    }

    fn at(text: &[u8], start: usize) -> Option<Self> {
        let part = |from: usize, to: usize| number(text.get(start + from..start + to)?);
        let sign = |at: usize, wanted: &[u8]| text.get(start + at).copied().filter(|byte| wanted.contains(byte));
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        sign(4, b"-").and(sign(7, b"-")).and(sign(13, b":")).and(sign(16, b":"))?;
        let between = sign(10, b" T")?;
        let dot = sign(19, b",.").unwrap_or(0);
        let digits = text[start + 20.min(text.len() - start)..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = if dot == 0 || digits > 6 { 0 } else { digits };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let dot = if digits == 0 { 0 } else { dot };
        let fraction = part(20, 20 + digits).unwrap_or(0) * 10_i64.pow(6 - digits as u32);
        let seconds = crate::query::when::days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        let end = start + 19 + if digits == 0 { 0 } else { 1 + digits };
        Some(Self { start, end, micros: seconds * SECOND + fraction, between, sign: dot, digits: digits as u8 })
    }

    /// How it is written: `T.6`, ` ,3`, ` ` without a fraction.
    fn form(self, out: &mut Vec<u8>) {
        out.extend_from_slice(OPEN);
        out.push(self.between);
        if self.digits > 0 {
            out.push(self.sign);
            out.push(b'0' + self.digits);
        }
        out.push(b'>');
    }
}

impl Row {
    /// Take a record apart; its text must be UTF-8. None where it holds what stands for values.
    pub fn read(&mut self, text: &[u8]) -> Option<()> {
        self.template.clear();
        self.values.clear();
        (self.time, self.digits) = (None, 0);
        let is_mark = |place: usize| text[place..].starts_with(VALUE) || text[place..].starts_with(OPEN);
        if memchr::memchr_iter(b'<', text).any(is_mark) {
            return None;
        }
        let mut from = 0;
        if let Some(stamp) = Stamp::find(text) {
            self.literal(text, 0, stamp.start);
            stamp.form(&mut self.template);
            (self.time, self.digits) = (Some(stamp.micros), stamp.digits);
            from = stamp.end;
        }
        self.literal(text, from, text.len());
        Some(())
    }

    /// Text that may hold variables.
    fn literal(&mut self, text: &[u8], from: usize, to: usize) {
        for (part, range) in parts(&text[from..to]) {
            let range = range.start + from..range.end + from;
            if self.values.len() == VALUES {
                if let Some(last) = self.values.last_mut() {
                    last.end = to;
                }
                return;
            }
            if part == Part::Variable && !is_name(&text[range.clone()]) {
                self.template.extend_from_slice(VALUE);
                self.values.push(range);
            } else {
                self.template.extend_from_slice(&text[range]);
            }
        }
    }
}
