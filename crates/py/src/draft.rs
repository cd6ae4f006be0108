//! A record being put together, and how much of a text is kept.
use std::borrow::Cow;
use std::cell::Cell;

use cordwood_core::frame::{self, HEAD};
use cordwood_core::redact::Redactor;
use pyo3::prelude::*;

use crate::runtime::caches;

/// A record being put together: its flags and the payload after the fixed part.
pub struct Draft<'py> {
    py: Python<'py>,
    pub flags: u8,
    pub bytes: Vec<u8>,
}

/// Rendering may log, whose rendering may log: so deep and no deeper.
const DEEPEST: u32 = 16;
// Each thread's own: rendering in one may give way to rendering in many others.
thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });

impl<'py> Draft<'py> {
    /// None where records are taken within records too deep; the caller counts that one as lost.
    pub fn new(py: Python<'py>) -> Option<Self> {
        if DEPTH.get() == DEEPEST {
            return None;
        }
        let mut bytes = caches(py, |caches| caches.scratch.pop()).flatten().unwrap_or_default();
        DEPTH.set(DEPTH.get() + 1);
        bytes.clear();
        bytes.resize(HEAD, 0);
        Some(Self { py, flags: 0, bytes })
    }

    /// Writes a section whose length stands before it.
    pub fn section(&mut self, act: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        act(&mut self.bytes);
        let len = (self.bytes.len() - at - 4) as u32;
        self.bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }

    pub fn text(&mut self, text: &str) {
        frame::put_text(text, &mut self.bytes);
    }
}

/// Beyond a cut so much is looked at, because a secret that begins before it may end behind it.
pub const MARGIN: usize = 16 << 10;

/// A text as it is kept: redacted, and cut. What lies far behind the cut is not even looked at, so that a text of any size
/// costs its caller no more than the longest that may be kept.
pub fn kept<'a>(redactor: &Redactor, text: &'a str, most: usize) -> Cow<'a, str> {
    if text.len() > LARGE && !has_memory(COPIES * text.len().min(most)) {
        return Cow::Owned(format!("(a text of {} bytes: there was no memory for it)", text.len()));
    }
    if text.len() <= most {
        return redactor.redact_text(text);
    }
    let near = redactor.redact_text(&text[..floor_char(text, most.saturating_add(MARGIN))]);
    let end = floor_char(&near, most);
    Cow::Owned(format!("{} … [{} bytes cut]", &near[..end], text.len() - end))
}

/// Larger texts are asked for memory first: an allocation that fails ends the process.
const LARGE: usize = 64 << 10;
/// So often a text is copied on its way into a file, at most.
const COPIES: usize = 8;

fn has_memory(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

pub fn floor_char(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        DEPTH.set(DEPTH.get() - 1);
        let _ = caches(self.py, |caches| {
            if bytes.capacity() <= 64 << 10 {
                caches.scratch.push(bytes);
            }
        });
    }
}
