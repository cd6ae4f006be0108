//! The binding's `unsafe`, here and in `ffi/`: what PyO3's safe interface does not reach.
//!
//! Native method descriptors for a Python class, the caller's frame, and state guarded by the GIL.
#![allow(unsafe_code)]
pub mod watch;

use std::cell::{RefCell, RefMut};
use std::ffi::{c_char, c_int, c_void, CStr};
use std::marker::PhantomData;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};
use pyo3::Borrowed;

/// State that is touched only by the thread that holds the GIL.
///
/// A `RefCell` inside turns re-entry (Python code run while the state is borrowed) into a refused borrow.
pub struct GilCell<T>(RefCell<T>);

// SAFETY: `borrow` asks for a `Python` token, so all access is serialised by the GIL (free-threaded builds are refused
// at import); no reference leaves the token's lifetime.
unsafe impl<T> Sync for GilCell<T> {}
// SAFETY: as above: whichever thread holds the GIL is the only one inside.
unsafe impl<T> Send for GilCell<T> {}

impl<T> GilCell<T> {
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// None where Python code that was called from within a borrow comes back here.
    pub fn borrow<'py>(&'py self, _py: Python<'py>) -> Option<RefMut<'py, T>> {
        self.0.try_borrow_mut().ok()
    }
}

/// The arguments of a call, positional ones first, as CPython's vectorcall passes them.
#[derive(Clone, Copy)]
pub struct Arguments<'a, 'py> {
    py: Python<'py>,
    first: *const *mut ffi::PyObject,
    positional: usize,
    names: Option<Borrowed<'a, 'py, PyTuple>>,
    life: PhantomData<&'a ()>,
}

impl<'a, 'py> Arguments<'a, 'py> {
    pub fn positional(&self) -> usize {
        self.positional
    }

    pub fn keywords(&self) -> usize {
        self.names.map_or(0, |names| names.len())
    }

    /// A positional argument, or the value of keyword `index - positional()`.
    pub fn get(&self, index: usize) -> Option<Borrowed<'a, 'py, PyAny>> {
        if index >= self.positional + self.keywords() {
            return None;
        }
        // SAFETY: the interpreter passes `positional + len(names)` valid objects that it keeps alive for this call.
        unsafe { Some(Borrowed::from_ptr(self.py, *self.first.add(index))) }
    }

    /// The positional arguments.
    #[inline]
    pub fn values(&self) -> impl Iterator<Item = Borrowed<'a, 'py, PyAny>> {
        let py = self.py;
        // SAFETY: the interpreter passes so many valid objects, and keeps them and the array for this call.
        let all: &'a [_] = unsafe { std::slice::from_raw_parts(self.first, self.positional) };
        // SAFETY: as above.
        all.iter().map(move |value| unsafe { Borrowed::from_ptr(py, *value) })
    }

    pub fn keyword(&self, index: usize) -> Option<(Bound<'py, PyAny>, Borrowed<'a, 'py, PyAny>)> {
        Some((self.names?.get_item(index).ok()?, self.get(self.positional + index)?))
    }

    /// The same arguments without the first `n` positional ones.
    pub fn skip(&self, n: usize) -> Self {
        let n = n.min(self.positional);
        // SAFETY: within the array of at least `positional` pointers.
        Self { first: unsafe { self.first.add(n) }, positional: self.positional - n, ..*self }
    }

    pub fn tuple(&self) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(self.py, self.values().collect::<Vec<_>>())
    }
}

