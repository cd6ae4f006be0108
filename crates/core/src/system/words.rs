//! Words that processes share, and how a thread sleeps on one until another has something for it.
//!
//! Generic over the words and the memory they are in: the tests run these very lines, and those of a segment's writer and
//! reader, on words of which `loom` tries every order that a processor may choose (see `interleave`).
use std::sync::atomic::{fence, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::system::os::{futex_wait, futex_wake, Map};

/// An integer that is read and written as one.
pub trait Word<T> {
    fn load(&self, order: Ordering) -> T;
    fn store(&self, value: T, order: Ordering);
    fn swap(&self, value: T, order: Ordering) -> T;
}

/// A word that threads of any process sleep on.
pub trait Bed: Word<u32> {
    fn count_up(&self, order: Ordering);
    /// Puts what this thread did, and what it does next, in one order with all such.
    fn fence(&self);
    /// Sleeps while the word holds `expected`, at most so long. May wake for no reason.
    fn wait(&self, expected: u32, timeout: Duration);
    fn wake_all(&self);
}

/// A segment's bytes, as its writer has them.
pub trait Memory {
    type Long: Word<u64>;

    fn size(&self) -> usize;
    /// Copies bytes to where nobody reads before they are committed.
    fn write(&self, offset: usize, bytes: &[u8]);
    /// Of this process's own: up to where its bytes do not change any more, but for words.
    fn end(&self) -> &Self::Long;
    fn word64(&self, offset: usize) -> &Self::Long;
}

/// The same, as readers in its writer's process have them.
pub trait Lent: Send + Sync {
    fn size(&self) -> usize;
    /// Copies bytes out, fewer at the end; returns how many. What is read later is not older.
    fn read(&self, offset: usize, out: &mut [u8]) -> usize;
    fn put(&self, offset: usize, word: u64);
}

/// Says that a frame stands at an offset, up to `end`: `first` is its first word, which says how long it is. This process's
/// readers hear of the end before that, and look no further.
#[inline]
pub fn commit(memory: &impl Memory, offset: usize, first: u64, end: usize) {
    memory.end().store(end as u64, Ordering::Release);
    // An exchange: what this writer reads next is not read before ([`crate::spool::Spool::append_record`]).
    memory.word64(offset).swap(first, Ordering::SeqCst);
}

/// Up to where a reader of this process that has come to an offset may look.
pub fn committed(memory: &impl Memory, offset: usize) -> usize {
    let end = || memory.end().load(Ordering::Acquire) as usize;
    let known = end();
    // That the end is old does not matter: who sleeps looks for a frame's first word, which tells of an end beyond it.
    let is_last = offset == known && known > 0 && known + 8 <= memory.size();
    if is_last && memory.word64(known).load(Ordering::Acquire) != 0 {
        return end();
    }
    known
}

/// Copies committed bytes out, fewer at the end; returns how many.
pub fn read(memory: &impl Memory, offset: usize, out: &mut [u8]) -> usize {
    let len = out.len().min(committed(memory, offset).saturating_sub(offset));
    let (mut at, mut left) = (offset & !7, &mut out[..len]);
    while !left.is_empty() {
        let word = memory.word64(at).load(Ordering::Acquire).to_ne_bytes();
        let word = &word[offset.max(at) - at..];
        let (now, later) = left.split_at_mut(left.len().min(word.len()));
        now.copy_from_slice(&word[..now.len()]);
        (at, left) = (at + 8, later);
    }
    len
}

/// True while somebody sleeps on the word. For whoever has just stored, with [`Ordering::SeqCst`], what a sleeper looks for.
#[inline]
pub fn is_asleep(bed: &impl Bed) -> bool {
    bed.load(Ordering::SeqCst) == 1
}

/// Wakes who sleeps on the word. Whatever was stored before is seen by them, or by the look of who is about to sleep: each
/// change of the word reads the one before.
pub fn wake(bed: &impl Bed) {
    if bed.swap(0, Ordering::SeqCst) == 1 {
        bed.wake_all();
    }
}

/// Sleeps until somebody wakes the word's sleepers. The word is raised first and `look` called after it, so that what came
/// in between is not slept on: it says how long to sleep at most; None where it found something.
pub fn sleep(bed: &impl Bed, look: impl FnOnce() -> Option<Duration>) {
    bed.swap(1, Ordering::SeqCst);
    bed.fence();
    if let Some(longest) = look() {
        bed.wait(1, longest);
    }
    bed.swap(0, Ordering::SeqCst);
}

/// Counts a change for whoever waits for one: they look at the count, then for what they want, and sleep while the count is
/// what it was.
pub fn tell_change(count: &impl Bed) {
    count.count_up(Ordering::Release);
    count.wake_all();
}

macro_rules! word {
    ($atomic:ty, $integer:ty) => {
        impl Word<$integer> for $atomic {
            #[inline]
            fn load(&self, order: Ordering) -> $integer {
                <$atomic>::load(self, order)
            }

            #[inline]
            fn store(&self, value: $integer, order: Ordering) {
                <$atomic>::store(self, value, order);
            }

            #[inline]
            fn swap(&self, value: $integer, order: Ordering) -> $integer {
                <$atomic>::swap(self, value, order)
            }
        }
    };
}

word!(AtomicU32, u32);
word!(AtomicU64, u64);

impl Bed for AtomicU32 {
    fn count_up(&self, order: Ordering) {
        self.fetch_add(1, order);
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn wait(&self, expected: u32, timeout: Duration) {
        futex_wait(self, expected, timeout);
    }

    fn wake_all(&self) {
        futex_wake(self);
    }
}

impl Memory for Map {
    type Long = AtomicU64;

    fn size(&self) -> usize {
        self.len()
    }

    #[inline]
    fn write(&self, offset: usize, bytes: &[u8]) {
        Map::write(self, offset, bytes);
    }

    #[inline]
    fn end(&self) -> &AtomicU64 {
        Map::end(self)
    }

    #[inline]
    fn word64(&self, offset: usize) -> &AtomicU64 {
        Map::word64(self, offset)
    }
}

impl Lent for Map {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        read(self, offset, out)
    }

    fn put(&self, offset: usize, word: u64) {
        Map::word64(self, offset).store(word, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_comes_back_from_any_place_and_nothing_after_it_does() {
        let map = Map::anonymous(64).unwrap();
        let bytes: Vec<u8> = (1..=64).collect();
        map.write(0, &bytes[..60]);
        let mut out = [0; 64];
        assert_eq!(read(&map, 0, &mut out), 0);
        map.end().store(60, Ordering::Release);
        for from in 0..64 {
            for len in 0..=64 {
                let got = read(&map, from, &mut out[..len]);
                assert_eq!((got, &out[..got]), (len.min(60_usize.saturating_sub(from)), &bytes[from..from + got]));
            }
        }
    }
}
