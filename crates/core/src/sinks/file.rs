//! The current output file of a sink: opened, kept the right one, locked, appended to, rotated.
//!
//! Before each batch [`LogFile::lock`] takes the file's lock and looks whether the path still names this file: moved or
//! deleted by others, it is opened or made again; truncated, writing goes on at its new end. The lock (flock, on the
//! log file itself) is held from there to the end of the write or rotation, so that leaders of two users' spools on one
//! file never rotate under each other.
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::sinks::compress::Compressor;
use crate::sinks::fs::{write_all_at, FileId, FileSystem, Handle, How, Kind, Stat};
use crate::sinks::names::{Form, Names, Naming};
use crate::sinks::rotate;

mod locked;
mod options;
pub use locked::{Locked, Room};
pub use options::{FileOptions, Sync};

/// How long a lock is waited for; after that the batch is tried again later.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes that are written once more at the most after a failure to force them to the disk.
const MOST_AGAIN: u64 = 16 << 20;
/// After a rotation that failed the file just grows for this long.
const ROTATION_PAUSE: Duration = Duration::from_secs(10);

/// What an error of forcing something to the disk comes to.
pub const UNSAFE: &str = "what was written last may not survive a loss of power";

/// Something an operator should hear of once; no record is lost by it.
#[derive(Debug)]
pub enum Notice {
    /// The file belongs to another user and may not be written: ours stands beside it.
    AnotherUser {
        wanted: PathBuf,
        used: PathBuf,
    },
    /// The group could not be set; the file is its owner's alone.
    Group(Error),
    /// What a crash left could not be put right.
    Leftovers(Error),
    Compression(Error),
    /// What was written last to a file that others moved away is not on the disk.
    Unsynced(Error),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherUser { wanted, used } => {
                let (wanted, used) = (wanted.display(), used.display());
                write!(f, "{wanted} belongs to another user: writing {used} instead")
            }
            Self::Group(e) => write!(f, "group: {e}: only its owner may read the file"),
            Self::Leftovers(e) => write!(f, "{e}: a crash's leftovers stay in the folder"),
            Self::Compression(e) => write!(f, "{e}: the file stays uncompressed for now"),
            Self::Unsynced(e) => write!(f, "{e}: {UNSAFE}"),
        }
    }
}

/// Where a sink writes. Opens nothing before the first [`Self::lock`].
#[derive(Debug)]
pub struct LogFile {
    place: Place,
    file: Option<Open>,
}

/// All but the open file itself.
#[derive(Debug)]
struct Place {
    fs: Arc<dyn FileSystem>,
    options: FileOptions,
    path: PathBuf,
    names: Names,
    compressor: Option<Compressor>,
    notices: Vec<Notice>,
    settled: bool,
    no_rotation_before: Option<Instant>,
    /// Time of the first record in a file that was open before.
    remembered: Option<(FileId, i64)>,
}

#[derive(Debug)]
struct Open {
    handle: Handle,
    id: FileId,
    /// Where our last write ended, a whole line.
    end: Option<u64>,
    /// Time of the first record in it, nanoseconds since the epoch.
    since_ns: Option<i64>,
    /// Made by us, its folder not yet synced.
    fresh: bool,
    /// Up to where the kernel was told to write it to the disk.
    sync_begun: u64,
    /// Up to where it is on the disk, and whether what follows could not be forced there.
    synced: u64,
    is_doubtful: bool,
}

impl LogFile {
    pub fn new(fs: Arc<dyn FileSystem>, options: FileOptions) -> Self {
        let path = options.path.clone();
        Self { place: Place::new(fs, options, path), file: None }
    }

    /// The path written to: the configured one, or the one beside it (see [`Notice::AnotherUser`]).
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Takes what there is to tell.
    pub fn notices(&mut self) -> Vec<Notice> {
        let failure = self.place.compressor.as_ref().and_then(Compressor::failure);
        self.place.notices.extend(failure.map(Notice::Compression));
        std::mem::take(&mut self.place.notices)
    }

