//! Room for a record where the spool's current segment has none: a new segment, a new spool, or waiting.
use std::cell::RefMut;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

use cordwood_core::spool::control::Reason;
use cordwood_core::spool::shared::{Shared, PATIENCE};
use cordwood_core::spool::{Room, Spool};
use pyo3::prelude::*;

use crate::runtime;
use crate::spool::PySpool;
use crate::state::State;

/// Until when a call that has to wait does so.
fn until(deadline: &mut Option<Instant>) -> Instant {
    *deadline.get_or_insert_with(|| Instant::now() + PATIENCE)
}

impl PySpool {
    /// The state, with room for `bytes` of frames, for which it waits at most [`PATIENCE`] without the GIL. None: the record
    /// cannot be kept; it was counted.
    pub fn reserve<'py>(&'py self, py: Python<'py>, time_ns: i64, bytes: usize) -> Option<RefMut<'py, State>> {
        let mut deadline: Option<Instant> = None;
        loop {
            let Some(mut state) = self.state.borrow(py) else { return self.refuse() };
            if state.has_ended() {
                drop(state);
                if !self.begin_anew(py) {
                    return self.refuse();
                }
                continue;
            }
            if state.is_zone_due(time_ns) {
                drop(state);
                self.look_up_zone(py);
                continue;
            }
            // Before the look for room: what is freed after it ends the wait.
            let freed = state.spool.shared.folder.control.freed().load(Ordering::Acquire);
            let found = state.spool.reserve(bytes, deadline.is_none_or(|until| Instant::now() < until));
            // Also where there is no room: it may be this thread that makes some.
            let worker = state.ensure_worker();
            let shared = Arc::clone(&state.spool.shared);
            match (worker, found) {
                (Ok(()), Room::Ready) => return Some(state),
                (Err(error), _) => {
                    drop(state);
                    let why = format!("no thread can be made ({error}): records wait in the spool; trying again");
                    runtime::report(py, &why);
                }
                (_, found) => {
                    drop(state);
                    self.find_room(py, &shared, found, freed, &mut deadline)?;
                }
            }
        }
    }

    /// Python is asked with nothing borrowed: what it runs for that may log, or let another thread log.
    fn look_up_zone(&self, py: Python<'_>) {
        if let (Ok((offset, zone)), Some(mut state)) = (runtime::zone(py), self.state.borrow(py)) {
            state.set_zone(offset, zone);
        }
    }

    /// Does what may make room, or waits for it; None where there will be none: the record is counted.
    fn find_room(
        &self,
        py: Python<'_>,
        shared: &Shared,
        found: Room,
        freed: u32,
        deadline: &mut Option<Instant>,
    ) -> Option<()> {
        match found {
            Room::Failed(_) if Instant::now() < until(deadline) && !shared.folder.is_there() => {
                shared.lost.store(true, Ordering::Relaxed);
            }
            Room::Failed(error) => {
                // The same words each time, without the segment's name: they are said once a minute.
                let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                runtime::report(py, &format!("records are lost: the spool cannot grow ({reason})"));
                return self.lose(shared);
            }
            Room::Full if !self.wait(py, shared, freed, deadline) => return self.lose(shared),
            Room::Making => {
                let until = until(deadline);
                py.detach(|| shared.wait_for_segment(until));
            }
            Room::Full | Room::Ready => {}
        }
        Some(())
    }

    /// Waits until room may have been made; false once the deadline has passed.
    fn wait(&self, py: Python<'_>, shared: &Shared, freed: u32, deadline: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        let since = u64::from(freed) + 1;
        if deadline.is_none() && self.vain.load(Ordering::Relaxed) == since {
            *deadline = Some(now);
            shared.folder.control.ask_for_room(PATIENCE);
            shared.wake();
        }
        let until = until(deadline);
        if now >= until {
            self.vain.store(since, Ordering::Relaxed);
            return false;
        }
        py.detach(|| Spool::wait_for_room(shared, freed, until - now));
        true
    }

    fn lose<T>(&self, shared: &Shared) -> Option<T> {
        shared.folder.control.dropped(Reason::SpoolFull).fetch_add(1, Ordering::Relaxed);
        self.refuse()
    }

    pub fn refuse<T>(&self) -> Option<T> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }
}
