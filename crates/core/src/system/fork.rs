//! What a forked child must not keep: locks live in open file descriptions, and a child shares its parent's.
//!
//! Every locked descriptor is held by [`Held`], which keeps its number in one list. The binding calls the three hooks
//! around `fork`; the child closes what the list names, so that the parent's death frees the parent's locks.
use std::cell::Cell;
use std::fs::File;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Mutex;

// Set in the thread that forks, between the hooks: others' hooks may log there, here and in the child.
thread_local!(static FORKING: Cell<bool> = const { Cell::new(false) });
static LOCKED: AtomicBool = AtomicBool::new(false);
static NUMBERS: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());
/// Counts forks whose child this process is: a file held before one was closed by it.
static GENERATION: AtomicU32 = AtomicU32::new(0);

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
    pub fn open(act: impl FnOnce() -> std::io::Result<File>) -> std::io::Result<Self> {
        lock();
        let held = act().map(Self::register);
        unlock();
        held
    }

    fn register(file: File) -> Self {
        numbers(|list| list.push(file.as_raw_fd()));
        Self { file: Some(file), generation: GENERATION.load(Ordering::Relaxed) }
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
        if self.generation == GENERATION.load(Ordering::Relaxed) {
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
pub fn before() {
    lock();
    FORKING.set(true);
}

/// After a fork, in the parent.
pub fn in_parent() {
    FORKING.set(false);
    unlock();
}

/// After a fork, in the child: closes every held descriptor. False if that was done already: a hook that runs before ours
/// may have logged, and what was opened for it is the child's own.
#[allow(unsafe_code)]
pub fn in_child() -> bool {
    if !FORKING.replace(false) {
        return false;
    }
    GENERATION.fetch_add(1, Ordering::Relaxed);
    numbers(|list| {
        for number in list.drain(..) {
            // SAFETY: the number was registered by `Held` and is still open in this child, which has no other thread;
            // the `Held` that owned it is of an older generation and will not close it again.
            drop(unsafe { File::from_raw_fd(number) });
        }
    });
    unlock();
    true
}

fn numbers(act: impl FnOnce(&mut Vec<RawFd>)) {
    // Only the holder of LOCKED comes here, so this lock is free except in a child that a foreign `fork` made.
    if let Ok(mut list) = NUMBERS.try_lock() {
        act(&mut list);
    }
}

fn lock() {
    if FORKING.get() {
        return;
    }
    for round in 0..20_000u32 {
        if !LOCKED.swap(true, Ordering::Acquire) {
            return;
        }
        if round > 1_000 {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    }
    // A `fork` that ran none of our hooks left it held by a thread that does not exist here: it is ours.
}

fn unlock() {
    if !FORKING.get() {
        LOCKED.store(false, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_is_closed_and_forgotten() {
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd();
        drop(Held::new(file));
        before();
        numbers(|list| assert!(!list.contains(&number)));
        in_parent();
    }

    #[test]
    #[allow(unsafe_code)]
    fn a_child_that_drops_its_parents_file_leaves_its_own_of_the_same_number_open() {
        let held = Held::new(tempfile::tempfile().unwrap());
        let number = held.as_raw_fd();
        before();
        // SAFETY: the child calls nothing that waits for another thread, and ends by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            in_child();
            let open = || rustix::fs::memfd_create("child", rustix::fs::MemfdFlags::CLOEXEC).map(File::from);
            let mut own: Vec<Held> = (0..64).filter_map(|_| open().ok()).map(Held::new).collect();
            let position = own.iter().position(|file| file.as_raw_fd() == number);
            drop(held);
            let fine = position.is_some_and(|at| own.remove(at).metadata().is_ok());
            // SAFETY: ends the child without running anything of the test's.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        in_parent();
        let mut status = 0;
        // SAFETY: waits for the child made above; `status` is a valid place.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(status, 0);
    }
}
