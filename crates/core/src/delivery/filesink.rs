//! A file sink as the leader delivers it: format → outbox → file → positions in the segments → outbox done.
//!
//! Whoever takes over finishes what an outbox still holds before it reads on (see `takeover`).
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::delivery::spec::{Format, Spec};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::sinks::file::{FileOptions, LogFile, Room, Sync, UNSAFE};
use crate::sinks::fs::FileSystem;
use crate::sinks::outbox::{Intent, Outbox, MAX_CURSORS};
use crate::sinks::takeover;
use crate::spool::folder::{read_small, LOG_DIRS};
use crate::spool::shared::Shared;
use crate::spool::source::{Source, Take, MOST_SEGMENTS};
use crate::system::fork::Held;

/// Bytes of lines that one write gets: small enough for the second-level cache.
const BATCH: usize = 256 << 10;
/// Batches that one sink gets in a round: others, and what must be tidied, have their turn.
const TURN: usize = 64;
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));
/// A sink that has failed for so long is behind: a full spool gives its oldest segments up.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// How long a sink's end waits for files that are being compressed.
const COMPRESSION: Duration = Duration::from_millis(500);
/// A file is forced to the disk so long after something was written to it.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What the leader has to tell: shown once on stderr by the process that leads, and in `doctor`.
pub type Notices = Vec<String>;

/// A file sink and how it fares.
pub struct FileSink {
    pub identity: u64,
    pub spec: String,
    fs: Arc<dyn FileSystem>,
    format: Format,
    pub log: LogFile,
    pub outbox: Outbox,
    /// Positions in segments of a newer version: every batch's outbox keeps them for a leader who can adopt them.
    newer: Vec<(u64, u64)>,
    batch: Vec<u8>,
    /// Whether an outbox that somebody else left has been looked into.
    begun: bool,
    pub failing_since: Option<Instant>,
    pause: Duration,
    pub retry_at: Option<Instant>,
    /// Records that a full spool took from it since it began to fail.
    pub given_up: u64,
    /// The last turn ended before the records did.
    pub has_more: bool,
    sync: Sync,
    /// Since when something was written that is not forced to the disk.
    pub unsynced: Option<Instant>,
}

impl FileSink {
    pub fn open(fs: Arc<dyn FileSystem>, identity: u64, spec: String, shared: &Shared) -> Result<Self> {
        let parsed = Spec::parse(&spec)?;
        let options = FileOptions::from_spec(&parsed.json)?;
        if let Some(folder) = &shared.folder.path {
            check_target(folder, &options.path)?;
        }
        let outbox = open_outbox(&fs, identity, shared)?;
        let sync = options.sync;
        let log = LogFile::new(Arc::clone(&fs), options);
        let format = parsed.format()?;
        let (batch, pause) = (Vec::with_capacity(BATCH + (16 << 10)), BACKOFF.0);
        Ok(Self {
            identity,
            spec,
            fs,
            format,
            log,
            outbox,
            newer: Vec::new(),
            batch,
            begun: false,
            failing_since: None,
            pause,
            retry_at: None,
            given_up: 0,
            has_more: false,
            sync,
            unsynced: None,
        })
    }

