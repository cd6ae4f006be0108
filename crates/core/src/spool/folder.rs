//! A spool's folder: what stands in it, who may use it, and how a segment is made there.
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::{FallocateFlags, FlockOperation, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::spool::control::{self, Control};
use crate::spool::segment::Prepared;
use crate::system::fork::Held;
use crate::system::os::{random, FileId, UNFOLLOWED};

/// The file of a spool that stands elsewhere than in its log directory: the directories it is for, one a line.
pub const LOG_DIRS: &str = "log_dirs";
/// A folder that is being deleted is opened so often, then refused.
const ATTEMPTS: usize = 20;
/// No options of a sink are longer.
const MOST_TEXT: u64 = 1 << 20;

/// A spool's folder, or the anonymous memory that stands in for one.
pub struct Folder {
    pub path: Option<PathBuf>,
    /// For memory: the folder that it stands in for until that can be used.
    instead_of: Option<PathBuf>,
    pub control: Control,
    /// The control page's file: whoever finds another in its place is not in this folder any more.
    control_file: FileId,
    /// Who holds its lock leads. Open from the start: a folder that is deleted can still be led to its end. None: memory.
    pub lock: Option<Held>,
    lock_file: FileId,
    /// For tests: whether the disk is full.
    #[cfg(test)]
    pub full: std::sync::atomic::AtomicBool,
    /// For tests: held while the disk does not answer.
    #[cfg(test)]
    pub gate: std::sync::Mutex<()>,
}

impl Folder {
    /// Opens or makes the folder, mode 0700. Refused: another user's, a symbolic link, a network file system, one that
    /// has no locks.
    pub fn open(path: &Path) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            match Self::open_once(path) {
                // Somebody may be deleting it at this moment.
                Err(error) if error.os_code() == Some(Errno::NOENT.raw_os_error()) => {}
                done => return done,
            }
        }
        Self::open_once(path)
    }

    fn open_once(path: &Path) -> Result<Self> {
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
        check_locks(path)?;
        let sinks = path.join("sinks");
        match std::fs::DirBuilder::new().mode(0o700).create(&sinks) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", sinks, e)),
            _ => {}
        }
        let (control, control_file) = Control::open(&path.join("control"))?;
        let (lock, lock_file) = open_lock(&path.join("leader.lock"))?;
        Ok(Self {
            path: Some(path.to_owned()),
            instead_of: None,
            control,
            control_file,
            lock: Some(lock),
            lock_file,
            #[cfg(test)]
            full: false.into(),
            #[cfg(test)]
            gate: std::sync::Mutex::new(()),
        })
    }

    /// A spool in memory: it survives nothing but lets the process go on.
    pub fn anonymous() -> Result<Self> {
        Ok(Self {
            path: None,
            instead_of: None,
            control: Control::anonymous()?,
            control_file: FileId::default(),
            lock: None,
            lock_file: FileId::default(),
            #[cfg(test)]
            full: false.into(),
            #[cfg(test)]
            gate: std::sync::Mutex::new(()),
        })
    }

    /// A spool in memory until this folder can be used.
    pub fn instead_of(path: &Path) -> Result<Self> {
        Ok(Self { instead_of: Some(path.to_owned()), ..Self::anonymous()? })
    }

    /// True once the folder that memory stands in for can be used.
    pub fn can_return(&self) -> bool {
        self.instead_of.as_deref().is_some_and(|path| Self::open(path).is_ok())
    }

    /// True while the folder on disk is still the one that was opened: what its processes tell each other by, and the lock
    /// that decides between them. Deleting takes one file after another.
    pub fn is_there(&self) -> bool {
        let Some(path) = &self.path else { return true };
        let is_same = |name, known, length: Option<u64>| match std::fs::symlink_metadata(path.join(name)) {
            Ok(found) => FileId::of(&found) == known && length.is_none_or(|length| found.len() == length),
            Err(e) => e.kind() != io::ErrorKind::NotFound,
        };
        !self.control.is_damaged()
            && is_same("control", self.control_file, Some(control::SIZE as u64))
            && is_same("leader.lock", self.lock_file, None)
    }

    /// True if the same lock decides who leads this and the other.
    pub fn shares_lock(&self, other: &Self) -> bool {
        self.lock_file == other.lock_file
    }

    /// Tells whoever delivers that files below a directory may be written, although the spool is elsewhere. Errors: `Io`.
    pub fn serve(&self, log_dir: &Path) -> Result<()> {
        let Some(path) = self.path.as_ref().filter(|path| path.parent() != Some(log_dir)) else { return Ok(()) };
        let path = path.join(LOG_DIRS);
        let named = read_small(&path).unwrap_or_default();
        if named.lines().any(|line| Path::new(line) == log_dir) {
            return Ok(());
        }
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let line = [log_dir.as_os_str().as_bytes(), b"\n"].concat();
        options.open(&path).and_then(|mut file| file.write_all(&line)).map_err(|e| Error::io("write", path, e))
    }

    pub fn sink_path(&self, identity: u64) -> Option<PathBuf> {
        Some(self.path.as_ref()?.join("sinks").join(format!("{identity:016x}.json")))
    }

    /// A sink's options, as they stand in the folder. None: there is no folder.
    pub fn read_sink(&self, identity: u64) -> Option<io::Result<String>> {
        self.sink_path(identity).as_deref().map(read_small)
    }

    /// Takes the lock of a sink that has a deliverer of its own; None while another has it. Memory has one process alone.
    pub fn lock_sink(&self, identity: u64) -> Option<Held> {
        let Some(path) = self.sink_path(identity) else {
            return Held::open(|| File::open("/dev/null")).ok();
        };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = Held::open(|| options.open(path.with_extension("lock"))).ok()?;
        rustix::fs::flock(&*file, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(file)
    }

    /// The sinks whose options stand in the folder.
    pub fn described_sinks(&self) -> Vec<u64> {
        let Some(path) = &self.path else { return Vec::new() };
        let names = std::fs::read_dir(path.join("sinks")).into_iter().flatten().flatten().map(|entry| entry.path());
        let described = names.filter(|name| name.extension().is_some_and(|ending| ending == "json"));
        described.filter_map(|name| u64::from_str_radix(name.file_stem()?.to_str()?, 16).ok()).collect()
    }

    /// Writes a sink's options where every leader finds them, and forces them to the disk; returns why that could not be
    /// done, if so. Unchanged ones are left alone.
    pub fn describe_sink(&self, identity: u64, spec: &str) -> Result<Option<Error>> {
        let Some(path) = self.sink_path(identity) else { return Ok(None) };
        if read_small(&path).is_ok_and(|old| old == spec) {
            return Ok(None);
        }
        if let Some(folder) = path.parent() {
            // Deleted, or never made because something stood there; the write below says what is wrong.
            let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        let fresh = path.with_extension(format!("{:016x}", random()));
        let synced = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|file| {
                file.write_all_at(spec.as_bytes(), 0)?;
                failpoint!("sink.described")?;
                Ok(file.sync_all())
            })
            .and_then(|synced| std::fs::rename(&fresh, &path).map(|()| synced))
            .map_err(|e| Error::io("write", &path, e))?;
        self.control.sinks().fetch_add(1, Ordering::Release);
        self.control.wake();
        // A description that power took would make its sink a removed one, whose records are given up.
        let folders = path.ancestors().skip(1).take(3);
        let named = folders.map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
        Ok(named.fold(synced, io::Result::and).err().map(|e| Error::io("sync", &path, e)))
    }

    /// Makes a segment's file, locked and with every block allocated.
    pub fn new_segment(&self, salt: u64, capacity: usize) -> Result<Prepared> {
        let Some(folder) = &self.path else {
            let prepared = Prepared::in_memory(capacity).map_err(|e| Error::io("map", "memory", e))?;
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
        failpoint!("segment.created").map_err(|e| failed("create", e))?;
        // Every block is allocated now: a full disk is an error here and never a SIGBUS later.
        #[cfg(test)]
        drop(self.gate.lock());
        #[cfg(test)]
        if self.full.load(Ordering::Relaxed) {
            return Err(failed("allocate", Errno::NOSPC.into()));
        }
        allocate(&file, capacity).map_err(|e| failed("allocate", e))?;
        let prepared = Prepared::new(file, Some(path.clone()), capacity).map_err(|e| failed("map", e))?;
        self.control.bytes().fetch_add(capacity as u64, Ordering::Relaxed);
        Ok(prepared)
    }
}

/// What a new segment holds. Nobody writes there, so the system needs no memory for it.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// Every block is allocated, and written too: the kernel takes memory for what is written in large pieces, and for what is
/// touched through a mapping page by page, which takes three times as long, and so does letting go of it.
fn allocate(file: &File, capacity: usize) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, capacity as u64) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    (0..capacity).step_by(ZEROS.len()).try_for_each(|at| {
        let len = ZEROS.len().min(capacity - at);
        file.write_all_at(&ZEROS[..len], at as u64)
    })
}

