//! Being told of changes: which dicts and which type are as they were when they were looked at last.
use std::cell::Cell;
use std::ffi::{c_int, c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::{instance_dict, symbol};

/// Watching dicts is public from CPython 3.12 on: `PyDict_Watch`, and the number of our watcher (negative: none).
static WATCH: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static WATCHER: AtomicI32 = AtomicI32::new(-1);
/// Stands for a time before anything was looked at.
pub const NEVER: u64 = 0;
/// Counts changes of watched dicts.
static CHANGES: AtomicU64 = AtomicU64::new(NEVER + 1);

unsafe extern "C" fn on_change(
    _event: c_int,
    _dict: *mut ffi::PyObject,
    _key: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
) -> c_int {
    CHANGES.fetch_add(1, Ordering::Relaxed);
    0
}

type OnChange = unsafe extern "C" fn(c_int, *mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> c_int;

/// Takes a watcher of dicts, where the interpreter has them.
pub fn begin() {
    let (add, watch) = (symbol(c"PyDict_AddWatcher"), symbol(c"PyDict_Watch"));
    if add.is_null() || watch.is_null() {
        return;
    }
    // SAFETY: the function of that name has this signature in every CPython that has it; the GIL is held (import).
    let number = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(OnChange) -> c_int>(add)(on_change) };
    if number < 0 {
        // All watchers are taken: what would be watched is looked up instead.
        // SAFETY: clears the error just set, with the GIL held.
        unsafe { ffi::PyErr_Clear() };
        return;
    }
    WATCH.store(watch, Ordering::Relaxed);
    WATCHER.store(number, Ordering::Relaxed);
}

/// Has changes of this dict counted, where the interpreter can do that.
pub fn dict(dict: &Bound<'_, PyAny>) {
    let watch = WATCH.load(Ordering::Relaxed);
    if !watch.is_null() {
        // SAFETY: the function of that name and signature, with our watcher's number and a live dict.
        unsafe {
            let watch =
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, *mut ffi::PyObject) -> c_int>(watch);
            if watch(WATCHER.load(Ordering::Relaxed), dict.as_ptr()) < 0 {
                ffi::PyErr_Clear();
            }
        }
    }
}

/// True if no watched dict has changed since `seen` was last brought up to date, which this does. Never true where dicts
/// cannot be watched.
pub fn is_unchanged(seen: &Cell<u64>) -> bool {
    let now = CHANGES.load(Ordering::Relaxed);
    seen.replace(now) == now && WATCHER.load(Ordering::Relaxed) >= 0
}

static TYPE_WATCHED: AtomicBool = AtomicBool::new(false);
static TYPE_CHANGED: AtomicBool = AtomicBool::new(true);

unsafe extern "C" fn on_type_change(_class: *mut ffi::PyObject) -> c_int {
    TYPE_CHANGED.store(true, Ordering::Relaxed);
    0
}

type OnTypeChange = unsafe extern "C" fn(*mut ffi::PyObject) -> c_int;

/// Has changes of this type and its bases told, where the interpreter can do that. For one type alone.
pub fn class(class: &Bound<'_, PyType>) {
    let (add, watch) = (symbol(c"PyType_AddWatcher"), symbol(c"PyType_Watch"));
    if add.is_null() || watch.is_null() || symbol(ASSIGN_VERSION).is_null() {
        return;
    }
    // SAFETY: the functions of these names have these signatures in every CPython that has them; the GIL is held, and
    // the type is live. An error (all watchers are taken) is cleared, and the type counts as not watched.
    let watched = unsafe {
        let number =
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(OnTypeChange) -> c_int>(add)(on_type_change);
        let watch = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, *mut ffi::PyObject) -> c_int>(watch);
        let watched = number >= 0 && watch(number, class.as_ptr()) >= 0;
        if !watched {
            ffi::PyErr_Clear();
        }
        watched
    };
    TYPE_WATCHED.store(watched, Ordering::Relaxed);
}

/// A type without a version changes untold, so it gets one.
const ASSIGN_VERSION: &CStr = c"PyUnstable_Type_AssignVersionTag";

/// The watched type was found to be as it should; the next change of it is told.
pub fn class_was_compared(class: &Bound<'_, PyType>) {
    if !TYPE_WATCHED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the function of that name and signature, found when the watcher was added; a live type object.
    let has_version = unsafe {
        let assign = symbol(ASSIGN_VERSION);
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut ffi::PyObject) -> c_int>(assign)(class.as_ptr())
    };
    TYPE_CHANGED.store(has_version == 0, Ordering::Relaxed);
}

/// Whether a watched `__dict__` tells of attributes that are set: CPython 3.13 keeps them beside the dict and does not.
pub fn sees_instances(py: Python<'_>) -> bool {
    static ANSWER: PyOnceLock<bool> = PyOnceLock::new();
    *ANSWER.get_or_init(py, || tried_on_an_instance(py).unwrap_or(false))
}

fn tried_on_an_instance(py: Python<'_>) -> PyResult<bool> {
    let class = py.get_type::<PyType>().call1(("Probe", PyTuple::empty(py), PyDict::new(py)))?;
    let instance = class.call0()?;
    instance.setattr("name", 1)?;
    dict(&instance_dict(&instance)?);
    let before = CHANGES.load(Ordering::Relaxed);
    instance.setattr("name", 2)?;
    Ok(CHANGES.load(Ordering::Relaxed) != before)
}

/// Whether the watched type is as it was when [`class_was_compared`] was last said of it.
///
/// From CPython 3.12 on a watcher tells (`PyType_Watch`); before, a type loses this flag when it or a base of it changes.
pub fn is_class_unchanged(class: &Bound<'_, PyType>) -> bool {
    const VALID_VERSION_TAG: u64 = 1 << 19;
    if TYPE_WATCHED.load(Ordering::Relaxed) {
        return !TYPE_CHANGED.load(Ordering::Relaxed);
    }
    // SAFETY: a live type object.
    (unsafe { ffi::PyType_GetFlags(class.as_ptr().cast()) } as u64) & VALID_VERSION_TAG != 0
}
