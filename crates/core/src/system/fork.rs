//! What a forked child must not keep: locks live in open file descriptions, and a child shares its parent's.
//!
//! Every locked descriptor is held by [`Held`], which keeps its number in one list. The system runs three hooks around each
//! `fork`, whoever calls it; the child closes what the list names, so that the parent's death frees the parent's locks.
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

static LOCKED: AtomicBool = AtomicBool::new(false);
static NUMBERS: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());
/// Counts forks whose child this process is.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the one that began with this program: what was noted with another number is
/// a parent's.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Has the hooks run around each `fork` from now on. Errors: the system has no memory for it.
#[allow(unsafe_code)]
pub fn install() -> io::Result<()> {
    // Whoever comes second waits: until this returned, a fork has no hooks.
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if *done {
        return Ok(());
    }
    // SAFETY: functions without arguments that do not unwind; they touch atomics, one list and its descriptors alone.
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        0 => {
            *done = true;
            Ok(())
        }
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// A file whose descriptor is closed in forked children.
#[derive(Debug)]
pub struct Held {
    file: Option<File>,
    generation: u32,
}

impl Held {
    /// Holds a file that has no lock yet, or whose lock a child may keep.
    pub fn new(file: File) -> Self {
        lock();
        let held = Self::register(file);
        unlock();
        held
    }

    /// Opens a file that will be locked: no fork comes between its opening and its being known here.
    pub fn open(act: impl FnOnce() -> io::Result<File>) -> io::Result<Self> {
        lock();
        let held = act().map(Self::register);
        unlock();
        held
    }

    /// Lets go of its lock. A parent's file has none here: its number may be another file's by now.
    pub fn unlock(&self) {
        if self.generation == generation() {
            // It fails only for a bad descriptor, which holds no lock.
            let _ = rustix::fs::flock(&**self, rustix::fs::FlockOperation::Unlock);
        }
    }

    fn register(file: File) -> Self {
        numbers(|list| list.push(file.as_raw_fd()));
        Self { file: Some(file), generation: generation() }
    }
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        match &self.file {
            Some(file) => file,
            None => unreachable!("the file is taken by drop alone"),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        lock();
        let number = file.as_raw_fd();
        // Closed under the lock: a child forked in between must not close a number that was given anew.
        if self.generation == generation() {
            numbers(|list| list.retain(|other| *other != number));
            drop(file);
        } else {
            // The fork closed it; the number may be another file's by now, of one held here even.
            std::mem::forget(file);
        }
        unlock();
    }
}

/// Before a fork: no other thread is inside the list.
extern "C" fn before() {
    lock();
}

/// After a fork, in the parent.
extern "C" fn in_parent() {
    unlock();
}

/// After a fork, in the child: closes every held descriptor.
#[allow(unsafe_code)]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    numbers(|list| {
        for number in list.drain(..) {
            // SAFETY: the number was registered by `Held` and is still open in this child, which has no other thread;
            // the `Held` that owned it is of an older generation and will not close it again.
            drop(unsafe { File::from_raw_fd(number) });
        }
    });
    unlock();
}

fn numbers(act: impl FnOnce(&mut Vec<RawFd>)) {
    // Only the holder of LOCKED comes here, so this lock is free except in a child that was made without `fork`.
    if let Ok(mut list) = NUMBERS.try_lock() {
        act(&mut list);
    }
}

fn lock() {
    for round in 0..20_000u32 {
        if !LOCKED.swap(true, Ordering::Acquire) {
            return;
        }
        if round > 1_000 {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    }
    // The child of a `clone`, which runs no hook: it is held by a thread that does not exist here, so it is ours.
}

fn unlock() {
    LOCKED.store(false, Ordering::Release);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};

    use rustix::fs::FlockOperation::NonBlockingLockExclusive;

    use super::*;

    /// Forks; runs `child` there. The child's process id.
    #[allow(unsafe_code)]
    fn forked(child: impl FnOnce() -> bool) -> i32 {
        // SAFETY: the child calls nothing that waits for another thread, and ends by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let fine = child();
            // SAFETY: ends the child without running anything of the test's.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        pid
    }

    /// True if the child found all well.
    #[allow(unsafe_code)]
    fn ends_well(pid: i32) -> bool {
        let mut status = 0;
        // SAFETY: waits for a child made above; `status` is a valid place.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        status == 0
    }

    #[test]
    fn a_dropped_file_is_closed_and_forgotten() {
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd();
        drop(Held::new(file));
        lock();
        numbers(|list| assert!(!list.contains(&number)));
        unlock();
    }

    #[test]
    fn a_child_that_drops_its_parents_file_leaves_its_own_of_the_same_number_open() {
        install().unwrap();
        let held = Held::new(tempfile::tempfile().unwrap());
        let number = held.as_raw_fd();
        let pid = forked(|| {
            let open = || rustix::fs::memfd_create("child", rustix::fs::MemfdFlags::CLOEXEC).map(File::from);
            // The lowest number that is free is given: those of other tests' files are too.
            let mut own: Vec<Held> = (0..=number).filter_map(|_| open().ok()).map(Held::new).collect();
            let position = own.iter().position(|file| file.as_raw_fd() == number);
            drop(held);
            position.is_some_and(|at| own.remove(at).metadata().is_ok())
        });
        assert!(ends_well(pid));
    }

    #[test]
    fn a_child_that_c_code_forks_keeps_no_lock_of_a_parent_that_dies() {
        install().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let take = || {
            let open = || File::options().append(true).create(true).open(&path);
            Held::open(open).ok().filter(|file| rustix::fs::flock(&**file, NonBlockingLockExclusive).is_ok())
        };
        let (mut reader, mut writer) = io::pipe().unwrap();
        let (mut begun, mut say) = io::pipe().unwrap();
        let pid = forked(|| {
            let lock = take();
            // It outlives its parent.
            forked(|| say.write_all(&[0]).is_ok() && reader.read(&mut [0]).is_ok());
            lock.is_some()
        });
        assert!(ends_well(pid));
        begun.read_exact(&mut [0]).unwrap();
        let free = take().is_some();
        writer.write_all(&[0]).unwrap();
        assert!(free);
    }
}
