//! Entry points: `Logger.debug` … `Logger.log`, and the `__setattr__` that watches loggers and handlers.
use std::rc::Rc;

use pyo3::exceptions::{PyBaseException, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple, PyType};
use pyo3::Borrowed;

use crate::capture::{self, Raised};
use crate::draft::Draft;
use crate::ffi::{self, types, watch, Arguments, Entry};
use crate::fields::FieldSources;
use crate::plan::{self, Plan};
use crate::runtime::{self, names};
use crate::site;
use crate::usual;

/// `Logger.info` and its siblings: `METHOD` is an index into [`runtime::METHODS`].
pub struct Log<const METHOD: usize>;

const LEVELS: [i32; 7] = [10, 20, 30, 40, 50, 0, 40];
const ERROR: usize = 3;
const LOG: usize = 5;
const EXCEPTION: usize = 6;

/// Python ints of the five levels, made once.
fn level_object(py: Python<'_>, method: usize) -> PyResult<&Bound<'_, PyAny>> {
    static OBJECTS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
    let objects = OBJECTS.get_or_try_init(py, || {
        LEVELS.iter().map(|level| Ok(level.into_pyobject(py)?.into_any().unbind())).collect::<PyResult<Vec<_>>>()
    })?;
    Ok(objects[method].bind(py))
}

impl<const METHOD: usize> Entry for Log<METHOD> {
    fn call<'a, 'py>(py: Python<'py>, this: Borrowed<'a, 'py, PyAny>, args: Arguments<'a, 'py>) -> PyResult<()> {
        let (level, rest) = if METHOD == LOG {
            match args.get(0).filter(|level| ffi::type_address(level) == types::int()) {
                Some(level) => (level.to_owned(), args.skip(1)),
                None => return standard(py, METHOD, this, args),
            }
        } else {
            (level_object(py, METHOD)?.clone(), args)
        };
        if rest.positional() == 0 {
            return standard(py, METHOD, this, args);
        }
        let plan = plan::of(py, this)?;
        // The gate is stdlib's own cache; where it has no answer yet, stdlib is asked and fills it.
        match plan.gate(py, &level, if METHOD == EXCEPTION { ERROR } else { METHOD }) {
            Some(false) if plan::class_is_itself(py)? => return Ok(()),
            Some(_) => {}
            None if this.call_method1(intern!(py, "isEnabledFor"), (&level,))?.is_truthy()? => {}
            None => return Ok(()),
        }
        let Some(caller) = ffi::caller(py) else { return standard(py, METHOD, this, args) };
        let may_be_usual = METHOD < LOG && args.keywords() == 0;
        if may_be_usual && usual::take(py, &plan, METHOD, &level, &caller, args) == Some(true) {
            return Ok(());
        }
        log(py, METHOD, &plan, &level, &caller, this, args, rest)
    }

    fn after_panic(py: Python<'_>) -> PyResult<()> {
        capture::report_bug(py);
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
fn log<'a, 'py>(
    py: Python<'py>,
    method: usize,
    plan: &Rc<Plan>,
    level: &Bound<'py, PyAny>,
    caller: &ffi::Caller<'py>,
    this: Borrowed<'a, 'py, PyAny>,
    args: Arguments<'a, 'py>,
    rest: Arguments<'a, 'py>,
) -> PyResult<()> {
    let mut keywords = Keywords::read(py, rest, method == EXCEPTION)?;
    let plan = &plan::current(py, plan, this)?;
    let straight = !keywords.standard && capture::may_go_straight(py, plan)?;
    let Some(number) = ffi::small_int(level).and_then(|level| i32::try_from(level).ok()).filter(|_| straight) else {
        return standard(py, method, this, args);
    };
    let Some(message) = rest.get(0) else { return standard(py, method, this, args) };
    let site = site::call_site(py, plan, caller, number, level, &message)?;
    if site.internal {
        // `logging.info(...)`, a LoggerAdapter: the caller is further up, where stdlib finds it.
        return standard(py, method, this, args);
    }
    if !keywords.limits.is_empty() && !passes_limit(py, caller, &mut keywords)? {
        return Ok(());
    }
    if method < LOG && args.keywords() == 0 {
        usual::remember(py, plan, method, number, caller, &site);
    }
    let Some(draft) = Draft::new(py) else {
        count_recursion(py, plan);
        return Ok(());
    };
    keywords.check_reserved()?;
    let raised = keywords.raised.take();
    capture::take(py, plan, number, draft, rest, keywords.into_sources(), raised, &site)
}

fn count_recursion(py: Python<'_>, plan: &Plan) {
    if let Some(target) = plan.targets.first() {
        target.spool.get().count_recursion(py);
    }
}

/// A call's keywords, by what they are.
#[derive(Default)]
struct Keywords<'py> {
    /// `extra`, where it is a dict.
    extra: Option<Bound<'py, PyDict>>,
    /// What `logging` does not know: fields.
    fields: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// What `exc_info` asks for.
    raised: Option<Raised<'py>>,
    /// `stack_info`, `stacklevel`, an odd `extra` or `exc_info`: stdlib's path deals with them.
    standard: bool,
    /// `once`, `every_n`, `every_seconds`.
    limits: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

impl<'py> Keywords<'py> {
    /// `exception`: its `exc_info` is true unless it is given.
    fn read(py: Python<'py>, args: Arguments<'_, 'py>, exception: bool) -> PyResult<Self> {
        let mut found = Self::default();
        let mut exc_info = exception.then(|| PyBool::new(py, true).to_owned().into_any());
        for index in 0..args.keywords() {
            let Some((name, value)) = args.keyword(index) else { break };
            let value = value.to_owned();
            let known = name.cast::<PyString>()?.to_str().unwrap_or_default();
            match known {
                "extra" if value.is_none() => {}
                "extra" if ffi::type_address(&value) == types::dict() => found.extra = Some(value.cast_into()?),
                "extra" | "stacklevel" => found.standard = true,
                "exc_info" => exc_info = Some(value),
                "stack_info" => found.standard |= value.is_truthy()?,
                "once" | "every_n" | "every_seconds" => found.limits.push((name, value)),
                _ => found.fields.push((name, value)),
            }
        }
        if let Some(exc_info) = exc_info.filter(|_| !found.standard) {
            found.standard = !found.ask(py, &exc_info)?;
        }
        Ok(found)
    }

    /// Finds the exception that `exc_info` means; false for what is rare.
    fn ask(&mut self, py: Python<'py>, exc_info: &Bound<'py, PyAny>) -> PyResult<bool> {
        if exc_info.cast::<PyBaseException>().is_ok() {
            if exc_info.is_truthy()? {
                let traceback = exc_info.getattr(intern!(py, "__traceback__"))?;
                self.raised = Some(Raised { value: exc_info.clone(), traceback });
            }
            return Ok(true);
        }
        let is_true = exc_info.cast_exact::<PyBool>().ok().map(|wanted| wanted.is_true());
        if exc_info.is_none() || is_true == Some(false) {
            return Ok(true);
        }
        let info = if is_true.is_some() { names(py)?.exc_info.bind(py).call0()? } else { exc_info.clone() };
        let Some(info) = info.cast_exact::<PyTuple>().ok().filter(|info| info.len() == 3) else { return Ok(false) };
        let raised = Raised { value: info.get_item(1)?, traceback: info.get_item(2)? };
        let found = !raised.value.is_none();
        self.raised = found.then_some(raised);
        Ok(found)
    }

    /// stdlib's rule for `extra`: no name may hide an attribute of the record.
    fn check_reserved(&self) -> PyResult<()> {
        let refuse = |key: &Bound<'py, PyAny>| {
            if is_reserved(key) {
                return Err(PyKeyError::new_err(format!("Attempt to overwrite {} in LogRecord", key.repr()?)));
            }
            Ok(())
        };
        if let Some(extra) = &self.extra {
            for key in extra.keys() {
                refuse(&key)?;
            }
        }
        self.fields.iter().try_for_each(|(name, _)| refuse(name))
    }

    fn into_sources(self) -> FieldSources<'py> {
        FieldSources { dicts: self.extra.map_or_else(Vec::new, |extra| vec![extra]), pairs: self.fields }
    }
}

/// The names that a LogRecord has of its own.
const RESERVED: [&str; 23] = [
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "filename",
    "module",
    "exc_info",
    "exc_text",
    "stack_info",
    "lineno",
    "funcName",
    "created",
    "msecs",
    "relativeCreated",
    "thread",
    "threadName",
    "processName",
    "process",
    "taskName",
    "message",
    "asctime",
];

fn is_reserved(key: &Bound<'_, PyAny>) -> bool {
    let borrowed = key.as_borrowed();
    ffi::type_address(key) == types::str() && ffi::text(&borrowed).is_some_and(is_reserved_name)
}

pub fn is_reserved_name(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Asks the rate limiter; a record that passes after others did not says how many.
fn passes_limit<'py>(py: Python<'py>, caller: &ffi::Caller<'py>, keywords: &mut Keywords<'py>) -> PyResult<bool> {
    let Some(hooks) = runtime::HOOKS.get(py) else { return Ok(true) };
    let options = PyDict::new(py);
    for (name, value) in &keywords.limits {
        options.set_item(name, value)?;
    }
    let held_back = hooks.limit.call(py, (&caller.code, caller.place), Some(&options))?.into_bound(py);
    let count: i64 = held_back.extract()?;
    if count > 0 {
        keywords.fields.push((intern!(py, "suppressed").clone().into_any(), held_back));
    }
    Ok(count >= 0)
}

/// Stdlib's own method, called from here so that no frame of ours stands between it and the caller.
fn standard<'a, 'py>(
    py: Python<'py>,
    method: usize,
    this: Borrowed<'a, 'py, PyAny>,
    args: Arguments<'a, 'py>,
) -> PyResult<()> {
    let function = names(py)?.logger_class.bind(py).getattr(PyString::intern(py, runtime::METHODS[method]))?;
    let mut all = vec![this.to_owned()];
    all.extend(args.values().map(|arg| arg.to_owned()));
    let keywords = PyDict::new(py);
    for index in 0..args.keywords() {
        if let Some((name, value)) = args.keyword(index) {
            keywords.set_item(name, value)?;
        }
    }
    function.call(PyTuple::new(py, all)?, (!keywords.is_empty()).then_some(&keywords)).map(|_| ())
}

/// `__setattr__` and `__delattr__` of our loggers and handlers: what a plan was made from may have changed.
pub struct SetAttr<const DELETE: bool>;

impl<const DELETE: bool> Entry for SetAttr<DELETE> {
    fn call<'a, 'py>(py: Python<'py>, this: Borrowed<'a, 'py, PyAny>, args: Arguments<'a, 'py>) -> PyResult<()> {
        let wrong = || pyo3::exceptions::PyTypeError::new_err("an attribute's name (and value) expected");
        let name = args.get(0).ok_or_else(wrong)?;
        let value = if DELETE { None } else { Some(args.get(1).ok_or_else(wrong)?.to_owned()) };
        ffi::plain_setattr(&this, &name, value.as_ref())?;
        let address = this.as_ptr() as usize;
        if runtime::caches(py, |caches| caches.watched.contains(&address)).unwrap_or(true) {
            runtime::bump(py);
        }
        Ok(())
    }
}

/// Gives a logger class its native methods; `fatal` is `critical` under another name.
#[pyfunction]
pub fn install_logger(py: Python<'_>, class: &Bound<'_, PyType>) -> PyResult<()> {
    ffi::put_method::<Log<0>>(class, c"debug")?;
    ffi::put_method::<Log<1>>(class, c"info")?;
    ffi::put_method::<Log<2>>(class, c"warning")?;
    ffi::put_method::<Log<3>>(class, c"error")?;
    ffi::put_method::<Log<4>>(class, c"critical")?;
    ffi::put_method::<Log<LOG>>(class, c"log")?;
    ffi::put_method::<Log<4>>(class, c"fatal")?;
    ffi::put_method::<Log<EXCEPTION>>(class, c"exception")?;
    tell_changes(class)?;
    runtime::classes(py, |classes| {
        classes.loggers.push(class.as_ptr() as usize);
        classes.held.push(class.clone().unbind());
    });
    make_canary(py, class)
}

/// Has a handler class report changes of its instances.
#[pyfunction]
pub fn install_handler(py: Python<'_>, class: &Bound<'_, PyType>) -> PyResult<()> {
    tell_changes(class)?;
    runtime::classes(py, |classes| {
        classes.handlers.push(class.as_ptr() as usize);
        classes.held.push(class.clone().unbind());
    });
    Ok(())
}

fn tell_changes(class: &Bound<'_, PyType>) -> PyResult<()> {
    ffi::put_method::<SetAttr<false>>(class, c"__setattr__")?;
    ffi::put_method::<SetAttr<true>>(class, c"__delattr__")
}

/// A subclass that nobody uses: when `logging.Logger` or ours changes, the interpreter takes its version away.
fn make_canary(py: Python<'_>, class: &Bound<'_, PyType>) -> PyResult<()> {
    if runtime::CANARY.get(py).is_some() {
        return Ok(());
    }
    let bases = PyTuple::new(py, [class])?;
    let canary = py.get_type::<PyType>().call1(("Canary", bases, PyDict::new(py)))?.cast_into::<PyType>()?;
    let mut originals = Vec::new();
    let watched =
        ["handle", "makeRecord", "findCaller", "isEnabledFor", "callHandlers", "_log", "filter", "hasHandlers"];
    for name in watched.into_iter().chain(runtime::METHODS) {
        originals.push((PyString::intern(py, name).unbind(), canary.getattr(name)?.as_ptr() as usize));
    }
    watch::class(&canary);
    let _ = runtime::CANARY.set(py, runtime::Canary { class: canary.unbind(), originals });
    Ok(())
}

/// Has every logger looked at anew: the classes of loggers were changed, which those of stdlib's own class do not report.
#[pyfunction]
pub fn forget_plans(py: Python<'_>) {
    runtime::bump(py);
}
