//! Text that cannot forge lines, colours or reading order in a log file.
//!
//! A newline becomes a newline and two spaces, so that a line at the margin is always a record's own. Control
//! characters, ANSI's ESC among them, line and paragraph separators and bidi marks become `\xNN` or `\uNNNN`. Tabs stay.

/// Appends a value's text.
pub fn push(text: &str, out: &mut Vec<u8>) {
    push_with("\n  ", text, out);
}

/// Appends text whose lines are meant to stand at the margin: a traceback, a stack.
pub fn push_lines(text: &str, out: &mut Vec<u8>) {
    push_with("\n", text, out);
}

/// Escapes what was appended to `out` from `start` on, as [`push`] does. It must be UTF-8.
pub fn escape_tail(out: &mut Vec<u8>, start: usize) {
    if let Some(at) = first_special(&out[start..]) {
        let tail = out.split_off(start + at);
        push(&String::from_utf8_lossy(&tail), out);
    }
}

fn push_with(newline: &str, text: &str, out: &mut Vec<u8>) {
    let Some(at) = first_special(text.as_bytes()) else {
        return out.extend_from_slice(text.as_bytes());
    };
    let mut kept = 0;
    for (i, c) in text[at..].char_indices() {
        let i = at + i;
        if !is_special(c) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[kept..i]);
        kept = i + c.len_utf8();
        match c {
            '\n' => out.extend_from_slice(newline.as_bytes()),
            '\r' if text[kept..].starts_with('\n') => {}
            _ => push_escape(c as u32, out),
        }
    }
    out.extend_from_slice(&text.as_bytes()[kept..]);
}

fn is_special(c: char) -> bool {
    match c {
        '\t' | ' '..='~' => false,
        _ => matches!(c,
            '\0'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
        ),
    }
}

fn push_escape(code: u32, out: &mut Vec<u8>) {
    let (letter, digits) = if code < 0x100 { (b'x', 2) } else { (b'u', 4) };
    out.extend_from_slice(&[b'\\', letter]);
    for shift in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(code >> (4 * shift) & 15) as usize]);
    }
}

/// The first byte that is not printable ASCII: most text has none, and eight bytes are looked at together.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let words = bytes.chunks_exact(8);
    let last = bytes.last_chunk().map_or(0, |word| specials(*word));
    let clean = words.take_while(|chunk| chunk.first_chunk().is_some_and(|word| specials(*word) == 0)).count() * 8;
    if bytes.len() >= 8 && bytes.len() - clean < 8 && last == 0 {
        return None;
    }
    bytes[clean..].iter().position(|byte| !matches!(byte, b' '..=b'~')).map(|i| clean + i)
}

/// Not 0 if one of eight bytes is not printable ASCII.
fn specials(word: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    // Each term sets a byte's high bit where it is 0x80 and up, 0x7f, or below 0x20. A carry or borrow
    // can only start in a byte that is special itself, so the test is exact for the word as a whole.
    (word | word.wrapping_add(ONES) | word.wrapping_sub(ONES * 0x20)) & (ONES * 0x80)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pushed(text: &str) -> String {
        let mut out = Vec::new();
        push(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn newlines_are_indented_and_controls_escaped() {
        let cases = [
            ("plain text, a\ttab, é 漢 😀", "plain text, a\ttab, é 漢 😀"),
            ("a\nb\r\nc\rd", "a\n  b\n  c\\x0dd"),
            ("a\r\r\n", "a\\x0d\n  "),
            ("\x1b[31mred\x07\0", "\\x1b[31mred\\x07\\x00"),
            ("\x0b\x0c\x1c\x7f\u{80}\u{85}\u{9f}\u{a0}", "\\x0b\\x0c\\x1c\\x7f\\x80\\x85\\x9f\u{a0}"),
            ("\u{61c}\u{200d}\u{200e}\u{200f}", "\\u061c\u{200d}\\u200e\\u200f"),
            ("\u{2027}\u{2028}\u{2029}\u{202a}\u{202e}\u{202f}", "\u{2027}\\u2028\\u2029\\u202a\\u202e\u{202f}"),
            ("\u{2065}\u{2066}\u{2069}\u{206a}\u{feff}", "\u{2065}\\u2066\\u2069\u{206a}\\ufeff"),
        ];
        for (text, want) in cases {
            assert_eq!(pushed(text), want);
        }
    }

    #[test]
    fn a_traceback_keeps_its_lines_and_loses_its_controls() {
        let mut out = Vec::new();
        push_lines("Traceback:\r\n  \x1b[1m\nE", &mut out);
        assert_eq!(out, b"Traceback:\n  \\x1b[1m\nE");
    }

    #[test]
    fn only_what_was_appended_is_escaped() {
        let mut out = b"a\nb\nc\n".to_vec();
        escape_tail(&mut out, 4);
        assert_eq!(out, b"a\nb\nc\n  ");
    }

    proptest! {
        #[test]
        fn one_special_byte_is_found_wherever_it_stands(prefix in "[ -~]{0,40}", byte in 0_u8.., suffix in "[ -~]{0,40}") {
            let mut bytes = prefix.clone().into_bytes();
            bytes.push(byte);
            bytes.extend_from_slice(suffix.as_bytes());
            let want = (!matches!(byte, b' '..=b'~')).then_some(prefix.len());
            prop_assert_eq!(first_special(&bytes), want);
        }

        #[test]
        fn nothing_special_is_left_but_indented_newlines(text in "\\PC{0,30}|[\\x00-\\xff\u{2020}-\u{2070}]{0,30}") {
            let escaped = pushed(&text);
            for (i, c) in escaped.char_indices() {
                let indented = c == '\n' && escaped[i + 1..].starts_with("  ");
                prop_assert!(!is_special(c) || indented);
            }
        }
    }
}
