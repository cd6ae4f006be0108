//! What a process's writer shares with its delivery thread.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::spool::folder::Folder;
use crate::spool::segment::{self, Prepared, Segment, VERSION};
use crate::system::os::{random, Map};
use crate::system::words;

/// How often a process with records in its memory asks for the lead.
const ASK: Duration = Duration::from_millis(50);
/// Who has nothing in memory leaves the lock to those who asked for it so recently.
const YIELD: Duration = Duration::from_millis(200);
/// Notices that wait for the delivery thread to say them.
const MOST_NOTICES: usize = 64;

/// What the writer shares with its delivery thread.
pub struct Shared {
    pub folder: Folder,
    pub writer: u128,
    /// The capacity wanted of the next segment; 0 = none is wanted.
    wanted: AtomicU64,
    memory: AtomicU64,
    inner: Mutex<Inner>,
    /// An attempt to make a segment has ended.
    made: Condvar,
    /// 1 while this process's delivery thread sleeps without being the leader.
    pub sleeping: AtomicU32,
    /// The number of the delivery thread that is to go on; 0: none is.
    pub worker: AtomicU32,
    /// The writer went on elsewhere: the delivery thread ends when all that was written here is delivered.
    pub leaving: AtomicBool,
    /// Set while some sink of this process runs in this process alone.
    pub has_local: AtomicBool,
    /// The folder on disk is gone: the writer begins anew.
    pub lost: AtomicBool,
    /// Set while this process leads the folder. (Process ids do not tell: in containers they repeat.)
    pub leading: AtomicBool,
    /// Delivery threads of this process that are about this folder: one, or one more that was left behind as it hung.
    pub threads: AtomicU32,
    /// Held by the one of them that delivers.
    pub desk: Mutex<()>,
    /// Counts rounds of this process's leadership that found nothing to deliver.
    pub idle_rounds: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// Console sinks that the delivery thread has not met yet.
    locals: Vec<(u64, String)>,
    /// Options of the shared sinks of this process, where there is no folder to keep them, or somebody deletes them there.
    specs: Vec<Described>,
    prepared: Option<Prepared>,
    making: Making,
    /// The segment that is written to, if it has a file: as a reader finds it in this process, and where it is.
    current: Option<(OsString, Weak<Map>, PathBuf)>,
    /// Full segments whose records are not all delivered; dropped (unmapped) by the delivery thread.
    sealed: Vec<Segment>,
    /// Segments that are in no folder, under their salts as names: for readers in this process, while the writer or one of
    /// them keeps them.
    lent: Vec<(OsString, Weak<Map>)>,
    /// Folders that this process wrote to before, until what it has of them is delivered.
    formers: Vec<Former>,
    /// Python-run sinks that fail.
    failing: Vec<u64>,
    /// What the user should hear of.
    notices: Vec<String>,
}

struct Described {
    identity: u64,
    spec: String,
    is_file: bool,
}

impl Shared {
    pub fn new(folder: Folder) -> Arc<Self> {
        Arc::new(Self {
            folder,
            writer: u128::from(random()) << 64 | u128::from(random()),
            wanted: AtomicU64::new(0),
            memory: AtomicU64::new(0),
            inner: Mutex::default(),
            made: Condvar::new(),
            sleeping: AtomicU32::new(0),
            worker: AtomicU32::new(0),
            leaving: AtomicBool::new(false),
            has_local: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            leading: AtomicBool::new(false),
            threads: AtomicU32::new(0),
            desk: Mutex::default(),
            idle_rounds: AtomicU64::new(0),
        })
    }

    /// The writer wants its next segment made ahead of time, so large.
    pub fn want(&self, capacity: u64) {
        self.wanted.store(capacity, Ordering::Release);
        self.wake_own_or_leader();
    }

    /// The segment that was made ahead of time, if there is one.
    pub fn take_prepared(&self) -> Option<Prepared> {
        self.inner().prepared.take()
    }

    /// Keeps a full segment mapped until it is delivered.
    pub fn keep_sealed(&self, segment: Segment) {
        self.inner().sealed.push(segment);
    }

    /// True if `test` holds for every full segment that is not delivered yet.
    pub fn all_sealed(&self, test: impl FnMut(&Segment) -> bool) -> bool {
        self.inner().sealed.iter().all(test)
    }

    /// Lends a segment that is in no folder to readers in this process.
    pub fn lend(&self, segment: &Segment) {
        self.inner().lent.push(segment.lent());
    }

