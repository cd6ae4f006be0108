//! Segments: a file of frames that one process writes and any process reads.
//!
//! ```text
//! 0     magic u64 · version u32 · crc32c u32 of bytes 16..1024
//! 16    salt u64 · writer u128 · first sequence u64 · capacity u64 · pid u32 · UTC offset i32 · start i64 · created i64
//! 80    sinks u32 · local sinks (bits) u32 · zone (1+23) · hostname (1+143) · sink identities 32 × u64
//! 1024  ordinal u64    its place among its writer's segments, from 1; 0 = prepared, never used. Stored last.
//! 1032  sealed u64     where the last frame ends; 0 = still being written
//! 1040  records u64    how many, once it is sealed. Stored before that
//! 1048  counting u64   1: the writer counts what it accepts for each sink
//! 1056  settled u64    1: it stands in the ledger already, and could not be removed
//! 1088  positions 32 × u64   how far each sink has come; moved only by whoever delivers that sink
//! 1344  accepted 32 × u64    records for each sink; counted by the writer once they stand
//! 1600  accounts 32 × 32     what each sink's deliverer has counted (see `account`)
//! 4096  frames
//! ```
//! The writer holds a `flock` on its open segment, so a segment whose lock can be had is sealed or its writer is dead.
//! A salt that nothing else has makes stale or misplaced bytes fail their checksum.
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::error::{Error, Result, NEWER};
use crate::failpoint;
use crate::record::frame::{self, Kind};
use crate::record::Process;
use crate::spool::frame_bytes;
use crate::system::fork::Held;
use crate::system::os::Map;
use crate::system::words::{self, Memory, Word};

pub const HEADER: usize = 4096;
pub const MAX_SINKS: usize = 32;
/// The version readers of this build understand; they refuse a newer one and leave it alone.
pub const VERSION: u32 = 1;
pub const MAGIC: u64 = u64::from_le_bytes(*b"CORDWOOD");
const STATIC: usize = 1024;
pub const ORDINAL: usize = 1024;
pub const SEALED: usize = 1032;
pub const RECORDS: usize = 1040;
pub const COUNTING: usize = 1048;
pub const SETTLED: usize = 1056;
pub const POSITIONS: usize = 1088;
pub const ACCEPTED: usize = POSITIONS + MAX_SINKS * 8;
pub const ACCOUNTS: usize = ACCEPTED + MAX_SINKS * 8;
const SINKS: usize = 256;

/// A sink as a segment's header names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkId {
    pub identity: u64,
    /// Delivered by the writing process alone (console, memory).
    pub local: bool,
}

/// A segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub writer: u128,
    pub first_sequence: u64,
    pub capacity: u64,
    pub created_ns: i64,
    pub process: Process,
    pub sinks: Vec<SinkId>,
}

impl Header {
    pub fn salt(&self) -> u64 {
        self.process.segment
    }

    pub fn bytes(&self) -> [u8; STATIC] {
        let mut out = [0u8; STATIC];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_le_bytes());
        put(8, &VERSION.to_le_bytes());
        put(16, &self.salt().to_le_bytes());
        put(24, &self.writer.to_le_bytes());
        put(40, &self.first_sequence.to_le_bytes());
        put(48, &self.capacity.to_le_bytes());
        put(56, &self.process.pid.to_le_bytes());
        put(60, &self.process.utc_offset.to_le_bytes());
        put(64, &self.process.start_ns.to_le_bytes());
        put(72, &self.created_ns.to_le_bytes());
        put(80, &(self.sinks.len() as u32).to_le_bytes());
        let local = self.sinks.iter().enumerate().fold(0u32, |mask, (bit, sink)| mask | u32::from(sink.local) << bit);
        put(84, &local.to_le_bytes());
        put(88, &short_text(&self.process.zone, 23));
        put(112, &short_text(&self.process.hostname, 143));
        for (bit, sink) in self.sinks.iter().enumerate().take(MAX_SINKS) {
            put(SINKS + bit * 8, &sink.identity.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Errors: not a header, a damaged one, or one of a newer version.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let bad = |why| Error::Format { path: path.to_owned(), offset: 0, why };
        let bytes: &[u8; STATIC] =
            bytes.get(..STATIC).and_then(|b| b.try_into().ok()).ok_or(bad("shorter than a header"))?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if u64_at(0) != MAGIC {
            return Err(bad("not a segment"));
        }
        if u32_at(8) > VERSION {
            return Err(bad(NEWER));
        }
        if crc32c::crc32c(&bytes[16..]) != u32_at(12) {
            return Err(bad("the header's checksum is wrong"));
        }
        let local = u32_at(84);
        let sinks = (0..MAX_SINKS.min(u32_at(80) as usize))
            .map(|bit| SinkId { identity: u64_at(SINKS + bit * 8), local: local >> bit & 1 == 1 })
            .collect();
        Ok(Self {
            writer: u128::from(u64_at(24)) | u128::from(u64_at(32)) << 64,
            first_sequence: u64_at(40),
            capacity: u64_at(48),
            created_ns: u64_at(72) as i64,
            process: Process {
                pid: u32_at(56),
                hostname: long_text(&bytes[112..256]),
                utc_offset: u32_at(60) as i32,
                zone: long_text(&bytes[88..112]),
                start_ns: u64_at(64) as i64,
                segment: u64_at(16),
            },
            sinks,
        })
    }
}

fn short_text(text: &str, room: usize) -> Vec<u8> {
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = vec![end as u8];
    out.extend_from_slice(&text.as_bytes()[..end]);
    out
}

fn long_text(bytes: &[u8]) -> String {
    let len = usize::from(bytes[0]).min(bytes.len() - 1);
    String::from_utf8_lossy(&bytes[1..=len]).into_owned()
}

/// A segment's file and mapping, allocated and touched, not yet in use.
pub struct Prepared<M = Map> {
    /// Held for its lock. None: memory of this process alone.
    pub file: Option<Held>,
    pub path: Option<PathBuf>,
    map: Arc<M>,
}

impl Prepared {
    /// `file` is new, locked, and `capacity` bytes long with every block allocated.
    pub fn new(file: Held, path: Option<PathBuf>, capacity: usize) -> std::io::Result<Self> {
        let map = Map::new(&file, capacity)?;
        map.touch();
        Ok(Self { file: Some(file), path, map: Arc::new(map) })
    }

