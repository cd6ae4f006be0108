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
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{FallocateFlags, FlockOperation, MemfdFlags, OFlags};

use crate::error::{Error, Result};
use crate::fork::Held;
use crate::frame::{self, Kind};
use crate::os::{futex_wait, futex_wake, Map};
use crate::record::Process;
use crate::segment::{self, Header, Prepared, Segment, SinkId};

/// A process's first segment; each next one is twice as large, up to [`LARGEST`].
pub const SMALLEST: usize = 256 << 10;
pub const LARGEST: usize = 8 << 20;
/// A wait for room is shorter: a longer one was written before the clock was set back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A segment takes at most this part of what is left, so that many processes find room.
const SHARE: u64 = 8;
const CONTROL: usize = 4096;
const CONTROL_MAGIC: u64 = u64::from_le_bytes(*b"CWCTRL\0\x01");

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

    /// Bytes were freed: says so to whoever waits for room.
    pub fn release(&self, freed: u64) {
        let _ = self.bytes().fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| Some(b.saturating_sub(freed)));
        self.freed().fetch_add(1, Ordering::Release);
        futex_wake(self.freed());
    }

    /// Wakes the leader if it sleeps.
    pub fn wake(&self) {
        if self.sleeping().swap(0, Ordering::SeqCst) == 1 {
            futex_wake(self.sleeping());
        }
    }
}

/// A spool's folder, or the anonymous memory that stands in for one.
pub struct Folder {
    pub path: Option<PathBuf>,
    pub control: Control,
    /// The control page's file: whoever finds another in its place is not in this folder any more.
    control_file: (u64, u64),
}

impl Folder {
    /// Opens or makes the folder, mode 0700. Refused: another user's, a symbolic link, a network file system.
    pub fn open(path: &Path) -> Result<Self> {
        match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", path, e)),
            _ => {}
        }
        let found = std::fs::symlink_metadata(path).map_err(|e| Error::io("look at", path, e))?;
        let refuse = |why| Err(Error::Format { path: path.to_owned(), offset: 0, why });
        if !found.is_dir() {
            return refuse("the spool must be a folder, not a link or a file");
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return refuse("the spool belongs to another user");
        }
        if is_network(path)? {
            return refuse("a spool on a network file system is not safe");
        }
        let sinks = path.join("sinks");
        match std::fs::DirBuilder::new().mode(0o700).create(&sinks) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", sinks, e)),
            _ => {}
        }
        let (map, control_file) = map_control(&path.join("control"))?;
        Ok(Self { path: Some(path.to_owned()), control: Control { map }, control_file })
    }

    /// A spool in memory: it survives nothing but lets the process go on.
    pub fn anonymous() -> Result<Self> {
        let file = memfd(CONTROL as u64)?;
        let map = Map::new(&file, CONTROL).map_err(|e| Error::io("map", "the control page", e))?;
        Ok(Self { path: None, control: Control { map }, control_file: (0, 0) })
    }

    /// True while the folder on disk is still the one that was opened.
    pub fn is_there(&self) -> bool {
        let Some(path) = &self.path else { return true };
        match std::fs::symlink_metadata(path.join("control")) {
            Ok(found) => (found.dev(), found.ino()) == self.control_file,
            Err(e) => e.kind() != io::ErrorKind::NotFound,
        }
    }

    pub fn sink_path(&self, identity: u64) -> Option<PathBuf> {
        Some(self.path.as_ref()?.join("sinks").join(format!("{identity:016x}.json")))
    }

    /// Writes a sink's options where every leader finds them; unchanged ones are left alone.
    pub fn describe_sink(&self, identity: u64, spec: &str) -> Result<()> {
        let Some(path) = self.sink_path(identity) else { return Ok(()) };
        if std::fs::read(&path).is_ok_and(|old| old == spec.as_bytes()) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            // Deleted, or never made because something stood there; the write below says what is wrong.
            let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        let fresh = path.with_extension(format!("{:016x}", random()));
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|file| file.write_all_at(spec.as_bytes(), 0))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|e| Error::io("write", &path, e))?;
        self.control.sinks().fetch_add(1, Ordering::Release);
        self.control.wake();
        Ok(())
    }

    fn new_segment(&self, salt: u64, capacity: usize) -> Result<Prepared> {
        let Some(folder) = &self.path else {
            let file = memfd(capacity as u64)?;
            let prepared = Prepared::new(Held::new(file), None, capacity);
            let prepared = prepared.map_err(|e| Error::io("map", "memory", e))?;
            self.control.bytes().fetch_add(capacity as u64, Ordering::Relaxed);
            return Ok(prepared);
        };
        let path = folder.join(format!("{salt:016x}.seg"));
        let failed = |what, e: io::Error| {
            let _ = std::fs::remove_file(&path);
            Error::io(what, &path, e)
        };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = Held::open(|| options.open(&path)).map_err(|e| Error::io("create", &path, e))?;
        rustix::fs::flock(&*file, FlockOperation::NonBlockingLockExclusive).map_err(|e| failed("lock", e.into()))?;
        // Every block is allocated now: a full disk is an error here and never a SIGBUS later.
        rustix::fs::fallocate(&*file, FallocateFlags::empty(), 0, capacity as u64)
            .map_err(|e| failed("allocate", e.into()))?;
        let prepared = Prepared::new(file, Some(path.clone()), capacity).map_err(|e| failed("map", e))?;
        self.control.bytes().fetch_add(capacity as u64, Ordering::Relaxed);
        Ok(prepared)
    }
}

