//! The leader of a folder: delivers the records of all its processes to all its files.
//!
//! One lock decides who leads; the kernel frees it when its holder dies. For each file sink a batch goes: format →
//! outbox → file → positions in the segments → outbox done. Whoever takes over finishes what an outbox still holds
//! before it reads on (see `takeover`).
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::delivery::filesink::{FileSink, Notices, SYNC_INTERVAL};
use crate::delivery::ledger::Ledger;
use crate::sinks::fs::{FileSystem, Real};
use crate::spool::control::Reason;
use crate::spool::segment::VERSION;
use crate::spool::shared::Shared;
use crate::spool::source::{count_damage, Source};
use crate::system::fork::Held;

/// Notices that are remembered, so that none is told twice.
const MOST_TOLD: usize = 256;

/// The lock of a folder, while it is held.
pub struct Lock {
    shared: Arc<Shared>,
}

impl Lock {
    /// Takes the lock; None if another process has it. A folder in memory has none: nobody else can lead it.
    pub fn take(shared: &Arc<Shared>) -> Option<Self> {
        let lock = shared.folder.lock.as_ref();
        let taken =
            lock.is_none_or(|lock| rustix::fs::flock(&**lock, FlockOperation::NonBlockingLockExclusive).is_ok());
        taken.then(|| Self { shared: Arc::clone(shared) })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(lock) = &self.shared.folder.lock {
            lock.unlock();
        }
    }
}

/// A folder's leader, for as long as it lives.
pub struct Leader {
    fs: Arc<dyn FileSystem>,
    shared: Arc<Shared>,
    source: Source,
    ledger: Ledger,
    sinks: Vec<FileSink>,
    sinks_seen: u32,
    reaped: Instant,
    notices: Notices,
    /// The folder was deleted, or is another's: what is left of it is brought to its end.
    last: bool,
    /// Sinks whose options are nowhere, and since when.
    missing: HashMap<u64, Instant>,
    /// What was told and is not told again.
    told: Notices,
    _lock: Lock,
}

impl Leader {
    pub fn new(shared: Arc<Shared>, lock: Lock) -> Self {
        Self::on(Arc::new(Real), shared, lock)
    }

    pub(crate) fn on(fs: Arc<dyn FileSystem>, shared: Arc<Shared>, lock: Lock) -> Self {
        let mut source = Source::leading(Arc::clone(&shared));
        source.tells = false;
        let ledger = open_ledger(Arc::clone(&fs), &source, &shared);
        let control = &shared.folder.control;
        control.leader().store(std::process::id(), Ordering::Relaxed);
        control.leader_format().store(VERSION, Ordering::Relaxed);
        shared.leading.store(true, Ordering::Release);
        let sinks_seen = control.sinks().load(Ordering::Acquire);
        let mut leader = Self {
            fs,
            source,
            ledger,
            sinks: Vec::new(),
            sinks_seen,
            reaped: Instant::now(),
            notices: Vec::new(),
            last: false,
            missing: HashMap::new(),
            told: Vec::new(),
            shared,
            _lock: lock,
        };
        leader.refresh();
        let control = &leader.shared.folder.control;
        if leader.shared.folder.path.is_some() {
            control.bytes().store(leader.source.bytes_on_disk(), Ordering::Relaxed);
        }
        leader
    }

    fn refresh(&mut self) {
        let generation = self.shared.folder.control.segments().load(Ordering::Acquire);
        self.source.refresh(generation);
    }

    /// Looks once at everything; returns how many records were delivered.
    pub fn round(&mut self) -> u64 {
        let control = &self.shared.folder.control;
        control.set_beat();
        let changed = control.sinks().load(Ordering::Acquire);
        if std::mem::replace(&mut self.sinks_seen, changed) != changed {
            self.reload();
        }
        self.refresh();
        self.meet_sinks();
        let mut delivered = 0;
        for sink in &mut self.sinks {
            delivered += sink.deliver(&mut self.source, &mut self.notices);
        }
        let waiting = self.shared.folder.control.is_waited_for();
        if waiting || delivered == 0 || self.reaped.elapsed() > Duration::from_millis(20) {
            self.reap(waiting);
        }
        self.sync_ledger(SYNC_INTERVAL);
        if self.source.has_newer {
            self.tell_once("some segments were written by a newer version of Cordwood, which will deliver them".into());
        }
        if self.source.has_unread {
            self.tell_once("the disk does not show a segment of the spool: its records wait until it does".into());
        }
        let damaged = count_damage(&self.shared, &mut self.source);
        if damaged > 0 {
            self.notices.push(format!("the spool was damaged; {damaged} records of it are lost"));
        }
        delivered
    }

    fn reap(&mut self, pressed: bool) {
        self.reaped = Instant::now();
        self.source.find_dead();
        let mut freed = self.remove_finished();
        if pressed && freed == 0 {
            self.give_up();
            freed = self.remove_finished();
        }
        if freed > 0 {
            self.shared.folder.control.release(freed);
        }
    }

    /// The sinks that lag most of those that are behind lose the oldest segment that they lack.
    fn give_up(&mut self) {
        let behind = self.behind();
        for (identity, ..) in behind.iter().filter(|(_, _, lock)| lock.is_some()) {
            self.source.catch_up(*identity);
        }
        let identities: Vec<u64> = behind.iter().map(|(identity, ..)| *identity).collect();
        for (identity, lost) in self.source.give_up_oldest(&identities) {
            let control = &self.shared.folder.control;
            control.dropped(Reason::SinkBehind).fetch_add(lost, Ordering::Relaxed);
            if let Some(sink) = self.sinks.iter_mut().find(|sink| sink.identity == identity) {
                sink.given_up += lost;
            }
            let name = behind.iter().find(|(known, ..)| *known == identity).map_or("", |(_, name, _)| name);
            self.notices.push(format!("{name}: the spool is full; its oldest records are given up"));
        }
    }

