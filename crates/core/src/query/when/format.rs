//! How a format writes its time, by the directives of `strftime`.
use super::{days, fraction, offset, Clock, DAY, NS, YEARS};

/// How a format writes its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// Year first, in any of the usual ways.
    Iso,
    /// `strftime` directives, and the text before each; 0 after the last text.
    Directives { pieces: Vec<(Vec<u8>, u8)>, fraction: bool },
}

#[derive(Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
    epoch: Option<i64>,
}

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

impl TimeFormat {
    /// From a `date_format`; None is `logging`'s own, and anything that does not hold a directive is taken as ISO 8601.
    pub fn compile(format: Option<&str>) -> Self {
        let Some(format) = format.filter(|format| format.contains('%')) else { return Self::Iso };
        let expanded = format
            .replace("%F", "%Y-%m-%d")
            .replace("%T", "%H:%M:%S")
            .replace("%D", "%m/%d/%y")
            .replace("%R", "%H:%M")
            .replace("%-", "%");
        if matches!(expanded.get(..17), Some("%Y-%m-%d %H:%M:%S" | "%Y-%m-%dT%H:%M:%S" | "%Y/%m/%d %H:%M:%S"))
            && matches!(expanded.get(17..), Some("" | "%z" | "Z" | " %z" | ".%f" | ",%f" | ".%fZ" | ".%f%z"))
        {
            return Self::Iso;
        }
        let mut pieces = Vec::new();
        let mut text = Vec::new();
        let mut bytes = expanded.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, if byte == b'%' { bytes.next() } else { None }) {
                (b'%', Some(b'%')) => text.push(b'%'),
                (b'%', Some(directive)) => pieces.push((std::mem::take(&mut text), directive)),
                _ => text.push(byte),
            }
        }
        pieces.push((text, 0));
        Self::Directives { pieces, fraction: false }
    }

    /// With a fraction (`%(msecs)03d` after a point or comma) behind the rest.
    #[must_use]
    pub fn with_fraction(self) -> Self {
        match self {
            Self::Iso => Self::Iso,
            Self::Directives { pieces, .. } => Self::Directives { pieces, fraction: true },
        }
    }

    /// The time that `text` begins with, and its length.
    #[inline]
    pub fn parse(&self, text: &[u8], clock: &mut Clock) -> Option<(i64, usize)> {
        match self {
            Self::Iso => clock.iso(text),
            Self::Directives { pieces, fraction } => directives(pieces, *fraction, text, clock),
        }
    }
}

fn directives(pieces: &[(Vec<u8>, u8)], with_fraction: bool, text: &[u8], clock: &Clock) -> Option<(i64, usize)> {
    let mut parts = Parts::default();
    let mut at = 0;
    for (before, directive) in pieces {
        at += text.get(at..)?.starts_with(before).then_some(before.len())?;
        if *directive != 0 {
            at += parts.read(*directive, &text[at..])?;
        }
    }
    if with_fraction && matches!(text.get(at), Some(b'.' | b',')) {
        let (nanos, digits) = fraction(&text[at + 1..]);
        parts.nanos = nanos;
        at += 1 + digits;
    }
    Some((parts.time(clock)?, at))
}

impl Parts {
    fn read(&mut self, directive: u8, text: &[u8]) -> Option<usize> {
        let word = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (value, length) = match directive {
            b'Y' => number(text, 4)?,
            b'j' => number(text, 3)?,
            b'y' | b'm' | b'd' | b'e' | b'H' | b'I' | b'M' | b'S' => number(text, 2)?,
            _ => (0, word),
        };
        let length = match directive {
            b'f' => {
                let (nanos, digits) = fraction(text);
                self.nanos = nanos;
                digits
            }
            b's' => {
                let (seconds, digits) = number(text, 12)?;
                self.epoch = Some(seconds);
                digits
            }
            b'b' | b'B' | b'h' => {
                let name: [u8; 3] = text.first_chunk::<3>()?.map(|byte| byte.to_ascii_lowercase());
                self.month = Some(MONTHS.iter().position(|month| **month == name)? as i64 + 1);
                word
            }
            b'p' => {
                self.afternoon = Some(text.first()?.eq_ignore_ascii_case(&b'p'));
                word
            }
            b'z' => {
                let (offset, length) = offset(text);
                self.offset = Some(offset?);
                length
            }
            b'Z' => {
                if text.starts_with(b"UTC") || text.starts_with(b"GMT") {
                    self.offset = Some(0);
                }
                word
            }
            _ => length,
        };
        match directive {
            b'Y' => self.year = Some(value),
            b'y' => self.year = Some(if value < 69 { 2000 + value } else { 1900 + value }),
            b'm' => self.month = Some(value),
            b'd' | b'e' => self.day = Some(value),
            b'j' => self.day_of_year = Some(value),
            b'H' | b'I' => self.hour = value,
            b'M' => self.minute = value,
            b'S' => self.second = value.min(59),
            _ => {}
        }
        (length > 0 || directive == b'f').then_some(length)
    }

    fn time(&self, clock: &Clock) -> Option<i64> {
        if let Some(epoch) = self.epoch {
            return epoch.checked_mul(NS)?.checked_add(self.nanos);
        }
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        if hour > 23 || self.minute > 59 || !(1..=12).contains(&self.month.unwrap_or(1)) {
            return None;
        }
        let day = match (self.year, self.month, self.day) {
            (Some(year), None, None) => days(year, 1, 1) + self.day_of_year.unwrap_or(1) - 1,
            (Some(year), month, day) => {
                let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
                (YEARS.contains(&year) && (1..=31).contains(&day)).then(|| days(year, month, day))?
            }
            (None, Some(month), Some(day)) => {
                // Without a year: the last such day that is not after tomorrow. 29 February may be years back.
                let now = crate::formatters::civil::Civil::new(clock.today.checked_mul(DAY * NS)?, 0);
                let mut past = (0..8).filter_map(|back| date(i64::from(now.year) + 1 - back, month, day));
                past.find(|day| *day <= clock.today + 1)?
            }
            _ => clock.today,
        };
        let local = day * DAY + hour * 3600 + self.minute * 60 + self.second;
        let seconds = self.offset.map_or_else(|| clock.zone.utc(local), |offset| local - offset);
        seconds.checked_mul(NS)?.checked_add(self.nanos)
    }
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A day that there is.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let valid = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
    valid.then(|| days(year, month, day))
}

/// Up to `most` digits, after at most one space where there are fewer: the number and the length.
fn number(text: &[u8], most: usize) -> Option<(i64, usize)> {
    let space = usize::from(text.first() == Some(&b' '));
    let digits = text[space..].iter().take(most - space.min(most - 1)).take_while(|byte| byte.is_ascii_digit()).count();
    let value = text[space..space + digits].iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    (digits > 0).then_some((value, space + digits))
}
