//! JSON's strings.
use std::borrow::Cow;

use memchr::memchr2;

/// Where the string ends whose opening quote stands before `text`: the place of the closing one.
#[inline]
pub(super) fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The same of a single quote before `text`, as Python writes a text's `repr`: a space follows it, or nothing.
pub(super) fn single_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'\'', b'\\', text.get(at..)?)?;
        if text[at] == b'\\' {
            at += 2;
        } else if matches!(text.get(at + 1), None | Some(b' ')) {
            return Some(at);
        } else {
            at += 1;
        }
    }
}

/// A JSON string's text. Lone surrogates become the replacement character.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else { return Cow::Borrowed(text) };
    let mut out = text[..first].to_vec();
    let mut at = first;
    while at < text.len() {
        if text[at] != b'\\' {
            let next = memchr::memchr(b'\\', &text[at..]).map_or(text.len(), |next| at + next);
            out.extend_from_slice(&text[at..next]);
            at = next;
            continue;
        }
        let escape = text.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (decoded, length) = unicode(&text[at..]);
                at += length;
                out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// The character of `\u` whose digits begin `text`, and how many bytes it took.
fn unicode(text: &[u8]) -> (char, usize) {
    let Some(high) = hex(text) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if (0xD800..0xDC00).contains(&high) && text[4..].starts_with(b"\\u") {
        if let Some(low) = hex(&text[6..]).filter(|low| (0xDC00..0xE000).contains(low)) {
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
        }
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}
