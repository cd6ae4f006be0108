//! A file system for tests that keeps what was done to it, and can be brought into every state that a loss of power may
//! leave.
//!
//! What a disk may do with what was not synced: bytes *appended* to a file survive from the front, any number of them; a
//! sector *written in place* survives or not, each by itself; a folder's *names* (made, moved, removed) change in
//! order, and the last ones may be missing. That is what ext4, XFS and Btrfs do, and less than POSIX would permit. What was synced is
//! there: a file's bytes by its own sync, its name by its folder's.
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{fs, io, Debug, FileSystem, Handle, How, MetadataExt, OsString, Path, Real, Stat};

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Op {
    Make { path: PathBuf, inode: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
    Append { inode: u64, offset: u64, bytes: Vec<u8> },
    Place { inode: u64, offset: u64, bytes: Vec<u8> },
    Sync { inode: u64 },
    SyncFolder { folder: PathBuf },
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Append { inode, offset, bytes } => write!(f, "append {inode} {offset} +{}", bytes.len()),
            Self::Place { inode, offset, bytes } => write!(f, "place {inode} {offset} +{}", bytes.len()),
            other => write!(f, "{other:?}"),
        }
    }
}

impl Op {
    fn is_name_in(&self, folder: &Path) -> bool {
        match self {
            Self::Make { path, .. } | Self::Unlink { path } | Self::Rename { from: path, .. } => {
                path.parent() == Some(folder)
            }
            _ => false,
        }
    }
}

/// The real file system below one folder, recorded. Segments, which are written through mappings, are looked through for
/// changes at every call.
#[derive(Debug)]
pub struct Recorder {
    log_dir: PathBuf,
    /// Every file that ever was, by inode, so that a state can be brought back with the same identities.
    attic: PathBuf,
    ops: Mutex<Vec<Op>>,
    segments: Mutex<HashMap<PathBuf, (u64, Vec<u8>)>>,
}

/// How a loss of power chooses among what it may do: a number below `n`.
pub type Chance<'a> = &'a mut dyn FnMut(usize) -> usize;

impl Recorder {
    pub fn new(log_dir: &Path, attic: &Path) -> Self {
        let (ops, segments) = (Mutex::default(), Mutex::default());
        Self { log_dir: log_dir.to_owned(), attic: attic.to_owned(), ops, segments }
    }

    fn ops(&self) -> std::sync::MutexGuard<'_, Vec<Op>> {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much has happened.
    pub fn now(&self) -> usize {
        self.watch();
        self.ops().len()
    }

    fn push(&self, op: Op) {
        self.watch();
        self.ops().push(op);
    }

    fn made(&self, path: &Path) {
        let inode = fs::symlink_metadata(path).unwrap().ino();
        let kept = self.attic.join(inode.to_string());
        if !kept.exists() {
            fs::hard_link(path, kept).unwrap();
        }
        self.ops().push(Op::Make { path: path.to_owned(), inode });
    }

    /// Records what changed in the spool's segments since the last look.
    pub fn watch(&self) {
        let mut known = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let there = crate::proofs::trial::segments(&self.log_dir);
        for path in known.keys().filter(|path| !there.contains(path)).cloned().collect::<Vec<_>>() {
            known.remove(&path);
            self.ops().push(Op::Unlink { path });
        }
        for path in there {
            let bytes = fs::read(&path).unwrap();
            let (inode, before) = known.entry(path.clone()).or_insert_with(|| {
                self.made(&path);
                (fs::symlink_metadata(&path).unwrap().ino(), vec![0; bytes.len()])
            });
            for (at, (old, new)) in before.chunks(SECTOR).zip(bytes.chunks(SECTOR)).enumerate() {
                if old != new {
                    let offset = (at * SECTOR) as u64;
                    self.ops().push(Op::Place { inode: *inode, offset, bytes: new.to_vec() });
                }
            }
            *before = bytes;
        }
    }

