//! A segment's bytes: a file's, or memory's that this process wrote.
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;

use crate::system::fork::Held;
use crate::system::words::Lent;

/// Where a segment's bytes are.
pub enum Bytes {
    File(Held),
    /// This process's own, in its memory.
    Memory(Arc<dyn Lent>),
}

impl Bytes {
    pub(super) fn read_at(&self, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Self::File(file) => read_at(file, bytes, offset),
            Self::Memory(map) => Ok(map.read(offset as usize, bytes)),
        }
    }

    pub(super) fn len(&self) -> std::io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Memory(map) => Ok(map.size() as u64),
        }
    }
}

fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    // What is read later is not older than this.
    fence(Ordering::Acquire);
    Ok(done)
}
