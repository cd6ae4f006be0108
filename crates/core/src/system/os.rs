//! What is the operating system's own: shared memory, sleeping and waking across processes, forks, signals.
//!
//! The core's `unsafe` is here. Two owners use mappings: a writer its segment, everyone the control page.
//! Readers of segments use `pread`, not a mapping: a file cut short by somebody else then gives fewer bytes, where a
//! mapping would raise SIGBUS (see `sigbus`).
#![allow(unsafe_code)]
use std::fs::{File, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use memmap2::{MmapMut, MmapOptions, MmapRaw};
use rustix::fs::{OFlags, Timespec};
use rustix::mm::{madvise, Advice};
use rustix::thread::futex;

use crate::system::sigbus::Guard;

/// How a file is opened where somebody may have put a link, a pipe or a device in its place.
pub const UNFOLLOWED: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A shared, writable mapping of a file's first bytes. Every access is bounds-checked.
pub struct Map {
    /// Dropped first: what is unmapped is not registered any more.
    _guard: Option<Guard>,
    raw: MmapRaw,
    damaged: &'static AtomicBool,
    /// Nothing before this changes any more, but for words (see `words`).
    end: AtomicU64,
}

/// Memory without a file behind it is never damaged.
static NEVER: AtomicBool = AtomicBool::new(false);

impl Map {
    /// Maps `len` bytes. The file must be at least that long; if somebody cuts it later, see [`Self::is_damaged`].
    pub fn new(file: &File, len: usize) -> std::io::Result<Self> {
        let raw = MmapOptions::new().len(len).map_raw(file)?;
        let guard = Guard::new(raw.as_ptr() as usize, len)?;
        Ok(Self { damaged: guard.hit(), _guard: Some(guard), raw, end: AtomicU64::new(0) })
    }

    /// True once a page of the file had gone when it was used: what is written since may be in this process alone.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Memory of this process alone, with no file behind it.
    pub fn anonymous(len: usize) -> std::io::Result<Self> {
        Ok(Self { _guard: None, raw: MmapMut::map_anon(len)?.into(), damaged: &NEVER, end: AtomicU64::new(0) })
    }

    /// Forces the first `len` bytes to the disk; waits for it.
    pub fn sync(&self, len: usize) -> std::io::Result<()> {
        self.raw.flush_range(0, len)
    }

    pub fn len(&self) -> usize {
        self.raw.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, offset: usize, len: usize) {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.raw.len()), "access beyond the mapping");
    }

    /// Copies bytes in, behind what is committed. The one writer of a segment alone does this.
    #[inline]
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        assert!(offset >= self.end.load(Ordering::Relaxed) as usize, "what is committed changes no more");
        // SAFETY: the range lies within the mapping (checked above); `bytes` is a Rust slice and cannot overlap a mapping that
        // is only reachable through raw pointers. One thread at a time writes ([`crate::spool::segment::Segment`] is borrowed for
        // that alone), and nobody in this process reads here: readers stop at `end`, which this writer stores afterwards.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.raw.as_mut_ptr().add(offset), bytes.len());
        }
    }

    /// Up to where this process may read.
    #[inline]
    pub fn end(&self) -> &AtomicU64 {
        &self.end
    }

    /// Touches a byte a page, so that the first real write does not take the page fault.
    pub fn touch(&self) {
        if cfg!(miri) {
            return; // It knows no `madvise`, and its memory is there.
        }
        // SAFETY: within the mapping, which nobody uses yet; the call changes no byte.
        let populated = unsafe { madvise(self.raw.as_mut_ptr().cast(), self.raw.len(), Advice::LinuxPopulateWrite) };
        if populated.is_ok() {
            return;
        }
        // The kernel is older than the call.
        for offset in (0..self.raw.len()).step_by(4096) {
            // SAFETY: within the mapping; called before the segment is used, so the byte is zero and stays zero.
            unsafe { self.raw.as_mut_ptr().add(offset).write_volatile(0) };
        }
    }

    /// A four-byte word shared with other processes.
    pub fn word32(&self, offset: usize) -> &AtomicU32 {
        self.check(offset, 4);
        assert!(offset % 4 == 0, "unaligned word");
        // SAFETY: in bounds, aligned (the mapping is page-aligned), and only ever accessed as an atomic or copied by
        // the kernel on behalf of another process.
        unsafe { AtomicU32::from_ptr(self.raw.as_mut_ptr().add(offset).cast()) }
    }

    /// An eight-byte word shared with other processes.
    pub fn word64(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, 8);
        assert!(offset % 8 == 0, "unaligned word");
        // SAFETY: as for `word32`.
        unsafe { AtomicU64::from_ptr(self.raw.as_mut_ptr().add(offset).cast()) }
    }
}

