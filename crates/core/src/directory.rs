//! A spool folder as readers see it: its segments' names and files.
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};

use crate::fork::Held;
use crate::reader::Reader;

/// A prepared segment that nobody uses is removed when it is this old and its maker is dead.
const UNUSED: Duration = Duration::from_secs(10);

/// A folder held open: another that takes its name is not mistaken for it.
pub struct Directory {
    pub path: PathBuf,
    open: Option<Held>,
}

impl Directory {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Held::open(|| File::open(path)).ok() }
    }

    /// The names of its segments; None if it cannot be listed.
    pub fn list(&self) -> Option<Vec<OsString>> {
        let entries = Dir::read_from(&**self.open.as_ref()?).ok()?;
        let names = entries.filter_map(|entry| Some(OsStr::from_bytes(entry.ok()?.file_name().to_bytes()).to_owned()));
        Some(names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "seg")).collect())
    }

    /// Opens a file of one's own: no link, no other owner.
    pub fn open(&self, name: &OsStr) -> Option<Held> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let folder = self.open.as_ref()?;
        let open = || Ok(File::from(rustix::fs::openat(&**folder, name, flags, Mode::empty())?));
        let file = Held::open(open).ok()?;
        let found = file.metadata().ok()?;
        (found.is_file() && found.uid() == rustix::process::geteuid().as_raw()).then_some(file)
    }

    pub fn has(&self, name: &OsStr) -> bool {
        let Some(folder) = &self.open else { return false };
        rustix::fs::statat(&**folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    pub fn remove(&self, name: &OsStr) -> bool {
        self.open.as_ref().is_some_and(|folder| rustix::fs::unlinkat(&**folder, name, AtFlags::empty()).is_ok())
    }

    /// Removes prepared segments whose maker died before it used them, except those that are known. Returns the bytes
    /// freed.
    pub fn remove_unused(&self, is_known: impl Fn(&OsString) -> bool) -> u64 {
        let mut freed = 0;
        for name in self.list().unwrap_or_default().into_iter().filter(|name| !is_known(name)) {
            let Some(file) = self.open(&name) else { continue };
            let Ok(found) = file.metadata() else { continue };
            let old =
                found.modified().is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > UNUSED));
            if old && is_unlocked(&file) && matches!(Reader::open(file, &self.path), Ok(None)) && self.remove(&name) {
                freed += found.len();
            }
        }
        freed
    }

    /// Bytes of all its segments, prepared ones among them.
    pub fn bytes(&self) -> u64 {
        let names = self.list().unwrap_or_default();
        names.iter().filter_map(|name| self.open(name)?.metadata().ok()).map(|found| found.len()).sum()
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
