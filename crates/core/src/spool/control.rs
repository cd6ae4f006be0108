//! The control page: what the processes of a folder tell each other, in words that all of them map.
//!
//! Nothing in it is needed to find a record: a damaged one is put aside and made anew.
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::error::{Error, Result, NEWER};
use crate::failpoint;
use crate::system::os::{now_ns, random, FileId, Map};
use crate::system::words;

/// A wait for room is shorter: a longer one was written before the clock was set back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
pub const SIZE: usize = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"CWCTRL\0\x01");

/// Why a record was not kept. The control page counts each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Reason {
    /// The spool was full and stayed so for as long as a caller may wait.
    SpoolFull = 0,
    /// The spool was full and this sink had failed for some time: its oldest segment was given up.
    SinkBehind = 1,
    /// The sink's options are gone: it was removed while records for it were left.
    SinkRemoved = 2,
    /// Bytes that no longer were a frame.
    Damaged = 3,
    /// Logging from within the rendering of a record, too deep.
    Recursion = 4,
    /// A terminal or pipe that took nothing.
    StreamStopped = 5,
}

pub const REASONS: [(&str, Reason); 6] = [
    ("spool_full", Reason::SpoolFull),
    ("sink_behind", Reason::SinkBehind),
    ("sink_removed", Reason::SinkRemoved),
    ("damaged", Reason::Damaged),
    ("recursion", Reason::Recursion),
    ("stream_stopped", Reason::StreamStopped),
];

/// The page all processes of a folder map.
pub struct Control {
    map: Map,
}

impl Control {
    /// Maps a folder's page, made if it is not there; returns it with its file's device and inode.
    pub fn open(path: &Path) -> Result<(Self, FileId)> {
        let (map, file) = map(path)?;
        Ok((Self { map }, file))
    }

    /// A page that this process alone has.
    pub fn anonymous() -> Result<Self> {
        Ok(Self { map: Map::anonymous(SIZE).map_err(|e| Error::io("map", "memory", e))? })
    }

    /// True once its file was found cut: a word stored since may reach nobody.
    pub fn is_damaged(&self) -> bool {
        self.map.is_damaged()
    }

    /// The format that the leader writes: whoever writes a newer one asks for the lead.
    pub fn leader_format(&self) -> &AtomicU32 {
        self.map.word32(8)
    }

    /// 1 while the leader sleeps; a writer that finds it so stores 0 and wakes.
    pub fn sleeping(&self) -> &AtomicU32 {
        self.map.word32(16)
    }

    /// Counts up when a segment appears.
    pub fn segments(&self) -> &AtomicU32 {
        self.map.word32(20)
    }

    /// Counts up when a sink's options change.
    pub fn sinks(&self) -> &AtomicU32 {
        self.map.word32(24)
    }

    /// Counts up when bytes were freed.
    pub fn freed(&self) -> &AtomicU32 {
        self.map.word32(28)
    }

    /// Counts up when a process whose records are in its memory asks to lead: nobody else can deliver them.
    pub fn handover(&self) -> &AtomicU32 {
        self.map.word32(32)
    }

    /// Says that somebody wants room, and will for so long.
    pub fn ask_for_room(&self, patience: Duration) {
        let until = (now_ns() as u64).saturating_add(patience.min(LONGEST_WAIT).as_nanos() as u64);
        self.waited_until().fetch_max(until, Ordering::SeqCst);
    }

    /// True while a caller waits for room.
    pub fn is_waited_for(&self) -> bool {
        let left = self.waited_until().load(Ordering::Acquire).saturating_sub(now_ns() as u64);
        left > 0 && left <= LONGEST_WAIT.as_nanos() as u64
    }

    pub fn leader(&self) -> &AtomicU32 {
        self.map.word32(36)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> &AtomicU64 {
        self.map.word64(40)
    }

    /// When the leader last went round, nanoseconds since the epoch.
    pub fn beat(&self) -> &AtomicU64 {
        self.map.word64(48)
    }

    /// Until when some caller waits for room, nanoseconds since the epoch. A time, not a count: who is killed while
    /// waiting does not wait for ever.
    pub fn waited_until(&self) -> &AtomicU64 {
        self.map.word64(56)
    }

    pub fn dropped(&self, reason: Reason) -> &AtomicU64 {
        self.map.word64(64 + reason as usize * 8)
    }

    /// The same as the beat, of a leader that keeps the ledger. One of an older version leaves them unequal.
    pub fn counted(&self) -> &AtomicU64 {
        self.map.word64(128)
    }

    /// The leader went round, and counts.
    pub fn set_beat(&self) {
        let now = now_ns() as u64;
        self.beat().store(now, Ordering::Relaxed);
        self.counted().store(now, Ordering::Relaxed);
    }

    /// Bytes were freed: says so to whoever waits for room. Who still finds none asks again, so that no more is given up for
    /// them than they need.
    pub fn release(&self, freed: u64) {
        self.waited_until().store(0, Ordering::SeqCst);
        let _ = self.bytes().fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| Some(b.saturating_sub(freed)));
        words::tell_change(self.freed());
    }

    /// Wakes the leader if it sleeps.
    pub fn wake(&self) {
        words::wake(self.sleeping());
    }
}

fn map(path: &Path) -> Result<(Map, FileId)> {
    loop {
        let open =
            std::fs::OpenOptions::new().read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path);
        match open {
            Ok(file) => {
                let mut head = [0u8; 8];
                let found = file.metadata().map_err(|e| Error::io("look at", path, e))?;
                if found.len() == SIZE as u64 && file.read_exact_at(&mut head, 0).is_ok() && head == MAGIC.to_le_bytes()
                {
                    let map = Map::new(&file, SIZE).map_err(|e| Error::io("map", path, e))?;
                    return Ok((map, FileId::of(&found)));
                }
                if head[..7] == MAGIC.to_le_bytes()[..7] && head[7] > MAGIC.to_le_bytes()[7] {
                    return Err(Error::Format { path: path.to_owned(), offset: 0, why: NEWER });
                }
                // Counters and wake-up words alone stand in it: a damaged one is put aside and made anew.
                let aside = path.with_extension(format!("damaged-{:08x}", random() as u32));
                std::fs::rename(path, aside).map_err(|e| Error::io("put aside", path, e))?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(e) => return Err(Error::io("open", path, e)),
        }
    }
}

fn make(path: &Path) -> Result<()> {
    let fresh = path.with_extension(format!("{:016x}", random()));
    let mut page = vec![0u8; SIZE];
    page[..8].copy_from_slice(&MAGIC.to_le_bytes());
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|file| {
            file.write_all_at(&page, 0)?;
            failpoint!("control.made")
        })
        .and_then(|()| match std::fs::hard_link(&fresh, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => std::fs::remove_file(&fresh),
        });
    made.map_err(|e| {
        let _ = std::fs::remove_file(&fresh);
        Error::io("create", path, e)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_room_when_some_is_freed_must_ask_again() {
        let control = Control::anonymous().unwrap();
        control.ask_for_room(Duration::from_secs(1));
        control.release(1);
        assert!(!control.is_waited_for());
    }

    #[test]
    fn whoever_died_waiting_for_room_does_not_wait_for_ever() {
        let control = Control::anonymous().unwrap();
        control.ask_for_room(Duration::from_secs(1));
        assert!(control.is_waited_for());
        for past_or_impossible in [now_ns() as u64 - 1, u64::MAX] {
            control.waited_until().store(past_or_impossible, Ordering::Relaxed);
            assert!(!control.is_waited_for());
        }
    }
}
