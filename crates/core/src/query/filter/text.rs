//! A text looked for in bytes, as fast as they are read.
use memchr::arch::all::packedpair::Pair;
use memchr::memmem::Finder;

/// A text; without a capital letter it is found in any case (ASCII).
#[derive(Debug)]
pub enum Text {
    Exact(Box<Finder<'static>>),
    AnyCase(AnyCase),
}

/// Bytes that are looked at together, and for a hit's exact place.
const BLOCK: usize = 64;
/// Bytes of the text that are compared everywhere; only where all of them stand is the whole text compared.
const PROBES: usize = 3;

/// A text in lower case, found in any case.
///
/// Each block's bytes are compared with three of the text's, the rarest among them, without a branch: compilers make
/// vector instructions of that.
#[derive(Debug)]
pub struct AnyCase {
    text: Vec<u8>,
    /// Places in the text, and the bits that a letter's two cases differ in: 0x20, or 0 for what is no letter.
    probes: [(usize, u8); PROBES],
}

impl Text {
    pub fn new(text: &str) -> Self {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) || !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Self::Exact(Box::new(Finder::new(text.as_bytes()).into_owned()));
        }
        Self::AnyCase(AnyCase::new(text.as_bytes()))
    }

    #[inline]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Exact(finder) => finder.find(bytes),
            Self::AnyCase(text) => text.find(bytes),
        }
    }
}

impl AnyCase {
    fn new(text: &[u8]) -> Self {
        let last = text.len() - 1;
        // Of one byte there is no pair.
        let (one, two) =
            Pair::new(text).map_or((0, 0), |pair| (usize::from(pair.index1()), usize::from(pair.index2())));
        let third = (0..=last).rev().find(|place| *place != one && *place != two).unwrap_or(one);
        let probe = |place: usize| (place, if text[place].is_ascii_lowercase() { 0x20 } else { 0 });
        Self { text: text.to_vec(), probes: [probe(one), probe(two), probe(third)] }
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        // Where the text may begin: each probe's own view of the bytes has this length.
        let starts = (bytes.len() + 1).checked_sub(self.text.len())?;
        let views = self.probes.map(|(place, _)| &bytes[place..place + starts]);
        let block = |probe: usize, at: usize| views[probe][at..].first_chunk::<BLOCK>();
        let mut at = 0;
        while let (Some(one), Some(two), Some(three)) = (block(0, at), block(1, at), block(2, at)) {
            if self.may_be([one, two, three]) {
                if let Some(found) = self.find_from(bytes, at, at + BLOCK) {
                    return Some(found);
                }
            }
            at += BLOCK;
        }
        self.find_from(bytes, at, starts)
    }

    /// Whether all three probes stand at some place of a block.
    #[inline]
    fn may_be(&self, views: [&[u8; BLOCK]; PROBES]) -> bool {
        let probes = self.probes.map(|(place, case)| (self.text[place], case));
        let is = |byte: u8, (wanted, case): (u8, u8)| u8::from(byte | case == wanted);
        let mut found = 0;
        for ((one, two), three) in views[0].iter().zip(views[1]).zip(views[2]) {
            found |= is(*one, probes[0]) & is(*two, probes[1]) & is(*three, probes[2]);
        }
        found != 0
    }

    /// The first place among some at which the text begins.
    fn find_from(&self, bytes: &[u8], from: usize, to: usize) -> Option<usize> {
        (from..to).find(|start| bytes[*start..*start + self.text.len()].eq_ignore_ascii_case(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slowly(bytes: &[u8], text: &str) -> Option<usize> {
        bytes.windows(text.len()).position(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }

    #[test]
    fn a_text_is_found_in_any_case_at_every_place_of_a_block() {
        for text in ["u", "us", "user777", "a-b_c@d", "timed out", "éx"] {
            for length in [0, 1, 7, 63, 64, 65, 127, 128, 200] {
                assert_eq!(Text::new(text).find(&vec![b'7'; length]), None, "{text} in {length}");
                for place in 0..=length {
                    let mut bytes = vec![b'7'; place];
                    bytes.extend_from_slice(text.to_ascii_uppercase().as_bytes());
                    bytes.resize(length + text.len(), b'.');
                    assert_eq!(Text::new(text).find(&bytes), Some(place), "{text} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn what_differs_in_more_than_case_is_not_found() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for text in ["`abc", "a@z", "{x", "m-", "zz"] {
            assert_eq!(Text::new(text).find(&bytes), slowly(&bytes, text), "{text}");
        }
        assert_eq!(Text::new("a-m").find(b"A\rM A-M"), Some(4));
    }

    #[test]
    fn a_capital_letter_makes_case_count_and_text_without_letters_is_exact() {
        assert_eq!(Text::new("User").find(b"user User"), Some(5));
        assert_eq!(Text::new("42").find(b"user 42"), Some(5));
    }
}