    /// Opens the file if need be and takes its lock; its end is the start of a line.
    ///
    /// Errors: `Io` of any call; of kind `ResourceBusy` if others held the lock for 100 ms.
    pub fn lock(&mut self) -> Result<Locked<'_>> {
        let mut locked = self.lock_as_it_is()?;
        locked.start_line()?;
        Ok(locked)
    }

    /// [`Self::lock`] without ending another's torn line: a take-over may have to finish it.
    pub(crate) fn lock_as_it_is(&mut self) -> Result<Locked<'_>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let file = match self.file.take() {
                Some(file) => file,
                None => self.place.open()?,
            };
            match (self.place.try_lock(&file)?, self.place.stat(file.id)?) {
                (true, Some(_)) if !self.place.settled => {
                    self.place.settle(&file);
                    self.file = Some(file); // Settling may have taken the file's name away: look again.
                    continue;
                }
                (true, Some(stat)) => {
                    let file = self.file.insert(file);
                    if stat.len == 0 {
                        file.since_ns = None;
                    }
                    return Ok(Locked { place: &mut self.place, file, len: stat.len });
                }
                (false, Some(_)) => {
                    self.file = Some(file);
                    std::thread::sleep(Duration::from_millis(1));
                }
                (_, None) => self.place.let_go(file),
            }
            if Instant::now() >= end {
                let busy = io::Error::new(io::ErrorKind::ResourceBusy, "another process holds the file's lock");
                return Err(Error::io("lock", &self.place.path, busy));
            }
        }
    }

    /// Makes durable what was written to the file that is open, whatever its name is by now.
    pub fn sync(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        self.place.sync(file)
    }

    /// Puts right what a crash left beside a file that is there; makes none.
    pub(crate) fn tidy(&mut self) -> Result<()> {
        match self.place.fs.stat(&self.place.path) {
            Ok(stat) if stat.kind == Kind::Regular && !self.place.settled => self.lock_as_it_is().map(drop),
            _ => Ok(()),
        }
    }

    /// Tells when the first record of `target` was logged; without it the time is taken from the file's last change.
    pub(crate) fn remember(&mut self, target: FileId, since_ns: i64) {
        self.place.remembered = Some((target, since_ns));
    }

    /// Ends compression (after at most `patience`) and closes the file.
    pub fn close(mut self, patience: Duration) -> Result<()> {
        self.place.compressor.as_mut().map_or(Ok(()), |c| c.close(patience))
    }
}

impl Place {
    fn new(fs: Arc<dyn FileSystem>, options: FileOptions, path: PathBuf) -> Self {
        let names = Names::new(&path, options.naming, options.when);
        let compressor = (options.compress != Form::Plain)
            .then(|| Compressor::new(Arc::clone(&fs), names.clone(), path.clone(), options.compress));
        let (notices, settled, no_rotation_before, remembered) = (Vec::new(), false, None, None);
        Self { fs, options, path, names, compressor, notices, settled, no_rotation_before, remembered }
    }

    fn try_lock(&self, file: &Open) -> Result<bool> {
        self.fs.try_lock(&file.handle).map_err(|e| Error::io("lock", &self.path, e))
    }

    fn unlock(&self, file: &Open) {
        // It fails only for a bad descriptor; and closing the file frees the lock as well.
        let _ = self.fs.unlock(&file.handle);
    }

    /// Others moved the file away: what was written to it is forced to the disk as it would have been in its place.
    fn let_go(&mut self, mut file: Open) {
        if file.end.is_some_and(|end| end > file.synced) {
            let failed = self.sync(&mut file).err();
            self.notices.extend(failed.map(Notice::Unsynced));
        }
        self.unlock(&file);
    }

    fn sync(&self, file: &mut Open) -> Result<()> {
        let forced = self.force(file);
        file.is_doubtful = forced.is_err();
        file.synced = forced.map_err(|e| Error::io("sync", &self.path, e))?;
        if file.fresh {
            let folder = self.names.folder();
            self.fs.sync_folder(folder).map_err(|e| Error::io("sync", folder, e))?;
            file.fresh = false;
        }
        Ok(())
    }

    /// Returns up to where the file is on the disk now.
    fn force(&self, file: &Open) -> io::Result<u64> {
        let end = self.fs.stat_open(&file.handle)?.len;
        if file.is_doubtful {
            self.write_again(file, end)?;
        }
        self.fs.sync(&file.handle)?;
        Ok(end)
    }

