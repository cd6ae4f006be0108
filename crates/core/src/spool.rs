//! The spool: a folder of segments, and this process's writing end of it.
//!
//! ```text
//! <log_dir>/.cordwood/
//!   <16 hex>.seg        segments, named by their salt
//!   control             one page that all processes map: who sleeps, what changed, how many bytes, what was dropped
//!   leader.lock         held by the process that delivers this folder's files
//!   outbox-<16 hex>     a file sink's batch in flight
//!   sinks/<16 hex>.json a sink's options, for whoever delivers it
//! ```
//! A full spool makes [`Spool::reserve`] say so; waiting is the caller's, because it must not hold Python's lock.
pub mod segment;
pub mod account;
pub mod control;
pub mod folder;
pub mod shared;
pub mod reader;
pub mod directory;
pub mod member;
pub mod source;

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::folder::Folder;
use self::segment::{Header, Segment, SinkId, Unsynced};
use self::shared::Shared;
use crate::error::{Error, Result};
use crate::record::frame::{self, Kind};
use crate::record::Process;
use crate::system::os::{futex_wait, now_ns, random};
use crate::system::words;

/// A process's first segment; each next one is twice as large, up to [`LARGEST`].
pub const SMALLEST: usize = 256 << 10;
pub const LARGEST: usize = 8 << 20;
/// The part of `max_bytes` that a process may keep in its memory while the folder takes nothing.
pub const MEMORY_SHARE: u64 = 4;
const CUT: &str =
    "a segment of the spool was cut by somebody else; what it held and was not delivered is lost, and counted";
const DELETED: &str = "the spool folder was deleted by somebody else, and another is made: until what was in it is \
    delivered, records wait in memory, which a crash of this process would lose";
/// A place in the sequence of a process's segments.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    ordinal: u64,
    position: u64,
}

/// What [`Spool::reserve`] found.
#[derive(Debug)]
pub enum Room {
    /// The frames fit in the current segment.
    Ready,
    /// No segment can be had now; wait for [`Control::freed`], then ask again.
    Full,
    /// The next segment is being made: wait for it ([`Shared::wait_for_segment`]), then ask again.
    Making,
    /// The disk or the folder refuses.
    Failed(Error),
}

/// This process's writing end. Nothing in it locks on the way of a record; whoever owns it appends alone.
pub struct Spool {
    pub shared: Arc<Shared>,
    pub max_bytes: u64,
    pub sinks: Vec<SinkId>,
    /// Bits of sinks that nobody reads the spool for: terminals, and what was removed.
    passed: u32,
    pub process: Process,
    current: Option<Segment>,
    ordinal: u64,
    next_sequence: u64,
    /// The segment whose name was forced to the disk last.
    synced: u64,
    first_sequence: u64,
    capacity: usize,
    /// From this position on the next segment is asked for.
    ask_at: usize,
    /// When the folder was tried last, while records go to memory.
    tried: Option<Instant>,
}

impl Spool {
    pub fn new(folder: Folder, max_bytes: u64, process: Process) -> Self {
        Self {
            shared: Shared::new(folder),
            max_bytes,
            sinks: Vec::new(),
            passed: 0,
            process,
            current: None,
            ordinal: 0,
            next_sequence: 1,
            synced: 0,
            first_sequence: 1,
            capacity: SMALLEST,
            ask_at: usize::MAX,
            tried: None,
        }
    }

    /// The current segment's salt: offsets of sites and threads mean something within it alone. 0 = none yet.
    pub fn salt(&self) -> u64 {
        self.current.as_ref().map_or(0, |segment| segment.salt)
    }

    /// How many records were appended by this process.
    pub fn appended(&self) -> u64 {
        self.next_sequence - 1
    }

