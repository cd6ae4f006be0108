//! Stand-ins for a mapping and for a futex, made of what `loom` tries every order of.
#![allow(unsafe_code)]
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{fence, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex as Gate};

use crate::record::frame;
use crate::spool::segment::{ACCEPTED, COUNTING, ORDINAL, POSITIONS, RECORDS, SEALED};
use crate::system::words::{self, Lent, Memory, Word};

/// Where there is no byte: the end of what is committed.
pub const END: usize = usize::MAX;

/// What becomes of the order that a store asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heed {
    /// `SeqCst` is `AcqRel`: less than the language promises.
    Less,
    /// It is that and a fence, which is how x86 does it: what it says beyond `AcqRel` loom knows of fences alone. More than
    /// the language promises where plain stores follow, so of use only to see who sleeps.
    Fence,
    /// None is heeded.
    None,
}

/// A word.
pub struct Tried<A> {
    word: A,
    heed: Heed,
}

impl<A> Tried<A> {
    fn order(&self, asked: Ordering, for_all: Ordering) -> Ordering {
        match asked {
            _ if self.heed == Heed::None => Ordering::Relaxed,
            Ordering::SeqCst => for_all,
            asked => asked,
        }
    }

    fn fence_after(&self, asked: Ordering) {
        if self.heed == Heed::Fence && asked == Ordering::SeqCst {
            fence(Ordering::SeqCst);
        }
    }
}

macro_rules! tried {
    ($atomic:ty, $integer:ty) => {
        impl Word<$integer> for Tried<$atomic> {
            fn load(&self, order: Ordering) -> $integer {
                self.word.load(if order == Ordering::SeqCst { Ordering::Acquire } else { order })
            }

            fn store(&self, value: $integer, order: Ordering) {
                self.word.store(value, self.order(order, Ordering::Release));
                self.fence_after(order);
            }

            fn swap(&self, value: $integer, order: Ordering) -> $integer {
                let before = self.word.swap(value, self.order(order, Ordering::AcqRel));
                self.fence_after(order);
                before
            }
        }
    };
}

tried!(AtomicU32, u32);
tried!(AtomicU64, u64);

/// Eight bytes of a segment's header.
pub enum Long {
    Tried(Tried<AtomicU64>),
    /// Of no interest to the test: as if all saw it at once.
    Plain(std::sync::atomic::AtomicU64),
    /// Of a sink that there is none of.
    Nothing,
}

impl Word<u64> for Long {
    fn load(&self, order: Ordering) -> u64 {
        match self {
            Self::Tried(word) => word.load(order),
            Self::Plain(word) => word.load(Ordering::SeqCst),
            Self::Nothing => 0,
        }
    }

    fn store(&self, value: u64, order: Ordering) {
        match self {
            Self::Tried(word) => word.store(value, order),
            Self::Plain(word) => word.store(value, Ordering::SeqCst),
            Self::Nothing => {}
        }
    }

    fn swap(&self, value: u64, order: Ordering) -> u64 {
        match self {
            Self::Tried(word) => word.swap(value, order),
            Self::Plain(word) => word.swap(value, Ordering::SeqCst),
            Self::Nothing => 0,
        }
    }
}

/// Bytes that are copied in without a word about their order.
enum Text {
    /// Looked at by the kernel, while they are written too: what it sees is one version of them.
    Open { len: usize, version: AtomicUsize, written: Mutex<Vec<Vec<u8>>> },
    /// Looked at by this process: loom fails where that may be while they are written.
    Kept { len: usize, bytes: UnsafeCell<Vec<u8>> },
}

// SAFETY: two threads at once are what loom fails for.
unsafe impl Sync for Text {}

impl Text {
    fn len(&self) -> usize {
        match self {
            Self::Open { len, .. } | Self::Kept { len, .. } => *len,
        }
    }

    fn write(&self, bytes: &[u8]) {
        match self {
            Self::Open { version, written, .. } => {
                let count = {
                    let mut written = lock(written);
                    written.push(bytes.to_vec());
                    written.len()
                };
                version.store(count, Ordering::Relaxed);
            }
            Self::Kept { bytes: kept, .. } => kept.with_mut(|kept| {
                // SAFETY: loom fails before this, where anybody else may look.
                unsafe { *kept = bytes.to_vec() }
            }),
        }
    }

    fn read(&self, order: Ordering) -> Vec<u8> {
        match self {
            Self::Open { len, version, written } => match version.load(order) {
                0 => vec![0; *len],
                version => lock(written)[version - 1].clone(),
            },
            Self::Kept { bytes, .. } => bytes.with(|kept| {
                // SAFETY: loom fails before this, where anybody may write.
                unsafe { (*kept).clone() }
            }),
        }
    }
}

enum Piece {
    Long(Long),
    Text(Text),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Long(_) => 8,
            Self::Text(text) => text.len(),
        }
    }

    fn bytes(&self, order: Ordering) -> Vec<u8> {
        match self {
            Self::Long(word) => word.load(order).to_le_bytes().to_vec(),
            Self::Text(text) => text.read(order),
        }
    }
}

/// Held for no longer than a copy takes: loom changes threads only at words of its own.
fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a reader's copy comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// As [`words::read`] does it: what is committed, and no more.
    Mapped,
    /// As the kernel may do it on some processor.
    Copied,
}

/// A segment's memory.
pub struct Shelf {
    size: usize,
    reads: Reads,
    weak: Option<usize>,
    heed: Heed,
    pieces: BTreeMap<usize, Piece>,
    end: Long,
    /// What was written where no piece is.
    plain: Mutex<Vec<(usize, Vec<u8>)>>,
    nothing: Long,
}

