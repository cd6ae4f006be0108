//! logfmt: `time=2026-11-20T10:00:00Z level=info msg="it is" user_id=42`; also with Python's quotes, as structlog writes it.
use std::borrow::Cow;

use super::strings::{single_end, string_end, unescape};
use super::vocabulary::Vocabulary;
use super::{Head, Span};
use crate::query::when::Clock;

/// The next `key=value`: the key, the value's place without its quotes, whether it was quoted, and where the rest begins.
fn pair(line: &[u8], from: usize) -> Option<(&[u8], Span, bool, usize)> {
    let start = from + line[from..].iter().take_while(|byte| **byte == b' ').count();
    let name = line[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@'));
    let equals = start + name.count();
    if equals == start || line.get(equals) != Some(&b'=') {
        return None;
    }
    let key = &line[start..equals];
    let value = equals + 1;
    if line.get(value) == Some(&b'"') {
        let end = value + 1 + string_end(&line[value + 1..])?;
        return Some((key, Span::new(value + 1, end), true, end + 1));
    }
    if line.get(value) == Some(&b'\'') {
        if let Some(length) = single_end(&line[value + 1..]) {
            let end = value + 1 + length;
            return Some((key, Span::new(value + 1, end), true, end + 1));
        }
    }
    let end = value + line[value..].iter().take_while(|byte| **byte != b' ').count();
    Some((key, Span::new(value, end), false, end))
}

/// A line is logfmt where it begins with pairs that give a level or a message.
pub fn head(line: &[u8], clock: &mut Clock) -> Option<Head> {
    let mut vocabulary = Vocabulary::default();
    let mut at = 0;
    let mut pairs = 0;
    while let Some((key, value, _, rest)) = pair(line, at) {
        vocabulary.take(key, line, value, clock);
        at = rest;
        pairs += 1;
    }
    (pairs >= 2 && vocabulary.is_log()).then(|| vocabulary.head(line))
}

pub fn fields<'a>(line: &'a [u8], take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
    let mut at = 0;
    while let Some((key, value, quoted, rest)) = pair(line, at) {
        at = rest;
        let Ok(key) = std::str::from_utf8(key) else { continue };
        if !Vocabulary::knows(key.as_bytes()) {
            take(key, if quoted { unescape(value.of(line)) } else { Cow::Borrowed(value.of(line)) });
        }
    }
}
