//! Text of a format nobody told: a time at the head, perhaps behind a level or a bracket, and what follows it.
use super::{is_name, level, Head, Span};
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
    let apart = matches!(line.get(end), Some(b':' | b']' | b'|' | b'>' | b')'))
        || line[end..].starts_with(b" - ")
        || line[end..].starts_with(b" | ");
    // `host:5000` is an address, `app.py:42` a place.
    let counted = line[end..].first() == Some(&b':') && line.get(end + 1).is_some_and(u8::is_ascii_digit);
    is_name(&line[start..end]) && apart && !counted && !is_exception(&line[start..end])
}

/// `ValueError: it` begins with no logger.
fn is_exception(name: &[u8]) -> bool {
    const ENDS: [&[u8]; 3] = [b"Error", b"Exception", b"Warning"];
    ENDS.iter().any(|end| name.ends_with(end))
}

/// A name before the level, as Python's documentation has it: `myapp.area1 INFO     it`.
fn is_before_level(line: &[u8], start: usize, end: usize) -> bool {
    let next = end + line[end..].iter().take_while(|byte| **byte == b' ').count();
    let following = &line[next..word(line, next)];
    let is_level = level::named(following) != 0 && following.iter().all(u8::is_ascii_uppercase);
    next > end && is_level && is_name(&line[start..end])
}

/// Where `app.py:42` ends, which says where the call stands.
fn place(line: &[u8], start: usize, end: usize) -> Option<usize> {
    let digits = line.get(end + 1..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (line[start..end].ends_with(b".py") && line[end] == b':' && digits > 0).then_some(end + 1 + digits)
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
        let mut end = word(line, at);
        let named = level::named(&line[at..end]);
        let seeks_logger = found.logger.is_empty();
        if named != 0 && found.level == 0 {
            found.level = named;
        } else if seeks_logger && (is_logger(line, at, end) || found.level == 0 && is_before_level(line, at, end)) {
            found.logger = Span::new(at, end);
        } else if let Some(behind) = place(line, at, end) {
            end = behind;
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