    /// Delivers all there is; returns the number of records.
    pub fn deliver(&mut self, source: &mut Source, notices: &mut Notices) -> u64 {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return 0;
        }
        let mut delivered = 0;
        if !self.begun && self.outbox.damaged() {
            notices.push(format!(
                "{}: the outbox was damaged; its batch comes again from the spool",
                self.log.path().display()
            ));
        }
        let result = self.drain(source, &mut delivered, notices);
        if self.unsynced.is_some_and(|since| since.elapsed() >= SYNC_INTERVAL) {
            self.sync(source, notices);
        }
        notices.extend(self.log.notices().iter().map(ToString::to_string));
        match result {
            Ok(()) => self.went_well(notices),
            Err(error) => self.failed(&error, source, notices),
        }
        delivered
    }

    fn went_well(&mut self, notices: &mut Notices) {
        if self.failing_since.take().is_some() {
            let path = self.log.path().display();
            notices.push(match std::mem::take(&mut self.given_up) {
                0 => format!("{path}: written again"),
                lost => format!("{path}: written again; the full spool gave up {lost} records for it"),
            });
        }
        (self.pause, self.retry_at) = (BACKOFF.0, None);
    }

    fn failed(&mut self, error: &Error, source: &mut Source, notices: &mut Notices) {
        if self.failing_since.is_none() {
            self.failing_since = Some(Instant::now());
            notices.push(format!("{error}: records wait in the spool; trying again"));
        }
        if self.outbox.pending().is_none() {
            // What was read and is kept nowhere comes again, and counts if it is given up.
            source.rewind(self.identity);
        }
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(BACKOFF.1);
    }

    fn drain(&mut self, source: &mut Source, delivered: &mut u64, notices: &mut Notices) -> Result<()> {
        self.has_more = false;
        if !self.begun || self.failing_since.is_some() {
            *delivered += self.finish_pending(source, notices)?;
            self.begun = true;
        }
        for _ in 0..TURN {
            self.has_more = source.has_next(self.identity);
            if !self.has_more {
                break;
            }
            let (records, more) = self.write_batch(source, notices)?;
            *delivered += records;
            self.has_more = more;
            if !more {
                break;
            }
        }
        source.commit(self.identity)
    }

    /// Forces what was written to the disk, in this order: no position comes there before its line. What fails is said, and
    /// tried again after a while.
    pub fn sync(&mut self, source: &mut Source, notices: &mut Notices) {
        if self.unsynced.take().is_some() {
            let positions = |file: &Held| self.fs.sync(file);
            let synced = self.log.sync().and_then(|()| source.sync(&positions)).and_then(|()| self.outbox.sync());
            self.unsynced = unsafe_since(synced, notices);
        }
    }

    /// Finishes the batch of a leader that died, or of a write that failed.
    fn finish_pending(&mut self, source: &mut Source, notices: &mut Notices) -> Result<u64> {
        let resumed = takeover::resume(&mut self.outbox, &mut self.log)?;
        source.rewind(self.identity);
        // Of a batch that is done, those that an older version's leader could not adopt.
        self.newer = source.adopt(self.identity, &self.outbox.last().cursors)?;
        self.newer.truncate(MAX_CURSORS - MOST_SEGMENTS);
        let Some(intent) = resumed else { return Ok(0) };
        if !self.newer.is_empty() {
            self.log.sync()?; // Before all that is left of the batch are positions.
        }
        self.unsynced.get_or_insert_with(Instant::now);
        if self.sync != Sync::Interval {
            self.sync(source, notices);
        }
        self.outbox.done(&self.newer)?;
        Ok(intent.records)
    }

    /// One batch. Returns how many records it had, and whether there may be more.
    fn write_batch(&mut self, source: &mut Source, notices: &mut Notices) -> Result<(u64, bool)> {
        let mut locked = self.log.lock()?;
        let mut batch = Batch { bytes: &mut self.batch, room: locked.room(), records: 0, at_once: false, rotate: None };
        let more = batch.fill(source, self.identity, &mut self.format, self.sync);
        let Batch { room, records, mut at_once, rotate, .. } = batch;
        if records > 0 {
            let intent = Intent {
                target: locked.id(),
                length_before: locked.length(),
                since_ns: room.since_ns(),
                records,
                cursors: [source.positions(self.identity), self.newer.clone()].concat(),
            };
            self.outbox.begin(intent, &self.batch)?;
            if at_once {
                // In this order: no line is on the disk before the outbox that knows of it, no position before its line,
                // and the outbox does not forget what the positions do not say.
                self.outbox.sync()?;
            }
            locked.write(&self.batch, room.since_ns())?;
            self.unsynced.get_or_insert_with(Instant::now);
            if at_once {
                self.unsynced = unsafe_since(locked.sync(), notices);
                at_once = self.unsynced.is_none();
            }
            failpoint!("leader.written").map_err(|e| Error::io("write", "positions", e))?;
        }
        source.commit(self.identity)?;
        if at_once {
            source.sync(&|file| self.fs.sync(file))?;
        }
        if records > 0 {
            self.outbox.done(&self.newer)?;
        }
        if let Some(offset) = rotate {
            if self.unsynced.take().is_some() {
                unsafe_since(locked.sync(), notices);
            }
            // A rotation that fails lets the file grow; nothing is lost by it.
            notices.extend(locked.rotate(offset).err().map(|error| format!("{error}: the file grows until it can")));
        }
        Ok((records, more))
    }

    /// Its end, or that of its options. A backup that is being compressed is finished; one that takes longer, by the next.
    pub fn close(mut self, source: &mut Source, notices: &mut Notices) {
        self.sync(source, notices);
        let _ = self.log.close(COMPRESSION);
    }

    /// Whether each of its records is to survive a loss of power.
    pub fn keeps_all(&self) -> bool {
        self.sync == Sync::Always
    }

    pub fn is_behind(&self) -> bool {
        self.failing_since.is_some_and(|since| since.elapsed() > PATIENCE)
    }
}

