//! The civil calendar: nanoseconds since the epoch and an offset give date and time, and those give text.
//!
//! The offset is always told, never looked up: `localtime` takes a lock that a fork can leave held for ever.
use crate::error::{Error, Result};

const NS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Date and time of day at some offset. Any `i64` of nanoseconds lies in the years 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub nanosecond: u32,
    /// 0 is Monday.
    pub weekday: u32,
    /// 1 to 366.
    pub day_of_year: u32,
}

impl Civil {
    /// `utc_offset` in seconds east of UTC.
    pub fn new(time_ns: i64, utc_offset: i32) -> Self {
        let seconds = time_ns.div_euclid(NS) + i64::from(utc_offset);
        let days = seconds.div_euclid(DAY);
        let clock = seconds.rem_euclid(DAY) as u32;
        let (year, month, day) = date(days);
        Self {
            year,
            month,
            day,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            nanosecond: time_ns.rem_euclid(NS) as u32,
            weekday: (days + 3).rem_euclid(7) as u32,
            day_of_year: day_of_year(year, month, day),
        }
    }

    /// The year and number of the ISO 8601 week.
    fn iso_week(&self) -> (u32, u32) {
        let week = (self.day_of_year + 9 - self.weekday) / 7;
        if week == 0 {
            // The week belongs to last year: count its days on from there.
            let last = self.year - 1;
            return (last, (self.day_of_year + year_length(last) + 9 - self.weekday) / 7);
        }
        // The year's last Monday to Wednesday belong to a week whose Thursday is next year's.
        if self.day_of_year + 3 > year_length(self.year) + self.weekday {
            return (self.year + 1, 1);
        }
        (self.year, week)
    }

    fn hour_of_twelve(&self) -> u32 {
        (self.hour + 11) % 12 + 1
    }
}

/// Howard Hinnant's `civil_from_days`: years of 400 begin on 1 March, so that the leap day comes last.
fn date(days: i64) -> (u32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097) as u32;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era as u32 * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day)
}

fn is_leap(year: u32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn year_length(year: u32) -> u32 {
    365 + u32::from(is_leap(year))
}

fn day_of_year(year: u32, month: u32, day: u32) -> u32 {
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[month as usize - 1] + day + u32::from(month > 2 && is_leap(year))
}

/// Appends `n` in at least `WIDTH` digits, zeros in front.
pub fn write_digits<const WIDTH: usize>(mut n: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
    out.extend_from_slice(&digits);
}

fn write_date_time(at: &Civil, out: &mut Vec<u8>) {
    write_digits::<4>(at.year, out);
    for (separator, n) in [(b'-', at.month), (b'-', at.day), (b'T', at.hour), (b':', at.minute), (b':', at.second)] {
        out.push(separator);
        write_digits::<2>(n, out);
    }
}

/// `+0130`, with `separator` between hours and minutes.
fn write_offset(utc_offset: i32, separator: &str, out: &mut Vec<u8>) {
    out.push(if utc_offset < 0 { b'-' } else { b'+' });
    let minutes = utc_offset.unsigned_abs() / 60;
    write_digits::<2>(minutes / 60, out);
    out.extend_from_slice(separator.as_bytes());
    write_digits::<2>(minutes % 60, out);
}

/// RFC 3339 with microseconds in local time: `2026-11-20T14:03:07.123456+01:00`.
pub fn write_rfc3339(time_ns: i64, utc_offset: i32, out: &mut Vec<u8>) {
    // RFC 3339 has no seconds in an offset: both parts use whole minutes, so that the instant is exact.
    let offset = utc_offset / 60 * 60;
    let at = Civil::new(time_ns, offset);
    write_date_time(&at, out);
    out.push(b'.');
    write_digits::<6>(at.nanosecond / 1000, out);
    write_offset(offset, ":", out);
}

/// RFC 3339 with milliseconds in UTC: `2026-11-20T13:03:07.123Z`.
pub fn write_utc_millis(time_ns: i64, out: &mut Vec<u8>) {
    let at = Civil::new(time_ns, 0);
    write_date_time(&at, out);
    out.push(b'.');
    write_digits::<3>(at.nanosecond / 1_000_000, out);
    out.push(b'Z');
}

/// As SQL writes it, in UTC with microseconds: `2026-11-20 13:03:07.123456`.
pub fn write_sql(time_ns: i64, out: &mut Vec<u8>) {
    let start = out.len();
    let at = Civil::new(time_ns, 0);
    write_date_time(&at, out);
    out[start + 10] = b' ';
    out.push(b'.');
    write_digits::<6>(at.nanosecond / 1000, out);
}

/// Set in a directive whose number has no zeros before it: glibc's `%-d`.
const UNPADDED: u8 = 0x80;

/// A compiled `time.strftime` format, with English names; `%f` is `datetime.strftime`'s, microseconds.
#[derive(Debug, Clone)]
pub struct DateFormat {
    /// Text, then the directive that follows it; 0 after the last text.
    pieces: Vec<(String, u8)>,
}

impl DateFormat {
    /// Fails for a directive whose text depends on locale or platform.
    pub fn compile(format: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            let (flag, known, after) = match after.strip_prefix('-') {
                Some(after) => (UNPADDED, "deHIjmMSy", after),
                None => (0, "aAbBdDefFGHIjmMpRSTuUVwWyYzZ", after),
            };
            let directive = after.chars().next().unwrap_or(' ');
            if directive == '%' && flag == 0 {
                text.push('%');
            } else if known.contains(directive) {
                pieces.push((std::mem::take(&mut text), directive as u8 | flag));
            } else {
                return Err(Error::Setting { field: "date_format", why: refusal(directive, format) });
            }
            rest = &after[1..];
        }
        text.push_str(rest);
        pieces.push((text, 0));
        Ok(Self { pieces })
    }

    /// Whether the text holds for the whole second.
    pub fn is_of_the_second(&self) -> bool {
        self.pieces.iter().all(|(_, directive)| *directive != b'f')
    }

    /// Appends the time as text. `zone` is what `%Z` gives.
    pub fn write(&self, time_ns: i64, utc_offset: i32, zone: &str, out: &mut Vec<u8>) {
        let at = Civil::new(time_ns, utc_offset);
        for (text, directive) in &self.pieces {
            out.extend_from_slice(text.as_bytes());
            match directive {
                b'z' => write_offset(utc_offset, "", out),
                b'Z' => out.extend_from_slice(zone.as_bytes()),
                unpadded if unpadded & UNPADDED != 0 => write_unpadded(unpadded & !UNPADDED, &at, out),
                _ => write_directive(*directive, &at, out),
            }
        }
    }
}

