//! A mapped file that somebody else cuts short, or a disk that fails under it: the next access raises SIGBUS, which must
//! not end the application.
//!
//! Every mapping of a file is registered here. The handler asks whether the address lies in one; if so, it puts a page
//! of zeros in that place, marks the mapping and returns: the access is repeated, and goes nowhere. The owner finds the
//! mark after each record and goes on with another file ([`crate::system::os::Map::is_damaged`]).
//!
//! All else is handed to whoever had the signal before: for a fault, that disposition is put back and the fault comes
//! again, to it, as if nothing stood here; for a signal that was sent, it is called. Should it give the signal back to this
//! handler and the fault come a third time, the process ends as it would have. Each new mapping installs the handler again
//! if another has taken its place.
//!
//! Within the handler only atomics, `mmap` and `sigaction` run: a system call each, no lock, no memory taken, `errno` put
//! back. It may run in any thread at any instruction.
#![allow(unsafe_code)]
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Mappings of files that a process may have at once: far more than its spool's bytes allow.
const MOST: usize = 1024;
/// Addresses are looked at in units of the smallest page there is.
const UNIT: u32 = 12;
/// The bits of a slot's word that say how many units a mapping takes; those above, which is the first.
const COUNT: u32 = 20;

/// A mapping. Where it is stands in one word, so that a handler that runs meanwhile sees a mapping, or none, and never parts of
/// two. Who then finds its address in it may mark it: mappings do not overlap, and the one that a thread faulted in is registered
/// until that thread is through, as the mapping is borrowed or shared for as long as it is used.
struct Slot {
    /// 0: free.
    place: AtomicU64,
    /// Unset while the slot is free.
    hit: AtomicBool,
}

impl Slot {
    fn has(&self, address: usize) -> bool {
        let place = self.place.load(Ordering::Acquire);
        (address as u64 >> UNIT).wrapping_sub(place >> COUNT) < place & ((1 << COUNT) - 1)
    }
}

/// Where a mapping is, as its slot says it; None: nowhere that such a word can say.
fn place(start: usize, len: usize) -> Option<u64> {
    let (first, count) = (start as u64 >> UNIT, (len as u64).div_ceil(1 << UNIT));
    (count >> COUNT == 0 && first >> (64 - COUNT) == 0).then_some(first << COUNT | count)
}

static SLOTS: [Slot; MOST] = [const { Slot { place: AtomicU64::new(0), hit: AtomicBool::new(false) } }; MOST];
/// Kept for good: a handler that runs may be reading it.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(null_mut());
static INSTALLED: AtomicBool = AtomicBool::new(false);
static PAGE: AtomicUsize = AtomicUsize::new(4096);

/// A registered mapping, until dropped.
pub struct Guard {
    slot: &'static Slot,
}

impl Guard {
    /// Registers `len` bytes mapped at `start`.
    ///
    /// Errors: there are [`MOST`] already, it is too long, or the handler cannot be installed.
    pub fn new(start: usize, len: usize) -> io::Result<Self> {
        install()?;
        let place = place(start, len).filter(|_| len > 0).ok_or_else(|| io::Error::other("too much to be mapped"))?;
        let take = |slot: &&Slot| slot.place.compare_exchange(0, place, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let slot = SLOTS.iter().find(take).ok_or_else(|| io::Error::other("too many files are mapped"))?;
        Ok(Self { slot })
    }

    /// Set once some page of the mapping has gone.
    pub fn hit(&self) -> &'static AtomicBool {
        &self.slot.hit
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // In this order: whoever takes the slot next finds the mark unset.
        self.slot.hit.store(false, Ordering::Relaxed);
        self.slot.place.store(0, Ordering::Release);
    }
}

fn install() -> io::Result<()> {
    let ours = on_fault as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    PAGE.store(rustix::param::page_size(), Ordering::Relaxed);
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks for the disposition alone; `current` is a valid place for it, and all zeros is a valid value.
    let current = unsafe {
        libc::sigaction(libc::SIGBUS, null(), current.as_mut_ptr());
        current.assume_init()
    };
    if current.sa_sigaction == ours as usize {
        return Ok(());
    }
    // Leaked: once a process, and once more for each time another handler was set.
    PREVIOUS.store(Box::into_raw(Box::new(current)), Ordering::Release);
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `sigemptyset` and the stores make a whole `sigaction` of a function with the signature SA_SIGINFO asks for.
    let done = unsafe {
        let filled = action.assume_init_mut();
        libc::sigemptyset(&raw mut filled.sa_mask);
        filled.sa_sigaction = ours as usize;
        filled.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, filled, null_mut())
    };
    INSTALLED.store(true, Ordering::Release);
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The handler. See the module's head for what it may do.
extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `info` to a handler installed with SA_SIGINFO; `errno` is this thread's own.
    let (address, is_fault, errno) = unsafe { ((*info).si_addr() as usize, (*info).si_code > 0, errno_location()) };
    // SAFETY: the pointer is this thread's `errno`, valid for as long as the thread is.
    let saved = unsafe { *errno };
    if !is_fault || !replace_page(address) {
        hand_on(signal, info, context, is_fault);
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

#[cfg(target_os = "linux")]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: always callable.
    unsafe { libc::__errno_location() }
}

#[cfg(not(target_os = "linux"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: always callable.
    unsafe { libc::__error() }
}

/// Puts zeros in the place of a page that has gone, if it is of a registered mapping.
fn replace_page(address: usize) -> bool {
    let Some(slot) = SLOTS.iter().find(|slot| slot.has(address)) else { return false };
    let size = PAGE.load(Ordering::Relaxed);
    let page = (address & !(size - 1)) as *mut c_void;
    let (rights, how) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
    slot.hit.store(true, Ordering::Release);
    // SAFETY: the page lies within a mapping whose owner is alive (it is registered until just before it is unmapped, and
    // the thread that faulted is using it) and reaches it through raw pointers and atomics alone, so other contents in
    // its place break no reference.
    unsafe { libc::mmap(page, size, rights, how, -1, 0) != libc::MAP_FAILED }
}

