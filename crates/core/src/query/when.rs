//! Text to time: what logs write at the head of a line, as nanoseconds since the epoch.
//!
//! Like `civil`, this never asks the system for its zone: a [`Zone`] is told. A local time that happens twice, when clocks
//! go back, is the first of the two; one that never happens counts from the offset before the gap, as in Python's
//! `datetime.timestamp`.
mod format;

use std::ops::Range;
use std::sync::Arc;

pub use format::TimeFormat;

const NS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// Those whose every moment is a number of nanoseconds.
const YEARS: Range<i64> = 1678..2262;

/// When the offset of local time changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// (second since the epoch, offset from then on); the first holds before it too. Never empty.
    changes: Vec<(i64, i32)>,
}

impl Zone {
    /// `changes` in order of time; an empty list is UTC.
    pub fn new(mut changes: Vec<(i64, i32)>) -> Self {
        if changes.is_empty() {
            changes.push((i64::MIN, 0));
        }
        changes[0].0 = i64::MIN;
        Self { changes }
    }

    pub fn fixed(offset: i32) -> Self {
        Self { changes: vec![(i64::MIN, offset)] }
    }

    /// The second since the epoch at which clocks of this zone first show `local`.
    pub fn utc(&self, local: i64) -> i64 {
        let after = self.changes.partition_point(|change| change.0 <= local.saturating_add(DAY));
        let first = after.saturating_sub(4);
        for i in first..after {
            let (start, offset) = self.changes[i];
            let at = local - i64::from(offset);
            let next = self.changes.get(i + 1).map_or(i64::MAX, |change| change.0);
            if at < start {
                // In the gap before this change: the offset before it.
                return local - i64::from(self.changes[i.saturating_sub(1)].1);
            }
            if at < next {
                return at;
            }
        }
        local - i64::from(self.changes[after.saturating_sub(1)].1)
    }

    /// The offset at a second since the epoch.
    pub fn offset(&self, utc: i64) -> i32 {
        let after = self.changes.partition_point(|change| change.0 <= utc);
        self.changes[after.saturating_sub(1)].1
    }
}

/// Days since the epoch; Howard Hinnant's `days_from_civil`.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Reads times one after the other, mostly of the same hour.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Arc<Zone>,
    /// The day (since the epoch, local) that times without a date are of, and the latest for times without a year.
    today: i64,
    /// `2026-11-20 10` as it was last read, its hour as local seconds and as seconds since the epoch.
    key: (u64, u64),
    local: i64,
    utc: i64,
}

impl Clock {
    /// `now`: a second since the epoch at or after the newest record; it dates times that have no year or no day.
    pub fn new(zone: Arc<Zone>, now: i64) -> Self {
        let today = (now + i64::from(zone.offset(now))).div_euclid(DAY);
        Self { zone, today, key: (0, 0), local: 0, utc: i64::MIN }
    }

    /// Dates times without a day from this second on.
    pub fn set_now(&mut self, now: i64) {
        self.today = (now + i64::from(self.zone.offset(now))).div_euclid(DAY);
    }

    fn read_hour(&mut self, text: [u8; 13]) -> Option<()> {
        let separator = text[4];
        if !(separator == b'-' || separator == b'/') || text[7] != separator || !(text[10] == b' ' || text[10] == b'T')
        {
            return None;
        }
        let year = two(&text, 0)? * 100 + two(&text, 2)?;
        let (month, day, hour) = (two(&text, 5)?, two(&text, 8)?, two(&text, 11)?);
        // Nanoseconds since the epoch reach from 1677 to 2262.
        if !YEARS.contains(&year)
            || !(1..=12).contains(&month)
            // 30 February is 2 March, as for C's mktime: a record with a wrong day is still a record.
            || !(1..=31).contains(&day)
            || hour > 23
        {
            return None;
        }
        self.local = days(year, month, day) * DAY + hour * 3600;
        let (begin, end) = (self.zone.utc(self.local), self.zone.utc(self.local + 3599));
        self.utc = if end - begin == 3599 { begin } else { i64::MIN };
        self.key = key(&text);
        Some(())
    }

