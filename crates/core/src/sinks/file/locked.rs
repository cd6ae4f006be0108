//! A log file under its lock: what may go into it, the write, the rotation.
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Open, Place, ROTATION_PAUSE};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::sinks::fs::{append, FileId, FileSystem, Handle};
use crate::sinks::names::{period, Names, When};
use crate::sinks::rotate;

/// After so many bytes the disk is given something to do.
const SYNC_STEP: u64 = 2 << 20;

/// The file under its lock, until dropped.
#[derive(Debug)]
pub struct Locked<'a> {
    pub(super) place: &'a mut Place,
    pub(super) file: &'a mut Open,
    pub(super) len: u64,
}

impl Locked<'_> {
    pub fn id(&self) -> FileId {
        self.file.id
    }

    /// Bytes in the file.
    pub fn length(&self) -> u64 {
        self.len
    }

    /// What may still go into this file.
    pub fn room(&self) -> Room {
        let rotates = self.place.rotates();
        Room {
            max_bytes: if rotates { self.place.options.max_bytes } else { 0 },
            when: if rotates { self.place.options.when } else { When::Always },
            length: self.len,
            since_ns: self.file.since_ns,
        }
    }

    pub(crate) fn fs(&self) -> Arc<dyn FileSystem> {
        Arc::clone(&self.place.fs)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.place.path
    }

    pub(crate) fn names(&self) -> &Names {
        &self.place.names
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.file.handle
    }

    /// Ends a line that others left torn.
    pub(crate) fn start_line(&mut self) -> Result<()> {
        if self.len == 0 || self.file.end == Some(self.len) {
            return Ok(());
        }
        let mut last = [b'\n'];
        let Place { fs, path, .. } = &*self.place;
        fs.read_at(&self.file.handle, &mut last, self.len - 1).map_err(|e| Error::io("read", path, e))?;
        if last == *b"\n" {
            return Ok(());
        }
        self.append(b"\n")
    }

    /// Appends a batch of whole lines; `since_ns` is the time of the file's first record ([`Room::since_ns`]). After an
    /// error part of it may stand there: the outbox finishes it.
    pub fn write(&mut self, bytes: &[u8], since_ns: i64) -> Result<()> {
        self.file.since_ns = Some(since_ns);
        failpoint!("file.write").map_err(|e| Error::io("write", &self.place.path, e))?;
        self.append(bytes)?;
        self.begin_sync();
        failpoint!("file.written").map_err(|e| Error::io("write", &self.place.path, e))
    }

    /// Has the disk keep up, so that the sync each second, at a rotation or at the end waits for little.
    fn begin_sync(&mut self) {
        let begun = self.file.sync_begun.min(self.len);
        if self.len - begun >= SYNC_STEP {
            self.place.fs.begin_sync(&self.file.handle, begun, self.len - begun);
            self.file.sync_begun = self.len;
        }
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let (written, result) = self.append_in_parts(bytes);
        self.len += written as u64;
        self.file.end = result.is_ok().then_some(self.len);
        result.map_err(|e| Error::io("write", &self.place.path, e))
    }

    #[cfg(not(feature = "failpoints"))]
    fn append_in_parts(&self, bytes: &[u8]) -> (usize, io::Result<()>) {
        append(&*self.place.fs, &self.file.handle, bytes)
    }

    /// With a place in the middle of the batch.
    #[cfg(feature = "failpoints")]
    fn append_in_parts(&self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let half = if crate::system::failpoint::is_armed("file.part") { bytes.len() / 2 } else { 0 };
        let (written, result) = append(&*self.place.fs, &self.file.handle, &bytes[..half]);
        if let Err(e) = result.and_then(|()| failpoint!("file.part")) {
            return (written, Err(e));
        }
        let (more, result) = append(&*self.place.fs, &self.file.handle, &bytes[half..]);
        (written + more, result)
    }

    /// Makes durable what was written.
    pub fn sync(&mut self) -> Result<()> {
        self.place.sync(self.file)
    }

    /// Moves the file to its backup's name; the next [`LogFile::lock`] makes a new one. `utc_offset` (seconds east) is
    /// that of the record that did not fit.
    ///
    /// An error need not stop anyone: for ten seconds [`Room`] is boundless and the file just grows.
    pub fn rotate(self, utc_offset: i32) -> Result<()> {
        let Place { fs, names, path, options, .. } = &*self.place;
        let start = names.period(self.file.since_ns.unwrap_or(0), utc_offset);
        let result = rotate::rotate(&**fs, names, path, options.backup_count, start);
        let result = result.map_err(|e| Error::io("rotate", path, e));
        self.place.no_rotation_before = result.is_err().then(|| Instant::now() + ROTATION_PAUSE);
        self.place.unlock(self.file); // The compressor needs it.
        self.place.compress();
        result
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.place.unlock(self.file);
    }
}

/// What may still go into a file before it must rotate.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    max_bytes: u64,
    when: When,
    length: u64,
    since_ns: Option<i64>,
}

impl Room {
    /// Takes the place of one record of `len` bytes, or says that the file must rotate first: as in `logging.handlers`
    /// when it would reach `max_bytes`, or when the record's local time is at or after the period's end. An empty file
    /// takes anything.
    pub fn take(&mut self, len: usize, time_ns: i64, utc_offset: i32) -> bool {
        let length = self.length + len as u64;
        let full = self.max_bytes > 0 && length >= self.max_bytes;
        let over = self
            .since_ns
            .is_some_and(|since_ns| period(self.when, time_ns, utc_offset) > period(self.when, since_ns, utc_offset));
        if self.length > 0 && (full || over) {
            return false;
        }
        self.length = length;
        self.since_ns.get_or_insert(time_ns);
        true
    }

    /// The time of the first record in the file, taken ones included.
    pub fn since_ns(&self) -> i64 {
        self.since_ns.unwrap_or(0)
    }
}
