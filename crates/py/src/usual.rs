//! The usual call: from a place that logged before, with arguments whose formatting is deferred.
//!
//! All that was looked up for its last record is kept in one entry. What may have changed since is asked; then the record
//! is packed and appended, without a look into any table. Whatever is not as usual is left to [`crate::entry`], which does
//! the same at more length, from the beginning: nothing has been written by then.
//!
//! No Python code runs in here, so the caches stay borrowed throughout.
use std::cell::Cell;
use std::rc::Rc;

use cordwood_core::formatters::redact::Redactor;
use cordwood_core::record::frame::HEAD;
use pyo3::prelude::*;

use crate::capture::Ready;
use crate::ffi::{watch, Arguments, Caller};
use crate::fields::is_context_used;
use crate::message::put_plain;
use crate::plan::{self, Plan, Target};
use crate::runtime::{self, Caches};
use crate::site::{self, Site};
use crate::spool::now;
use crate::thread;

/// Places that are remembered, a power of two; two that meet in one slot take turns.
const SLOTS: usize = 256;

/// What was found for a place's last record.
struct Known {
    plan: Rc<Plan>,
    /// Keeps the code object, so that its address is not given to another.
    site: Rc<Site>,
    redactor: Rc<Redactor>,
    code: usize,
    place: u32,
    method: usize,
    level: i32,
    mask: u32,
    /// When names and the like were compared last.
    checked: Cell<u64>,
}

impl Known {
    fn is_for(&self, plan: &Rc<Plan>, caller: &Caller<'_>, method: usize) -> bool {
        (self.code, self.place, self.method) == (caller.address(), caller.place, method) && Rc::ptr_eq(&self.plan, plan)
    }

    fn target(&self) -> Option<&Target> {
        self.plan.targets.first()
    }

    /// Whether nothing has changed that a record's way or its site's frame depends on.
    fn holds(&self, py: Python<'_>, level: &Bound<'_, PyAny>) -> bool {
        if !self.plan.holds(py) || !plan::class_is_itself(py).unwrap_or(false) {
            return false;
        }
        let same = watch::is_unchanged(&self.checked)
            || plan::stdlib_is_itself(py).unwrap_or(false)
                && site::level_name_address(py, level) == self.site.level_name
                && !runtime::has_tracing(py);
        if !same {
            self.checked.set(watch::NEVER);
        }
        same
    }
}

/// The places remembered.
pub struct Places(Vec<Option<Known>>);

impl Default for Places {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| None).collect())
    }
}

fn slot(plan: &Rc<Plan>, caller: &Caller<'_>) -> usize {
    let place = (caller.address() >> 4) ^ (Rc::as_ptr(plan) as usize >> 3) ^ ((caller.place as usize) << 20);
    place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48 & (SLOTS - 1)
}

/// Takes the record of a usual call: true where it did.
pub fn take<'py>(
    py: Python<'py>,
    plan: &Rc<Plan>,
    method: usize,
    level: &Bound<'py, PyAny>,
    caller: &Caller<'py>,
    args: Arguments<'_, 'py>,
) -> Option<bool> {
    let mut caches = runtime::CACHES.borrow(py)?;
    let Caches { places, last_thread, scratch, .. } = caches.as_mut()?;
    let known = places.0[slot(plan, caller)].as_ref().filter(|known| known.is_for(plan, caller, method))?;
    let thread = last_thread.as_ref().filter(|(serial, _)| thread::may_draft(*serial)).map(|(_, thread)| thread)?;
    if !known.holds(py, level) || !thread.holds(py) || is_context_used() {
        return None;
    }
    let (spool, bytes) = (known.target()?.spool.get(), scratch.last_mut()?);
    bytes.clear();
    bytes.extend_from_slice(&[0; HEAD]);
    let flags = put_plain(bytes, &known.redactor, &known.site, args, spool.max_message_bytes)?;
    let mut state = spool.state.borrow(py)?;
    let ready = Ready { site: &known.site, thread, time_ns: now(), level: known.level };
    Some(state.terminals & known.mask == 0 && ready.append_at_once(&mut state, known.mask, flags, bytes))
}

/// Remembers what was found for a call, if the next one there may be a usual one.
pub fn remember(py: Python<'_>, plan: &Rc<Plan>, method: usize, level: i32, caller: &Caller<'_>, site: &Rc<Site>) {
    let [target] = &plan.targets[..] else { return };
    let spool = target.spool.get();
    if site.template.is_none() || plan.wants_task || spool.sync.is_at_once(level) || target.mask(level) == 0 {
        return;
    }
    let (at, redactor) = (slot(plan, caller), runtime::redactor(py));
    let old = runtime::caches(py, |caches| {
        let slot = &mut caches.places.0[at];
        if slot.as_ref().is_some_and(|known| known.is_for(plan, caller, method) && Rc::ptr_eq(&known.site, site)) {
            return None;
        }
        slot.replace(Known {
            plan: Rc::clone(plan),
            site: Rc::clone(site),
            redactor,
            code: caller.address(),
            place: caller.place,
            method,
            level,
            mask: target.mask(level),
            checked: Cell::new(watch::NEVER),
        })
    });
    // Outside the borrow: it may have held the last reference to something.
    drop(old);
}
