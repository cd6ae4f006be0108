//! What a forked child must not keep: locks live in open file descriptions, and a child shares its parent's.
//!
//! Every locked descriptor is held by [`Held`], which keeps its number in one list. The binding calls the three hooks
//! around `fork`; the child closes what the list names, so that the parent's death frees the parent's locks.
use std::fs::File;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

static LOCKED: AtomicBool = AtomicBool::new(false);
static NUMBERS: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// A file whose descriptor is closed in forked children.
#[derive(Debug)]
pub struct Held(Option<File>);

impl Held {
    pub fn new(file: File) -> Self {
        lock();
        numbers(|list| list.push(file.as_raw_fd()));
        unlock();
        Self(Some(file))
    }
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        match &self.0 {
            Some(file) => file,
            None => unreachable!("the file is taken by drop alone"),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(file) = self.0.take() else { return };
        lock();
        let number = file.as_raw_fd();
        let mut ours = false;
        numbers(|list| {
            ours = list.contains(&number);
            list.retain(|other| *other != number);
        });
        // Closed under the lock: a child forked in between must not close a number that was given anew.
        if ours {
            drop(file);
        } else {
            // A child already closed it; the number may belong to somebody else by now.
            std::mem::forget(file);
        }
        unlock();
    }
}

/// Before a fork: no other thread is inside the list.
pub fn before() {
    lock();
}

/// After a fork, in the parent.
pub fn in_parent() {
    unlock();
}

/// After a fork, in the child: closes every held descriptor.
#[allow(unsafe_code)]
pub fn in_child() {
    numbers(|list| {
        for number in list.drain(..) {
            // SAFETY: the number was registered by `Held` and is still open in this child, which has no other thread;
            // the `Held` that owned it finds it gone from the list and will not close it again.
            drop(unsafe { File::from_raw_fd(number) });
        }
    });
    unlock();
}

fn numbers(act: impl FnOnce(&mut Vec<RawFd>)) {
    // Only the holder of LOCKED comes here, so this lock is free except in a child that a foreign `fork` made.
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
    // A `fork` that ran none of our hooks left it held by a thread that does not exist here: it is ours.
}

fn unlock() {
    LOCKED.store(false, Ordering::Release);
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
}