/// A method for a fixed choice `N` (a level, a hook), so that each gets an entry point of its own.
pub trait Entry {
    fn call<'a, 'py>(py: Python<'py>, this: Borrowed<'a, 'py, PyAny>, args: Arguments<'a, 'py>) -> PyResult<()>;

    /// What the caller gets where a bug ended the call.
    fn after_panic(_py: Python<'_>) -> PyResult<()> {
        Err(pyo3::exceptions::PySystemError::new_err("cordwood: a bug in the native core"))
    }
}

unsafe extern "C" fn trampoline<E: Entry>(
    this: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this with the GIL held and with objects it keeps alive; a panic is caught and
    // becomes a Python exception, so none crosses into C.
    unsafe {
        let py = Python::assume_attached();
        let names =
            if names.is_null() { None } else { Some(Borrowed::from_ptr(py, names).cast_unchecked::<PyTuple>()) };
        let args = Arguments { py, first: args, positional: nargs as usize, names, life: PhantomData };
        let this = Borrowed::from_ptr(py, this);
        match catch_unwind(AssertUnwindSafe(|| E::call(py, this, args))).unwrap_or_else(|_| E::after_panic(py)) {
            Ok(()) => {
                let none = ffi::Py_None();
                ffi::Py_INCREF(none);
                none
            }
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    }
}

/// Puts a native method descriptor on a class made in Python.
pub fn put_method<E: Entry>(class: &Bound<'_, PyType>, name: &'static CStr) -> PyResult<()> {
    // Descriptors refer to their definition for ever, so it is never freed.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: trampoline::<E> },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: std::ptr::null(),
    }));
    // SAFETY: `class` is a type object and the definition lives for ever; the result is a new reference or an error.
    let descriptor =
        unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition))? };
    class.setattr(name.to_str().unwrap_or_default(), descriptor)
}

/// `object.__setattr__` without the class's own hook.
pub fn plain_setattr(
    this: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: live objects; a null value means deletion.
    match unsafe { ffi::PyObject_GenericSetAttr(this.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(this.py())),
    }
}

/// The instance's `__dict__`, made if the interpreter had kept the attributes inline.
pub fn instance_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a live object; the result is a new reference or an error.
    unsafe {
        Bound::from_owned_ptr_or_err(object.py(), ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut()))
    }
}

/// True while the list holds exactly these objects.
#[inline]
pub fn list_holds(list: &Bound<'_, PyList>, items: &[usize]) -> bool {
    // SAFETY: a live list.
    if unsafe { ffi::Py_SIZE(list.as_ptr()) } as usize != items.len() {
        return false;
    }
    // SAFETY: the list's length was compared just now and no Python code runs in between.
    items
        .iter()
        .enumerate()
        .all(|(index, item)| unsafe { ffi::PyList_GetItem(list.as_ptr(), index as ffi::Py_ssize_t) as usize == *item })
}

/// A value of a dict by an interned key, borrowed and not checked further: its address.
pub fn dict_address(dict: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> usize {
    // SAFETY: `dict` is a dict (callers pass a module's or an instance's); an error cannot arise from a str key.
    unsafe { ffi::PyDict_GetItemWithError(dict.as_ptr(), key.as_ptr()) as usize }
}

/// A truth value of a dict: None where the key is missing.
pub fn dict_truth(dict: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> Option<bool> {
    let found = dict_address(dict, key);
    // SAFETY: `Py_True` is a constant of the interpreter.
    (found != 0).then(|| found == unsafe { ffi::Py_True() } as usize)
}

/// A value of a dict, with a reference of its own.
pub fn dict_get<'py>(dict: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: as for `dict_address`; the borrowed result gets a new reference at once.
    unsafe { Bound::from_borrowed_ptr_or_opt(dict.py(), dict_address(dict, key) as *mut ffi::PyObject) }
}

pub fn thread_ident() -> u64 {
    // SAFETY: no arguments; callable from any thread.
    unsafe { ffi::PyThread_get_thread_ident() as u64 }
}

/// `PyFrame_GetLasti`, which is public from CPython 3.11 on but outside the stable interface: looked up when loaded.
static LASTI: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: a NUL-terminated name; a null result stands for "not there".
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Looks up what only some interpreters have.
pub fn look_up_symbols() {
    LASTI.store(symbol(c"PyFrame_GetLasti"), Ordering::Relaxed);
    watch::begin();
}

/// Where a call comes from.
pub struct Caller<'py> {
    pub code: Bound<'py, PyAny>,
    /// The instruction in that code, or the line where the interpreter does not tell: constant for one call site.
    pub place: u32,
    frame: *mut ffi::PyFrameObject,
}

