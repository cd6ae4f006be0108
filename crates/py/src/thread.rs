//! The running thread, as its frames name it.
use std::cell::Cell;
use std::rc::Rc;

use cordwood_core::record as model;
use cordwood_core::record::frame;
use cordwood_core::system::fork::generation;
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi::{self, watch};
use crate::runtime::{self, caches};
use crate::value::text_of;

/// A thread that logged: what its frames say of it.
pub struct ThreadEntry {
    pub ident: u64,
    /// The Thread object's `__dict__`, and the name seen in it last.
    pub dict: Py<PyAny>,
    pub name: Py<PyAny>,
    /// When the name was compared with the dict's last.
    pub checked: Cell<u64>,
    /// The process's name, where `multiprocessing` gives it one.
    pub process: Option<Py<PyAny>>,
    /// The process it was found in: a forked child has another number.
    generation: u32,
    pub payload: Vec<u8>,
    /// The segment this thread is defined in, and where.
    pub salt: Cell<u64>,
    pub offset: Cell<u32>,
}

/// What each thread has of its own.
struct Own {
    /// Its number among those that logged, from 1: idents are given anew.
    serial: Cell<u64>,
    /// Records that are being taken: rendering one may log, and give way to rendering in many other threads.
    drafts: Cell<u32>,
}

thread_local!(static OWN: Own = const { Own { serial: Cell::new(0), drafts: Cell::new(0) } });

/// Rendering may log, whose rendering may log: so deep and no deeper.
const DEEPEST: u32 = 16;

/// True if this is the running thread's serial number, and it may take a record now.
#[inline]
pub fn may_draft(serial: u64) -> bool {
    OWN.with(|own| own.serial.get() == serial && own.drafts.get() < DEEPEST)
}

/// Counts a record that the running thread takes; false if there are too many within one another.
pub fn begin_draft() -> bool {
    OWN.with(|own| {
        let may = own.drafts.get() < DEEPEST;
        own.drafts.set(own.drafts.get() + u32::from(may));
        may
    })
}

pub fn end_draft() {
    OWN.with(|own| own.drafts.set(own.drafts.get() - 1));
}

fn serial(py: Python<'_>) -> u64 {
    static NEXT: ffi::GilCell<u64> = ffi::GilCell::new(0);
    OWN.with(|own| {
        if own.serial.get() == 0 {
            if let Some(mut next) = NEXT.borrow(py) {
                *next += 1;
                own.serial.set(*next);
            }
        }
        own.serial.get()
    })
}

/// The running thread, as its frames name it.
pub fn running(py: Python<'_>) -> PyResult<Rc<ThreadEntry>> {
    let serial = serial(py);
    if let Some(entry) = caches(py, |caches| caches.threads.get(&serial).map(Rc::clone)).flatten() {
        if entry.generation == generation() && entry.holds(py) {
            let last = caches(py, |caches| caches.last_thread.replace((serial, Rc::clone(&entry))));
            drop(last);
            return Ok(entry);
        }
    }
    let entry = Rc::new(describe_thread(py)?);
    let old = caches(py, |caches| {
        let old = (runtime::bounded(&mut caches.threads), caches.last_thread.take());
        (old, caches.threads.insert(serial, Rc::clone(&entry)))
    });
    drop(old);
    Ok(entry)
}

impl ThreadEntry {
    pub fn new(described: &model::Thread<'_>, dict: Py<PyAny>, name: Py<PyAny>, process: Option<Py<PyAny>>) -> Self {
        let mut payload = Vec::new();
        frame::put_thread(described, &mut payload);
        let (checked, salt, offset) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let (ident, generation) = (described.ident, generation());
        Self { ident, dict, name, checked, process, generation, payload, salt, offset }
    }

    /// Whether its frames still say what is so.
    #[inline]
    pub fn holds(&self, py: Python<'_>) -> bool {
        (watch::is_unchanged(&self.checked) && watch::sees_instances(py)) || self.is_named_so(py)
    }

    /// Whether thread and process have the names they had.
    fn is_named_so(&self, py: Python<'_>) -> bool {
        let process = self.process.as_ref().map(|name| name.as_ptr());
        ffi::dict_address(self.dict.bind(py), intern!(py, "_name")) == self.name.as_ptr() as usize
            && process == runtime::process_name(py).map(|name| name.as_ptr())
    }
}

fn describe_thread(py: Python<'_>) -> PyResult<ThreadEntry> {
    let current = py.import("threading")?.call_method0("current_thread")?;
    let dict = ffi::instance_dict(&current)?;
    watch::dict(&dict);
    let name = current.getattr(intern!(py, "_name"))?;
    let process = runtime::process_name(py);
    let process_name = process.as_ref().map_or_else(|| String::from("MainProcess"), text_of);
    let (ident, pid, shown) = (ffi::thread_ident(), std::process::id(), text_of(&name));
    let described = model::Thread { ident, pid, name: &shown, process_name: &process_name };
    Ok(ThreadEntry::new(&described, dict.unbind(), name.unbind(), process.map(Bound::unbind)))
}
