//! Text of a format nobody told: a time at the head, perhaps behind a level or a bracket, and what follows it.
use super::{level, Head, Span};
use crate::query::when::Clock;

/// Words after the time among which a level and a logger are looked for.
const WORDS: usize = 6;

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'[' | b']' | b'(' | b')' | b'|' | b':' | b'-' | b'{' | b'}' | b',' | b'<' | b'>')
}

fn skip(line: &[u8], at: usize) -> usize {
    at + line[at..].iter().take_while(|byte| is_separator(**byte)).count()
}

fn word(line: &[u8], at: usize) -> usize {
    let inner = |i: &usize| {
        let byte = line[*i];
        // `a.b-c` and `host:5000` are one word; a separator ends it where a space or another separator follows.
        byte != b' '
            && (!is_separator(byte) || line.get(i + 1).is_some_and(|next| next.is_ascii_alphanumeric()) && byte == b'-')
    };
    (at..line.len()).take_while(inner).last().map_or(at, |last| last + 1)
}

/// A name with a dot, or one that `:`, `]` or ` - ` sets apart, is a logger.
fn is_logger(line: &[u8], start: usize, end: usize) -> bool {
    let name = &line[start..end];
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    let named = plain && name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let apart = matches!(line.get(end), Some(b':' | b']' | b'|' | b'>' | b')'))
        || line[end..].starts_with(b" - ")
        || line[end..].starts_with(b" | ");
    named && apart
}

pub fn head(line: &[u8], clock: &mut Clock) -> Option<Head> {
    let mut found = Head::message_only(Span::default());
    let mut at = usize::from(line[0] == b'[');
    if line.get(at)?.is_ascii_alphabetic() {
        let end = word(line, at);
        found.level = level::named(line[at..end].strip_suffix(b":").unwrap_or(&line[at..end]));
        if found.level == 0 {
            return None;
        }
        at = skip(line, end);
    }
    let (time, length) = clock.iso(&line[at.min(line.len())..])?;
    found.time = time;
    at += length;
    let mut message = skip(line, at);
    at = message;
    for _ in 0..WORDS {
        let end = word(line, at);
        let named = level::named(&line[at..end]);
        if named != 0 && found.level == 0 {
            found.level = named;
        } else if found.logger.is_empty() && is_logger(line, at, end) {
            found.logger = Span::new(at, end);
        } else if !line[at..end].iter().all(u8::is_ascii_digit) || end == at {
            break;
        }
        at = skip(line, end);
        message = at;
        if found.level != 0 && !found.logger.is_empty() {
            break;
        }
    }
    found.message = Span::new(message, line.len());
    Some(found)
}
