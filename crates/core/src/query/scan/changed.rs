//! A source whose bytes are other text before they are cut into records. Its places are not the file's, so it is read from
//! begin to end.
use std::io;

use super::Input;

const BLOCK: usize = 64 << 10;

/// What makes text of bytes, block after block.
pub trait Change: Send + Sync {
    /// Appends what `bytes` come to; `last` where none follow.
    fn change(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>);
}

pub struct Changed {
    inner: Input,
    change: Box<dyn Change>,
    /// What was read before.
    begun: Vec<u8>,
    block: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` is given.
    at: usize,
    ended: bool,
}

impl Changed {
    /// What is left of `inner`, of which `begun` was read.
    pub fn new(inner: Input, begun: Vec<u8>, change: Box<dyn Change>) -> Self {
        Self { inner, change, begun, block: vec![0; BLOCK], out: Vec::new(), at: 0, ended: false }
    }

    pub fn inner(&self) -> &Input {
        &self.inner
    }

    /// The next bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            if self.ended {
                return Ok(0);
            }
            self.out.clear();
            self.at = 0;
            let begun = std::mem::take(&mut self.begun);
            if begun.is_empty() {
                let read = self.inner.read(&mut self.block)?;
                self.ended = read == 0;
                self.change.change(&self.block[..read], self.ended, &mut self.out);
            } else {
                self.change.change(&begun, false, &mut self.out);
            }
        }
        let given = (self.out.len() - self.at).min(buffer.len());
        buffer[..given].copy_from_slice(&self.out[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}
