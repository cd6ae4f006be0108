//! A reader's end of a segment, by `pread`: a file cut short by somebody else gives fewer bytes, where a mapping would
//! raise SIGBUS.
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::error::{Error, Result, NEWER};
use crate::record::frame::{self, Found, Frame, Kind};
use crate::spool::account::{Account, End};
use crate::spool::segment::{
    Header, ACCEPTED, ACCOUNTS, COUNTING, HEADER, MAGIC, ORDINAL, POSITIONS, RECORDS, SEALED, SETTLED, VERSION,
};
use crate::system::fork::Held;

/// No segment is larger; a header that says so lies.
const LARGEST: u64 = 1 << 31;
/// Bytes that the search for the next whole frame may check, in segment lengths: what claims to be long is not read
/// again and again.
const SEARCH: u64 = 4;
/// What a reader fetches at once, at least and at most.
const WINDOW: (usize, usize) = (4 << 10, 256 << 10);

/// A segment being read.
pub struct Reader {
    bytes: Bytes,
    pub path: PathBuf,
    pub header: Header,
    pub ordinal: u64,
    /// The capacity that the header says: the file may have been cut since.
    declared: u64,
    window: Vec<u8>,
    window_at: u64,
    /// How much of `window` holds bytes of the file.
    filled: usize,
    next_fetch: usize,
    /// Set once the disk refused a look, until the next refresh.
    fails: Cell<bool>,
    /// The header as it was found: what the disk does not tell now is as it was then.
    head: Box<[u8; HEADER]>,
    /// The frame that was found whole last: nobody computes its checksum again.
    whole: Option<Whole>,
}

/// A whole frame's position, what its header says, and where in the window its payload stands.
#[derive(Debug, Clone, Copy)]
struct Whole {
    position: u64,
    kind: Kind,
    flags: u8,
    sequence: u32,
    stride: usize,
    payload: (usize, usize),
}

/// Magic and version keep their places in every version; all else may stand elsewhere.
fn is_newer(head: &[u8]) -> bool {
    let version = head.get(8..12).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    head.starts_with(&MAGIC.to_le_bytes()) && version.is_some_and(|version| version > VERSION)
}

/// What a reader finds at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A frame of this kind, this many bytes long with padding.
    Frame(Kind, usize),
    End,
    Damaged,
    /// The disk did not say.
    Refused,
}

impl Reader {
    /// Opens a segment; None if it was prepared and is not in use (yet).
    pub fn open(bytes: Bytes, path: &Path) -> Result<Option<Self>> {
        let read = |out: &mut [u8], at| bytes.read_at(out, at).map_err(|e| Error::io("read", path, e));
        // Stored last, so looked at first: a head that was read while it was written would be none, and never looked at again.
        let mut ordinal = [0u8; 8];
        read(&mut ordinal, ORDINAL as u64)?;
        let mut head = Box::new([0u8; HEADER]);
        let got = read(&mut *head, 0)?;
        if is_newer(&head[..got]) {
            return Err(Error::Format { path: path.to_owned(), offset: 0, why: NEWER });
        }
        let ordinal = u64::from_le_bytes(ordinal);
        if got < HEADER || ordinal == 0 {
            return Ok(None);
        }
        let mut header = Header::parse(&*head, path)?;
        // What is read at once and kept is bounded by what is there, not by what the header says.
        let len = bytes.len().map_err(|e| Error::io("look at", path, e))?;
        let declared = header.capacity.min(LARGEST);
        header.capacity = declared.min(len);
        let path = path.to_owned();
        Ok(Some(Self {
            bytes,
            path,
            header,
            ordinal,
            declared,
            window: Vec::new(),
            window_at: 0,
            filled: 0,
            next_fetch: WINDOW.0,
            fails: Cell::new(false),
            head,
            whole: None,
        }))
    }

    /// The file, if it is not in memory.
    pub fn file(&self) -> Option<&Held> {
        match &self.bytes {
            Bytes::File(file) => Some(file),
            Bytes::Memory(_) => None,
        }
    }

    /// For tests: another disk beneath.
    #[cfg(test)]
    pub fn swap(&mut self, bytes: Bytes) -> Bytes {
        std::mem::replace(&mut self.bytes, bytes)
    }

    /// A word of the header; None if the disk does not say. 0: the file was cut before it.
    fn word_now(&self, at: usize) -> Option<u64> {
        let mut bytes = [0u8; 8];
        match self.bytes.read_at(&mut bytes, at as u64) {
            Ok(8) => Some(u64::from_le_bytes(bytes)),
            Ok(_) => Some(0),
            Err(_) => None,
        }
    }

    fn word(&self, at: usize) -> u64 {
        let before = || u64::from_le_bytes(std::array::from_fn(|place| self.head[at + place]));
        self.word_now(at).unwrap_or_else(before)
    }