fn refusal(directive: char, format: &str) -> String {
    format!("%{directive} in {format:?} depends on locale or platform")
}

/// A number without what fills it up; its last digit stays.
fn write_unpadded(directive: u8, at: &Civil, out: &mut Vec<u8>) {
    let start = out.len();
    write_directive(directive, at, out);
    let idle = out[start..out.len() - 1].iter().take_while(|byte| matches!(byte, b'0' | b' ')).count();
    out.drain(start..start + idle);
}

fn write_directive(directive: u8, at: &Civil, out: &mut Vec<u8>) {
    let weekday = WEEKDAYS[at.weekday as usize];
    let month = MONTHS[at.month as usize - 1];
    let mut name = |name: &str| out.extend_from_slice(name.as_bytes());
    match directive {
        b'a' => name(&weekday[..3]),
        b'A' => name(weekday),
        b'b' => name(&month[..3]),
        b'B' => name(month),
        b'p' => name(if at.hour < 12 { "AM" } else { "PM" }),
        b'e' if at.day < 10 => {
            out.push(b' ');
            write_digits::<1>(at.day, out);
        }
        b'd' | b'e' => write_digits::<2>(at.day, out),
        b'f' => write_digits::<6>(at.nanosecond / 1000, out),
        b'H' => write_digits::<2>(at.hour, out),
        b'I' => write_digits::<2>(at.hour_of_twelve(), out),
        b'j' => write_digits::<3>(at.day_of_year, out),
        b'm' => write_digits::<2>(at.month, out),
        b'M' => write_digits::<2>(at.minute, out),
        b'S' => write_digits::<2>(at.second, out),
        b'u' => write_digits::<1>(at.weekday + 1, out),
        b'w' => write_digits::<1>((at.weekday + 1) % 7, out),
        // Days before the year's first Sunday, or Monday, are in week 0.
        b'U' => write_digits::<2>((at.day_of_year + 6 - (at.weekday + 1) % 7) / 7, out),
        b'W' => write_digits::<2>((at.day_of_year + 6 - at.weekday) / 7, out),
        b'G' => write_digits::<4>(at.iso_week().0, out),
        b'V' => write_digits::<2>(at.iso_week().1, out),
        b'y' => write_digits::<2>(at.year % 100, out),
        b'Y' => write_digits::<4>(at.year, out),
        b'D' => write_joined(b"mdy", b'/', at, out),
        b'F' => write_joined(b"Ymd", b'-', at, out),
        b'R' => write_joined(b"HM", b':', at, out),
        b'T' => write_joined(b"HMS", b':', at, out),
        _ => {}
    }
}

