//! A spool folder as readers see it: its segments' names and files.
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::spool::reader::{is_unlocked, Bytes, Reader};
use crate::system::fork::Held;

/// A prepared segment that nobody uses is removed when it is this old and its maker is dead.
const UNUSED: Duration = Duration::from_secs(10);

/// What became of a file's opening.
pub enum Opened {
    File(Held),
    /// Gone, damaged, or none of one's own.
    Not,
    /// No file can be opened now, or none in this folder.
    Refused,
    /// The disk did not show it.
    Unread,
}

/// A folder held open: another that takes its name is not mistaken for it.
pub struct Directory {
    pub path: PathBuf,
    open: Option<Held>,
    gone: bool,
}

impl Directory {
    pub fn new(path: &Path) -> Self {
        let open = Held::open(|| File::open(path));
        let gone = open.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
        Self { path: path.to_owned(), open: open.ok(), gone }
    }

    /// The names of its segments; None if it cannot be listed.
    pub fn list(&self) -> Option<Vec<OsString>> {
        if self.gone {
            return Some(Vec::new());
        }
        let entries = Dir::read_from(&**self.open.as_ref()?).ok()?;
        // A folder that is gone has none; of a list that breaks off otherwise nobody knows what it lacks.
        let found = entries.filter(|entry| !matches!(entry, Err(Errno::NOENT)));
        let names = found.map(|entry| Some(OsStr::from_bytes(entry.ok()?.file_name().to_bytes()).to_owned()));
        let names = names.collect::<Option<Vec<_>>>()?;
        let is_segment = |name: &OsString| Path::new(name).extension().is_some_and(|ending| ending == "seg");
        Some(names.into_iter().filter(is_segment).collect())
    }

    /// Opens a file of one's own: no link, no other owner.
    pub fn open(&self, name: &OsStr) -> Opened {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(folder) = &self.open else { return Opened::Not };
        let open = || Ok(File::from(rustix::fs::openat(&**folder, name, flags, Mode::empty())?));
        let opened = Held::open(open).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((found, file)) if found.is_file() && found.uid() == rustix::process::geteuid().as_raw() => {
                Opened::File(file)
            }
            Err(e) => match Errno::from_io_error(&e) {
                Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::ROFS) => Opened::Refused,
                Some(Errno::IO) => Opened::Unread,
                // The folder itself may not be searched.
                Some(Errno::ACCESS) if !self.has(name) => Opened::Refused,
                _ => Opened::Not,
            },
            Ok(_) => Opened::Not,
        }
    }

    /// Nothing was ever kept there, and nothing will be: made ahead of time by a process that is dead, or cut short, or its
    /// beginning never reached the disk before the power failed.
    pub fn is_abandoned(&self, name: &OsStr) -> bool {
        let Opened::File(file) = self.open(name) else { return false };
        is_unlocked(&file) && matches!(Reader::open(Bytes::File(file), &self.path), Ok(None))
    }

    /// The same folder, open once more.
    pub fn again(&self) -> Option<Held> {
        let open = self.open.as_ref()?;
        Held::open(|| open.try_clone()).ok()
    }

    /// True if it could not be opened although it is there.
    pub fn is_blind(&self) -> bool {
        self.open.is_none() && !self.gone
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
            let Opened::File(file) = self.open(&name) else { continue };
            let Ok(found) = file.metadata() else { continue };
            let old =
                found.modified().is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > UNUSED));
            if old
                && is_unlocked(&file)
                && matches!(Reader::open(Bytes::File(file), &self.path), Ok(None))
                && self.remove(&name)
            {
                freed += found.len();
            }
        }
        freed
    }

    /// Bytes of all its segments, prepared ones among them.
    pub fn bytes(&self) -> u64 {
        let length = |name: OsString| match self.open(&name) {
            Opened::File(file) => file.metadata().map_or(0, |found| found.len()),
            _ => 0,
        };
        self.list().unwrap_or_default().into_iter().map(length).sum()
    }
}
