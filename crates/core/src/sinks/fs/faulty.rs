//! A file system for tests that fails when told to.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{io, Debug, FileSystem, Handle, How, OsString, Path, Real, Stat};

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// That call alone fails with this error number.
    Once(i32),
    /// That call and all that follow fail: the process is as good as dead. A write leaves half its bytes.
    Dead,
    /// A write takes half its bytes, once.
    Short,
}

/// The real file system with one fault at the `at`-th call (from 1; 0 = none).
#[derive(Debug)]
pub struct Faulty {
    at: u64,
    fault: Fault,
    calls: AtomicU64,
    dead: AtomicBool,
    in_place: AtomicU64,
}

impl Faulty {
    pub fn new(at: u64, fault: Fault) -> Self {
        Self { at, fault, calls: AtomicU64::new(0), dead: AtomicBool::new(false), in_place: AtomicU64::new(0) }
    }

    /// How many bytes were written in place.
    pub fn in_place(&self) -> u64 {
        self.in_place.load(Ordering::Relaxed)
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn pass(&self) -> io::Result<()> {
        let hit = self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.at;
        match self.fault {
            Fault::Once(code) if hit => return Err(io::Error::from_raw_os_error(code)),
            Fault::Dead if hit => self.dead.store(true, Ordering::Relaxed),
            _ => {}
        }
        if self.dead.load(Ordering::Relaxed) {
            return Err(io::Error::other("killed"));
        }
        Ok(())
    }

    fn write_with(&self, bytes: &[u8], write: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let alive = !self.dead.load(Ordering::Relaxed);
        let hit = self.calls() + 1 == self.at;
        let passed = self.pass();
        if hit && alive && matches!(self.fault, Fault::Dead | Fault::Short) {
            let n = write(&bytes[..bytes.len().div_ceil(2)])?;
            return passed.map(|()| n);
        }
        passed?;
        write(bytes)
    }
}

impl FileSystem for Faulty {
    fn open(&self, path: &Path, how: How, mode: u32) -> io::Result<Handle> {
        self.pass()?;
        Real.open(path, how, mode)
    }

    fn open_in(&self, folder: &Handle, name: &str, how: How, mode: u32) -> io::Result<Handle> {
        self.pass()?;
        Real.open_in(folder, name, how, mode)
    }

    fn write(&self, file: &Handle, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(bytes, |part| Real.write(file, part))
    }

    fn write_at(&self, file: &Handle, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.in_place.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.write_with(bytes, |part| Real.write_at(file, part, offset))
    }

    fn read_at(&self, file: &Handle, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.pass()?;
        Real.read_at(file, bytes, offset)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.pass()?;
        Real.stat(path)
    }

    fn stat_open(&self, file: &Handle) -> io::Result<Stat> {
        self.pass()?;
        Real.stat_open(file)
    }

    fn own(&self, file: &Handle, mode: u32, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        self.pass()?;
        Real.own(file, mode, uid, gid)
    }

    fn try_lock(&self, file: &Handle) -> io::Result<bool> {
        self.pass()?;
        Real.try_lock(file)
    }

    fn unlock(&self, file: &Handle) -> io::Result<()> {
        self.pass()?;
        Real.unlock(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass()?;
        Real.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.pass()?;
        Real.unlink(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.pass()?;
        Real.make_folder(path)
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        self.pass()?;
        Real.sync(file)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.pass()?;
        Real.sync_folder(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.pass()?;
        Real.list(folder)
    }
}