    /// A segment without a file: it survives nothing, and needs no disk and no descriptor.
    pub fn in_memory(capacity: usize) -> std::io::Result<Self> {
        let map = Map::anonymous(capacity)?;
        map.touch();
        Ok(Self { file: None, path: None, map: Arc::new(map) })
    }

    /// False if somebody cut or deleted its file since it was made.
    pub fn is_whole(&self) -> bool {
        let found = self.file.as_ref().map(|file| file.metadata());
        found.is_none_or(|found| found.is_ok_and(|found| found.len() >= self.capacity() as u64 && found.nlink() > 0))
    }
}

impl<M: Memory> Prepared<M> {
    /// Over memory that a test has.
    #[cfg(test)]
    pub fn over(map: Arc<M>) -> Self {
        Self { file: None, path: None, map }
    }

    pub fn capacity(&self) -> usize {
        self.map.size()
    }

    /// Puts the segment in use: from here on readers see it. Nobody reads for the sinks in `passed`: they count as done.
    pub fn begin(self, header: &Header, ordinal: u64, passed: u32) -> Segment<M> {
        let head = Box::new(header.bytes());
        self.map.write(0, &*head);
        self.map.end().store(HEADER as u64, Ordering::Release);
        for bit in 0..MAX_SINKS {
            let position = if passed >> bit & 1 == 1 { u64::MAX } else { HEADER as u64 };
            self.map.word64(POSITIONS + bit * 8).store(position, Ordering::Relaxed);
        }
        self.map.word64(COUNTING).store(1, Ordering::Relaxed);
        let _ = failpoint!("segment.headed");
        self.map.word64(ORDINAL).store(ordinal, Ordering::Release);
        Segment {
            salt: header.salt(),
            sinks: header.sinks.len(),
            ordinal,
            position: HEADER,
            records: 0,
            accepted: [0; MAX_SINKS],
            head,
            prepared: self,
        }
    }
}

/// A segment's bytes, on their way to the disk; needs no lock of anybody.
pub struct Unsynced {
    map: Arc<Map>,
    bytes: usize,
    path: PathBuf,
    pub salt: u64,
}

impl Unsynced {
    /// Waits until the bytes are on the disk, and the segment's name if `with_name`.
    pub fn sync(&self, with_name: bool) -> Result<()> {
        // The folder is named, not the segment: after each failure the next record is in another.
        let folder = self.path.parent().unwrap_or(&self.path);
        self.map.sync(self.bytes).map_err(|e| Error::io("sync", folder, e))?;
        if !with_name {
            return Ok(());
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Error::io("sync", folder, e))
    }
}

/// The writer's end of a segment. One thread at a time appends; there is no lock inside.
pub struct Segment<M = Map> {
    prepared: Prepared<M>,
    pub salt: u64,
    sinks: usize,
    ordinal: u64,
    position: usize,
    records: u64,
    /// By sink; its header has the same.
    accepted: [u64; MAX_SINKS],
    head: Box<[u8; STATIC]>,
}

impl<M: Memory> Segment<M> {
    pub fn capacity(&self) -> usize {
        self.prepared.capacity()
    }

    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes left for frames.
    pub fn room(&self) -> usize {
        self.capacity() - self.position
    }