    /// The kernel takes what it could not force to the disk for written, and the next call would say that all is well: it is
    /// given the same bytes again first.
    fn write_again(&self, file: &Open, end: u64) -> io::Result<()> {
        if self.fs.stat(&self.path)?.id != file.id {
            return Err(io::Error::other("it was moved away"));
        }
        let in_place = self.fs.open(&self.path, How::Update, self.options.mode)?;
        let mut block = vec![0; 64 << 10];
        let mut at = file.synced.max(end.saturating_sub(MOST_AGAIN));
        while at < end {
            let wanted = block.len().min((end - at) as usize);
            let got = self.fs.read_at(&file.handle, &mut block[..wanted], at)?;
            if got == 0 {
                break;
            }
            write_all_at(&*self.fs, &in_place, &block[..got], at)?;
            at += got as u64;
        }
        Ok(())
    }

    /// The path's state if it still names this file.
    fn stat(&self, id: FileId) -> Result<Option<Stat>> {
        match self.fs.stat(&self.path) {
            Ok(stat) => Ok(Some(stat).filter(|s| s.id == id)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("stat", &self.path, e)),
        }
    }

    /// Once, under the lock.
    fn settle(&mut self, file: &Open) {
        self.settled = true;
        let settled = rotate::remove_abandoned(&*self.fs, &self.names);
        if let Err(e) = settled.and_then(|()| rotate::settle(&*self.fs, &self.names, &self.path)) {
            self.notices.push(Notice::Leftovers(Error::io("put right the backups of", &self.path, e)));
        }
        self.unlock(file);
        self.compress();
    }

    fn compress(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.wake();
        }
    }

    fn open(&mut self) -> Result<Open> {
        let opened = match self.open_path() {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && self.is_anothers() => {
                self.step_aside();
                self.open_path()
            }
            opened => opened,
        };
        opened.map_err(|e| Error::io("open", &self.path, e))
    }

    fn is_anothers(&self) -> bool {
        let stat = self.fs.stat(&self.path);
        stat.is_ok_and(|s| s.kind == Kind::Regular && s.uid != geteuid().as_raw())
    }

    /// `app.log` becomes `app.uid1001.log`.
    fn step_aside(&mut self) {
        let part = |p: Option<&std::ffi::OsStr>| p.map(|p| p.to_string_lossy().into_owned());
        let stem = part(self.path.file_stem()).unwrap_or_default();
        let ending = part(self.path.extension()).map(|e| format!(".{e}")).unwrap_or_default();
        let used = self.path.with_file_name(format!("{stem}.uid{}{ending}", geteuid().as_raw()));
        let wanted = self.path.clone();
        let mut place = Self::new(Arc::clone(&self.fs), self.options.clone(), used.clone());
        place.notices = std::mem::take(&mut self.notices);
        place.remembered = self.remembered;
        place.notices.push(Notice::AnotherUser { wanted, used });
        *self = place;
    }

    fn open_path(&mut self) -> io::Result<Open> {
        let (handle, fresh) = match self.fs.open(&self.path, How::Append, 0) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => match self.create() {
                // Another was quicker.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    (self.fs.open(&self.path, How::Append, 0)?, false)
                }
                created => (created?, true),
            },
            Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(io::Error::other("it is a symbolic link; give the path of the file itself"));
            }
            opened => (opened?, false),
        };
        let stat = self.fs.stat_open(&handle)?;
        if stat.kind != Kind::Regular {
            return Err(io::Error::other("it is not an ordinary file"));
        }
        let remembered = self.remembered.filter(|&(id, _)| id == stat.id).map(|(_, since_ns)| since_ns);
        let since_ns = (stat.len > 0).then_some(remembered.unwrap_or(stat.modified_ns));
        let (sync_begun, synced) = (stat.len, stat.len);
        Ok(Open { handle, id: stat.id, end: None, since_ns, fresh, sync_begun, synced, is_doubtful: false })
    }

    fn create(&mut self) -> io::Result<Handle> {
        let mode = self.options.mode;
        let handle = match self.fs.open(&self.path, How::Create, mode) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.fs.make_folder(self.names.folder())?;
                self.fs.open(&self.path, How::Create, mode)?
            }
            created => created?,
        };
        failpoint!("file.created")?;
        if let Err(e) = self.fs.own(&handle, mode, None, self.options.group) {
            self.notices.push(Notice::Group(Error::io("set the group of", &self.path, e)));
            self.fs.own(&handle, mode & 0o700, None, None)?;
        }
        Ok(handle)
    }

    /// Numbers without a count never rotate, as in `logging.handlers`; and not shortly after a failure.
    fn rotates(&self) -> bool {
        let kept = self.options.naming == Naming::Date || self.options.backup_count > 0;
        kept && self.no_rotation_before.is_none_or(|t| Instant::now() >= t)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