    /// Removes the segments that every sink is done with, each when the ledger has it.
    fn remove_finished(&mut self) -> u64 {
        self.ledger.at_once = self.sinks.iter().any(FileSink::keeps_all);
        self.ledger.look();
        let (counted, ledger, mut failed) = (self.ledger.last(), &mut self.ledger, None);
        let freed = self.source.reap(counted, |member| failed = ledger.settle(member).err().or(failed.take()));
        if let Some(error) = failed {
            self.tell_once(format!("{error}: the ledger is kept in memory until it can be written"));
        }
        if std::mem::take(&mut self.ledger.was_damaged) {
            self.tell_once("the ledger was damaged: what became of earlier records is not known any more".into());
        }
        freed
    }

    fn sync_ledger(&mut self, age: Duration) {
        if self.ledger.unsynced.is_some_and(|since| since.elapsed() >= age) {
            if let Err(error) = self.ledger.sync() {
                self.tell_once(format!("{error}: the ledger may fall back by some segments if power is lost"));
            }
        }
    }

    /// Sinks that fail, those whose options cannot be used, and those that nobody delivers: with their lock, held.
    fn behind(&self) -> Vec<(u64, String, Option<Held>)> {
        let failing = self.sinks.iter().filter(|sink| sink.is_behind());
        let mut behind: Vec<_> =
            failing.map(|sink| (sink.identity, sink.log.path().display().to_string(), None)).collect();
        for (identity, local) in self.source.sinks() {
            if local || self.sinks.iter().any(|sink| sink.identity == identity) {
                continue;
            }
            let elsewhere = matches!(self.read_spec(identity), Ok(Options::Elsewhere));
            let lock = self.shared.folder.lock_sink(identity).filter(|_| elsewhere);
            // A database is given up on by whoever delivers it, who alone knows what is on its way there.
            if !elsewhere || lock.is_some() {
                behind.push((identity, format!("sink {identity:016x}"), lock));
            }
        }
        behind
    }

    /// The folder is gone, or another's: delivers what no other leader can find, and no more. What comes later, its writers
    /// deliver.
    pub fn bring_to_an_end(&mut self) {
        if !std::mem::replace(&mut self.last, true) {
            self.source.keep_nameless(Arc::clone(&self.shared));
        }
    }

    /// True if the folder could not be opened: another time, or another process, may do better.
    pub fn is_blind(&self) -> bool {
        self.source.is_blind()
    }

    /// Puts right what a crash left beside each file of the folder, also where no record waits: nobody may come after.
    pub fn tidy(&mut self) {
        for identity in self.shared.folder.described_sinks() {
            if self.sinks.iter().all(|sink| sink.identity != identity) {
                let Ok(Options::File(spec)) = self.read_spec(identity) else { continue };
                let Ok(sink) = self.open(identity, spec) else { continue };
                self.sinks.push(sink);
            }
        }
        for sink in &mut self.sinks {
            if let Err(error) = sink.log.tidy() {
                self.notices.push(error.to_string());
            }
        }
    }

    /// True if some sink's turn ended before its records did.
    pub fn has_more(&self) -> bool {
        self.sinks.iter().any(|sink| sink.has_more)
    }

    /// True when every file has got what was there a moment ago.
    pub fn is_at_rest(&self) -> bool {
        !self.has_more() && !self.is_failing()
    }

    /// True if nothing is left to deliver from any segment at hand.
    pub fn is_drained(&self) -> bool {
        self.source.is_empty()
    }

    /// True while some file cannot be written.
    pub fn is_failing(&self) -> bool {
        self.sinks.iter().any(|sink| sink.failing_since.is_some())
    }

    fn tell_once(&mut self, text: String) {
        if self.told.len() < MOST_TOLD && !self.told.contains(&text) {
            self.told.push(text.clone());
            self.notices.push(text);
        }
    }

    /// When a failing sink is to be tried again; None if none fails.
    pub fn next_retry(&self) -> Option<Instant> {
        self.sinks.iter().filter_map(|sink| sink.retry_at).min()
    }

    /// When some file is to be forced to the disk.
    pub fn next_sync(&self) -> Option<Instant> {
        let files = self.sinks.iter().filter_map(|sink| sink.unsynced);
        files.chain(self.ledger.unsynced).min().map(|since| since + SYNC_INTERVAL)
    }

    pub fn take_notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    /// (path, failing, records delivered ever) of each file sink.
    pub fn sinks(&self) -> Vec<(String, bool, u64)> {
        let each = self.sinks.iter();
        each.map(|sink| (sink.log.path().display().to_string(), sink.failing_since.is_some(), sink.outbox.delivered()))
            .collect()
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        for sink in self.sinks.drain(..) {
            sink.close(&mut self.source, &mut self.notices);
        }
        self.sync_ledger(Duration::ZERO);
        let control = &self.shared.folder.control;
        self.shared.leading.store(false, Ordering::Release);
        control.sleeping().swap(0, Ordering::SeqCst);
        let _ = control.leader().compare_exchange(std::process::id(), 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The folder's ledger. Whoever led last without keeping it has left a sign of that.
fn open_ledger(fs: Arc<dyn FileSystem>, source: &Source, shared: &Shared) -> Ledger {
    let path = shared.folder.path.as_deref().unwrap_or(Path::new("memory"));
    let mut ledger = Ledger::new(fs, source.folder_again(), path);
    let control = &shared.folder.control;
    let beat = control.beat().load(Ordering::Relaxed);
    if beat != control.counted().load(Ordering::Relaxed) {
        ledger.note_older(beat);
    }
    ledger
}

mod sinks;
use sinks::Options;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
