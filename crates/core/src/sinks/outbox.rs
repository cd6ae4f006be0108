//! A batch on its way to a file, kept so that whoever takes over can finish it: `<spool>/outbox-<sink hash>`.
//!
//! Two header slots of 4 KiB, then the batch's bytes. A header is written into the slot that is not the newest and counts
//! only if its checksum holds, so a torn header leaves the state before it. Bytes are written before the header that
//! speaks of them, and only while no batch is pending. All by `pwrite`: a full disk is an error, never a signal.
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result, NEWER};
use crate::failpoint;
use crate::sinks::fs::{memory, write_all_at, FileId, FileSystem, Handle, How, Kind, Reader};

const MAGIC: &[u8; 8] = b"CWOUTBOX";
const VERSION: u32 = 1;
const SLOT: usize = 4096;
const BYTES: u64 = 2 * SLOT as u64;
const CURSORS: usize = 112;

/// No outbox comes so far: a slot that says so is damaged, and there is no way on from it.
const LAST: u64 = 1 << 62;

/// The most segments one batch may draw from.
pub const MAX_CURSORS: usize = 128;

/// Where a batch goes and what is true once it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    pub target: FileId,
    /// Of the target, before the batch.
    pub length_before: u64,
    /// Time of the first record in the target file ([`crate::sinks::file::Room::since_ns`]).
    pub since_ns: i64,
    /// Records in the batch.
    pub records: u64,
    /// The sink's positions after the batch: (segment, position), at most [`MAX_CURSORS`].
    pub cursors: Vec<(u64, u64)>,
}

#[derive(Debug, Clone, Default)]
struct Header {
    generation: u64,
    pending: bool,
    intent: Intent,
    /// Bytes of the batch that stand in a file that is gone from the target's place: not owed to the target.
    skip: u64,
    length: u64,
    crc: u32,
    delivered_before: u64,
}

/// What a slot says.
enum Slot {
    Valid(Header),
    Newer,
    Damaged,
    /// Never written.
    Blank,
}

#[derive(Debug)]
pub struct Outbox {
    fs: Arc<dyn FileSystem>,
    file: Handle,
    path: PathBuf,
    header: Header,
    damaged: bool,
    /// The file's name is on the disk too.
    is_named: bool,
}

impl Outbox {
    /// Opens or makes the file. Content that is not an outbox's, or a batch whose bytes are damaged, is no batch:
    /// [`Self::damaged`] tells, and its records come again from the spool.
    ///
    /// Errors: `Io`; `Format` if a newer version of Cordwood wrote it, whose work this one must leave alone.
    pub fn open(fs: Arc<dyn FileSystem>, path: &Path) -> Result<Self> {
        let file = fs.open(path, How::Update, 0o600).map_err(|e| Error::io("open", path, e))?;
        Self::read(fs, file, path)
    }

    /// An outbox of a spool in memory, which has nobody to take over from: it is on no disk either.
    pub fn in_memory(fs: Arc<dyn FileSystem>) -> Result<Self> {
        let path = Path::new("outbox in memory");
        Self::read(fs, memory().map_err(|e| Error::io("make", path, e))?, path)
    }

    fn read(fs: Arc<dyn FileSystem>, file: Handle, path: &Path) -> Result<Self> {
        let io = |e| Error::io("open", path, e);
        let stat = fs.stat_open(&file).map_err(io)?;
        if stat.kind != Kind::Regular {
            return Err(io(io::Error::other("it is not an ordinary file")));
        }
        let (path, header) = (path.to_owned(), Header::default());
        let mut outbox = Self { fs, file, path, header, damaged: false, is_named: false };
        let mut newest = None;
        for at in [0, SLOT as u64] {
            match outbox.read_slot(at).map_err(io)? {
                Slot::Valid(header) => newest = newest.into_iter().chain([header]).max_by_key(|h| h.generation),
                Slot::Newer => {
                    return Err(Error::Format { path: outbox.path, offset: at, why: NEWER });
                }
                Slot::Damaged => outbox.damaged = true,
                Slot::Blank => {}
            }
        }
        if let Some(header) = newest {
            outbox.header = header;
        } else {
            outbox.damaged |= stat.len > BYTES; // Bytes are written only where a header stands.
            outbox.turn(Header::default())?;
        }
        if outbox.header.pending && !outbox.is_whole(stat.len).map_err(io)? {
            outbox.damaged = true;
            outbox.header.pending = false;
            outbox.header.intent.records = 0;
            outbox.header.intent.cursors.clear();
        }
        Ok(outbox)
    }