    /// A segment, and its name, was forced to the disk.
    pub fn segments_synced(&self) {
        self.watch();
        let known = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, (inode, _)) in known.iter() {
            self.ops().push(Op::Sync { inode: *inode });
            self.ops().push(Op::SyncFolder { folder: path.parent().unwrap().to_owned() });
        }
    }

    /// Bytes that were appended to a file and are not forced to the disk.
    pub fn unsynced(&self, path: &Path) -> usize {
        let file = fs::symlink_metadata(path).unwrap().ino();
        let is_sync = |op: &&Op| matches!(op, Op::Sync { inode } if *inode == file);
        let appended = |op: &Op| match op {
            Op::Append { inode, bytes, .. } if *inode == file => bytes.len(),
            _ => 0,
        };
        self.ops().iter().rev().take_while(|op| !is_sync(op)).map(appended).sum()
    }

    /// Brings the folder into a state that it may be in when the power fails after `moment` operations and comes back.
    /// Returns what happened, and how much of it is left.
    pub fn lose_power(&self, moment: usize, chance: Chance<'_>) -> String {
        let mut told = String::new();
        let ops = &self.ops()[..moment];
        let (mut names, mut files) = (BTreeMap::<PathBuf, u64>::new(), HashMap::<u64, Vec<u8>>::new());
        let mut kept_names = HashMap::<PathBuf, usize>::new();
        for folder in [self.log_dir.clone(), crate::proofs::trial::spool_path(&self.log_dir)] {
            let is_sync = |op: &Op| matches!(op, Op::SyncFolder { folder: synced } if *synced == folder);
            let synced = ops.iter().rposition(is_sync).unwrap_or(0);
            let unsure: Vec<usize> = (synced..moment).filter(|at| ops[*at].is_name_in(&folder)).collect();
            let end = unsure.get(chance(unsure.len() + 1)).copied().unwrap_or(moment);
            kept_names.insert(folder, end);
        }
        let is_kept = |at: usize, path: &Path| at < kept_names[path.parent().unwrap()];
        let mut cut = HashMap::<u64, bool>::new();
        for (at, op) in ops.iter().enumerate() {
            let is_synced = |inode: u64| {
                ops[at..].iter().any(|later| matches!(later, Op::Sync { inode: synced } if *synced == inode))
            };
            let mut left = usize::MAX;
            match op {
                Op::Make { path, inode } if is_kept(at, path) => {
                    names.insert(path.clone(), *inode);
                }
                Op::Rename { from, to } if is_kept(at, from) => {
                    if let Some(inode) = names.remove(from) {
                        names.insert(to.clone(), inode);
                    }
                }
                Op::Unlink { path } if is_kept(at, path) => {
                    names.remove(path);
                }
                Op::Append { inode, offset, bytes } => {
                    let cut = cut.entry(*inode).or_default();
                    left = match (*cut, is_synced(*inode)) {
                        (true, _) => 0,
                        (false, true) => bytes.len(),
                        (false, false) => survivors(bytes.len(), chance),
                    };
                    *cut |= left < bytes.len();
                    put(files.entry(*inode).or_default(), *offset, &bytes[..left]);
                }
                Op::Place { inode, offset, bytes } if is_synced(*inode) || chance(2) == 1 => {
                    put(files.entry(*inode).or_default(), *offset, bytes);
                }
                Op::Sync { .. } | Op::SyncFolder { .. } => {}
                _ => left = 0,
            }
            let _ = writeln!(told, "{left:>20} {op}");
        }
        self.restore(&names, &files);
        told
    }

    fn restore(&self, names: &BTreeMap<PathBuf, u64>, files: &HashMap<u64, Vec<u8>>) {
        for folder in [&self.log_dir, &crate::proofs::trial::spool_path(&self.log_dir)] {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                let kept = ["control", "leader.lock"].contains(&name.as_str());
                if !kept && entry.file_type().unwrap().is_file() {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        for (path, inode) in names {
            let kept = self.attic.join(inode.to_string());
            let file = fs::OpenOptions::new().write(true).open(&kept).unwrap();
            file.set_len(0).unwrap();
            file.write_all_at(files.get(inode).map_or(&[], Vec::as_slice), 0).unwrap();
            if path.extension().is_some_and(|ending| ending == "seg") {
                // Its blocks were allocated before it was used.
                file.set_len(crate::spool::SMALLEST as u64).unwrap();
            }
            fs::hard_link(kept, path).unwrap();
        }
    }
}

/// How many of so many appended bytes are left.
fn survivors(len: usize, chance: Chance<'_>) -> usize {
    [0, len / 2, len][chance(3)]
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset as usize + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset as usize..end].copy_from_slice(bytes);
}

impl FileSystem for Recorder {
    fn open(&self, path: &Path, how: How, mode: u32) -> io::Result<Handle> {
        let is_new = matches!(how, How::Create | How::Update) && !path.exists();
        let file = Real.open(path, how, mode)?;
        if is_new {
            self.watch();
            self.made(path);
        }
        Ok(file)
    }

    fn open_in(&self, folder: &Handle, name: &str, how: How, mode: u32) -> io::Result<Handle> {
        use std::os::fd::AsRawFd;
        let folder = fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
        self.open(&folder.join(name), how, mode)
    }

    fn write(&self, file: &Handle, bytes: &[u8]) -> io::Result<usize> {
        let before = file.metadata()?;
        let written = Real.write(file, bytes)?;
        let bytes = bytes[..written].to_vec();
        self.push(Op::Append { inode: before.ino(), offset: before.len(), bytes });
        Ok(written)
    }

    fn write_at(&self, file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let written = Real.write_at(file, bytes, offset)?;
        let mut at = 0;
        while at < written {
            let len = (SECTOR - (offset as usize + at) % SECTOR).min(written - at);
            let (inode, bytes) = (file.metadata()?.ino(), bytes[at..at + len].to_vec());
            self.push(Op::Place { inode, offset: offset + at as u64, bytes });
            at += len;
        }
        Ok(written)
    }

    fn read_at(&self, file: &Handle, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        Real.read_at(file, bytes, offset)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Real.stat(path)
    }

    fn stat_open(&self, file: &Handle) -> io::Result<Stat> {
        Real.stat_open(file)
    }

    fn own(&self, file: &Handle, mode: u32, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        Real.own(file, mode, uid, gid)
    }

    fn try_lock(&self, file: &Handle) -> io::Result<bool> {
        Real.try_lock(file)
    }

    fn unlock(&self, file: &Handle) -> io::Result<()> {
        Real.unlock(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Real.rename(from, to)?;
        self.push(Op::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        Real.unlink(path)?;
        self.push(Op::Unlink { path: path.to_owned() });
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        Real.make_folder(path)
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        self.push(Op::Sync { inode: file.metadata()?.ino() });
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.push(Op::SyncFolder { folder: path.to_owned() });
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        Real.list(folder)
    }
}