impl Shelf {
    /// `weak` is where the one word stands whose stores take no heed of order.
    pub fn new(size: usize, reads: Reads, weak: Option<usize>) -> Self {
        let plain = |at| (at, Piece::Long(Long::Plain(0.into())));
        let pieces = [ORDINAL, SEALED, RECORDS, COUNTING, POSITIONS, ACCEPTED].map(plain).into();
        let heed = if weak == Some(END) { Heed::None } else { Heed::Less };
        let end = match reads {
            Reads::Mapped => Long::Tried(Tried { word: AtomicU64::new(0), heed }),
            Reads::Copied => Long::Plain(0.into()),
        };
        Self { size, reads, weak, heed: Heed::Less, pieces, end, plain: Mutex::default(), nothing: Long::Nothing }
    }

    /// For those who look, right after a store, for somebody who sleeps.
    pub fn fenced(&mut self) -> &mut Self {
        self.heed = Heed::Fence;
        self
    }

    fn heed(&self, at: usize) -> Heed {
        if self.weak == Some(at) {
            Heed::None
        } else {
            self.heed
        }
    }

    /// Has loom try every order of these words.
    pub fn try_words(&mut self, words: &[usize]) -> &mut Self {
        for at in words {
            let word = Tried { word: AtomicU64::new(0), heed: self.heed(*at) };
            self.pieces.insert(*at, Piece::Long(Long::Tried(word)));
        }
        self
    }

    /// The same of frames: their first word, and the rest of their head; of memory, which nobody copies meanwhile, also a
    /// payload of so many bytes.
    pub fn try_frames(&mut self, frames: &[usize], payload: usize) -> &mut Self {
        for at in frames {
            self.try_words(&[*at]).try_text(at + 8, frame::HEADER - 8);
            if self.reads == Reads::Mapped {
                self.try_text(at + frame::HEADER, payload);
            }
        }
        self
    }

    /// The same of bytes that are written at once.
    pub fn try_text(&mut self, at: usize, len: usize) -> &mut Self {
        let text = match self.reads {
            Reads::Mapped => Text::Kept { len, bytes: UnsafeCell::new(vec![0; len]) },
            Reads::Copied => Text::Open { len, version: AtomicUsize::new(0), written: Mutex::default() },
        };
        self.pieces.insert(at, Piece::Text(text));
        self
    }
}

impl Memory for Shelf {
    type Long = Long;

    fn size(&self) -> usize {
        self.size
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        match self.pieces.get(&offset) {
            Some(Piece::Text(text)) => text.write(bytes),
            _ => lock(&self.plain).push((offset, bytes.to_vec())),
        }
    }

    fn end(&self) -> &Long {
        &self.end
    }

    fn word64(&self, offset: usize) -> &Long {
        match self.pieces.get(&offset) {
            Some(Piece::Long(word)) => word,
            _ => &self.nothing,
        }
    }
}

impl Lent for Shelf {
    fn size(&self) -> usize {
        self.size
    }

    fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        let end = if self.reads == Reads::Mapped { words::committed(self, offset) } else { self.size };
        let len = out.len().min(end.saturating_sub(offset));
        if len == 0 {
            return 0;
        }
        out[..len].fill(0);
        let mut put = |at: usize, bytes: &[u8]| {
            let each = bytes.iter().enumerate().map(|(n, byte)| (at + n, byte));
            each.filter(|(at, _)| (offset..offset + len).contains(at)).for_each(|(at, byte)| out[at - offset] = *byte);
        };
        lock(&self.plain).iter().for_each(|(at, bytes)| put(*at, bytes));
        let order = if self.reads == Reads::Mapped { Ordering::Acquire } else { Ordering::Relaxed };
        for (at, piece) in self.pieces.range(..offset + len).filter(|(at, piece)| *at + piece.len() > offset) {
            put(*at, &piece.bytes(order));
        }
        if self.reads == Reads::Copied {
            fence(Ordering::Acquire);
        }
        len
    }

    fn put(&self, offset: usize, word: u64) {
        self.word64(offset).store(word, Ordering::Release);
    }
}

/// A futex: its word, and the lock under which the kernel looks at it before it has anybody sleep.
pub struct Bed {
    word: Tried<AtomicU32>,
    gate: Gate<()>,
    sleepers: Condvar,
}

impl Bed {
    pub fn new() -> Self {
        Self {
            word: Tried { word: AtomicU32::new(0), heed: Heed::Less },
            gate: Gate::new(()),
            sleepers: Condvar::new(),
        }
    }

    pub fn weak() -> Self {
        let mut bed = Self::new();
        bed.word.heed = Heed::None;
        bed
    }
}

impl Word<u32> for Bed {
    fn load(&self, order: Ordering) -> u32 {
        self.word.load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        self.word.store(value, order);
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value, order)
    }
}

impl words::Bed for Bed {
    fn count_up(&self, order: Ordering) {
        self.word.word.fetch_add(1, order);
    }

    fn fence(&self) {
        if self.word.heed != Heed::None {
            fence(Ordering::SeqCst);
        }
    }

    /// Without an end: who is not woken is found as a deadlock.
    fn wait(&self, expected: u32, _: Duration) {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if self.word.load(Ordering::Acquire) == expected {
            drop(self.sleepers.wait(gate));
        }
    }

    fn wake_all(&self) {
        let _gate = self.gate.lock();
        self.sleepers.notify_all();
    }
}