    /// True if the disk has refused a look since the last refresh: what was not found may be there.
    pub fn fails(&self) -> bool {
        self.fails.get()
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
        position.clamp(HEADER as u64, self.declared.max(HEADER as u64))
    }

    /// How many records it was sealed with; 0 = that is not known, or more than there is room for.
    pub fn records(&self) -> u64 {
        const SMALLEST: u64 = frame::aligned(frame::HEADER + frame::HEAD) as u64;
        self.word_now(RECORDS).filter(|records| *records <= self.declared / SMALLEST).unwrap_or(0)
    }

    /// Moves a sink's position forward, never back; only whoever delivers that sink calls this.
    pub fn deliver(&self, bit: usize, position: u64) -> Result<()> {
        let at = POSITIONS + bit * 8;
        let unread =
            || Error::io("read", &self.path, std::io::Error::other("the disk does not show where the sink is"));
        self.store(at, &[position.max(self.word_now(at).ok_or_else(unread)?)])
    }

    fn store(&self, at: usize, words: &[u64]) -> Result<()> {
        match &self.bytes {
            Bytes::File(file) => {
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                file.write_all_at(&bytes, at as u64).map_err(|e| Error::io("write", &self.path, e))
            }
            Bytes::Memory(map) => {
                words.iter().enumerate().for_each(|(place, word)| map.put(at + place * 8, *word));
                Ok(())
            }
        }
    }

    /// Nobody reads it for this sink: a terminal, or one that its own process removed.
    pub fn is_passed_over(&self, bit: usize) -> bool {
        self.word(POSITIONS + bit * 8) == u64::MAX
    }

    /// How many records its writer accepted for a sink; None where it did not count, or the count cannot be.
    pub fn accepted(&self, bit: usize) -> Option<u64> {
        let accepted = self.word_now(ACCEPTED + bit * 8)?;
        let possible = self.sealed().is_none() || accepted <= self.records();
        (self.word(COUNTING) == 1 && possible).then_some(accepted)
    }

    /// What whoever delivers a sink has counted.
    pub fn account(&self, bit: usize) -> Account {
        let mut bytes = [0; Account::SIZE];
        let got = self.bytes.read_at(&mut bytes, (ACCOUNTS + bit * Account::SIZE) as u64);
        let mut account =
            if got.is_ok_and(|got| got == bytes.len()) { Account::parse(&bytes) } else { Account::default() };
        account.position = account.position.max(HEADER as u64);
        account
    }