fn memfd(len: u64) -> Result<File> {
    let fail = |e: io::Error| Error::io("create", "anonymous memory", e);
    let file = File::from(rustix::fs::memfd_create("cordwood", MemfdFlags::CLOEXEC).map_err(|e| fail(e.into()))?);
    file.set_len(len).map_err(fail)?;
    Ok(file)
}

fn is_network(path: &Path) -> Result<bool> {
    const NETWORKS: [u32; 6] = [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x0102_1997, 0x0BD0_0BD0];
    let found = rustix::fs::statfs(path).map_err(|e| Error::io("look at", path, e))?;
    Ok(NETWORKS.contains(&(found.f_type as u32)))
}

fn map_control(path: &Path) -> Result<(Map, (u64, u64))> {
    loop {
        let open =
            std::fs::OpenOptions::new().read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path);
        match open {
            Ok(file) => {
                let mut head = [0u8; 8];
                let found = file.metadata().map_err(|e| Error::io("look at", path, e))?;
                if found.len() == CONTROL as u64
                    && file.read_exact_at(&mut head, 0).is_ok()
                    && head == CONTROL_MAGIC.to_le_bytes()
                {
                    let map = Map::new(&file, CONTROL).map_err(|e| Error::io("map", path, e))?;
                    return Ok((map, (found.dev(), found.ino())));
                }
                // Counters and wake-up words alone stand in it: a damaged one is put aside and made anew.
                let aside = path.with_extension(format!("damaged-{:08x}", random() as u32));
                std::fs::rename(path, aside).map_err(|e| Error::io("put aside", path, e))?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => make_control(path)?,
            Err(e) => return Err(Error::io("open", path, e)),
        }
    }
}

fn make_control(path: &Path) -> Result<()> {
    let fresh = path.with_extension(format!("{:016x}", random()));
    let mut page = vec![0u8; CONTROL];
    page[..8].copy_from_slice(&CONTROL_MAGIC.to_le_bytes());
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|file| file.write_all_at(&page, 0))
        .and_then(|()| match std::fs::hard_link(&fresh, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => std::fs::remove_file(&fresh),
        });
    made.map_err(|e| {
        let _ = std::fs::remove_file(&fresh);
        Error::io("create", path, e)
    })
}

/// Sixty-four random bits.
pub fn random() -> u64 {
    let mut bytes = [0u8; 8];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => {
            rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_nsec as u64
                ^ (u64::from(std::process::id()) << 32)
        }
    }
}

