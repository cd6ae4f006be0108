//! A record being put together, and how much of a text is kept.
use std::borrow::Cow;

use cordwood_core::formatters::redact::Redactor;
use cordwood_core::record::frame::{self, HEAD};
use pyo3::prelude::*;

use crate::runtime::caches;
use crate::thread;

/// A record being put together: its flags and the payload after the fixed part.
pub struct Draft<'py> {
    py: Python<'py>,
    pub flags: u8,
    pub bytes: Vec<u8>,
}

impl<'py> Draft<'py> {
    /// None where records are taken within records too deep; the caller counts that one as lost.
    pub fn new(py: Python<'py>) -> Option<Self> {
        if !thread::begin_draft() {
            return None;
        }
        let mut bytes = caches(py, |caches| caches.scratch.pop()).flatten().unwrap_or_default();
        bytes.clear();
        bytes.resize(HEAD, 0);
        Some(Self { py, flags: 0, bytes })
    }

    pub fn text(&mut self, text: &str) {
        frame::put_text(text, &mut self.bytes);
    }
}

/// Writes a section whose length stands before it.
#[inline]
pub fn section<R>(out: &mut Vec<u8>, act: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let result = act(out);
    let len = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&len.to_le_bytes());
    result
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
        thread::end_draft();
        let _ = caches(self.py, |caches| {
            if bytes.capacity() <= 64 << 10 {
                caches.scratch.push(bytes);
            }
        });
    }
}