    /// Says what was counted; only whoever delivers that sink calls this, before it moves the position there.
    pub fn tell(&self, bit: usize, account: &Account) -> Result<()> {
        let bytes = account.bytes();
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at * 8 + i]));
        self.store(ACCOUNTS + bit * Account::SIZE, &[word(0), word(1), word(2), word(3)])
    }

    /// What its end, as far as it is known, tells of the counts.
    pub fn end(&self, dead: bool) -> End {
        match self.sealed() {
            Some(_) => End::Sealed,
            None if dead => End::Dead,
            None => End::Open,
        }
    }

    /// True if it stands in the ledger although it is still here.
    pub fn is_settled(&self) -> bool {
        self.word(SETTLED) == 1
    }

    /// It stands in the ledger and could not be removed. What cannot be written here is counted twice, on both sides.
    pub fn mark_settled(&self) {
        let _ = self.store(SETTLED, &[1]);
    }

    /// True if no folder names it: whoever has it open alone can read it.
    pub fn is_nameless(&self) -> bool {
        match &self.bytes {
            Bytes::File(file) => file.metadata().is_ok_and(|found| found.nlink() == 0),
            Bytes::Memory(_) => true,
        }
    }

    /// True if nobody holds the segment's lock: its writer is dead, or done with it.
    pub fn is_unlocked(&self) -> bool {
        match &self.bytes {
            Bytes::File(file) => is_unlocked(file),
            Bytes::Memory(_) => false,
        }
    }

    /// The bit of the sink with this identity, if this segment's records may be for it.
    pub fn bit(&self, identity: u64) -> Option<usize> {
        self.header.sinks.iter().position(|sink| sink.identity == identity)
    }

    /// Forgets what was fetched, so that the next look sees what was appended since.
    pub fn refresh(&mut self) {
        self.filled = 0;
        self.next_fetch = WINDOW.0;
        self.whole = None;
        self.fails.set(false);
    }

    /// Makes sure that the frame at `position`, if there is one, is in memory.
    #[inline]
    pub fn look(&mut self, position: u64) -> Step {
        match &self.whole {
            Some(whole) if whole.position == position => Step::Frame(whole.kind, whole.stride),
            _ => self.look_anew(position),
        }
    }

    fn look_anew(&mut self, position: u64) -> Step {
        let mut wanted = frame::HEADER;
        loop {
            let start = position.wrapping_sub(self.window_at) as usize;
            if position < self.window_at || start >= self.filled || self.filled - start < wanted {
                if self.fetch(position, wanted).is_err() {
                    self.fails.set(true);
                    return Step::Refused;
                }
                if self.filled < wanted {
                    return Step::End;
                }
            }
            let bytes = self.at(position);
            let room = self.header.capacity.saturating_sub(position) as usize;
            match frame::read(self.header.salt(), position as u32, bytes, room) {
                Found::Frame(Frame { kind, flags, sequence, payload, stride }) => {
                    let begin = (position - self.window_at) as usize + frame::HEADER;
                    let payload = (begin, begin + payload.len());
                    self.whole = Some(Whole { position, kind, flags, sequence, stride, payload });
                    return Step::Frame(kind, stride);
                }
                Found::End => return Step::End,
                Found::Damaged => return Step::Damaged,
                // More than there are at hand, which are as many as were wanted before.
                Found::Partial(len) => wanted = len,
            }
        }
    }

    fn at(&self, position: u64) -> &[u8] {
        let start = position.wrapping_sub(self.window_at) as usize;
        self.window.get(start..self.filled).unwrap_or(&[])
    }

    fn fetch(&mut self, position: u64, wanted: usize) -> std::io::Result<()> {
        let len = self.next_fetch.max(wanted).min(self.header.capacity.saturating_sub(position) as usize);
        self.next_fetch = (self.next_fetch * 4).min(WINDOW.1);
        if self.window.len() < len {
            self.window.resize(len, 0);
        }
        self.window_at = position;
        self.whole = None;
        self.filled = 0;
        self.filled = self.bytes.read_at(&mut self.window[..len], position)?;
        Ok(())
    }

    /// The frame that `look` found at `position`.
    #[inline]
    pub fn frame(&self, position: u64) -> Option<Frame<'_>> {
        let Whole { kind, flags, sequence, stride, payload: (begin, end), .. } =
            self.whole.filter(|whole| whole.position == position)?;
        Some(Frame { kind, flags, sequence, payload: self.window.get(begin..end)?, stride })
    }

    /// A frame's payload anywhere in the segment: a site's or a thread's.
    pub fn payload(&self, offset: u32, kind: Kind) -> Option<Vec<u8>> {
        let read = |bytes: &mut [u8]| {
            let got = self.bytes.read_at(bytes, offset.into());
            self.fails.set(self.fails() || got.is_err());
            got.ok().filter(|got| *got == bytes.len())
        };
        let mut head = [0u8; frame::HEADER];
        read(&mut head)?;
        let len = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        if len < frame::HEADER || len as u64 > self.header.capacity {
            return None;
        }
        let mut bytes = vec![0u8; len];
        read(&mut bytes)?;
        match frame::read(self.header.salt(), offset, &bytes, len) {
            Found::Frame(frame) if frame.kind == kind => Some(frame.payload.to_vec()),
            _ => None,
        }
    }

    /// How many records stand, or stood, before a position: one more than the sequence of the last whole one.
    pub fn records_before(&mut self, end: u64) -> u64 {
        let (mut position, mut records) = (HEADER as u64, 0);
        while position < end {
            match self.look(position) {
                Step::Frame(kind, stride) => {
                    let sequence = self.frame(position).map_or(0, |frame| u64::from(frame.sequence));
                    records = if kind == Kind::Record { sequence + 1 } else { records };
                    position += stride as u64;
                }
                Step::Damaged => position = self.resynchronise(position).unwrap_or(end),
                Step::End | Step::Refused => break,
            }
        }
        records
    }

    /// The next position after `damaged` at which a whole frame stands.
    pub fn resynchronise(&mut self, damaged: u64) -> Option<u64> {
        let end = self.sealed().unwrap_or(self.header.capacity);
        let mut position = (damaged + 8) & !7;
        let mut budget = self.header.capacity * SEARCH;
        while position + frame::HEADER as u64 <= end {
            match self.look(position) {
                Step::Frame(..) => return Some(position),
                Step::Refused => {
                    position = (position | 4095) + 1;
                    continue;
                }
                _ => {}
            }
            if self.at(position).is_empty() {
                // The file ends before the segment does.
                return None;
            }
            let claim = self.at(position).first_chunk().map_or(0, |len| u32::from_le_bytes(*len));
            if u64::from(claim) <= end - position {
                budget = budget.checked_sub(claim.into())?;
            }
            // What was never written is most of a segment: no frame begins with nothing.
            let nothing = self.at(position).chunks_exact(8).take_while(|word| word[..4] == [0; 4]).count();
            position += 8 * nothing.max(1) as u64;
        }
        None
    }
}

/// True if nobody holds the file's lock: its writer is dead, or done with it.
pub fn is_unlocked(file: &File) -> bool {
    if rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return false;
    }
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
    true
}

mod bytes;
pub use bytes::Bytes;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
