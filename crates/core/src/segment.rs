//! Segments: a file of frames that one process writes and any process reads.
//!
//! ```text
//! 0     magic u64 · version u32 · crc32c u32 of bytes 16..1024
//! 16    salt u64 · writer u128 · first sequence u64 · capacity u64 · pid u32 · UTC offset i32 · start i64 · created i64
//! 80    sinks u32 · local sinks (bits) u32 · zone (1+23) · hostname (1+143) · sink identities 32 × u64
//! 1024  ordinal u64    its place among its writer's segments, from 1; 0 = prepared, never used. Stored last.
//! 1032  sealed u64     where the last frame ends; 0 = still being written
//! 1088  positions 32 × u64   how far each sink has come; moved only by whoever delivers that sink
//! 4096  frames
//! ```
//! The writer holds a `flock` on its open segment, so a segment whose lock can be had is sealed or its writer is dead.
//! A salt that nothing else has makes stale or misplaced bytes fail their checksum.
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::fork::Held;
use crate::frame::{self, Found, Frame, Kind};
use crate::os::Map;
use crate::record::Process;

pub const HEADER: usize = 4096;
pub const MAX_SINKS: usize = 32;
/// The version readers of this build understand; they refuse a newer one and leave it alone.
pub const VERSION: u32 = 1;
const MAGIC: u64 = u64::from_le_bytes(*b"CORDWOOD");
const STATIC: usize = 1024;
const ORDINAL: usize = 1024;
const SEALED: usize = 1032;
const POSITIONS: usize = 1088;
const SINKS: usize = 256;
/// No segment is larger; a header that says so lies.
const LARGEST: u64 = 1 << 31;
/// Bytes that the search for the next whole frame may check, in segment lengths: what claims to be long is not read
/// again and again.
const SEARCH: u64 = 4;
/// What a reader fetches at once, at least and at most.
const WINDOW: (usize, usize) = (4 << 10, 256 << 10);

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

    fn bytes(&self) -> [u8; STATIC] {
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

    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let bad = |why| Error::Format { path: path.to_owned(), offset: 0, why };
        let bytes: &[u8; STATIC] =
            bytes.get(..STATIC).and_then(|b| b.try_into().ok()).ok_or(bad("shorter than a header"))?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if u64_at(0) != MAGIC {
            return Err(bad("not a segment"));
        }
        if u32_at(8) != VERSION {
            return Err(bad("written by another version of the format"));
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
pub struct Prepared {
    pub file: Held,
    pub path: Option<PathBuf>,
    map: Map,
}

impl Prepared {
    /// `file` is new, locked, and `capacity` bytes long with every block allocated.
    pub fn new(file: Held, path: Option<PathBuf>, capacity: usize) -> std::io::Result<Self> {
        let map = Map::new(&file, capacity)?;
        map.touch();
        Ok(Self { file, path, map })
    }

    pub fn capacity(&self) -> usize {
        self.map.len()
    }

    /// Puts the segment in use: from here on readers see it. Nobody reads for the sinks in `passed`: they count as done.
    pub fn begin(self, header: &Header, ordinal: u64, passed: u32) -> Segment {
        self.map.write(0, &header.bytes());
        for bit in 0..MAX_SINKS {
            let position = if passed >> bit & 1 == 1 { u64::MAX } else { HEADER as u64 };
            self.map.word64(POSITIONS + bit * 8).store(position, Ordering::Relaxed);
        }
        self.map.word64(ORDINAL).store(ordinal, Ordering::Release);
        Segment { salt: header.salt(), sinks: header.sinks.len(), ordinal, position: HEADER, prepared: self }
    }
}

/// The writer's end of a segment. One thread at a time appends; there is no lock inside.
pub struct Segment {
    prepared: Prepared,
    pub salt: u64,
    sinks: usize,
    ordinal: u64,
    position: usize,
}

impl Segment {
    pub fn file(&self) -> &File {
        &self.prepared.file
    }

    pub fn path(&self) -> Option<&Path> {
        self.prepared.path.as_deref()
    }

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
    /// sure of `aligned(HEADER + payload)` bytes of room.
    pub fn append(&mut self, kind: Kind, flags: u8, sequence: u32, payload: &[u8]) -> u32 {
        let offset = self.position;
        let header = frame::header(self.salt, offset as u32, kind, flags, sequence, payload);
        let map = &self.prepared.map;
        map.write(offset + 4, &header[4..]);
        map.write(offset + frame::HEADER, payload);
        let len = (frame::HEADER + payload.len()) as u32;
        map.word32(offset).store(len, Ordering::Release);
        self.position += frame::aligned(len as usize);
        offset as u32
    }

    /// Says that nothing more will be written.
    pub fn seal(&self) {
        self.prepared.map.word64(SEALED).store(self.position as u64, Ordering::Release);
    }

    pub fn is_sealed(&self) -> bool {
        self.prepared.map.word64(SEALED).load(Ordering::Acquire) != 0
    }

    /// How far the sink of this bit has come.
    pub fn delivered(&self, bit: usize) -> u64 {
        self.prepared.map.word64(POSITIONS + bit * 8).load(Ordering::Acquire)
    }

    /// Has the segment count as read by the sink of this bit, whatever is in it.
    pub fn pass_over(&self, bit: usize) {
        self.prepared.map.word64(POSITIONS + bit * 8).store(u64::MAX, Ordering::Release);
    }

    /// True when every sink in `bits` has come to `position`.
    pub fn is_delivered(&self, bits: u32, position: u64) -> bool {
        (0..self.sinks).all(|bit| bits >> bit & 1 == 0 || self.delivered(bit) >= position)
    }
}

/// A reader's end of a segment, by `pread`.
pub struct Reader {
    pub file: Held,
    pub path: PathBuf,
    pub header: Header,
    pub ordinal: u64,
    window: Vec<u8>,
    window_at: u64,
    /// How much of `window` holds bytes of the file.
    filled: usize,
    next_fetch: usize,
}

/// What a reader finds at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A frame of this kind, this many bytes long with padding.
    Frame(Kind, usize),
    End,
    Damaged,
}

impl Reader {
    /// Opens a segment; None if it was prepared and is not in use (yet).
    pub fn open(file: Held, path: &Path) -> Result<Option<Self>> {
        let mut head = [0u8; HEADER];
        let got = read_at(&file, &mut head, 0).map_err(|e| Error::io("read", path, e))?;
        if got < HEADER || head[ORDINAL..ORDINAL + 8] == [0; 8] {
            return Ok(None);
        }
        let ordinal = u64::from_le_bytes(head[ORDINAL..ORDINAL + 8].try_into().map_err(|_| Error::Format {
            path: path.to_owned(),
            offset: ORDINAL as u64,
            why: "no ordinal",
        })?);
        let mut header = Header::parse(&head, path)?;
        // What is read at once and kept is bounded by what is there, not by what the header says.
        let len = file.metadata().map_err(|e| Error::io("look at", path, e))?.len();
        header.capacity = header.capacity.min(len).min(LARGEST);
        let path = path.to_owned();
        Ok(Some(Self {
            file,
            path,
            header,
            ordinal,
            window: Vec::new(),
            window_at: 0,
            filled: 0,
            next_fetch: WINDOW.0,
        }))
    }

    fn word(&self, at: usize) -> u64 {
        let mut bytes = [0u8; 8];
        match read_at(&self.file, &mut bytes, at as u64) {
            Ok(8) => u64::from_le_bytes(bytes),
            _ => 0,
        }
    }

    /// Where the last frame ends, once the writer said so.
    pub fn sealed(&self) -> Option<u64> {
        Some(self.word(SEALED)).filter(|end| *end != 0).map(|end| self.clamped(end))
    }

    /// How far the sink of this bit has come.
    pub fn delivered(&self, bit: usize) -> u64 {
        self.clamped(self.word(POSITIONS + bit * 8))
    }

    fn clamped(&self, position: u64) -> u64 {
        position.clamp(HEADER as u64, self.header.capacity.max(HEADER as u64))
    }

    /// Moves a sink's position forward, never back; only whoever delivers that sink calls this.
    pub fn deliver(&self, bit: usize, position: u64) -> Result<()> {
        let position = position.max(self.word(POSITIONS + bit * 8));
        self.file
            .write_all_at(&position.to_le_bytes(), (POSITIONS + bit * 8) as u64)
            .map_err(|e| Error::io("write", &self.path, e))
    }

    /// The bit of the sink with this identity, if this segment's records may be for it.
    pub fn bit(&self, identity: u64) -> Option<usize> {
        self.header.sinks.iter().position(|sink| sink.identity == identity)
    }

    /// Forgets what was fetched, so that the next look sees what was appended since.
    pub fn refresh(&mut self) {
        self.filled = 0;
        self.next_fetch = WINDOW.0;
    }

    /// Makes sure that the frame at `position`, if there is one, is in memory.
    pub fn look(&mut self, position: u64) -> Step {
        let mut wanted = frame::HEADER;
        loop {
            let start = position.wrapping_sub(self.window_at) as usize;
            if position < self.window_at || start >= self.filled || self.filled - start < wanted {
                let before = self.filled.saturating_sub(start);
                self.fetch(position, wanted);
                if self.filled < wanted && (self.filled <= before || self.filled < frame::HEADER) {
                    return Step::End;
                }
            }
            let bytes = self.at(position);
            let room = self.header.capacity.saturating_sub(position) as usize;
            match frame::read(self.header.salt(), position as u32, bytes, room) {
                Found::Frame(frame) => return Step::Frame(frame.kind, frame.stride),
                Found::End => return Step::End,
                Found::Damaged => return Step::Damaged,
                Found::Partial(len) if len <= bytes.len() || wanted >= len => return Step::Damaged,
                Found::Partial(len) => wanted = len,
            }
        }
    }

    fn at(&self, position: u64) -> &[u8] {
        let start = position.wrapping_sub(self.window_at) as usize;
        self.window.get(start..self.filled).unwrap_or(&[])
    }

    fn fetch(&mut self, position: u64, wanted: usize) {
        let len = self.next_fetch.max(wanted).min(self.header.capacity.saturating_sub(position) as usize);
        self.next_fetch = (self.next_fetch * 4).min(WINDOW.1);
        if self.window.len() < len {
            self.window.resize(len, 0);
        }
        self.window_at = position;
        self.filled = read_at(&self.file, &mut self.window[..len], position).unwrap_or(0);
    }

    /// The frame that `look` found at `position`.
    pub fn frame(&self, position: u64) -> Option<Frame<'_>> {
        match frame::read_trusted(self.at(position)) {
            Found::Frame(frame) => Some(frame),
            _ => None,
        }
    }

    /// A frame's payload anywhere in the segment: a site's or a thread's.
    pub fn payload(&self, offset: u32, kind: Kind) -> Option<Vec<u8>> {
        let mut head = [0u8; frame::HEADER];
        read_at(&self.file, &mut head, offset.into()).ok().filter(|got| *got == head.len())?;
        let len = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        if len < frame::HEADER || len as u64 > self.header.capacity {
            return None;
        }
        let mut bytes = vec![0u8; len];
        read_at(&self.file, &mut bytes, offset.into()).ok().filter(|got| *got == len)?;
        match frame::read(self.header.salt(), offset, &bytes, len) {
            Found::Frame(frame) if frame.kind == kind => Some(frame.payload.to_vec()),
            _ => None,
        }
    }

    /// The next position after `damaged` at which a whole frame stands.
    pub fn resynchronise(&mut self, damaged: u64) -> Option<u64> {
        let end = self.sealed().unwrap_or(self.header.capacity);
        let mut position = (damaged + 8) & !7;
        let mut budget = self.header.capacity * SEARCH;
        while position + frame::HEADER as u64 <= end {
            if let Step::Frame(..) = self.look(position) {
                return Some(position);
            }
            let claim = self.at(position).first_chunk().map_or(0, |len| u32::from_le_bytes(*len));
            if u64::from(claim) <= end - position {
                budget = budget.checked_sub(claim.into())?;
            }
            position += 8;
        }
        None
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
    Ok(done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::trial::process;

    fn written(capacity: usize, passed: u32, records: usize) -> (tempfile::NamedTempFile, Segment) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(capacity as u64).unwrap();
        let prepared = Prepared::new(Held::new(file.reopen().unwrap()), None, capacity).unwrap();
        let sinks = vec![SinkId { identity: 7, local: false }, SinkId { identity: 8, local: true }];
        let capacity = capacity as u64;
        let header = Header { writer: 1, first_sequence: 1, capacity, created_ns: 0, process: process(), sinks };
        let mut segment = prepared.begin(&header, 1, passed);
        for n in 0..records {
            segment.append(Kind::Record, 0, n as u32, b"payload");
        }
        (file, segment)
    }

    fn reader(file: &tempfile::NamedTempFile) -> Option<Reader> {
        Reader::open(Held::new(file.reopen().unwrap()), file.path()).unwrap()
    }

    fn count(reader: &mut Reader) -> usize {
        let (mut at, mut count) = (HEADER as u64, 0);
        while let Step::Frame(_, stride) = reader.look(at) {
            at += stride as u64;
            count += 1;
        }
        count
    }

    #[test]
    fn a_header_comes_back_and_a_changed_one_is_refused() {
        let (file, segment) = written(1 << 16, 0, 3);
        let mut read = reader(&file).unwrap();
        assert_eq!((read.header.writer, read.header.capacity, read.ordinal), (1, 1 << 16, 1));
        assert_eq!((read.bit(8), read.bit(9)), (Some(1), None));
        assert_eq!(count(&mut read), 3);
        assert_eq!(read.sealed(), None);
        segment.seal();
        assert_eq!(read.sealed(), Some(segment.position() as u64));
        file.as_file().write_all_at(b"!", 100).unwrap();
        assert!(Reader::open(Held::new(file.reopen().unwrap()), file.path()).is_err());
    }

    #[test]
    fn what_was_prepared_and_not_begun_is_no_segment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(reader(&file).is_none());
        file.as_file().set_len(1 << 16).unwrap();
        assert!(reader(&file).is_none());
    }

    #[test]
    fn a_capacity_beyond_the_file_is_not_believed() {
        let (file, _segment) = written(1 << 16, 0, 1);
        let mut header = reader(&file).unwrap().header;
        header.capacity = u64::MAX;
        file.as_file().write_all_at(&header.bytes(), 0).unwrap();
        let mut read = reader(&file).unwrap();
        assert_eq!(read.header.capacity, 1 << 16);
        assert_eq!(count(&mut read), 1);
    }

    #[test]
    fn a_position_beyond_the_end_counts_as_the_end_and_never_goes_back() {
        let (file, segment) = written(1 << 16, 1, 1);
        let read = reader(&file).unwrap();
        assert_eq!((read.delivered(0), read.delivered(1)), (1 << 16, HEADER as u64));
        read.deliver(1, 5_000).unwrap();
        read.deliver(1, 4_500).unwrap();
        assert_eq!(segment.delivered(1), 5_000);
        segment.pass_over(1);
        assert!(segment.is_delivered(u32::MAX, segment.position() as u64));
    }

    #[test]
    fn reading_goes_on_at_the_next_whole_frame_after_damage() {
        let (file, segment) = written(1 << 16, 0, 10);
        segment.seal();
        let mut read = reader(&file).unwrap();
        let Step::Frame(_, stride) = read.look(HEADER as u64) else { panic!("no frame") };
        let second = HEADER as u64 + stride as u64;
        file.as_file().write_all_at(b"????????", second).unwrap();
        read.refresh();
        assert_eq!(read.look(second), Step::Damaged);
        assert_eq!(read.resynchronise(second), Some(second + stride as u64));
    }

    #[test]
    fn a_file_cut_short_ends_where_it_was_cut() {
        let (file, segment) = written(1 << 16, 0, 10);
        let mut read = reader(&file).unwrap();
        drop(segment);
        file.as_file().set_len(HEADER as u64 + 40).unwrap();
        assert_eq!(count(&mut read), 1);
    }
}