fn write_joined(directives: &[u8], separator: u8, at: &Civil, out: &mut Vec<u8>) {
    for (i, directive) in directives.iter().enumerate() {
        if i > 0 {
            out.push(separator);
        }
        write_directive(*directive, at, out);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: i64 = 1_795_183_387_123_456_789; // 2026-11-20T14:03:07.123456789+00:00

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn strftime(format: &str, time_ns: i64, utc_offset: i32) -> String {
        text(|out| DateFormat::compile(format).unwrap().write(time_ns, utc_offset, "CET", out))
    }

    #[test]
    fn the_offset_of_utc_has_a_plus() {
        let mut out = Vec::new();
        write_rfc3339(0, 0, &mut out);
        assert_eq!(out, b"1970-01-01T00:00:00.000000+00:00");
    }

    #[test]
    fn sql_has_a_space_and_microseconds() {
        let mut out = Vec::new();
        write_sql(1_760_845_945_123_456_789, &mut out);
        assert_eq!(out, b"2025-10-19 03:52:25.123456");
    }

    #[test]
    fn rfc3339_has_microseconds_and_the_local_offset() {
        assert_eq!(text(|out| write_rfc3339(AT, 3600, out)), "2026-11-20T15:03:07.123456+01:00");
        assert_eq!(text(|out| write_rfc3339(AT, -12_600, out)), "2026-11-20T10:33:07.123456-03:30");
    }

    #[test]
    fn rfc3339_names_the_same_instant_when_the_offset_has_seconds() {
        assert_eq!(text(|out| write_rfc3339(AT, 1172, out)), "2026-11-20T14:22:07.123456+00:19");
    }

    #[test]
    fn utc_has_milliseconds_and_z() {
        assert_eq!(text(|out| write_utc_millis(AT, out)), "2026-11-20T14:03:07.123Z");
        assert_eq!(text(|out| write_utc_millis(-1, out)), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(|out| write_utc_millis(i64::MIN, out)), "1677-09-21T00:12:43.145Z");
        assert_eq!(text(|out| write_utc_millis(i64::MAX, out)), "2262-04-11T23:47:16.854Z");
    }

    #[test]
    fn every_directive_gives_what_strftime_gives() {
        let all = "%a %A %b %B %d %e %f %G %H %I %j %m %M %p %S %u %U %V %w %W %y %Y %z %Z %% %F %T %R %D!";
        let want = "Fri Friday Nov November 20 20 123456 2026 15 03 324 11 03 PM 07 5 46 47 5 46 26 2026 +0100 CET % \
                    2026-11-20 15:03:07 15:03 11/20/26!";
        assert_eq!(strftime(all, AT, 3600), want);
    }

    #[test]
    fn a_dash_takes_away_what_fills_a_number_up() {
        let at = 1_770_080_467 * NS; // 2026-02-03T01:01:07+00:00
        assert_eq!(strftime("%-d.%-m.%-y %-H:%-I:%-M:%-S %-j %-e", at, 0), "3.2.26 1:1:1:7 34 3");
        assert_eq!(strftime("%-H %-d", at - 3600 * NS, 0), "0 3");
    }

    #[test]
    fn iso_weeks_cross_the_turn_of_the_year() {
        let day = |days: i64| strftime("%F %G-W%V-%u", days * DAY * NS, 0);
        assert_eq!(day(18_627), "2020-12-31 2020-W53-4");
        assert_eq!(day(18_628), "2021-01-01 2020-W53-5");
        assert_eq!(day(18_631), "2021-01-04 2021-W01-1");
        assert_eq!(day(17_896), "2018-12-31 2019-W01-1");
    }

    #[test]
    fn locale_dependent_and_unknown_directives_are_refused_by_name() {
        for bad in ["%c", "%x", "%X", "%+", "%-", "%-a", "%-%", "%_d", "%é", "50%"] {
            assert!(DateFormat::compile(bad).is_err(), "{bad}");
        }
        let error = DateFormat::compile("at %c").unwrap_err().to_string();
        assert_eq!(error, "date_format: %c in \"at %c\" depends on locale or platform");
    }

    proptest! {
        #[test]
        fn the_day_count_comes_back_from_the_date(days in -106_751_i64..106_751) {
            let at = Civil::new(days * DAY * NS, 0);
            let years = i64::from(at.year) - 1;
            let before = years * 365 + years / 4 - years / 100 + years / 400;
            prop_assert_eq!(before + i64::from(at.day_of_year) - 1 - 719_162, days);
        }
    }
}
