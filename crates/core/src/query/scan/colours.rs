//! Terminal codes taken out of text: what a program wrote to a terminal and somebody kept.
use std::io;

use super::Input;

/// Where in a code the bytes read so far end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Behind the escape.
    Escape,
    /// Among a code's parameters.
    Code,
}

/// A source without its codes (`ESC [ … letter`). Its places are not the file's, so it is read from begin to end.
pub struct Coloured {
    inner: Input,
    at: At,
}

/// What colours begin with.
pub const ESCAPE: &[u8] = b"\x1b[";

impl Coloured {
    /// What is left of `inner`, of which `begun` was read: that is stripped too, and its new length returned.
    pub fn new(inner: Input, begun: &mut [u8]) -> (Self, usize) {
        let mut coloured = Self { inner, at: At::Text };
        let length = coloured.strip(begun);
        (coloured, length)
    }

    pub fn inner(&self) -> &Input {
        &self.inner
    }

    /// The source as it is.
    pub fn back(self) -> Input {
        self.inner
    }

    /// Takes the codes out; how many bytes are left.
    pub fn strip(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        for place in 0..bytes.len() {
            let byte = bytes[place];
            self.at = match (self.at, byte) {
                (At::Text | At::Escape, 0x1b) => At::Escape,
                (At::Escape, b'[') | (At::Code, b' '..=b'?') => At::Code,
                (At::Code, b'@'..=b'~') => At::Text,
                // Text, or no code after all.
                _ => {
                    bytes[kept] = byte;
                    kept += 1;
                    At::Text
                }
            };
        }
        kept
    }

    /// The next bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.inner.read(buffer)?;
            let kept = self.strip(&mut buffer[..read]);
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

/// A text without its terminal codes; None where it has none.
pub fn without(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(text, ESCAPE)?;
    let mut bytes = text.to_vec();
    let (_, length) = Coloured::new(Input::memory(Vec::new()), &mut bytes);
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_out_wherever_a_read_cuts_them() {
        let text = b"\x1b[32mINFO\x1b[0m a [1] \x1b[1;38;5;9mb\x1b[K\n".to_vec();
        for cut in 0..text.len() {
            let mut begun = text[..cut].to_vec();
            let (mut rest, length) = Coloured::new(Input::memory(text[cut..].to_vec()), &mut begun);
            begun.truncate(length);
            let mut block = [0; 3];
            loop {
                match rest.read(&mut block).unwrap() {
                    0 => break,
                    read => begun.extend_from_slice(&block[..read]),
                }
            }
            assert_eq!(begun, b"INFO a [1] b\n", "cut at {cut}");
        }
    }
}
