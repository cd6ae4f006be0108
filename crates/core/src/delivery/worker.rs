//! The delivery thread of a process: its own console, the next segment, and the folder's files when it leads.
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::delivery::leader::{Leader, Lock};
use crate::delivery::said::Said;
use crate::delivery::spec::Spec;
use crate::delivery::terminal::Pipe;
use crate::spool::control::Reason;
use crate::spool::shared::{Shared, Turn};
use crate::spool::source::Source;
use crate::system::fork::generation;
use crate::system::os::block_signals;
use crate::system::words;

/// A follower looks so often whether the leader's lock is free.
const FOLLOW: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_secs(1);
/// After a round that had this many records, more are let come together before the next.
const BUSY: u64 = 16;
const NAP: Duration = Duration::from_micros(200);
const STALLED: Duration = Duration::from_millis(20);
/// How often it is looked whether a deleted folder's leader has ended.
const AWAITING: Duration = Duration::from_millis(5);
/// A thread whose writer went on elsewhere ends when nothing came for so long.
const LEAVE: Duration = Duration::from_secs(3);

/// Spools that have a delivery thread, and of which process: a forked child finds its parent's here.
static LIVE: Mutex<Vec<(u32, Weak<Shared>)>> = Mutex::new(Vec::new());

/// How long the end of a process waits for what was logged while the interpreter ended.
const AT_EXIT: Duration = Duration::from_secs(2);