fn hand_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, is_fault: bool) {
    // SAFETY: all zeros is the default disposition; a stored pointer is of a leaked box, written before it was stored.
    let default = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let kept = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: as above.
    let previous = if kept.is_null() { default } else { unsafe { *kept } };
    if is_fault {
        let is_first = INSTALLED.swap(false, Ordering::AcqRel);
        let next = if is_first { previous } else { default };
        // SAFETY: a disposition the system gave us, or the default.
        unsafe { libc::sigaction(signal, &raw const next, null_mut()) };
        return;
    }
    match previous.sa_sigaction {
        libc::SIG_IGN => {}
        // SAFETY: the default ends the process once this handler has returned.
        libc::SIG_DFL => unsafe {
            libc::sigaction(signal, &raw const default, null_mut());
            libc::raise(signal);
        },
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: it was installed with SA_SIGINFO, so it has this signature.
            let call: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = unsafe { std::mem::transmute(handler) };
            call(signal, info, context);
        }
        handler => {
            // SAFETY: it was installed without SA_SIGINFO, so it has this signature.
            let call: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            call(signal);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{place, Guard, Slot};
    use crate::system::os::Map;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_slot_tells_its_mappings_addresses_from_all_others() {
        let slot = |start, len| Slot { place: place(start, len).unwrap().into(), hit: false.into() };
        let all: [(usize, usize); 4] =
            [(4096, 4096), (1 << 46, 5000), ((1 << 56) - 8192, 8192), (0x7fff_0000_1000, (1 << 32) - 4096)];
        for (start, len) in all {
            let end = start + len.next_multiple_of(4096);
            for (address, is_in) in [(start, true), (end - 1, true), (start - 1, false), (end, false), (0, false)] {
                assert_eq!(slot(start, len).has(address), is_in, "{address:x} in {len} bytes at {start:x}");
            }
        }
        assert!(!Slot { place: 0.into(), hit: false.into() }.has(0));
        assert!(place(4096, 1 << 32).is_none() && place(1 << 56, 4096).is_none());
    }

    #[test]
    fn a_slot_that_was_hit_is_not_so_for_the_next_mapping() {
        for round in 1..=3 {
            // Nowhere that anything is mapped.
            let guards: Vec<_> = (0..16).map(|n| Guard::new((round * 16 + n) << 12, 4096).unwrap()).collect();
            assert!(guards.iter().all(|guard| !guard.hit().swap(true, Ordering::Relaxed)), "round {round}");
        }
    }

    #[test]
    fn a_store_into_a_mapping_whose_file_was_cut_goes_nowhere_and_is_marked() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 16).unwrap();
        let (map, other) = (Map::new(&file, 1 << 16).unwrap(), tempfile::tempfile().unwrap());
        other.set_len(4096).unwrap();
        let other = Map::new(&other, 4096).unwrap();
        map.write(0, b"kept");
        file.set_len(4096).unwrap();
        map.write(4000, &[7; 200]);
        assert!(map.is_damaged() && !other.is_damaged());
        assert_eq!(map.word32(0).load(Ordering::Relaxed), u32::from_le_bytes(*b"kept"));
        assert_eq!(map.word32(4096).load(Ordering::Relaxed), 0x0707_0707, "the page is this process's own");
        assert_eq!(file.metadata().unwrap().len(), 4096);
        file.set_len(0).unwrap();
        map.touch();
    }

    #[test]
    fn a_thread_that_is_kept_from_signals_outlives_a_cut_file_too() {
        fn fault() {
            let act = || {
                crate::system::os::block_signals();
                let file = tempfile::tempfile().unwrap();
                file.set_len(4096).unwrap();
                let map = Map::new(&file, 4096).unwrap();
                file.set_len(0).unwrap();
                map.word32(0).store(1, Ordering::Relaxed);
            };
            std::thread::spawn(act).join().unwrap();
        }
        assert_eq!(ended_by(fault), 0);
    }

    /// Runs `act` in a forked child; the signal that ended it, or 0.
    #[allow(unsafe_code)]
    fn ended_by(act: fn()) -> i32 {
        // SAFETY: the child allocates, which a fork of a threaded process only may where no lock is held: the tests'
        // allocator survives it; it ends by `_exit` or by a signal.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            act();
            // SAFETY: ends the child without running anything of the test's.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above; `status` is a valid place.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        libc::WTERMSIG(status)
    }

    #[allow(unsafe_code)]
    fn fault_elsewhere() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let _ours = Map::new(&file, 4096).unwrap();
        let foreign = memmap2::MmapOptions::new().len(4096).map_raw(&file).unwrap();
        file.set_len(0).unwrap();
        // SAFETY: none: this is the fault the test is about.
        unsafe { foreign.as_mut_ptr().write_volatile(1) };
    }

    #[test]
    fn a_fault_elsewhere_ends_the_process_as_before() {
        assert_eq!(ended_by(fault_elsewhere), libc::SIGBUS);
    }

    #[test]
    fn a_signal_that_was_sent_does_what_it_did_before() {
        #[allow(unsafe_code)]
        fn send() {
            // SAFETY: the default disposition; Rust's own would swallow it.
            unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
            let file = tempfile::tempfile().unwrap();
            file.set_len(4096).unwrap();
            let _ours = Map::new(&file, 4096).unwrap();
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::BUS).unwrap();
        }
        assert_eq!(ended_by(send), libc::SIGBUS);
    }
}