    /// Whether frames of `bytes` fit in the current segment.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.current.as_ref().is_some_and(|segment| segment.room() >= bytes)
    }

    /// Makes sure that frames of `bytes` in all (padding included) can be appended one after another. `waits`: the caller has
    /// time to wait for the disk.
    pub fn reserve(&mut self, bytes: usize, waits: bool) -> Room {
        if self.has_room(bytes) {
            return Room::Ready;
        }
        let wanted = (segment::HEADER + bytes) as u64;
        if wanted > self.max_bytes.max((SMALLEST * 2) as u64).min(i32::MAX as u64) {
            // No waiting helps.
            return Room::Failed(Error::Full { wanted, max_bytes: self.max_bytes });
        }
        match self.roll(bytes, waits) {
            Ok(true) => Room::Ready,
            Ok(false) => Room::Making,
            Err(Error::Full { .. }) => Room::Full,
            Err(error) => Room::Failed(error),
        }
    }

    /// Begins the next segment; false if it is being made.
    fn roll(&mut self, bytes: usize, waits: bool) -> Result<bool> {
        let least = (segment::HEADER + bytes).next_multiple_of(4096);
        let Some(prepared) = self.next(least, waits)? else { return Ok(false) };
        let in_memory = prepared.path.is_none();
        self.retire();
        self.ordinal += 1;
        self.first_sequence = self.next_sequence;
        self.process.segment = match prepared.path.as_ref().and_then(|p| p.file_stem()).and_then(|s| s.to_str()) {
            Some(name) => u64::from_str_radix(name, 16).unwrap_or_else(|_| random()),
            None => random(),
        };
        let header = Header {
            writer: self.shared.writer,
            first_sequence: self.first_sequence,
            capacity: prepared.capacity() as u64,
            created_ns: now_ns(),
            process: self.process.clone(),
            sinks: self.sinks.clone(),
        };
        let segment = prepared.begin(&header, self.ordinal, self.passed);
        self.ask_at = segment.capacity() / 2;
        if in_memory {
            self.shared.lend(&segment);
            if self.shared.folder.path.is_some() {
                self.ask_at = 0;
            }
        } else {
            self.shared.set_current(Some(&segment));
            if self.tried.take().is_some() {
                self.shared.tell("the spool folder takes records again".into());
            }
        }
        self.current = Some(segment);
        self.capacity = (self.capacity * 2).min(LARGEST.min((self.max_bytes / 16) as usize).max(SMALLEST));
        self.shared.folder.control.segments().fetch_add(1, Ordering::Release);
        self.shared.wake();
        Ok(true)
    }

    /// Nobody reads the spool for this sink: its terminal is written at once, or it was removed.
    pub fn pass_over(&mut self, bit: usize) {
        self.passed |= 1 << bit;
        let pass = |segment: &Segment| {
            segment.pass_over(bit);
            true
        };
        self.current.iter().all(pass);
        self.shared.all_sealed(pass);
    }

    /// The sink of this bit is read for again, or is another's: from the next segment on.
    pub fn resume(&mut self, bit: usize) {
        if self.passed >> bit & 1 == 1 {
            self.passed &= !(1 << bit);
            self.retire();
        }
    }

    /// Closes the current segment; the next append begins another (the sinks or the UTC offset changed).
    pub fn retire(&mut self) {
        if let Some(segment) = self.current.take() {
            segment.seal();
            self.shared.set_current(None);
            if segment.is_damaged() {
                self.abandon(segment);
            } else {
                self.shared.keep_sealed(segment);
            }
        }
    }

    /// Goes on where a folder was deleted, as the same writer: its records come first.
    pub fn succeed(&mut self, former: &mut Self) {
        former.retire();
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.writer = former.shared.writer;
        }
        (self.ordinal, self.next_sequence) = (former.ordinal, former.next_sequence);
        self.shared.succeed(&former.shared);
        if self.shared.folder.path.is_some() {
            self.tried = Some(Instant::now());
            self.shared.tell(DELETED.into());
        }
    }

    /// Somebody cut the segment's file: its readers count what they miss, and the next record begins another.
    fn abandon(&self, segment: Segment) {
        segment.abandon();
        self.shared.tell(CUT.into());
        self.shared.wake();
    }

    /// Appends a site or a thread; returns its offset in the current segment.
    pub fn append_definition(&mut self, kind: Kind, payload: &[u8]) -> u32 {
        match &mut self.current {
            Some(segment) => segment.append(kind, 0, 0, payload),
            None => 0,
        }
    }

    /// Appends a record. It is kept from the moment this returns.
    pub fn append_record(&mut self, flags: u8, payload: &[u8]) {
        let Some(segment) = &mut self.current else { return };
        segment.append(Kind::Record, flags, (self.next_sequence - self.first_sequence) as u32, payload);
        let segment_is_damaged = segment.is_damaged();
        self.next_sequence += 1;
        if segment.position() > self.ask_at {
            self.ask();
        }
        if segment_is_damaged {
            self.retire();
        }
        // The length is stored before the look at the flag, in one order for all; the sleeper stores the flag, a fence after
        // it, then looks at the spool.
        let control = &self.shared.folder.control;
        if words::is_asleep(control.sleeping()) {
            control.wake();
        }
        if self.shared.has_local.load(Ordering::Relaxed) && words::is_asleep(&self.shared.sleeping) {
            self.shared.wake_own();
        }
    }

    /// The current segment's bytes, to be forced to the disk, and whether its name is to be as well.
    pub fn unsynced(&mut self) -> Option<(Unsynced, bool)> {
        let segment = self.current.as_ref()?;
        Some((segment.unsynced()?, self.synced != segment.salt))
    }

    /// What became of that. A segment that could not be forced to the disk is ended: the kernel may have thrown its bytes
    /// away, and the next call would not tell.
    pub fn forced(&mut self, salt: u64, well: bool) {
        if self.salt() != salt {
            return;
        }
        if well {
            self.synced = salt;
        } else {
            self.retire();
        }
    }

    /// Where appending stands now.
    pub fn mark(&self) -> Mark {
        match &self.current {
            Some(segment) => Mark { ordinal: segment.ordinal(), position: segment.position() as u64 },
            None => Mark { ordinal: self.ordinal, position: u64::MAX },
        }
    }

    /// True when every sink in `bits` has all records appended before the mark.
    pub fn is_delivered(&self, bits: u32, mark: Mark) -> bool {
        let has_all = |segment: &Segment| {
            segment.ordinal() > mark.ordinal || {
                let end = segment.position() as u64;
                segment.is_delivered(bits, if segment.ordinal() == mark.ordinal { mark.position.min(end) } else { end })
            }
        };
        self.current.as_ref().is_none_or(has_all) && self.shared.all_sealed(has_all)
    }

    /// Waits for room, at most `timeout`, unless some was made since `seen` was the count of [`Control::freed`]: it is
    /// looked at before there was none.
    pub fn wait_for_room(shared: &Shared, seen: u32, timeout: Duration) {
        let control = &shared.folder.control;
        control.ask_for_room(timeout);
        shared.wake();
        futex_wait(control.freed(), seen, timeout);
    }
}

/// Bytes that a frame with this payload takes.
pub const fn frame_bytes(payload: usize) -> usize {
    frame::aligned(frame::HEADER + payload)
}

mod next;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