/// The last thing a process does: what threads and finalizers logged after the interpreter's own `atexit` functions goes
/// to the files, unless another process leads, which delivers it anyway.
pub fn at_process_exit() {
    let Ok(live) = LIVE.try_lock() else { return };
    let until = Instant::now() + AT_EXIT;
    let own = live.iter().filter(|(process, _)| *process == generation());
    for shared in own.filter_map(|(_, shared)| shared.upgrade()) {
        let seen = shared.idle_rounds.load(Ordering::Acquire);
        while shared.leads() && shared.worker.load(Ordering::Acquire) != 0 && Instant::now() < until {
            // One round may have begun before the last record: the second has seen everything.
            if shared.idle_rounds.load(Ordering::Acquire) >= seen + 2 {
                break;
            }
            shared.wake();
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// The handle of a delivery thread.
pub struct Worker {
    shared: Arc<Shared>,
    number: u32,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Worker {
    /// Errors: the thread could not be made.
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        let (say, ended) = mpsc::channel::<()>();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        // Of one that was stopped and hangs in a system call still, the turn is over.
        shared.worker.store(number, Ordering::Release);
        let about = About::new(&shared);
        {
            let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
            let is_other = |known: &Weak<Shared>| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(&shared));
            live.retain(|(process, known)| *process == generation() && known.strong_count() > 0 && is_other(known));
            live.push((generation(), Arc::downgrade(&shared)));
        }
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("cordwood".into()).stack_size(256 << 10).spawn(move || {
            block_signals();
            // Two would each deliver the same.
            let desk = of_thread.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let mut looped = Loop::new(Arc::clone(&of_thread), number);
            while catch_unwind(AssertUnwindSafe(|| looped.run())).is_err() {
                looped.begin_again();
            }
            drop(looped);
            drop(desk);
            drop(about);
            drop(say);
        })?;
        Ok(Self { shared, number, thread, ended })
    }

    /// Ends the thread; one that hangs in a system call is left behind after `patience`.
    pub fn stop(self, patience: Duration) {
        let _ = self.shared.worker.compare_exchange(self.number, 0, Ordering::AcqRel, Ordering::Relaxed);
        self.shared.wake();
        if self.ended.recv_timeout(patience) != Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = self.thread.join();
        }
    }

    /// Has the thread deliver what there is, then end by itself.
    pub fn leave(&self) {
        self.shared.leaving.store(true, Ordering::Release);
        self.shared.wake();
    }

    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// In a forked child, where the thread does not exist.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

/// Says that a thread is about a folder, until it has let go of everything there.
struct About(Arc<Shared>);

impl About {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.threads.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for About {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Loop {
    shared: Arc<Shared>,
    number: u32,
    own: Option<Source>,
    pipes: Vec<Pipe>,
    leader: Option<Leader>,
    tried: Option<Instant>,
    looked: Instant,
    behind: Behind,
    /// When something was delivered last.
    active: Instant,
    turn: Turn,
    said: Said,
}

impl Loop {
    fn new(shared: Arc<Shared>, number: u32) -> Self {
        let now = Instant::now();
        let turn = Turn::new(&shared);
        let (own, pipes, leader) = (None, Vec::new(), None);
        let (behind, said) = (Behind::default(), Said::default());
        Self { shared, number, own, pipes, leader, tried: None, looked: now, behind, active: now, turn, said }
    }

    fn run(&mut self) {
        while self.is_wanted() {
            // Asked before the look: what was written before that is seen in it.
            let leaving = self.shared.leaving.load(Ordering::Acquire);
            let delivered = self.round();
            if delivered > 0 {
                self.active = Instant::now();
            } else if leaving && self.has_drained() {
                break;
            }
            if delivered >= BUSY {
                std::thread::sleep(NAP);
            } else if delivered == 0 {
                self.sleep();
            }
        }
        // What was sealed at the end is removed, and what was made ahead of time.
        self.round();
        self.shared.discard_prepared();
    }

    /// After a bug: what was in hand is let go of, and read again.
    fn begin_again(&mut self) {
        (self.leader, self.own) = (None, None);
        self.pipes.iter_mut().for_each(Pipe::begin_again);
        self.shared.tell("a bug in the native core interrupted delivery, which begins again; please report it".into());
        // Before the pause, in which the process may end.
        self.said.say(&self.shared.take_notices());
        std::thread::sleep(IDLE);
    }

    /// False once it was told to stop, or another has begun.
    fn is_wanted(&self) -> bool {
        self.shared.worker.load(Ordering::Acquire) == self.number
    }

    fn has_drained(&self) -> bool {
        let failing = self.leader.as_ref().is_some_and(Leader::is_failing);
        let stalled = self.pipes.iter().any(Pipe::is_stalled);
        (self.leader.is_none() && !stalled && !self.shared.has_memory()) || (!failing && self.active.elapsed() > LEAVE)
    }

    /// True if the folder was deleted, or the writer went on elsewhere for that.
    fn is_gone(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire) || self.shared.leaving.load(Ordering::Acquire)
    }

    /// Looks whether the folder is still there, and puts right, once in a while, what somebody took away from it.
    fn look_after_folder(&mut self) {
        let shared = &self.shared;
        if shared.folder.control.is_damaged() && !shared.lost.swap(true, Ordering::AcqRel) {
            shared.tell("the spool's control page was cut by somebody else: another is made".into());
        }
        let is_time = self.looked.elapsed() > IDLE;
        if !shared.folder.is_there() || (is_time && (shared.has_lost_current() || shared.folder.can_return())) {
            shared.lost.store(true, Ordering::Release);
        }
        if is_time || self.is_gone() {
            shared.lend_nameless();
        }
        if is_time && !self.is_gone() {
            shared.describe_again();
        }
        if is_time {
            self.looked = Instant::now();
        }
    }

    fn round(&mut self) -> u64 {
        self.shared.housekeeping();
        let mut delivered = self.deliver_locally();
        self.look_after_folder();
        let gone = self.is_gone();
        if let Some(leader) = self.leader.as_mut().filter(|_| gone) {
            leader.bring_to_an_end();
        }
        let has_memory = self.shared.has_memory();
        let yields = !gone && self.turn.gives_way(&self.shared, self.leader.is_some(), has_memory);
        if yields {
            self.leader = None;
        }
        let may_lead = (!gone || has_memory) && !self.shared.awaits_former();
        if self.leader.is_none() && may_lead && !yields && self.tried.is_none_or(|at| at.elapsed() >= FOLLOW) {
            self.tried = Some(Instant::now());
            if let Some(lock) = Lock::take(&self.shared) {
                self.leader = Some(Leader::new(Arc::clone(&self.shared), lock)).filter(|leader| !leader.is_blind());
            }
        }
        if let Some(leader) = &mut self.leader {
            let found = leader.round();
            if !leader.has_more() {
                self.shared.idle_rounds.fetch_add(1, Ordering::Release);
            }
            delivered += found;
            self.said.say(&leader.take_notices());
        }
        // Those who went on elsewhere wait for the lock.
        self.leader = self.leader.take().filter(|leader| !gone || !leader.is_at_rest());
        self.said.say(&self.shared.take_notices());
        delivered
    }

    fn deliver_locally(&mut self) -> u64 {
        for (identity, spec) in self.shared.take_new_locals() {
            let pipe = Spec::parse(&spec).and_then(|spec| Pipe::new(identity, &spec));
            if let Ok(Some(mut pipe)) = pipe {
                match self.pipes.iter_mut().find(|known| known.identity() == identity) {
                    Some(known) => {
                        pipe.carry_on(known);
                        *known = pipe;
                    }
                    None => self.pipes.push(pipe),
                }
            }
        }
        let shared = Arc::clone(&self.shared);
        let waited = shared.folder.control.is_waited_for();
        if self.pipes.is_empty() && !waited {
            return 0;
        }
        let source = self.own.get_or_insert_with(|| Source::own(Arc::clone(&shared)));
        source.refresh(shared.folder.control.segments().load(Ordering::Acquire));
        let delivered = self.pipes.iter_mut().map(|pipe| pipe.deliver(source, &shared)).sum();
        if waited {
            let lost = self.behind.give_up(source, &self.pipes, &shared);
            shared.folder.control.dropped(Reason::SinkBehind).fetch_add(lost, Ordering::Relaxed);
            if lost > 0 {
                shared.folder.control.wake();
            }
        }
        delivered
    }

    /// Sleeps until a writer wakes this thread, or for as long as nothing else is due.
    fn sleep(&mut self) {
        let shared = Arc::clone(&self.shared);
        let word = if self.leader.is_some() { shared.folder.control.sleeping() } else { &shared.sleeping };
        let led = self.leader.is_some();
        words::sleep(word, || {
            // Who came to lead in this round sleeps on the other word from now on.
            let idle = self.round() == 0 && self.leader.is_some() == led && self.is_wanted();
            idle.then(|| self.until())
        });
    }

    fn until(&self) -> Duration {
        if self.pipes.iter().any(Pipe::is_stalled) || self.shared.folder.control.is_waited_for() {
            return STALLED;
        }
        if self.shared.awaits_former() {
            return AWAITING;
        }
        let Some(leader) = &self.leader else { return FOLLOW };
        let next = leader.next_retry().into_iter().chain(leader.next_sync()).min();
        let retry = next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
        // Its own console must not wait for the leader's word, which others' records raise.
        retry.clamp(Duration::from_millis(1), IDLE)
    }
}

mod behind;
use behind::Behind;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
