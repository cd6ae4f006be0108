//! The delivery thread of a process: its own console, the next segment, and the folder's files when it leads.
use std::sync::atomic::Ordering;
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
/// Somebody waits for room for so long already: sinks of this process that lag give their oldest segment up.
const PATIENCE: Duration = Duration::from_millis(50);
/// A thread whose writer went on elsewhere ends when nothing came for so long.
const LEAVE: Duration = Duration::from_secs(3);

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
        shared.stop.store(false, Ordering::Release);
        let about = About::new(&shared);
        {
            let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
            live.retain(|known| known.strong_count() > 0 && !std::ptr::eq(known.as_ptr(), Arc::as_ptr(&shared)));
            live.push(Arc::downgrade(&shared));
        }
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("cordwood".into()).stack_size(256 << 10).spawn(move || {
            block_signals();
            Loop::new(of_thread).run();
            drop(about);
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
        shared.has_thread.store(true, Ordering::Release);
        Self(Arc::clone(shared))
    }
}

impl Drop for About {
    fn drop(&mut self) {
        self.0.has_thread.store(false, Ordering::Release);
    }
}

struct Loop {
    shared: Arc<Shared>,
    own: Option<Source>,
    pipes: Vec<Pipe>,
    leader: Option<Leader>,
    tried: Option<Instant>,
    looked: Instant,
    /// Since when somebody waits for room.
    pressed: Option<Instant>,
    /// When something was delivered last.
    active: Instant,
    turn: Turn,
    said: Said,
}

impl Loop {
    fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        let turn = Turn::new(&shared);
        let (own, pipes, leader, said) = (None, Vec::new(), None, Said::default());
        Self { shared, own, pipes, leader, tried: None, looked: now, pressed: None, active: now, turn, said }
    }

    fn run(&mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
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

    fn has_drained(&self) -> bool {
        let failing = self.leader.as_ref().is_some_and(Leader::is_failing);
        let stalled = self.pipes.iter().any(Pipe::is_stalled);
        (self.leader.is_none() && !stalled && !self.shared.has_memory()) || (!failing && self.active.elapsed() > LEAVE)
    }

    /// Whether the folder was deleted, or the writer went on elsewhere for that.
    fn is_gone(&mut self) -> bool {
        let shared = &self.shared;
        if shared.folder.control.is_damaged() && !shared.lost.swap(true, Ordering::AcqRel) {
            shared.tell("the spool's control page was cut by somebody else: another is made".into());
        }
        let is_time = self.looked.elapsed() > IDLE;
        if !shared.folder.is_there() || (is_time && (shared.has_lost_current() || shared.folder.can_return())) {
            shared.lost.store(true, Ordering::Release);
        }
        let gone = shared.lost.load(Ordering::Acquire) || shared.leaving.load(Ordering::Acquire);
        if gone || is_time {
            shared.lend_nameless();
        }
        if is_time {
            self.looked = Instant::now();
            if !gone {
                shared.describe_again();
            }
        }
        gone
    }

    fn round(&mut self) -> u64 {
        self.shared.housekeeping();
        let mut delivered = self.deliver_locally();
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
        let pressed = self.is_pressed();
        if self.pipes.is_empty() && !pressed {
            return 0;
        }
        let shared = Arc::clone(&self.shared);
        let source = self.own.get_or_insert_with(|| Source::own(Arc::clone(&shared)));
        source.refresh(shared.folder.control.segments().load(Ordering::Acquire));
        let delivered = self.pipes.iter_mut().map(|pipe| pipe.deliver(source, &shared)).sum();
        if pressed {
            give_up_local(source, &self.pipes, &shared);
        }
        delivered
    }

    fn is_pressed(&mut self) -> bool {
        if !self.shared.folder.control.is_waited_for() {
            self.pressed = None;
            return false;
        }
        self.pressed.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
    }

    /// Sleeps until a writer wakes this thread, or for as long as nothing else is due.
    fn sleep(&mut self) {
        let shared = Arc::clone(&self.shared);
        let word = if self.leader.is_some() { shared.folder.control.sleeping() } else { &shared.sleeping };
        let led = self.leader.is_some();
        words::sleep(word, || {
            // Who came to lead in this round sleeps on the other word from now on.
            let idle = self.round() == 0 && self.leader.is_some() == led && !shared.stop.load(Ordering::Acquire);
            idle.then(|| self.until())
        });
    }

    fn until(&self) -> Duration {
        if self.pipes.iter().any(Pipe::is_stalled) {
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

/// The spool is full: a stopped pipe or a Python-run sink of this process loses its oldest segment, and no other sink
/// loses anything by it.
fn give_up_local(source: &mut Source, pipes: &[Pipe], shared: &Shared) {
    for (identity, local) in source.sinks() {
        if !local {
            continue;
        }
        if pipes.iter().all(|pipe| pipe.identity() != identity) {
            source.catch_up(identity);
        }
        if let Some(lost) = source.give_up_oldest(identity) {
            shared.folder.control.dropped(Reason::SinkBehind).fetch_add(lost, Ordering::Relaxed);
        }
    }
    shared.folder.control.wake();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