fn open_lock(path: &Path) -> Result<(Held, FileId)> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let failed = |e| Error::io("open", path, e);
    let file = Held::open(|| options.open(path)).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    Ok((file, FileId::of(&found)))
}

/// A lock nobody else takes: what matters is whether there are any.
fn check_locks(path: &Path) -> Result<()> {
    let fail = |e: io::Error| Error::io("lock", path, e);
    let folder = File::open(path).map_err(fail)?;
    rustix::fs::flock(&folder, FlockOperation::NonBlockingLockShared).map_err(|e| fail(e.into()))
}

fn is_network(path: &Path) -> Result<bool> {
    const NETWORKS: [u32; 6] = [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x0102_1997, 0x0BD0_0BD0];
    let found = rustix::fs::statfs(path).map_err(|e| Error::io("look at", path, e))?;
    Ok(NETWORKS.contains(&(found.f_type as u32)))
}

/// The text of a small file in a spool: whoever may write there may have put a link, a pipe or a device in its place.
pub fn read_small(path: &Path) -> io::Result<String> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(UNFOLLOWED.bits() as i32);
    let file = options.open(path)?;
    let mut text = String::new();
    if file.metadata()?.is_file() && file.take(MOST_TEXT + 1).read_to_string(&mut text)? as u64 <= MOST_TEXT {
        return Ok(text);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no small file of text"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
