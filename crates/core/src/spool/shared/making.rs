//! The next segment, made by a thread of its own: nobody else waits for a disk that does not answer.
//!
//! It is asked for ahead of time, when half of a segment is used, or by a caller that finds none ready. That one waits at
//! most [`PATIENCE`]; the others not at all, for as long as the same attempt lasts: records go to memory meanwhile.
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use crate::error::{Error, Result};
use crate::system::os::{block_signals, random};

/// How long a caller waits for its next segment, and for room in a full spool.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// What the thread is about.
#[derive(Default)]
pub(super) struct Making {
    goes_on: bool,
    /// Somebody waited in vain: nobody else does.
    is_given_up: bool,
    /// Somebody wants to know what became of it.
    is_awaited: bool,
    /// What they are to be told.
    failure: Option<Error>,
}

impl Shared {
    /// Has a segment made, of so many bytes or else of the `least`, unless that is under way or done; `waits`: the caller has
    /// time to wait for it ([`Self::wait_for_segment`]) and asks again.
    ///
    /// Errors: none can be had now.
    pub fn make(self: &Arc<Self>, capacity: usize, least: usize, waits: bool) -> Result<()> {
        let mut inner = self.inner();
        if inner.prepared.is_some() {
            return Ok(());
        }
        let making = &mut inner.making;
        if let Some(error) = making.failure.take() {
            return Err(error);
        }
        making.is_awaited = waits && !making.is_given_up;
        if !making.is_awaited {
            making.is_given_up = making.goes_on;
            return Err(Error::silence("create", self.place()));
        }
        drop(inner);
        self.start(capacity, least, true);
        Ok(())
    }

    /// Has one made of which nobody waits to hear.
    pub(super) fn make_ahead(self: &Arc<Self>, capacity: usize) {
        if !self.has_prepared() {
            self.start(capacity, capacity, false);
        }
    }

    fn start(self: &Arc<Self>, capacity: usize, least: usize, is_awaited: bool) {
        let mut inner = self.inner();
        if inner.making.goes_on {
            return;
        }
        inner.making = Making { goes_on: true, is_awaited, ..Making::default() };
        drop(inner);
        let of_thread = Arc::clone(self);
        let thread = std::thread::Builder::new().name("cordwood-next".into()).stack_size(256 << 10);
        let started = thread.spawn(move || {
            block_signals();
            of_thread.make_now(capacity, least);
        });
        if started.is_err() {
            // Nobody else can.
            self.make_now(capacity, least);
        }
    }

    fn make_now(&self, capacity: usize, least: usize) {
        let attempt = |capacity| self.folder.new_segment(random(), capacity);
        let made = catch_unwind(AssertUnwindSafe(|| match attempt(capacity) {
            // A smaller one may still fit.
            Err(_) if capacity > least => attempt(least),
            done => done,
        }));
        let bug = |_| Err(Error::io("create", self.place(), io::Error::other("a bug in the native core")));
        let made = made.unwrap_or_else(bug);
        let mut inner = self.inner();
        inner.making.goes_on = false;
        match made {
            Ok(prepared) => inner.prepared = Some(prepared),
            Err(error) => inner.making.failure = Some(error).filter(|_| inner.making.is_awaited),
        }
        drop(inner);
        self.made.notify_all();
    }

    /// Waits until an attempt to make a segment has ended, if one goes on, or until then.
    pub fn wait_for_segment(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let ended = self.made.wait_timeout_while(self.inner(), left, |inner| inner.making.goes_on);
        drop(ended.unwrap_or_else(PoisonError::into_inner));
    }

    fn place(&self) -> &Path {
        self.folder.path.as_deref().unwrap_or("memory".as_ref())
    }
}