/// One write's lines, as they are read.
struct Batch<'a> {
    bytes: &'a mut Vec<u8>,
    room: Room,
    records: u64,
    /// Some record must be on the disk before it counts as kept.
    at_once: bool,
    /// The file must rotate before the next record, whose offset from UTC this is.
    rotate: Option<i32>,
}

impl Batch<'_> {
    /// Takes lines until it is full, the file is, or there are no more: false.
    fn fill(&mut self, source: &mut Source, identity: u64, format: &mut Format, sync: Sync) -> bool {
        self.bytes.clear();
        source.read(identity, |record, line| {
            let before = self.bytes.len();
            format.write(record, line, self.bytes);
            let offset = record.process.utc_offset;
            if !self.room.take(self.bytes.len() - before, record.time_ns, offset) {
                self.bytes.truncate(before);
                self.rotate = Some(offset);
                return Take::Leave;
            }
            self.records += 1;
            self.at_once |= sync.is_at_once(record.site.level);
            if self.bytes.len() >= BATCH {
                Take::Last
            } else {
                Take::Next
            }
        })
    }
}

/// Since when bytes are not on the disk, where they could not be forced there: that is said.
fn unsafe_since(synced: Result<()>, notices: &mut Notices) -> Option<Instant> {
    let error = synced.err()?;
    notices.push(format!("{error}: {UNSAFE}"));
    Some(Instant::now())
}

/// Only files below the log directory, which holds the spool or is named by it, are trusted.
fn check_target(folder: &Path, target: &Path) -> Result<()> {
    let named = read_small(&folder.join(LOG_DIRS)).unwrap_or_default();
    let mut roots = folder.parent().into_iter().chain(named.lines().map(Path::new));
    let within = roots.any(|root| root.is_absolute() && target.starts_with(root)) && !target.starts_with(folder);
    if within && !target.components().any(|part| part == std::path::Component::ParentDir) {
        return Ok(());
    }
    Err(Error::Setting { field: "path", why: format!("{} is not below the log directory", target.display()) })
}

fn open_outbox(fs: &Arc<dyn FileSystem>, identity: u64, shared: &Shared) -> Result<Outbox> {
    // One that was deleted has nobody to take over from, as memory has not.
    match shared.folder.path.as_ref().filter(|_| shared.folder.is_there()) {
        Some(folder) => Outbox::open(Arc::clone(fs), &folder.join(format!("outbox-{identity:016x}"))),
        None => Outbox::in_memory(Arc::clone(fs)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
