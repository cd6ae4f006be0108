//! Stand-ins for a mapping and for a futex, made of what `loom` tries every order of.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loom::sync::atomic::{fence, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex as Gate};

use crate::spool::segment::{ACCEPTED, COUNTING, ORDINAL, POSITIONS, RECORDS, SEALED};
use crate::system::words::{self, Lent, Memory, Word};

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
struct Text {
    len: usize,
    /// How many of `written` were: what a reader sees is one of them.
    version: AtomicUsize,
    written: Mutex<Vec<Vec<u8>>>,
}

enum Piece {
    Short(Tried<AtomicU32>),
    Long(Long),
    Text(Text),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Short(_) => 4,
            Self::Long(_) => 8,
            Self::Text(text) => text.len,
        }
    }

    fn bytes(&self, order: Ordering) -> Vec<u8> {
        match self {
            Self::Short(word) => word.load(order).to_le_bytes().to_vec(),
            Self::Long(word) => word.load(order).to_le_bytes().to_vec(),
            Self::Text(text) => match text.version.load(order) {
                0 => vec![0; text.len],
                version => lock(&text.written)[version - 1].clone(),
            },
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
    /// As [`crate::system::os::Map::read`] does it.
    Acquire,
    /// As the kernel may do it on some processor.
    Any,
}

/// A segment's memory.
pub struct Shelf {
    size: usize,
    reads: Reads,
    weak: Option<usize>,
    heed: Heed,
    pieces: BTreeMap<usize, Piece>,
    /// What was written where no piece is.
    plain: Mutex<Vec<(usize, Vec<u8>)>>,
    nothing: Long,
}

impl Shelf {
    /// `weak` is where the one word stands whose stores take no heed of order.
    pub fn new(size: usize, reads: Reads, weak: Option<usize>) -> Self {
        let plain = |at| (at, Piece::Long(Long::Plain(0.into())));
        let pieces = [ORDINAL, SEALED, RECORDS, COUNTING, POSITIONS, ACCEPTED].map(plain).into();
        Self { size, reads, weak, heed: Heed::Less, pieces, plain: Mutex::default(), nothing: Long::Nothing }
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

    /// The same of frames: their length, and what their checksum is in.
    pub fn try_frames(&mut self, frames: &[usize]) -> &mut Self {
        for at in frames {
            let word = Tried { word: AtomicU32::new(0), heed: self.heed(*at) };
            self.pieces.insert(*at, Piece::Short(word));
            self.try_text(at + 4, 12);
        }
        self
    }

    /// The same of bytes that are written at once.
    pub fn try_text(&mut self, at: usize, len: usize) -> &mut Self {
        let text = Text { len, version: AtomicUsize::new(0), written: Mutex::default() };
        self.pieces.insert(at, Piece::Text(text));
        self
    }
}

impl Memory for Shelf {
    type Short = Tried<AtomicU32>;
    type Long = Long;

    fn size(&self) -> usize {
        self.size
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        match self.pieces.get(&offset) {
            Some(Piece::Text(text)) => {
                let version = {
                    let mut written = lock(&text.written);
                    written.push(bytes.to_vec());
                    written.len()
                };
                text.version.store(version, Ordering::Relaxed);
            }
            _ => lock(&self.plain).push((offset, bytes.to_vec())),
        }
    }

    fn word32(&self, offset: usize) -> &Tried<AtomicU32> {
        match self.pieces.get(&offset) {
            Some(Piece::Short(word)) => word,
            _ => panic!("no word at {offset}"),
        }
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
        let len = out.len().min(self.size.saturating_sub(offset));
        out[..len].fill(0);
        let mut put = |at: usize, bytes: &[u8]| {
            let each = bytes.iter().enumerate().map(|(n, byte)| (at + n, byte));
            each.filter(|(at, _)| (offset..offset + len).contains(at)).for_each(|(at, byte)| out[at - offset] = *byte);
        };
        lock(&self.plain).iter().for_each(|(at, bytes)| put(*at, bytes));
        let order = if self.reads == Reads::Acquire { Ordering::Acquire } else { Ordering::Relaxed };
        for (at, piece) in self.pieces.range(..offset + len).filter(|(at, piece)| *at + piece.len() > offset) {
            put(*at, &piece.bytes(order));
        }
        if self.reads == Reads::Any {
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