    /// Appends a frame and returns its offset; from the last store on it survives the process. The caller has made
    /// sure of [`frame_bytes`] of room.
    pub fn append(&mut self, kind: Kind, flags: u8, sequence: u32, payload: &[u8]) -> u32 {
        let offset = self.position;
        let [first, second] = frame::header(self.salt, offset as u32, kind, flags, sequence, payload);
        let map = &self.prepared.map;
        map.write(offset + 8, &second.to_le_bytes());
        map.write(offset + frame::HEADER, payload);
        let _ = failpoint!("frame.copied");
        self.position += frame_bytes(payload.len());
        words::commit(&**map, offset, first, self.position);
        if kind == Kind::Record {
            self.records += 1;
            self.accept(frame::sinks(payload));
        }
        offset as u32
    }

    /// Counts a record for each sink it is for. After it stands: who is killed in between has accepted it uncounted.
    #[inline]
    fn accept(&mut self, mut bits: u32) {
        while bits != 0 {
            let bit = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            self.accepted[bit] += 1;
            self.prepared.map.word64(ACCEPTED + bit * 8).store(self.accepted[bit], Ordering::Release);
        }
    }

    /// Says that nothing more will be written.
    pub fn seal(&self) {
        self.prepared.map.word64(RECORDS).store(self.records, Ordering::Relaxed);
        let _ = failpoint!("segment.full");
        self.prepared.map.word64(SEALED).store(self.position as u64, Ordering::Release);
    }

    /// How far the sink of this bit has come.
    pub fn delivered(&self, bit: usize) -> u64 {
        self.prepared.map.word64(POSITIONS + bit * 8).load(Ordering::Acquire)
    }

    /// Has the segment count as read by the sink of this bit, whatever is in it.
    pub fn pass_over(&self, bit: usize) {
        self.prepared.map.word64(POSITIONS + bit * 8).store(u64::MAX, Ordering::Release);
    }
}

impl Segment {
    /// Its bytes, under its salt as a name, for readers in this process.
    pub fn lent(&self) -> (OsString, Weak<Map>) {
        (format!("{:016x}", self.salt).into(), Arc::downgrade(&self.prepared.map))
    }

    pub fn is_in_memory(&self) -> bool {
        self.prepared.path.is_none()
    }

    /// What has to be forced to the disk for all that stands here to survive a loss of power; None for memory.
    pub fn unsynced(&self) -> Option<Unsynced> {
        let path = self.prepared.path.clone()?;
        Some(Unsynced { map: Arc::clone(&self.prepared.map), bytes: self.position, path, salt: self.salt })
    }

    /// The same, and where its file is; None for memory.
    pub fn lent_with_path(&self) -> Option<(OsString, Weak<Map>, PathBuf)> {
        let (name, map) = self.lent();
        Some((name, map, self.prepared.path.clone()?))
    }

    /// True once somebody has cut its file.
    pub fn is_damaged(&self) -> bool {
        self.prepared.map.is_damaged()
    }

    /// Ends a segment whose file was cut: its head and its seal are written anew, so that readers learn how many of its
    /// records they miss.
    pub fn abandon(self) {
        let Some(file) = &self.prepared.file else { return };
        let accepted = self.accepted[..self.sinks].iter().enumerate().map(|(bit, count)| (ACCEPTED + bit * 8, *count));
        let words = [(COUNTING, 1), (RECORDS, self.records), (SEALED, self.position as u64), (ORDINAL, self.ordinal)];
        let _ = file.write_all_at(&*self.head, 0);
        for (at, word) in accepted.chain(words) {
            // What cannot be written is found by nobody: the records are lost, and the disk fails.
            let _ = file.write_all_at(&word.to_le_bytes(), at as u64);
        }
    }

    /// True when every sink in `bits` has come to `position`; of a damaged segment nobody knows, nor waits for it.
    pub fn is_delivered(&self, bits: u32, position: u64) -> bool {
        (0..self.sinks).all(|bit| bits >> bit & 1 == 0 || self.delivered(bit) >= position) || self.is_damaged()
    }
}

/// True if one of these sinks that all processes share has not come to the end of this segment of the process's own.
pub fn is_waiting(map: &Map, is_meant: impl Fn(u64) -> bool) -> bool {
    let word = |at: usize| map.word64(at).load(Ordering::Acquire);
    let (sinks, local) = ((word(80) as u32 as usize).min(MAX_SINKS), (word(80) >> 32) as u32);
    let end = word(SEALED) as usize;
    (0..sinks).filter(|bit| local >> bit & 1 == 0 && is_meant(word(SINKS + bit * 8))).any(|bit| {
        let position = word(POSITIONS + bit * 8) as usize;
        if end > 0 {
            return position < end;
        }
        position < words::committed(map, position)
    })
}
