//! What the native side keeps of Python: the objects it compares with and the caches keyed by them.
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cordwood_core::formatters::redact::Redactor;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use crate::ffi::{self, watch, GilCell};
use crate::plan::Plan;
use crate::site::{Key, Site};
use crate::thread::ThreadEntry;
use crate::usual::Places;

/// Entries a cache may hold before it is emptied: far more than a program has loggers or call sites.
const MOST: usize = 1 << 14;

/// Spreads addresses and small numbers over a table; nothing hostile chooses them.
#[derive(Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_i32(&mut self, n: i32) {
        self.write_u64(n as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

pub type Table<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// Caches that change while records are taken.
#[derive(Default)]
pub struct Caches {
    pub plans: Table<usize, Rc<Plan>>,
    pub sites: Table<Key, Rc<Site>>,
    pub threads: Table<u64, Rc<ThreadEntry>>,
    /// The last of the plans and of the threads asked for, which the next call asks for as a rule.
    pub last_plan: Option<(usize, Rc<Plan>)>,
    pub last_thread: Option<(u64, Rc<ThreadEntry>)>,
    /// Places whose records go the short way.
    pub places: Places,
    /// Buffers at rest, one for each record that is being taken (rendering may log in turn).
    pub scratch: Vec<Vec<u8>>,
    /// Loggers, handlers whose change makes plans stale, by address.
    pub watched: HashSet<usize, BuildHasherDefault<Mix>>,
}

// The caches live in a `GilCell`; `Rc` never leaves the GIL.
pub static CACHES: GilCell<Option<Caches>> = GilCell::new(None);

/// Runs `act` on the caches; None where Python code inside a borrow came back here.
pub fn caches<R>(py: Python<'_>, act: impl FnOnce(&mut Caches) -> R) -> Option<R> {
    let mut slot = CACHES.borrow(py)?;
    Some(act(slot.get_or_insert_with(Caches::default)))
}

/// Set where plans became stale while the caches were in use (a finalizer may run at any allocation).
static STALE: AtomicBool = AtomicBool::new(false);

/// Makes every plan stale.
pub fn bump(py: Python<'_>) {
    let old = caches(py, |caches| {
        caches.watched.clear();
        (caches.last_plan.take(), std::mem::take(&mut caches.places), std::mem::take(&mut caches.plans))
    });
    STALE.store(old.is_none(), Ordering::Relaxed);
    // Dropped outside the borrow: what a plan held may be the last reference to something.
    drop(old);
}

/// Does what [`bump`] could not.
#[inline]
pub fn catch_up(py: Python<'_>) {
    if STALE.load(Ordering::Relaxed) {
        bump(py);
    }
}

/// Keeps a cache bounded.
pub fn bounded<K, V>(table: &mut Table<K, V>) -> Option<Table<K, V>> {
    (table.len() >= MOST).then(|| std::mem::take(table))
}

/// Python objects found once.
pub struct Names {
    pub logging: Py<PyDict>,
    pub record_class: Py<PyAny>,
    pub srcfile: String,
    pub logger_class: Py<PyAny>,
    pub levels: Py<PyAny>,
    pub null_handler: Py<PyAny>,
    /// `sys.exc_info`
    pub exc_info: Py<PyAny>,
    pub modules: Py<PyDict>,
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

pub const METHODS: [&str; 7] = ["debug", "info", "warning", "error", "critical", "log", "exception"];

pub fn names(py: Python<'_>) -> PyResult<&Names> {
    NAMES.get_or_try_init(py, || {
        let logging = py.import("logging")?;
        watch::dict(logging.dict().as_any());
        watch::dict(&logging.getattr("_levelToName")?);
        let sys = py.import("sys")?;
        let modules = sys.getattr("modules")?;
        watch::dict(&modules);
        Ok(Names {
            record_class: logging.getattr("LogRecord")?.unbind(),
            srcfile: logging.getattr("_srcfile")?.extract()?,
            logger_class: logging.getattr("Logger")?.unbind(),
            levels: logging.getattr("_levelToName")?.unbind(),
            null_handler: logging.getattr("NullHandler")?.unbind(),
            exc_info: sys.getattr("exc_info")?.unbind(),
            modules: modules.cast_into()?.unbind(),
            logging: logging.dict().unbind(),
        })
    })
}

/// Functions of the Python half that capture calls.
pub struct Hooks {
    /// (value, traceback) -> (kind, message, text, fingerprint, frames)
    pub describe_exception: Py<PyAny>,
    /// () -> dict or None: the context's fields.
    pub context: Py<PyAny>,
    /// () -> dict or None: trace and span id.
    pub trace: Py<PyAny>,
    /// (code, offset, **options) -> number suppressed since the last, negative if this one is.
    pub limit: Py<PyAny>,
    /// (text) -> None: says something once on stderr.
    pub report: Py<PyAny>,
}

pub static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// Set when the first context of the process is entered: until then nobody need ask for its fields.
pub static CONTEXT_USED: AtomicBool = AtomicBool::new(false);

/// Classes whose instances the native side knows by their exact type.
#[derive(Default)]
pub struct Classes {
    pub loggers: Vec<usize>,
    pub handlers: Vec<usize>,
    /// Keeps the addresses from being given to others.
    pub held: Vec<Py<PyType>>,
}

pub static CLASSES: GilCell<Option<Classes>> = GilCell::new(None);

pub fn classes<R>(py: Python<'_>, act: impl FnOnce(&mut Classes) -> R) -> Option<R> {
    let mut slot = CLASSES.borrow(py)?;
    Some(act(slot.get_or_insert_with(Classes::default)))
}

/// A subclass of the loggers' class that nobody uses, and the attributes it inherited when it was made.
pub struct Canary {
    pub class: Py<PyType>,
    pub originals: Vec<(Py<PyString>, usize)>,
}

pub static CANARY: PyOnceLock<Canary> = PyOnceLock::new();

/// Calls the hook that tells the user something; never raises.
pub fn report(py: Python<'_>, text: &str) {
    if let Some(hooks) = HOOKS.get(py) {
        let _ = hooks.report.call1(py, (text,));
    }
}

/// In a cell of its own: whoever logs from within the use of the caches needs it too.
static REDACTOR: GilCell<Option<Rc<Redactor>>> = GilCell::new(None);

/// The redactor in force.
pub fn redactor(py: Python<'_>) -> Rc<Redactor> {
    REDACTOR.borrow(py).map(|mut slot| Rc::clone(slot.get_or_insert_default())).unwrap_or_default()
}

/// Another redactor from now on: what was decided for call sites is decided anew.
pub fn set_redactor(py: Python<'_>, redactor: Redactor) {
    let before = REDACTOR.borrow(py).and_then(|mut slot| slot.replace(Rc::new(redactor)));
    let old = caches(py, |caches| (std::mem::take(&mut caches.places), std::mem::take(&mut caches.sites)));
    drop((before, old));
}

/// Seconds east of UTC and the zone's name, now.
pub fn zone(py: Python<'_>) -> PyResult<(i32, String)> {
    let time = py.import(intern!(py, "time"))?;
    let now = time.call_method0(intern!(py, "localtime"))?;
    let offset: Option<i32> = now.getattr(intern!(py, "tm_gmtoff"))?.extract()?;
    let zone: Option<String> = now.getattr(intern!(py, "tm_zone"))?.extract()?;
    Ok((offset.unwrap_or(0), zone.unwrap_or_default()))
}

/// True if a module was imported, by whomever.
pub fn is_imported(py: Python<'_>, name: &Bound<'_, PyString>) -> bool {
    names(py).is_ok_and(|names| ffi::dict_address(names.modules.bind(py), name) != 0)
}

/// The process's name, where `multiprocessing` is loaded: its children get theirs after the fork. What it was found by is
/// watched, where [`watch::sees_instances`].
pub fn process_name(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if MODULE.get(py).is_none() {
        let modules = names(py).ok()?.modules.bind(py);
        let module = ffi::dict_get(modules, intern!(py, "multiprocessing.process"))?;
        let dict = ffi::instance_dict(&module).ok()?;
        watch::dict(&dict);
        let _ = MODULE.set(py, dict.unbind());
    }
    let current = ffi::dict_get(MODULE.get(py)?.bind(py), intern!(py, "_current_process"))?;
    let dict = ffi::instance_dict(&current).ok()?;
    watch::dict(&dict);
    ffi::dict_get(&dict, intern!(py, "_name"))
}

/// True if OpenTelemetry's tracing is loaded; asked again only when the number of modules has changed.
pub fn has_tracing(py: Python<'_>) -> bool {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    static FOUND: AtomicBool = AtomicBool::new(false);
    let Ok(names) = names(py) else { return false };
    let count = names.modules.bind(py).len();
    if SEEN.swap(count, Ordering::Relaxed) != count {
        FOUND.store(is_imported(py, intern!(py, "opentelemetry.trace")), Ordering::Relaxed);
    }
    FOUND.load(Ordering::Relaxed)
}

/// `logging._startTime`, in nanoseconds: a float of seconds before 3.13.
pub fn start_ns(py: Python<'_>) -> PyResult<i64> {
    let start = py.import("logging")?.getattr("_startTime")?;
    if ffi::type_address(&start) == ffi::types::int() {
        return start.extract();
    }
    Ok((start.extract::<f64>()? * 1e9) as i64)
}