/// What the writer shares with its delivery thread.
pub struct Shared {
    pub folder: Folder,
    pub writer: u128,
    /// The capacity wanted of the next segment; 0 = none is wanted.
    wanted: AtomicU64,
    inner: Mutex<Inner>,
    /// 1 while this process's delivery thread sleeps without being the leader.
    pub sleeping: AtomicU32,
    pub stop: AtomicBool,
    /// The writer went on elsewhere: the delivery thread ends when all that was written here is delivered.
    pub leaving: AtomicBool,
    /// Set while some sink of this process runs in this process alone.
    pub has_local: AtomicBool,
    /// The folder on disk is gone: the writer begins anew.
    pub lost: AtomicBool,
    /// Set while this process leads the folder. (Process ids do not tell: in containers they repeat.)
    pub leading: AtomicBool,
    /// Counts rounds of this process's leadership that found nothing to deliver.
    pub idle_rounds: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// Console sinks that the delivery thread has not met yet.
    locals: Vec<(u64, String)>,
    /// Options of file sinks where there is no folder to keep them.
    specs: Vec<(u64, String)>,
    prepared: Option<Prepared>,
    /// Full segments whose records are not all delivered; dropped (unmapped) by the delivery thread.
    sealed: Vec<Segment>,
    /// Segments without a name, for a reader in this process.
    nameless: Vec<(u64, File)>,
}

impl Shared {
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
        if self.sleeping.swap(0, Ordering::SeqCst) == 1 {
            futex_wake(&self.sleeping);
        }
    }

    /// Delivery thread: makes the next segment ahead of time, and lets go of delivered ones.
    pub fn housekeeping(&self) {
        let wanted = self.wanted.swap(0, Ordering::AcqRel) as usize;
        if wanted > 0 && !self.stop.load(Ordering::Acquire) && self.inner().prepared.is_none() {
            if let Ok(prepared) = self.folder.new_segment(random(), wanted) {
                self.inner().prepared = Some(prepared);
            }
        }
        let done: Vec<Segment> = {
            let mut inner = self.inner();
            let all = std::mem::take(&mut inner.sealed);
            let (done, rest) =
                all.into_iter().partition(|segment| segment.is_delivered(u32::MAX, segment.position() as u64));
            inner.sealed = rest;
            let kept: Vec<u64> = inner.sealed.iter().map(Segment::ordinal).collect();
            let newest = inner.nameless.last().map_or(0, |(ordinal, _)| *ordinal);
            inner.nameless.retain(|(ordinal, _)| *ordinal == newest || kept.contains(ordinal));
            done
        };
        if self.folder.path.is_none() && !done.is_empty() {
            self.folder.control.release(done.iter().map(|segment| segment.capacity() as u64).sum());
        }
        drop(done);
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
        self.inner().locals.push((identity, spec));
        self.has_local.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub fn take_new_locals(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.inner().locals)
    }

    pub fn keep_spec(&self, identity: u64, spec: &str) {
        let mut inner = self.inner();
        inner.specs.retain(|(known, _)| *known != identity);
        inner.specs.push((identity, spec.to_owned()));
    }

    pub fn spec(&self, identity: u64) -> Option<String> {
        self.inner().specs.iter().find(|(known, _)| *known == identity).map(|(_, spec)| spec.clone())
    }

    /// Segments without a name, under numbers that stand for names.
    pub fn nameless(&self) -> Vec<(OsString, Option<File>)> {
        let inner = self.inner();
        let files = inner.nameless.iter();
        files.map(|(ordinal, file)| (OsString::from(ordinal.to_string()), file.try_clone().ok())).collect()
    }
}

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
    first_sequence: u64,
    capacity: usize,
    asked: bool,
}