    /// `2026-11-20 10:00:00`, with `T` or a space, `/` or `-`, a fraction after `.` or `,`, and an offset: the time and how
    /// many bytes it has.
    #[inline]
    pub fn iso(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let head: &[u8; 19] = text.first_chunk()?;
        if head[13] != b':' || head[16] != b':' {
            return None;
        }
        let hour: &[u8; 13] = text.first_chunk()?;
        if key(hour) != self.key {
            self.read_hour(*hour)?;
        }
        let (minute, second) = (two(head, 14)?, two(head, 17)?);
        if minute > 59 || second > 60 {
            return None;
        }
        let within = minute * 60 + second.min(59);
        let mut length = 19;
        let mut nanos = 0;
        if let Some(b'.' | b',') = text.get(19) {
            let (value, digits) = fraction(&text[20..]);
            if digits > 0 {
                nanos = value;
                length = 20 + digits;
            }
        }
        let (offset, more) = offset(&text[length..]);
        let seconds = match offset {
            Some(offset) => self.local + within - offset,
            None if self.utc == i64::MIN => self.zone.utc(self.local + within),
            None => self.utc + within,
        };
        Some((seconds * NS + nanos, length + more))
    }
}

/// The bytes as two words, which are compared faster.
#[inline]
fn key(hour: &[u8; 13]) -> (u64, u64) {
    let word = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hour[from..from + 8]);
        u64::from_ne_bytes(bytes)
    };
    (word(0), word(5))
}

/// Two digits at `at`.
#[inline]
fn two(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// Digits as a fraction of a second in nanoseconds, and how many there are; those after the ninth count for nothing.
#[inline]
fn fraction(text: &[u8]) -> (i64, usize) {
    if let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', d, ..] = text {
        if !d.is_ascii_digit() {
            let digit = |byte: &u8| i64::from(byte - b'0');
            return ((digit(a) * 100 + digit(b) * 10 + digit(c)) * 1_000_000, 3);
        }
    }
    long_fraction(text)
}

fn long_fraction(text: &[u8]) -> (i64, usize) {
    let mut value = 0;
    let mut digits = 0;
    while let Some(digit) = text.get(digits).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        if digits < 9 {
            value = value * 10 + i64::from(digit);
        }
        digits += 1;
    }
    for _ in digits..9 {
        value *= 10;
    }
    (value, digits)
}

/// `Z`, ` UTC`, `+01:00`, ` +0100`, `-05`: seconds east of UTC and the length, or nothing.
#[inline]
fn offset(text: &[u8]) -> (Option<i64>, usize) {
    let sign = if text.first() == Some(&b' ') { text.get(1) } else { text.first() };
    match sign {
        Some(b'Z' | b'U' | b'G') => any_offset(text),
        // ` - ` is what most formats have here.
        Some(b'+' | b'-') if text.get(2).is_some_and(u8::is_ascii_digit) => any_offset(text),
        _ => (None, 0),
    }
}

fn any_offset(text: &[u8]) -> (Option<i64>, usize) {
    let space = usize::from(text.first() == Some(&b' '));
    let rest = &text[space..];
    match rest.first() {
        Some(b'Z') if space == 0 => (Some(0), 1),
        Some(b'U' | b'G') if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") => (Some(0), space + 3),
        Some(sign @ (b'+' | b'-')) if rest.len() >= 3 => {
            let Some(hours) = two(rest, 1).filter(|hours| *hours <= 24) else { return (None, 0) };
            let colon = usize::from(rest.get(3) == Some(&b':'));
            let minutes = if rest.len() >= 5 + colon { two(rest, 3 + colon) } else { None };
            let length = if minutes.is_some() { 5 + colon } else { 3 };
            // ` - 12` and ` -12 things` are no offsets; after a space four digits are asked for.
            if space == 1 && minutes.is_none() || rest.get(length).is_some_and(u8::is_ascii_digit) {
                return (None, 0);
            }
            let seconds = hours * 3600 + minutes.unwrap_or(0) * 60;
            (Some(if *sign == b'-' { -seconds } else { seconds }), space + length)
        }
        _ => (None, 0),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
