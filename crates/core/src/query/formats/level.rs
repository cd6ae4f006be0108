//! Levels by their names: `logging`'s numbers for everyone's words.
use std::borrow::Cow;

pub const DEBUG: i32 = 10;
pub const INFO: i32 = 20;
pub const WARNING: i32 = 30;
pub const ERROR: i32 = 40;
pub const CRITICAL: i32 = 50;

/// A word of at most eight letters as one number.
const fn packed(word: &[u8]) -> u64 {
    let mut value = 0;
    let mut i = 0;
    while i < word.len() {
        value |= (word[i] as u64) << (8 * i);
        i += 1;
    }
    value
}

/// The level a word names, in any case; 0 if it names none.
#[inline]
pub fn named(word: &[u8]) -> i32 {
    if word.is_empty() || word.len() > 8 || !word.iter().all(u8::is_ascii_alphabetic) {
        return 0;
    }
    // Setting the bit of 0x20 makes a letter lower case.
    let lower = packed(word) | packed(b"        ") & (u64::MAX >> (64 - 8 * word.len()));
    NAMES.iter().find(|(name, _)| *name == lower).map_or(0, |(_, level)| *level)
}

const NAMES: [(u64, i32); 23] = [
    (packed(b"info"), INFO),
    (packed(b"debug"), DEBUG),
    (packed(b"warning"), WARNING),
    (packed(b"error"), ERROR),
    (packed(b"critical"), CRITICAL),
    (packed(b"warn"), WARNING),
    (packed(b"fatal"), CRITICAL),
    (packed(b"trace"), 5),
    (packed(b"success"), 25),
    (packed(b"notice"), INFO),
    (packed(b"inf"), INFO),
    (packed(b"log"), INFO),
    (packed(b"verbose"), DEBUG),
    (packed(b"dbg"), DEBUG),
    (packed(b"wrn"), WARNING),
    (packed(b"err"), ERROR),
    (packed(b"failure"), ERROR),
    (packed(b"crit"), CRITICAL),
    (packed(b"emerg"), CRITICAL),
    (packed(b"alert"), CRITICAL),
    (packed(b"panic"), CRITICAL),
    (packed(b"ftl"), CRITICAL),
    (packed(b"severe"), CRITICAL),
];

/// The level that stands beside a time: a word of the application's own ("AUDIT") is one too, of number 0.
pub(super) fn beside_time(word: &[u8], digits: bool) -> Option<i32> {
    let level = in_place(word).max(if digits { number(word) } else { 0 });
    let own = || (1..=16).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase);
    (level != 0 || own()).then_some(level)
}

/// As [`named`], and single letters (`I`, `W`) and `Level 25`: for a place where nothing but a level stands.
pub fn in_place(word: &[u8]) -> i32 {
    match word {
        [b'D'] => DEBUG,
        [b'I'] => INFO,
        [b'W'] => WARNING,
        [b'E'] => ERROR,
        [b'C' | b'F'] => CRITICAL,
        _ => match named(word) {
            0 if word.len() > 8 => long(word),
            0 => word.strip_prefix(b"Level ").map_or(0, number),
            level => level,
        },
    }
}

/// Words of more than eight letters.
fn long(word: &[u8]) -> i32 {
    match word.to_ascii_lowercase().as_slice() {
        b"emergency" => CRITICAL,
        b"information" | b"informational" => INFO,
        _ => word.strip_prefix(b"Level ").map_or(0, number),
    }
}

/// A level as a number of at most three digits; 0 if it is none.
pub fn number(digits: &[u8]) -> i32 {
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'))
}

/// The level of an OpenTelemetry severity number: they come in fours, from TRACE.
pub fn of_opentelemetry(severity: i64) -> i32 {
    match severity {
        ..=0 => 0,
        1..=4 => 5,
        5..=8 => DEBUG,
        9..=12 => INFO,
        13..=16 => WARNING,
        17..=20 => ERROR,
        _ => CRITICAL,
    }
}

/// The level of a syslog priority, of which the last three bits are the severity.
pub fn of_syslog(severity: i64) -> i32 {
    match severity & 7 {
        0..=2 => CRITICAL,
        3 => ERROR,
        4 => WARNING,
        5 | 6 => INFO,
        _ => DEBUG,
    }
}

/// What a level is called, so that a query for that finds it; an empty text for none.
pub fn name(level: i32) -> Cow<'static, str> {
    Cow::Borrowed(match level {
        ..=0 => "",
        5 => "TRACE",
        DEBUG => "DEBUG",
        INFO => "INFO",
        25 => "SUCCESS",
        WARNING => "WARNING",
        ERROR => "ERROR",
        CRITICAL => "CRITICAL",
        other => return Cow::Owned(format!("Level {other}")),
    })
}
