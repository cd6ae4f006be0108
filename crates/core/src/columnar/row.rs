//! A record as a row, and back.
use std::ops::Range;

use super::VALUES;
use crate::mine::{parts, Part};

const VALUE: &[u8] = b"<*>";
const OPEN: &[u8] = b"<time ";
/// Where a record's time stands, at the latest.
const HEAD: usize = 48;
const SECOND: i64 = 1_000_000;

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
}

fn number(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
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
        let seconds = crate::when::days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
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
        self.time = None;
        if memchr::memmem::find(text, VALUE).is_some() || memchr::memmem::find(text, OPEN).is_some() {
            return None;
        }
        let mut from = 0;
        if let Some(stamp) = Stamp::find(text) {
            self.literal(text, 0, stamp.start);
            stamp.form(&mut self.template);
            self.time = Some(stamp.micros);
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
            if part == Part::Variable {
                self.template.extend_from_slice(VALUE);
                self.values.push(range);
            } else {
                self.template.extend_from_slice(&text[range]);
            }
        }
    }
}

/// What stands in a template, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Text(Vec<u8>),
    Value,
    Time { between: u8, sign: u8, digits: u8 },
}

/// A template's steps.
pub fn steps(template: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    let mut text = Vec::new();
    while at < template.len() {
        let rest = &template[at..];
        let step = if rest.starts_with(VALUE) {
            at += VALUE.len();
            Step::Value
        } else if let Some((length, step)) = time_step(rest) {
            at += length;
            step
        } else {
            text.push(template[at]);
            at += 1;
            continue;
        };
        if !text.is_empty() {
            steps.push(Step::Text(std::mem::take(&mut text)));
        }
        steps.push(step);
    }
    if !text.is_empty() {
        steps.push(Step::Text(text));
    }
    steps
}

fn time_step(rest: &[u8]) -> Option<(usize, Step)> {
    let form = rest.strip_prefix(OPEN)?;
    let end = form.iter().position(|byte| *byte == b'>')?;
    let step = match form[..end] {
        [between] => Step::Time { between, sign: 0, digits: 0 },
        [between, sign, digits @ b'1'..=b'6'] => Step::Time { between, sign, digits: digits - b'0' },
        _ => return None,
    };
    Some((OPEN.len() + end + 1, step))
}

/// A record's text from its template's steps; None where values are missing.
pub fn rebuild<'a>(
    steps: &[Step],
    time: Option<i64>,
    mut values: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Option<()> {
    for step in steps {
        match step {
            Step::Text(text) => out.extend_from_slice(text),
            Step::Value => out.extend_from_slice(values.next()?),
            Step::Time { between, sign, digits } => write_time(time?, *between, *sign, *digits, out),
        }
    }
    Some(())
}

fn write_time(micros: i64, between: u8, sign: u8, digits: u8, out: &mut Vec<u8>) {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    padded(year, 4, out);
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
    out.push(between);
    padded(second / 3600, 2, out);
    out.push(b':');
    padded(second / 60 % 60, 2, out);
    out.push(b':');
    padded(second % 60, 2, out);
    if digits > 0 {
        out.push(sign);
        padded(fraction / 10_i64.pow(6 - u32::from(digits)), usize::from(digits), out);
    }
}

fn padded(mut value: i64, width: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + width, b'0');
    for place in (at..at + width).rev() {
        out[place] = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The reverse of `when::days` (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