impl Caller<'_> {
    /// The code object's address.
    pub fn address(&self) -> usize {
        self.code.as_ptr() as usize
    }

    pub fn line(&self) -> u32 {
        // SAFETY: the frame is that of the running caller, alive until this native call returns.
        unsafe { ffi::PyFrame_GetLineNumber(self.frame) }.max(0) as u32
    }
}

/// The Python frame that made the current native call.
pub fn caller(py: Python<'_>) -> Option<Caller<'_>> {
    // SAFETY: with the GIL held; the frame is borrowed from the thread state and lives as long as this call; the code
    // is a new reference. `LASTI` holds null or the function of that name and signature.
    unsafe {
        let frame = ffi::PyEval_GetFrame();
        if frame.is_null() {
            return None;
        }
        let code = Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetCode(frame).cast())?;
        let lasti = LASTI.load(Ordering::Relaxed);
        let place = if lasti.is_null() {
            ffi::PyFrame_GetLineNumber(frame)
        } else {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut ffi::PyFrameObject) -> c_int>(lasti)(frame)
        };
        Some(Caller { code, place: place as u32, frame })
    }
}

/// The text of a `str`; None for lone surrogates, which UTF-8 does not have.
pub fn text<'a>(object: &'a Borrowed<'_, '_, PyAny>) -> Option<&'a str> {
    let mut len: ffi::Py_ssize_t = 0;
    // SAFETY: callers pass a `str`; its UTF-8 form is kept by the object, which outlives the borrow.
    unsafe {
        let bytes: *const c_char = ffi::PyUnicode_AsUTF8AndSize(object.as_ptr(), &raw mut len);
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes.cast(), len as usize)))
    }
}

/// The exact type's address, for comparison with the builtin ones.
pub fn type_address(object: &Bound<'_, PyAny>) -> usize {
    // SAFETY: a live object.
    unsafe { ffi::Py_TYPE(object.as_ptr()) as usize }
}

/// Addresses of the builtin types whose values are packed.
pub mod types {
    use pyo3::ffi;

    pub fn str() -> usize {
        &raw mut ffi::PyUnicode_Type as usize
    }
    pub fn int() -> usize {
        &raw mut ffi::PyLong_Type as usize
    }
    pub fn float() -> usize {
        &raw mut ffi::PyFloat_Type as usize
    }
    pub fn bool() -> usize {
        &raw mut ffi::PyBool_Type as usize
    }
    pub fn dict() -> usize {
        &raw mut ffi::PyDict_Type as usize
    }
    pub fn list() -> usize {
        &raw mut ffi::PyList_Type as usize
    }
    pub fn tuple() -> usize {
        &raw mut ffi::PyTuple_Type as usize
    }
}

/// An `int` that fits; None if it does not.
pub fn small_int(object: &Bound<'_, PyAny>) -> Option<i64> {
    let mut overflow: c_int = 0;
    // SAFETY: callers pass an exact `int`, for which the conversion runs no Python code.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// An exact `float`'s value.
pub fn float(object: &Bound<'_, PyAny>) -> f64 {
    // SAFETY: callers pass an exact `float`.
    unsafe { ffi::PyFloat_AsDouble(object.as_ptr()) }
}

/// `format % args`.
pub fn percent<'py>(format: &Bound<'py, PyAny>, args: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `format` is a `str`; the result is a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(format.py(), ffi::PyUnicode_Format(format.as_ptr(), args.as_ptr())) }
}

/// Has [`cordwood_core::delivery::worker::at_process_exit`] run when the process ends, after the interpreter.
pub fn deliver_at_exit() {
    extern "C" fn deliver() {
        let _ = catch_unwind(cordwood_core::delivery::worker::at_process_exit);
    }
    // SAFETY: a function without arguments that does not unwind; this library is never unloaded.
    unsafe { libc::atexit(deliver) };
}
