//! UTF-16, as Windows writes it, known by its byte order mark.
use super::changed::Change;

pub struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    /// Bytes that are no whole character yet.
    rest: Vec<u8>,
}

impl Utf16 {
    /// What decodes a text that begins so; None where it is not UTF-16.
    pub fn of(begin: &[u8]) -> Option<Self> {
        let unit = match begin {
            [0xff, 0xfe, 0, 0, ..] => return None, // UTF-32
            [0xff, 0xfe, ..] => u16::from_le_bytes,
            [0xfe, 0xff, ..] => u16::from_be_bytes,
            _ => return None,
        };
        Some(Self { unit, rest: Vec::new() })
    }
}

impl Change for Utf16 {
    fn change(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        self.rest.extend_from_slice(bytes);
        let mut units: Vec<u16> = self.rest.chunks_exact(2).map(|pair| (self.unit)([pair[0], pair[1]])).collect();
        // The first half of a character waits for the second.
        if !last && units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
            units.pop();
        }
        self.rest.drain(..2 * units.len());
        for letter in char::decode_utf16(units) {
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_wherever_a_read_cuts_it() {
        let text = "\u{feff}2026 größer 😀 a\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            for cut in 2..bytes.len() {
                let mut utf16 = Utf16::of(&bytes).unwrap();
                let mut out = Vec::new();
                utf16.change(&bytes[..cut], false, &mut out);
                utf16.change(&bytes[cut..], false, &mut out);
                utf16.change(b"", true, &mut out);
                assert_eq!(String::from_utf8(out).unwrap(), text, "cut at {cut}");
            }
        }
        assert!(Utf16::of(b"2026").is_none());
    }

    #[test]
    fn what_is_no_character_is_shown_as_such() {
        let mut out = Vec::new();
        Utf16::of(b"\xff\xfe").unwrap().change(b"\x00\xd8a\x00\x3d\xd8", true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\u{fffd}a\u{fffd}");
    }
}