    /// The segment that is written to from now on.
    pub fn set_current(&self, segment: Option<&Segment>) {
        self.inner().current = segment.and_then(Segment::lent_with_path);
    }

    /// True if somebody deleted the segment that is written to: it can be read to its end, and nobody else finds it.
    pub fn has_lost_current(&self) -> bool {
        let current = self.inner().current.as_ref().map(|(_, _, path)| path.clone());
        current.as_deref().is_some_and(is_deleted)
    }

    /// Lends the segments that somebody deleted: who looks for them by name finds none. A leader deletes delivered ones.
    pub fn lend_nameless(&self) {
        // The disk is asked with nothing locked: it may not answer.
        let mut nameless = self.undelivered();
        nameless.retain(|(_, _, path)| is_deleted(path));
        let mut inner = self.inner();
        let fresh = |(name, _, _): &(OsString, _, _)| !inner.lent.iter().any(|(known, _)| known == name);
        let fresh: Vec<_> = nameless.into_iter().filter(fresh).map(|(name, map, _)| (name, map)).collect();
        if !fresh.is_empty() {
            inner.lent.extend(fresh);
            self.folder.control.segments().fetch_add(1, Ordering::Release);
        }
    }

    /// The segments with a file that were written to and are not delivered, and where each is.
    fn undelivered(&self) -> Vec<(OsString, Weak<Map>, PathBuf)> {
        let inner = self.inner();
        let is_left = |segment: &&Segment| !segment.is_delivered(u32::MAX, segment.position() as u64);
        let sealed = inner.sealed.iter().filter(is_left).filter_map(Segment::lent_with_path);
        sealed.chain(inner.current.clone()).collect()
    }

    /// None while somebody else may deliver them.
    pub fn lent(&self) -> Vec<(OsString, Arc<Map>)> {
        let inner = self.inner();
        if inner.awaits_former() {
            return Vec::new();
        }
        inner.lent.iter().filter_map(|(name, map)| Some((name.clone(), map.upgrade()?))).collect()
    }

    /// True while this process has records in its memory that only its own thread can deliver to files.
    pub fn has_memory(&self) -> bool {
        let is_database = |sink| self.inner().specs.iter().any(|known| known.identity == sink && !known.is_file);
        self.holds(|sink| !is_database(sink))
    }

    /// True while it has some there for this sink.
    pub fn has_memory_for(&self, identity: u64) -> bool {
        self.holds(|sink| sink == identity)
    }

    fn holds(&self, is_meant: impl Fn(u64) -> bool) -> bool {
        self.folder.path.is_some() && self.lent().iter().any(|(_, map)| segment::is_waiting(map, &is_meant))
    }

