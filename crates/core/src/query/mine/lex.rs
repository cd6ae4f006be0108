//! Words, separators and variables of a message, by what their bytes are.
use std::ops::Range;

use super::routes::route;

/// What a byte can be part of.
const WORD: u8 = 1;
const DIGIT: u8 = 2;
/// In a word, these make it a variable: `\` of a Windows path, `@` of an address or an object's hash.
const MARK: u8 = 4;
const SPACE: u8 = 8;
/// Letters, and all that is not ASCII.
const LETTER: u8 = 16;
/// Of a path or a dotted name, where they stand twice.
const SLASH: u8 = 32;
const DOT: u8 = 64;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => WORD | DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | 128.. => WORD | LETTER,
            b'\\' | b'@' => WORD | MARK,
            b'/' => WORD | SLASH,
            b'.' => WORD | DOT,
            b'_' | b'-' | b'$' | b'%' | b'+' | b'~' | b'*' => WORD,
            b' ' | b'\t' | b'\r' | b'\n' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Digits of a hexadecimal number without a decimal digit: as many are no word.
const LONG_HEX: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Space,
    Separator,
    Word,
    Variable,
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// What stands at `start`, and where it ends. The end of the text must not be reached yet.
pub fn next(text: &[u8], start: usize) -> (Part, usize) {
    let of_first = class(text[start]);
    if of_first & SPACE != 0 {
        let end = text[start..].iter().position(|b| class(*b) & SPACE == 0).map_or(text.len(), |n| start + n);
        return (Part::Space, end);
    }
    if of_first & WORD == 0 {
        return (Part::Separator, start + 1);
    }
    if let Some(end) = route(text, start) {
        return (Part::Word, end);
    }
    let (end, found) = word(text, start);
    if found & (DIGIT | MARK) != 0 || (found & LETTER != 0 && is_variable(&text[start..end], found, start == 0)) {
        return (Part::Variable, end);
    }
    if found & LETTER == 0 {
        // Dots, dashes, stars: one run of the same.
        let run = text[start..].iter().take_while(|b| **b == text[start]).count();
        return (Part::Separator, start + run);
    }
    (Part::Word, end)
}

/// Where the variable at `start` ends, if there is one.
#[inline]
pub fn variable(text: &[u8], start: usize) -> Option<usize> {
    if start >= text.len() || (matches!(text[start], b'.' | b'/') && begins_none(text, start)) {
        return None;
    }
    let (end, found) = word(text, start);
    let is = found & (DIGIT | MARK) != 0 || (found & LETTER != 0 && is_variable(&text[start..end], found, start == 0));
    is.then_some(end)
}

/// Whether the dot or slash at `start` begins no variable: the second of two dots belongs to the first, and of a request's
/// path the first part is a word.
fn begins_none(text: &[u8], start: usize) -> bool {
    (text[start] == b'.' && start > 0 && text[start - 1] == b'.') || route(text, start).is_some()
}

/// The end of the word at `start`, without dots and dashes at its end, and the classes of bytes in it.
#[inline]
fn word(text: &[u8], start: usize) -> (usize, u8) {
    let (mut end, mut found) = (start, 0);
    while let Some(&byte) = text.get(end) {
        let of = class(byte);
        if of & WORD == 0 {
            // The colon of a URL is part of it.
            if byte == b':' && found & LETTER != 0 && text[end + 1..].starts_with(b"//") {
                end += 3;
                found |= MARK;
                continue;
            }
            break;
        }
        if of & DOT != 0 && text.get(end + 1) == Some(&b'.') {
            break;
        }
        found |= of;
        end += 1;
    }
    while end > start && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    (end, if end == start { 0 } else { found })
}

/// Whether a word without digits is one all the same: a path, a dotted name, a long hexadecimal number, a truth value.
/// A message's first word is what the program calls itself or does, even with a dot in it.
fn is_variable(word: &[u8], found: u8, first: bool) -> bool {
    let count = |wanted: u8| memchr::memchr_iter(wanted, word).count();
    (found & SLASH != 0 && (word[0] == b'/' || word.starts_with(b"./") || word.starts_with(b"~/") || count(b'/') > 1))
        || (found & DOT != 0 && (count(b'.') > 1 || (!first && word[0] != b'.' && count(b'.') == 1)))
        || (word.len() >= LONG_HEX && word.iter().all(u8::is_ascii_hexdigit))
        || word.eq_ignore_ascii_case(b"true")
        || word.eq_ignore_ascii_case(b"false")
}

/// A message's parts in order.
pub fn parts(text: &[u8]) -> impl Iterator<Item = (Part, Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        (at < text.len()).then(|| {
            let (part, end) = next(text, at);
            let range = at..end;
            at = end;
            (part, range)
        })
    })
}
