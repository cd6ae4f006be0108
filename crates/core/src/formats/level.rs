//! Levels by their names: `logging`'s numbers for everyone's words.

pub const DEBUG: i32 = 10;
pub const INFO: i32 = 20;
pub const WARNING: i32 = 30;
pub const ERROR: i32 = 40;
pub const CRITICAL: i32 = 50;

/// The level a word names, in any case; 0 if it names none.
pub fn named(word: &[u8]) -> i32 {
    let mut lower = [0; 8];
    if word.len() > lower.len() || word.is_empty() {
        return 0;
    }
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    match &*lower {
        b"trace" => 5,
        b"debug" | b"verbose" | b"dbg" => DEBUG,
        b"info" | b"notice" | b"inf" | b"log" => INFO,
        b"success" => 25,
        b"warning" | b"warn" | b"wrn" => WARNING,
        b"error" | b"err" | b"failure" => ERROR,
        b"critical" | b"fatal" | b"crit" | b"emerg" | b"alert" | b"panic" | b"ftl" | b"severe" => CRITICAL,
        _ => 0,
    }
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
            0 => word.strip_prefix(b"Level ").map_or(0, number),
            level => level,
        },
    }
}

/// A level as a number of at most three digits; 0 if it is none.
pub fn number(digits: &[u8]) -> i32 {
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'))
}

/// The level of a syslog priority or an OpenTelemetry severity number is told by its own scale.
pub fn of_syslog(severity: i64) -> i32 {
    match severity & 7 {
        0..=2 => CRITICAL,
        3 => ERROR,
        4 => WARNING,
        5 | 6 => INFO,
        _ => DEBUG,
    }
}

/// What a level is called where the text has no name of its own.
pub fn name(level: i32) -> &'static str {
    match level {
        ..=0 => "",
        1..=9 => "TRACE",
        10..=19 => "DEBUG",
        20..=29 => "INFO",
        30..=39 => "WARNING",
        40..=49 => "ERROR",
        _ => "CRITICAL",
    }
}