    /// Bytes of memory that segments take although there is a folder.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    pub fn take_memory(&self, bytes: u64) {
        self.memory.fetch_add(bytes, Ordering::Relaxed);
    }

    /// True if a segment was made ahead of time.
    pub fn has_prepared(&self) -> bool {
        self.inner().prepared.is_some()
    }

    /// Something the user should hear of; the delivery thread says it.
    pub fn tell(&self, text: String) {
        let mut inner = self.inner();
        if inner.notices.last() != Some(&text) && inner.notices.len() < MOST_NOTICES {
            inner.notices.push(text);
            drop(inner);
            self.wake_own_or_leader();
        }
    }

    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().notices)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True while this process leads the folder.
    pub fn leads(&self) -> bool {
        self.leading.load(Ordering::Acquire)
    }

    /// Wakes whoever delivers: the folder's leader, and this process's own thread.
    pub fn wake(&self) {
        self.folder.control.wake();
        self.wake_own();
    }

    pub fn wake_own(&self) {
        words::wake(&self.sleeping);
    }

    /// The delivery thread sleeps on one of two words, depending on whether it leads.
    fn wake_own_or_leader(&self) {
        self.wake_own();
        if self.leads() {
            self.folder.control.wake();
        }
    }

    /// Delivery thread: has the next segment made ahead of time, and lets go of delivered ones.
    pub fn housekeeping(self: &Arc<Self>) {
        self.look_after_formers();
        let wanted = self.wanted.swap(0, Ordering::AcqRel) as usize;
        if wanted > 0 {
            self.make_ahead(wanted);
        }
        let done: Vec<Segment> = {
            let mut inner = self.inner();
            let all = std::mem::take(&mut inner.sealed);
            let (done, rest) =
                all.into_iter().partition(|segment| segment.is_delivered(u32::MAX, segment.position() as u64));
            inner.sealed = rest;
            done
        };
        let (cut, done): (Vec<_>, Vec<_>) = done.into_iter().partition(Segment::is_damaged);
        cut.into_iter().for_each(Segment::abandon);
        let memory: u64 = done.iter().filter(|done| done.is_in_memory()).map(|done| done.capacity() as u64).sum();
        if !done.is_empty() {
            drop(done);
            self.inner().lent.retain(|(_, map)| map.strong_count() > 0);
        }
        if memory > 0 {
            if self.folder.path.is_none() {
                self.folder.control.release(memory);
            } else {
                self.memory.fetch_sub(memory, Ordering::Relaxed);
                self.folder.control.release(0);
            }
        }
    }

    /// At the end: a segment that was made ahead of time is not needed any more.
    pub fn discard_prepared(&self) {
        let Some(prepared) = self.inner().prepared.take() else { return };
        let path = prepared.path.as_ref().filter(|_| self.folder.is_there());
        if path.is_some_and(|path| std::fs::remove_file(path).is_ok()) {
            self.folder.control.release(prepared.capacity() as u64);
        }
    }

    pub fn add_local(&self, identity: u64, spec: String) {
        let mut inner = self.inner();
        inner.locals.retain(|(known, _)| *known != identity);
        inner.locals.push((identity, spec));
        drop(inner);
        self.has_local.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub fn take_new_locals(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.inner().locals)
    }

    /// A Python-run sink takes nothing, or takes records again.
    pub fn set_failing(&self, identity: u64, fails: bool) {
        let mut inner = self.inner();
        inner.failing.retain(|known| *known != identity);
        inner.failing.extend(fails.then_some(identity));
    }

    pub fn is_failing(&self, identity: u64) -> bool {
        self.inner().failing.contains(&identity)
    }

    pub fn keep_spec(&self, identity: u64, spec: &str, is_file: bool) {
        let mut inner = self.inner();
        inner.specs.retain(|known| known.identity != identity);
        inner.specs.push(Described { identity, spec: spec.to_owned(), is_file });
    }

    pub fn spec(&self, identity: u64) -> Option<String> {
        self.inner().specs.iter().find(|known| known.identity == identity).map(|known| known.spec.clone())
    }

    /// Describes this process's sinks anew where somebody deleted that.
    pub fn describe_again(&self) {
        let is_missing = |identity: u64| self.folder.sink_path(identity).as_deref().is_some_and(is_deleted);
        let all: Vec<_> = self.inner().specs.iter().map(|known| (known.identity, known.spec.clone())).collect();
        for (identity, spec) in all.into_iter().filter(|(identity, _)| is_missing(*identity)) {
            // Where that cannot be done now, it is tried again.
            let _ = self.folder.describe_sink(identity, &spec);
        }
    }
}

fn is_deleted(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

mod former;
mod making;
use former::Former;
use making::Making;
pub use making::PATIENCE;

/// Whose turn it is to deliver: records in a process's memory can be delivered by that process alone, and those of a newer
/// format by a newer version; so it asks for the lead, and who leads without any gives it up.
pub struct Turn {
    /// Requests that were seen, and when the last came from another process.
    requests: u32,
    asked: Option<Instant>,
    /// When this process asked last.
    asks: Option<Instant>,
}

impl Turn {
    pub fn new(shared: &Shared) -> Self {
        Self { requests: shared.folder.control.handover().load(Ordering::Acquire), asked: None, asks: None }
    }

    /// True while this process leaves the lead to others; `has_memory`: only it can deliver some of the records.
    pub fn gives_way(&mut self, shared: &Shared, leads: bool, has_memory: bool) -> bool {
        let control = &shared.folder.control;
        let is_led = !leads && control.leader().load(Ordering::Relaxed) != 0;
        let is_newer = is_led && control.leader_format().load(Ordering::Relaxed) < VERSION;
        if has_memory || is_newer {
            if !leads && self.asks.is_none_or(|at| at.elapsed() >= ASK) {
                self.asks = Some(Instant::now());
                self.requests = control.handover().fetch_add(1, Ordering::AcqRel).wrapping_add(1);
                control.wake();
            }
            return false;
        }
        let requests = control.handover().load(Ordering::Acquire);
        if std::mem::replace(&mut self.requests, requests) != requests {
            self.asked = Some(Instant::now());
        }
        self.asked.is_some_and(|at| at.elapsed() < YIELD)
    }
}