/// Does something that may hang on a thread of its own, and waits at most so long for it: None where it takes longer, what
/// comes of it then is dropped. Where no thread can be had it is done here.
pub fn within<T: Send + 'static>(patience: Duration, work: impl Fn() -> T + Clone + Send + 'static) -> Option<T> {
    let (say, hear) = std::sync::mpsc::channel();
    let aside = work.clone();
    let thread = std::thread::Builder::new().name("cordwood-aside".into()).stack_size(256 << 10).spawn(move || {
        block_signals();
        let _ = say.send(aside());
    });
    match thread {
        Ok(_) => hear.recv_timeout(patience).ok(),
        Err(_) => Some(work()),
    }
}

/// Sleeps while `word` holds `expected`, at most `timeout`. May wake for no reason.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    let _ = futex::wait(word, futex::Flags::empty(), expected, Some(&timeout));
}

/// Wakes everyone who sleeps on `word`, in any process.
pub fn futex_wake(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
}

/// A page that a fork wipes: tells a child that it is one, without a system call.
pub struct ForkFlag {
    page: MmapRaw,
}

impl ForkFlag {
    pub fn new() -> std::io::Result<Self> {
        let page = MmapRaw::from(MmapMut::map_anon(4096)?);
        // SAFETY: the range is exactly the private page mapped above; the advice changes nothing in this process.
        #[cfg(not(miri))]
        unsafe {
            madvise(page.as_mut_ptr().cast(), 4096, Advice::LinuxWipeOnFork)?;
        }
        let flag = Self { page };
        flag.word().store(1, Ordering::Relaxed);
        Ok(flag)
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is aligned, writable, lives as long as `self`, and is reached through this word alone.
        unsafe { AtomicU32::from_ptr(self.page.as_mut_ptr().cast()) }
    }

    /// True in the process that made the flag, false in its forked children.
    pub fn holds(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 1
    }
}

/// Keeps signals from the calling thread: Python's handlers wait in the main thread, which must be the one interrupted. Not
/// those that a thread's own instruction raises: the kernel ends the process where they are blocked (see `sigbus`).
pub fn block_signals() {
    if cfg!(miri) {
        return; // It knows no signals.
    }
    // SAFETY: the set is a plain value that `sigfillset` initialises; the call changes this thread's mask alone.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        for own in [libc::SIGBUS, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            libc::sigdelset(all.as_mut_ptr(), own);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
    }
}

/// CRC-32C of a few bytes: the same as `crc32c::crc32c_append`, without its set-up for long ones.
#[inline]
pub fn crc32c_short(seed: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= 512 && std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has the instruction, as was just asked (the answer is cached).
        return unsafe { crc32c_sse(seed, bytes) };
    }
    crc32c::crc32c_append(seed, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn crc32c_sse(seed: u32, mut bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u64, _mm_crc32_u8};
    // No closures and no iterator adapters here: a closure has this function's target features, the adapter that calls it
    // has not, and so neither would be inlined.
    let mut crc = u64::from(!seed);
    while let Some((word, rest)) = bytes.split_first_chunk() {
        crc = _mm_crc32_u64(crc, u64::from_le_bytes(*word));
        bytes = rest;
    }
    let mut crc = crc as u32;
    for byte in bytes {
        crc = _mm_crc32_u8(crc, *byte);
    }
    !crc
}

/// Has the kernel begin to write a file's dirty pages to the disk, without waiting for it. A hint: nothing is promised.
pub fn begin_writeback(file: &File, offset: u64, len: u64) {
    #[cfg(target_os = "linux")]
    // SAFETY: a system call on an open descriptor that touches no memory of this process.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset as i64, len as i64, libc::SYNC_FILE_RANGE_WRITE);
    }
}

/// Sixty-four random bits.
pub fn random() -> u64 {
    let mut bytes = [0u8; 8];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => {
            rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_nsec as u64
                ^ (u64::from(std::process::id()) << 32)
        }
    }
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Which file this is, whatever its name. `born` (nanoseconds since the epoch, 0 where the file system has none) tells a new
/// file from a deleted one whose inode number it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileId {
    pub dev: u64,
    pub ino: u64,
    pub born: u64,
}

impl FileId {
    pub fn of(found: &Metadata) -> Self {
        let born = found.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Self { dev: found.dev(), ino: found.ino(), born: born.map_or(0, |born| born.as_nanos() as u64) }
    }
}

/// The host's name; empty where the system does not tell.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_forks_flag_holds_where_it_was_made() {
        assert!(ForkFlag::new().is_ok_and(|flag| flag.holds()));
    }

    #[test]
    fn who_does_something_aside_waits_for_it_only_so_long() {
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
        let (say, hear) = std::sync::mpsc::channel::<()>();
        let hear = std::sync::Arc::new(std::sync::Mutex::new(hear));
        assert!(within(Duration::ZERO, move || hear.lock().is_ok_and(|hear| hear.recv().is_ok())).is_none());
        drop(say);
    }

    #[test]
    fn the_short_checksum_is_the_long_one() {
        let bytes: Vec<u8> = (0..600u32).map(|n| (n * 31) as u8).collect();
        for len in 0..bytes.len() {
            for seed in [0, 1, 0xDEAD_BEEF] {
                assert_eq!(crc32c_short(seed, &bytes[..len]), crc32c::crc32c_append(seed, &bytes[..len]), "{len}");
            }
        }
    }
}
