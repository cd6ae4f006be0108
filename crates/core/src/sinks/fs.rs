//! The seam to the disk: every system call on files that delivery makes goes through [`FileSystem`], so that tests can
//! fail, shorten or end any of them. Operating-system specifics of files stand here and nowhere else.
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, RenameFlags, CWD};
use rustix::io::Errno;

use crate::failpoint;
use crate::system::fork::Held;
pub use crate::system::os::FileId;
use crate::system::os::{begin_writeback, UNFOLLOWED};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Regular,
    Symlink,
    Other,
}

#[derive(Debug, Clone, Copy)]
pub struct Stat {
    pub id: FileId,
    pub kind: Kind,
    pub len: u64,
    pub modified_ns: i64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
}

impl From<Metadata> for Stat {
    fn from(meta: Metadata) -> Self {
        Self {
            id: FileId::of(&meta),
            kind: match meta.file_type() {
                t if t.is_file() => Kind::Regular,
                t if t.is_symlink() => Kind::Symlink,
                _ => Kind::Other,
            },
            len: meta.len(),
            modified_ns: meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec()),
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            links: meta.nlink(),
        }
    }
}

/// How to open a file. None of them follows a symbolic link in the last place or waits for a pipe's other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and to write at its end.
    Append,
    /// A file that must not exist yet, to read and to write at its end.
    Create,
    /// A file, made if missing, to read and write in place.
    Update,
}

pub trait FileSystem: Send + Sync + Debug {
    /// `mode` counts where a file is made, less the umask.
    fn open(&self, path: &Path, how: How, mode: u32) -> io::Result<Handle>;
    /// The same in a folder that is held open, whatever bears its name now.
    fn open_in(&self, folder: &Handle, name: &str, how: How, mode: u32) -> io::Result<Handle>;
    fn write(&self, file: &Handle, bytes: &[u8]) -> io::Result<usize>;
    fn write_at(&self, file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize>;
    fn read_at(&self, file: &Handle, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    fn stat_open(&self, file: &Handle) -> io::Result<Stat>;
    /// Sets mode and, if given, owner and group of a file that was just made.
    fn own(&self, file: &Handle, mode: u32, uid: Option<u32>, gid: Option<u32>) -> io::Result<()>;
    /// Takes the file's lock; false if another description holds it. True on file systems without locks.
    fn try_lock(&self, file: &Handle) -> io::Result<bool>;
    fn unlock(&self, file: &Handle) -> io::Result<()>;
    /// Fails with `AlreadyExists` if `to` is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Makes the folder and its missing parents, 0700; existing ones stay as they are.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    fn sync(&self, file: &Handle) -> io::Result<()>;
    /// Has the kernel begin to force these bytes to the disk, so that a later [`sync`](Self::sync) has less to wait for.
    fn begin_sync(&self, _file: &Handle, _offset: u64, _len: u64) {}
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;
}

/// An open file, closed in forked children: a log file's lock lives in it.
pub type Handle = Held;

/// The system's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl FileSystem for Real {
    fn open(&self, path: &Path, how: How, mode: u32) -> io::Result<Handle> {
        let mut options = OpenOptions::new();
        options.read(true).mode(mode);
        options.custom_flags(UNFOLLOWED.bits() as i32);
        match how {
            How::Read => &mut options,
            How::Append => options.append(true),
            How::Create => options.append(true).create_new(true),
            How::Update => options.write(true).create(true),
        };
        Handle::open(|| options.open(path))
    }

    fn open_in(&self, folder: &Handle, name: &str, how: How, mode: u32) -> io::Result<Handle> {
        let flags = match how {
            How::Read => OFlags::RDONLY,
            How::Append => OFlags::RDWR | OFlags::APPEND,
            How::Create => OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL,
            How::Update => OFlags::RDWR | OFlags::CREATE,
        };
        let flags = flags | OFlags::CLOEXEC | UNFOLLOWED;
        Handle::open(|| Ok(File::from(rustix::fs::openat(&**folder, name, flags, Mode::from_raw_mode(mode))?)))
    }

    fn write(&self, file: &Handle, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&**file, bytes)?)
    }

    fn write_at(&self, file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn read_at(&self, file: &Handle, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(bytes, offset)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::symlink_metadata(path).map(Stat::from)
    }

    fn stat_open(&self, file: &Handle) -> io::Result<Stat> {
        file.metadata().map(Stat::from)
    }

    fn own(&self, file: &Handle, mode: u32, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        if uid.is_some() || gid.is_some() {
            std::os::unix::fs::fchown(&**file, uid, gid)?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    fn try_lock(&self, file: &Handle) -> io::Result<bool> {
        match rustix::fs::flock(&**file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            // No locks here: two users' leaders could meet in a rotation, and even then no name is overwritten.
            Ok(()) | Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }

    fn unlock(&self, file: &Handle) -> io::Result<()> {
        Ok(rustix::fs::flock(&**file, FlockOperation::Unlock)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => link_then_unlink(from, to),
            done => Ok(done?),
        }
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        file.sync_data()
    }

    fn begin_sync(&self, file: &Handle, offset: u64, len: u64) {
        begin_writeback(file, offset, len);
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }
}

/// A file without a name, in memory.
pub fn memory() -> io::Result<Handle> {
    Handle::open(|| Ok(File::from(rustix::fs::memfd_create("cordwood", rustix::fs::MemfdFlags::CLOEXEC)?)))
}

/// A rename that never replaces, for file systems without `RENAME_NOREPLACE`. Killed in the middle it leaves one file
/// under two names: `rotate::settle` finishes it.
fn link_then_unlink(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    failpoint!("fs.linked")?;
    fs::remove_file(from)
}

/// Takes a file's lock, waiting at most `patience`; false if another still holds it then.
pub fn lock_within(fs: &dyn FileSystem, file: &Handle, patience: Duration) -> io::Result<bool> {
    let end = Instant::now() + patience;
    while !fs.try_lock(file)? {
        if Instant::now() >= end {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

/// Locks whatever file bears this name, waiting at most `patience`; `None` if it stays taken.
pub fn lock_path(fs: &dyn FileSystem, path: &Path, patience: Duration) -> io::Result<Option<Handle>> {
    let end = Instant::now() + patience;
    loop {
        let file = fs.open(path, How::Append, 0)?;
        if !lock_within(fs, &file, end.saturating_duration_since(Instant::now()))? {
            return Ok(None);
        }
        if fs.stat(path)?.id == fs.stat_open(&file)?.id {
            return Ok(Some(file));
        }
        fs.unlock(&file)?; // Rotated while we waited.
    }
}

/// Writes all of `bytes` at `offset`, over short writes and interruptions.
pub fn write_all_at(fs: &dyn FileSystem, file: &Handle, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match fs.write_at(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Writes at the end of a file: how much of `bytes` stands there, and why no more if it is not all.
pub fn append(fs: &dyn FileSystem, file: &Handle, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match fs.write(file, &bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (written, Err(e)),
        }
    }
    (written, Ok(()))
}

/// A file read from a place on, as a stream.
#[derive(Debug)]
pub struct Reader<'a> {
    pub fs: &'a dyn FileSystem,
    pub file: &'a Handle,
    pub offset: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fs.read_at(self.file, bytes, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
pub mod faulty;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub mod recorder;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