    fn read_slot(&self, at: u64) -> io::Result<Slot> {
        let mut slot = vec![0; SLOT];
        let mut reader = Reader { fs: &*self.fs, file: &self.file, offset: at };
        match reader.read_exact(&mut slot) {
            // The last slot of a file whose bytes were never written.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
            read => read?,
        }
        Ok(Header::decode(&slot))
    }

    fn is_whole(&self, file_len: u64) -> io::Result<bool> {
        let Header { skip, length, crc, .. } = self.header;
        if skip > length || BYTES.checked_add(length).is_none_or(|end| end > file_len) {
            return Ok(false); // Before anything of that length is allocated.
        }
        Ok(crc32c::crc32c(&self.read_bytes()?) == crc)
    }

    fn read_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.header.length as usize];
        Reader { fs: &*self.fs, file: &self.file, offset: BYTES }.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether what was found at opening could not be used.
    pub fn damaged(&self) -> bool {
        self.damaged
    }

    /// The batch that may stand in part in its target.
    pub fn pending(&self) -> Option<&Intent> {
        Some(&self.header.intent).filter(|_| self.header.pending)
    }

    /// The newest batch, pending or done.
    pub(crate) fn last(&self) -> &Intent {
        &self.header.intent
    }

    /// Records delivered by this sink so far; those of a pending batch count when it is done.
    pub fn delivered(&self) -> u64 {
        let done = if self.header.pending { 0 } else { self.header.intent.records };
        self.header.delivered_before.saturating_add(done)
    }

    /// What of the pending batch is owed to its target.
    pub(crate) fn owed(&self) -> Result<Vec<u8>> {
        let mut bytes = self.read_bytes().map_err(|e| Error::io("read", &self.path, e))?;
        bytes.drain(..self.header.skip as usize);
        Ok(bytes)
    }

    /// When the pending batch was begun, by the clock that stamps files.
    pub(crate) fn begun_ns(&self) -> Result<i64> {
        self.fs.stat_open(&self.file).map(|s| s.modified_ns).map_err(|e| Error::io("stat", &self.path, e))
    }

    /// Keeps a batch before any byte of it goes to its target.
    ///
    /// Errors: `Io` (no batch is pending then); `Setting` if one is pending already or has too many cursors.
    pub fn begin(&mut self, intent: Intent, bytes: &[u8]) -> Result<()> {
        if self.header.pending || intent.cursors.len() > MAX_CURSORS {
            let why = format!("{} cursors, or a batch is still pending", intent.cursors.len());
            return Err(Error::Setting { field: "outbox", why });
        }
        self.write_bytes(bytes).map_err(|e| Error::io("write", &self.path, e))?;
        let (length, crc) = (bytes.len() as u64, crc32c::crc32c(bytes));
        let delivered_before = self.delivered();
        self.turn(Header { pending: true, intent, skip: 0, length, crc, delivered_before, generation: 0 })?;
        failpoint!("outbox.begun").map_err(|e| Error::io("write", &self.path, e))
    }

    fn write_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        write_all_at(&*self.fs, &self.file, bytes, BYTES)?;
        failpoint!("outbox.bytes")
    }

    /// The first `delivered` owed bytes stand elsewhere for good; the rest now goes to this target.
    pub(crate) fn retarget(&mut self, target: FileId, length_before: u64, delivered: u64) -> Result<()> {
        let mut header = self.header.clone();
        header.intent.target = target;
        header.intent.length_before = length_before;
        header.skip += delivered;
        self.turn(header)
    }

    /// The batch stands in its target and the cursors are adopted, but for `left`, which only another version can adopt:
    /// they alone stay noted.
    pub fn done(&mut self, left: &[(u64, u64)]) -> Result<()> {
        failpoint!("outbox.done").map_err(|e| Error::io("write", &self.path, e))?;
        let intent = Intent { cursors: left.to_vec(), ..self.header.intent.clone() };
        self.turn(Header { pending: false, intent, ..self.header.clone() })
    }

    /// Writes the next state beside the present one.
    fn turn(&mut self, header: Header) -> Result<()> {
        let header = Header { generation: self.header.generation + 1, ..header };
        let at = header.generation % 2 * SLOT as u64;
        write_all_at(&*self.fs, &self.file, &header.encode(), at).map_err(|e| Error::io("write", &self.path, e))?;
        self.header = header;
        Ok(())
    }

    /// Makes durable what was written.
    pub fn sync(&mut self) -> Result<()> {
        self.fs.sync(&self.file).map_err(|e| Error::io("sync", &self.path, e))?;
        if let Some(folder) = self.path.parent().filter(|_| !self.is_named) {
            self.fs.sync_folder(folder).map_err(|e| Error::io("sync", folder, e))?;
        }
        self.is_named = true;
        Ok(())
    }
}

