//! What the lines of a record hold: its logger, its message, its traceback.
use std::borrow::Cow;

use memchr::{memchr, memmem, memrchr};

use super::TRACEBACK;
use crate::query::formats::{traceback, unescape};

/// A message, and a traceback.
pub(super) type Parts<'a> = (&'a [u8], &'a [u8]);

/// Of strings with escapes.
pub(super) fn escaped<'a>(
    (message, exception): Parts<'a>,
    (told, raised): (&'a mut Vec<u8>, &'a mut Vec<u8>),
    finder: &memmem::Finder<'_>,
) -> Parts<'a> {
    let message = decoded(message, told);
    if !exception.is_empty() {
        return (message, printed(exception, raised));
    }
    // The journal, and others, keep both in one.
    let found = memchr(b'\n', message).and_then(|_| finder.find(message));
    match found.filter(|found| *found > 0 && message[found - 1] == b'\n') {
        Some(found) => (message[..found].trim_ascii_end(), &message[found..]),
        None => (message, exception),
    }
}

/// Of a line and what stands below it; a traceback begins there at `begin`.
pub(super) fn stamped<'a>(
    message: &'a [u8],
    begin: usize,
    (told, below): (&'a mut Vec<u8>, &'a mut Vec<u8>),
) -> Parts<'a> {
    if message.starts_with(TRACEBACK) {
        below.splice(0..0, [message, b"\n"].concat());
        return (last_line(below), below);
    }
    let (before, behind) = below.split_at(begin);
    told.clear();
    told.extend_from_slice(message);
    if !before.trim_ascii().is_empty() {
        told.push(b'\n');
        told.extend_from_slice(before.trim_ascii_end());
    }
    (told, behind)
}

/// Of a record of several lines; the first ends at `first`, the message's part of it is at `start`.
pub(super) fn of_lines<'a>(
    raw: &'a [u8],
    first: usize,
    (start, end): (usize, usize),
    told: &'a mut Vec<u8>,
    finder: &memmem::Finder<'_>,
) -> Parts<'a> {
    if raw.starts_with(TRACEBACK) {
        // Nothing but a traceback is told by its last line.
        return (last_line(raw), raw);
    }
    let found = finder.find(&raw[first..]).map(|found| group_start(raw, first + found)).or_else(|| boxed(raw, first));
    let (lines, exception) = raw.split_at(found.unwrap_or(raw.len()));
    let lines = if found.is_some() { lines.trim_ascii_end() } else { lines };
    if lines.len() <= first {
        let message = raw.get(start..end).unwrap_or_default();
        return (if found.is_some() { message.trim_ascii_end() } else { message }, exception);
    }
    // Lines between belong to the message, what stands behind it in its first line does not.
    if end >= first {
        return (lines.get(start..).unwrap_or_default(), exception);
    }
    told.clear();
    told.extend_from_slice(raw.get(start..end).unwrap_or_default());
    told.extend_from_slice(&lines[first..]);
    (told, exception)
}

/// Where the traceback begins whose first line has its words at `found`: a group's has a bar and more words before them.
pub(super) fn group_start(raw: &[u8], found: usize) -> usize {
    let Some(bar) = raw[..found].strip_suffix(b"+ Exception Group ") else { return found };
    bar.len() - bar.iter().rev().take_while(|byte| **byte == b' ').count()
}

/// Where a traceback begins that rich drew a box around, as structlog's console does.
fn boxed(raw: &[u8], from: usize) -> Option<usize> {
    let title = from + memmem::find(&raw[from..], "Traceback (most recent call last) ─".as_bytes())?;
    let start = memrchr(b'\n', &raw[..title])? + 1;
    raw[start..].starts_with("╭─".as_bytes()).then_some(start)
}

fn last_line(text: &[u8]) -> &[u8] {
    &text[memrchr(b'\n', text).map_or(0, |at| at + 1)..]
}

/// A traceback as Python prints it, in `scratch` where it holds escapes or is data.
fn printed<'a>(text: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    match traceback(text) {
        Some(text) => {
            *scratch = text;
            scratch
        }
        None => decoded(text, scratch),
    }
}

/// A JSON string's text, in `scratch` where it holds escapes.
pub(super) fn decoded<'a>(text: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    match unescape(text) {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => {
            *scratch = text;
            scratch
        }
    }
}
