//! The next segment of a process: how large it may be, and memory while the folder takes none.
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Spool, MEMORY_SHARE, SMALLEST};
use crate::error::{Error, Result};
use crate::spool::segment::Prepared;
use crate::system::os::random;

/// A segment takes at most this part of what is left, so that many processes find room.
pub(super) const SHARE: u64 = 8;
/// How often a process whose records are in memory looks whether the folder takes them again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Spool {
    /// The next segment: on disk, else in memory. None: it is being made, and the caller can wait for it (`waits`).
    pub(super) fn next(&mut self, least: usize, waits: bool) -> Result<Option<Prepared>> {
        if self.must_stay() {
            return self.in_memory(least)?.map(Some).ok_or_else(|| {
                self.shared.tell("memory is full too: records are lost, and counted".into());
                Error::Full { wanted: least as u64, max_bytes: self.max_bytes }
            });
        }
        if let Some(prepared) = self.shared.take_prepared().filter(|made| made.capacity() >= least && made.is_whole()) {
            return Ok(Some(prepared));
        }
        let error = match self.create(least, waits) {
            Err(error) if !matches!(error, Error::Full { .. }) && self.shared.folder.is_there() => error,
            made => return made,
        };
        let Some(prepared) = self.in_memory(least)? else { return Err(error) };
        if self.tried.replace(Instant::now()).is_none() {
            // Without the segment's name: the same words each time.
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            self.shared.tell(format!(
                "the spool folder takes no more ({why}): records wait in memory, which a crash of this process would lose"
            ));
        }
        Ok(Some(prepared))
    }

    /// Memory while there is a folder; None if that is full too.
    fn in_memory(&self, least: usize) -> Result<Option<Prepared>> {
        let capacity = least.max(SMALLEST);
        if self.shared.folder.path.is_none() || self.shared.memory() + capacity as u64 > self.max_bytes / MEMORY_SHARE {
            return Ok(None);
        }
        let prepared = Prepared::in_memory(capacity).map_err(|e| Error::io("map", "memory", e))?;
        self.shared.take_memory(capacity as u64);
        Ok(Some(prepared))
    }

    /// True while the process has records in memory and another leads the folder, or they are not its own to deliver yet:
    /// what comes after them would be delivered first.
    fn must_stay(&self) -> bool {
        self.tried.is_some() && (self.shared.awaits_former() || !self.shared.leads() && self.shared.has_memory())
    }

    /// Half of the segment is used, or it is in memory: asks the delivery thread for the next one.
    #[cold]
    pub(super) fn ask(&mut self) {
        let Some(segment) = &self.current else { return };
        self.ask_at = usize::MAX;
        if segment.is_in_memory() && self.shared.folder.path.is_some() {
            self.ask_at = 0;
            if self.shared.has_prepared() && !self.must_stay() {
                self.retire();
                return;
            }
            if self.tried.is_some_and(|at| at.elapsed() < RETRY) {
                return;
            }
            self.tried = Some(Instant::now());
        }
        let capacity = self.fitting(self.left());
        if capacity >= SMALLEST {
            self.shared.want(capacity as u64);
        }
    }

    fn create(&self, least: usize, waits: bool) -> Result<Option<Prepared>> {
        let left = self.left();
        if least as u64 > left {
            return Err(Error::Full { wanted: least as u64, max_bytes: self.max_bytes });
        }
        // The last of the room is given to small segments rather than to nobody.
        let capacity = self.fitting(left).max(least).max(SMALLEST.min(left as usize & !4095));
        if self.shared.folder.path.is_none() {
            return self.shared.folder.new_segment(random(), capacity).map(Some);
        }
        self.shared.make(capacity, least.max(SMALLEST), waits)?;
        Ok(None)
    }

    /// Bytes that segments may still take.
    fn left(&self) -> u64 {
        let used = self.shared.folder.control.bytes().load(Ordering::Relaxed);
        self.max_bytes.max((SMALLEST * 2) as u64).saturating_sub(used)
    }

    /// The next segment's capacity with so much left.
    fn fitting(&self, left: u64) -> usize {
        (self.capacity as u64).min((left / SHARE) & !4095) as usize
    }
}