/// Of all but the checksum itself. Magic, version and checksum keep their places in every version.
fn checksum(slot: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&slot[..12]), &slot[16..])
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let Intent { target, length_before, since_ns, records, cursors } = &self.intent;
        let mut slot = vec![0; SLOT];
        slot[..8].copy_from_slice(MAGIC);
        let mut put = |at: usize, bytes: &[u8]| slot[at..at + bytes.len()].copy_from_slice(bytes);
        put(8, &VERSION.to_le_bytes());
        put(16, &self.generation.to_le_bytes());
        put(24, &u32::from(self.pending).to_le_bytes());
        put(28, &(cursors.len() as u32).to_le_bytes());
        put(32, &target.dev.to_le_bytes());
        put(40, &target.ino.to_le_bytes());
        put(48, &target.born.to_le_bytes());
        put(56, &length_before.to_le_bytes());
        put(64, &since_ns.to_le_bytes());
        put(72, &self.skip.to_le_bytes());
        put(80, &self.length.to_le_bytes());
        put(88, &self.crc.to_le_bytes());
        put(96, &self.delivered_before.to_le_bytes());
        put(104, &records.to_le_bytes());
        for (i, (segment, position)) in cursors.iter().enumerate() {
            put(CURSORS + i * 16, &segment.to_le_bytes());
            put(CURSORS + i * 16 + 8, &position.to_le_bytes());
        }
        let crc = checksum(&slot);
        slot[12..16].copy_from_slice(&crc.to_le_bytes());
        slot
    }

    /// `slot` has the length of one.
    fn decode(slot: &[u8]) -> Slot {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| slot[at + i]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| slot[at + i]));
        if slot.iter().all(|&b| b == 0) {
            return Slot::Blank;
        }
        if &slot[..8] != MAGIC || short(12) != checksum(slot) {
            return Slot::Damaged;
        }
        if short(8) > VERSION {
            return Slot::Newer;
        }
        let count = short(28) as usize;
        if count > MAX_CURSORS || long(16) > LAST {
            return Slot::Damaged;
        }
        let cursors = (0..count).map(|i| CURSORS + i * 16).map(|at| (long(at), long(at + 8))).collect();
        let intent = Intent {
            target: FileId { dev: long(32), ino: long(40), born: long(48) },
            length_before: long(56),
            since_ns: long(64) as i64,
            records: long(104),
            cursors,
        };
        let (skip, length, crc, delivered_before) = (long(72), long(80), short(88), long(96));
        let (generation, pending) = (long(16), short(24) == 1);
        Slot::Valid(Header { generation, pending, intent, skip, length, crc, delivered_before })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
