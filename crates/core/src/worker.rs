//! The delivery thread of a process: its own console, the next segment, and the folder's files when it leads.
use std::sync::atomic::{fence, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::leader::{Leader, Lock};
use crate::os::{block_signals, futex_wait};
use crate::source::Source;
use crate::spec::Spec;
use crate::spool::Shared;
use crate::stream::{Standard, Stream};
use crate::terminal::Pipe;

/// A follower looks so often whether the leader's lock is free.
const FOLLOW: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_secs(1);
/// After a round that had this many records, more are let come together before the next.
const BUSY: u64 = 16;
const NAP: Duration = Duration::from_micros(200);
const STALLED: Duration = Duration::from_millis(20);

/// Spools of this process that have a delivery thread.
static LIVE: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// How long the end of a process waits for what was logged while the interpreter ended.
const AT_EXIT: Duration = Duration::from_secs(2);

/// The last thing a process does: what threads and finalizers logged after the interpreter's own `atexit` functions goes
/// to the files, unless another process leads, which delivers it anyway.
pub fn at_process_exit() {
    let Ok(live) = LIVE.try_lock() else { return };
    let until = Instant::now() + AT_EXIT;
    for shared in live.iter().filter_map(Weak::upgrade) {
        let seen = shared.idle_rounds.load(Ordering::Acquire);
        while shared.leads() && !shared.stop.load(Ordering::Acquire) && Instant::now() < until {
            // One round may have begun before the last record: the second has seen everything.
            if shared.idle_rounds.load(Ordering::Acquire) >= seen + 2 {
                break;
            }
            shared.wake();
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// In a forked child: the parent's threads are not here.
pub fn forget_parent() {
    if let Ok(mut live) = LIVE.try_lock() {
        for shared in live.drain(..) {
            std::mem::forget(shared);
        }
    }
}

/// The handle of a delivery thread.
pub struct Worker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Worker {
    /// Errors: the thread could not be made.
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (say, ended) = mpsc::channel::<()>();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&shared));
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("cordwood".into()).stack_size(256 << 10).spawn(move || {
            block_signals();
            Loop::new(of_thread).run();
            drop(say);
        })?;
        Ok(Self { shared, thread, ended })
    }

    /// Ends the thread; one that hangs in a system call is left behind after `patience`.
    pub fn stop(self, patience: Duration) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        if self.ended.recv_timeout(patience) != Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = self.thread.join();
        }
    }

    /// In a forked child, where the thread does not exist.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

struct Loop {
    shared: Arc<Shared>,
    own: Option<Source>,
    pipes: Vec<Pipe>,
    leader: Option<Leader>,
    tried: Option<Instant>,
    looked: Instant,
}

impl Loop {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, own: None, pipes: Vec::new(), leader: None, tried: None, looked: Instant::now() }
    }

    fn run(&mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let delivered = self.round();
            if delivered >= BUSY {
                std::thread::sleep(NAP);
            } else if delivered == 0 {
                self.sleep();
            }
        }
    }

    fn round(&mut self) -> u64 {
        self.shared.housekeeping();
        let mut delivered = self.deliver_locally();
        if self.leader.is_none() && self.tried.is_none_or(|at| at.elapsed() >= FOLLOW) {
            self.tried = Some(Instant::now());
            if let Ok(Some(lock)) = Lock::take(&self.shared) {
                self.leader = Some(Leader::new(Arc::clone(&self.shared), lock));
            }
        }
        if let Some(leader) = &mut self.leader {
            let found = leader.round();
            if found == 0 {
                self.shared.idle_rounds.fetch_add(1, Ordering::Release);
            }
            delivered += found;
            say(&leader.take_notices());
        }
        if self.looked.elapsed() > IDLE {
            self.looked = Instant::now();
            if !self.shared.folder.is_there() {
                self.shared.lost.store(true, Ordering::Release);
            }
        }
        delivered
    }

    fn deliver_locally(&mut self) -> u64 {
        for (identity, spec) in self.shared.take_new_locals() {
            let pipe = Spec::parse(&spec).and_then(|spec| Pipe::new(identity, &spec));
            if let Ok(Some(pipe)) = pipe {
                self.pipes.push(pipe);
            }
        }
        if self.pipes.is_empty() {
            return 0;
        }
        let shared = Arc::clone(&self.shared);
        let source = self.own.get_or_insert_with(|| Source::own(Arc::clone(&shared)));
        source.refresh(shared.folder.control.segments().load(Ordering::Acquire));
        self.pipes.iter_mut().map(|pipe| pipe.deliver(source, &shared)).sum()
    }

    /// Sleeps until a writer wakes this thread. The flag is raised first and the spool looked at once more, so that a
    /// record that came in between is not slept on.
    fn sleep(&mut self) {
        let shared = Arc::clone(&self.shared);
        let word = if self.leader.is_some() { shared.folder.control.sleeping() } else { &shared.sleeping };
        word.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.round() == 0 && !shared.stop.load(Ordering::Acquire) {
            futex_wait(word, 1, self.until());
        }
        word.store(0, Ordering::SeqCst);
    }

    fn until(&self) -> Duration {
        if self.pipes.iter().any(Pipe::is_stalled) {
            return STALLED;
        }
        let Some(leader) = &self.leader else { return FOLLOW };
        let retry = leader.next_retry().map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
        // Its own console must not wait for the leader's word, which others' records raise.
        retry.clamp(Duration::from_millis(1), IDLE)
    }
}

/// Says on stderr what the user should hear of, if stderr takes it.
fn say(texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    if let Ok(mut stream) = Stream::open(Standard::Error) {
        for text in texts {
            let _ = stream.write(format!("cordwood: {text}\n").as_bytes());
        }
    }
}

/// Delivers a folder's records although no process of it runs: `cordwood recover`. Returns what each sink has now, and
/// false if another process leads (it delivers them).
pub fn recover(shared: &Arc<Shared>, patience: Duration) -> crate::error::Result<Recovered> {
    let until = Instant::now() + patience;
    let mut result = Recovered::default();
    let lock = loop {
        match Lock::take(shared)? {
            Some(lock) => break lock,
            None if Instant::now() >= until => return Ok(result),
            None => std::thread::sleep(FOLLOW.min(Duration::from_millis(10))),
        }
    };
    result.led = true;
    let mut leader = Leader::new(Arc::clone(shared), lock);
    loop {
        let delivered = leader.round();
        result.delivered += delivered;
        if delivered == 0 && (leader.next_retry().is_none() || Instant::now() >= until) {
            break;
        }
        if delivered == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // Segments of dead writers are removed in a round of their own.
    leader.round();
    result.sinks = leader.sinks();
    result.notices = leader.take_notices();
    Ok(result)
}

/// What [`recover`] did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// False: another process leads the folder.
    pub led: bool,
    pub delivered: u64,
    pub sinks: Vec<(String, bool, u64)>,
    pub notices: Vec<String>,
}