impl Spool {
    pub fn new(folder: Folder, max_bytes: u64, process: Process) -> Self {
        let writer = u128::from(random()) << 64 | u128::from(random());
        let shared = Shared {
            folder,
            writer,
            wanted: AtomicU64::new(0),
            inner: Mutex::default(),
            sleeping: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            has_local: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            leading: AtomicBool::new(false),
            idle_rounds: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
            max_bytes,
            sinks: Vec::new(),
            passed: 0,
            process,
            current: None,
            ordinal: 0,
            next_sequence: 1,
            first_sequence: 1,
            capacity: SMALLEST,
            asked: false,
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

    /// Makes sure that frames of `bytes` in all (padding included) can be appended one after another.
    pub fn reserve(&mut self, bytes: usize) -> Room {
        if self.current.as_ref().is_some_and(|segment| segment.room() >= bytes) {
            return Room::Ready;
        }
        let wanted = (segment::HEADER + bytes) as u64;
        if wanted > self.max_bytes.max((SMALLEST * 2) as u64).min(i32::MAX as u64) {
            // No waiting helps.
            return Room::Failed(Error::Full { wanted, max_bytes: self.max_bytes });
        }
        match self.roll(bytes) {
            Ok(()) => Room::Ready,
            Err(Error::Full { .. }) => Room::Full,
            Err(error) => Room::Failed(error),
        }
    }

    fn roll(&mut self, bytes: usize) -> Result<()> {
        let least = (segment::HEADER + bytes).next_multiple_of(4096);
        let kept = self.shared.inner().prepared.take().filter(|prepared| prepared.capacity() >= least);
        let prepared = match kept {
            Some(prepared) => prepared,
            None => self.create(least)?,
        };
        self.retire();
        if self.shared.folder.path.is_none() {
            let file = prepared.file.try_clone().map_err(|e| Error::io("share", "memory", e))?;
            self.shared.inner().nameless.push((self.ordinal + 1, file));
        }
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
        self.current = Some(prepared.begin(&header, self.ordinal, self.passed));
        self.capacity = (self.capacity * 2).min(LARGEST.min((self.max_bytes / 16) as usize).max(SMALLEST));
        self.asked = false;
        self.shared.folder.control.segments().fetch_add(1, Ordering::Release);
        self.shared.wake();
        Ok(())
    }

    fn create(&self, least: usize) -> Result<Prepared> {
        let left = self.left();
        if least as u64 > left {
            return Err(Error::Full { wanted: least as u64, max_bytes: self.max_bytes });
        }
        // The last of the room is given to small segments rather than to nobody.
        let capacity = self.fitting(left).max(least).max(SMALLEST.min(left as usize));
        self.shared.folder.new_segment(random(), capacity)
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

    /// Nobody reads the spool for this sink: its terminal is written at once, or it was removed.
    pub fn pass_over(&mut self, bit: usize) {
        self.passed |= 1 << bit;
        for segment in self.current.iter().chain(&self.shared.inner().sealed) {
            segment.pass_over(bit);
        }
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
            self.shared.inner().sealed.push(segment);
        }
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
        self.next_sequence += 1;
        if !self.asked && segment.position() * 2 > segment.capacity() {
            self.asked = true;
            let capacity = self.fitting(self.left());
            if capacity >= SMALLEST {
                self.shared.wanted.store(capacity as u64, Ordering::Release);
                self.shared.wake_own_or_leader();
            }
        }
        // The fence orders the append before the look at the flag; the sleeper stores the flag, then looks at the spool.
        std::sync::atomic::fence(Ordering::SeqCst);
        let control = &self.shared.folder.control;
        if control.sleeping().load(Ordering::Relaxed) == 1 {
            control.wake();
        }
        if self.shared.has_local.load(Ordering::Relaxed) && self.shared.sleeping.load(Ordering::Relaxed) == 1 {
            self.shared.wake_own();
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
        self.current.as_ref().is_none_or(has_all) && self.shared.inner().sealed.iter().all(has_all)
    }

    /// Waits for room, at most `timeout`.
    pub fn wait_for_room(shared: &Shared, timeout: Duration) {
        let control = &shared.folder.control;
        let seen = control.freed().load(Ordering::Acquire);
        control.ask_for_room(timeout);
        shared.wake();
        futex_wait(control.freed(), seen, timeout);
    }
}

impl Shared {
    /// The delivery thread sleeps on one of two words, depending on whether it leads.
    fn wake_own_or_leader(&self) {
        self.wake_own();
        if self.leads() {
            self.folder.control.wake();
        }
    }
}

/// Bytes that a frame with this payload takes.
pub const fn frame_bytes(payload: usize) -> usize {
    frame::aligned(frame::HEADER + payload)
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// The host's name; empty where the system does not tell.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
