//! The running thread, as its frames name it.
use std::cell::Cell;
use std::rc::Rc;

use cordwood_core::frame;
use cordwood_core::record as model;
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi;
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
    pub payload: Vec<u8>,
    /// The segment this thread is defined in, and where.
    pub salt: Cell<u64>,
    pub offset: Cell<u32>,
}

/// The running thread, as its frames name it.
pub fn running(py: Python<'_>) -> PyResult<Rc<ThreadEntry>> {
    thread_local!(static SERIAL: Cell<u64> = const { Cell::new(0) });
    static NEXT: ffi::GilCell<u64> = ffi::GilCell::new(0);
    let serial = SERIAL.with(|serial| {
        if serial.get() == 0 {
            if let Some(mut next) = NEXT.borrow(py) {
                *next += 1;
                serial.set(*next);
            }
        }
        serial.get()
    });
    if let Some(entry) = caches(py, |caches| caches.threads.get(&serial).map(Rc::clone)).flatten() {
        if (ffi::is_unchanged(&entry.checked) && ffi::watches_instances(py)) || entry.is_named_so(py) {
            return Ok(entry);
        }
    }
    let entry = Rc::new(describe_thread(py)?);
    let old =
        caches(py, |caches| (runtime::bounded(&mut caches.threads), caches.threads.insert(serial, Rc::clone(&entry))));
    drop(old);
    Ok(entry)
}

impl ThreadEntry {
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
    ffi::watch_dict(&dict);
    let name = current.getattr(intern!(py, "_name"))?;
    let process = runtime::process_name(py);
    let process_name = process.as_ref().map_or_else(|| String::from("MainProcess"), text_of);
    let ident = ffi::thread_ident();
    let shown = text_of(&name);
    let mut payload = Vec::new();
    let described = model::Thread { ident, pid: std::process::id(), name: &shown, process_name: &process_name };
    frame::put_thread(&described, &mut payload);
    let (salt, offset) = (Cell::new(0), Cell::new(0));
    let process = process.map(Bound::unbind);
    Ok(ThreadEntry {
        ident,
        dict: dict.unbind(),
        name: name.unbind(),
        process,
        checked: Cell::new(0),
        payload,
        salt,
        offset,
    })
}
