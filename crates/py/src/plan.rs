//! Whether a logger's records may go straight to the spool, and to which sinks.
//!
//! A plan is made from a walk up the chain of loggers. It holds as long as nothing in that chain changed: attributes are
//! watched through `__setattr__` of our classes, lists (which may be changed in place) are compared item by item, and
//! `logging.Logger` itself through a subclass that nobody else uses.
use std::cell::Cell;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use pyo3::Borrowed;

use crate::ffi::{self, watch};
use crate::runtime::{self, names, Caches};
use crate::spool::PySpool;

/// A spool that `cordwood.Handler`s in reach lead to.
pub struct Target {
    pub spool: Py<PySpool>,
    /// Each handler's sinks, and from which level on.
    handlers: Vec<(u32, i32)>,
}

impl Target {
    /// The sinks that a record of this level is for.
    #[inline]
    pub fn mask(&self, level: i32) -> u32 {
        self.handlers.iter().fold(0, |all, (mask, from)| if level >= *from { all | mask } else { all })
    }
}

/// One list as it was when the plan was made.
struct Seen {
    list: Py<PyList>,
    items: Vec<usize>,
}

pub struct Plan {
    /// `Logger._cache`: level -> whether it is enabled; the interpreter's own gate, emptied by every change of a level.
    gate: Py<PyAny>,
    /// What the gate said of the five levels, while no watched dict changes.
    verdicts: [Cell<Option<bool>>; 5],
    checked: Cell<u64>,
    /// False: a LogRecord is built, as stdlib does.
    pub fast: bool,
    pub targets: Vec<Target>,
    seen: Vec<Seen>,
    /// What the lists of a fast plan hold, so that nothing else gets its address: it would be taken for it.
    held: Vec<Py<PyAny>>,
    pub name: Py<PyAny>,
    /// Whether some target's format shows the asyncio task.
    pub wants_task: bool,
    _logger: Py<PyAny>,
}

impl Plan {
    /// What stdlib's own cache says of a level; None where it has no answer yet. `method` names one of the five levels.
    pub fn gate(&self, py: Python<'_>, level: &Bound<'_, PyAny>, method: usize) -> Option<bool> {
        let Some(verdict) = self.verdicts.get(method) else { return ffi::dict_truth(self.gate.bind(py), level) };
        if !watch::is_unchanged(&self.checked) {
            self.verdicts.iter().for_each(|verdict| verdict.set(None));
        } else if let Some(known) = verdict.get() {
            return Some(known);
        }
        verdict.set(ffi::dict_truth(self.gate.bind(py), level));
        verdict.get()
    }

    /// True while every list holds what it held.
    pub fn holds(&self, py: Python<'_>) -> bool {
        self.seen.iter().all(|seen| ffi::list_holds(seen.list.bind(py), &seen.items))
    }
}

/// The plan for a logger, from the cache or made now.
pub fn of<'py>(py: Python<'py>, logger: Borrowed<'_, 'py, PyAny>) -> PyResult<Rc<Plan>> {
    runtime::catch_up(py);
    let address = logger.as_ptr() as usize;
    if let Some(plan) = runtime::caches(py, |caches| caches.plan(address)).flatten() {
        return Ok(plan);
    }
    let mut watched = Vec::new();
    let plan = Rc::new(make(py, &logger.to_owned(), &mut watched)?);
    let replaced = runtime::caches(py, |caches: &mut Caches| {
        let old = (runtime::bounded(&mut caches.plans), caches.last_plan.take());
        caches.watched.extend(watched);
        (old, caches.plans.insert(address, Rc::clone(&plan)))
    });
    drop(replaced);
    Ok(plan)
}

/// The plan, made anew where a list was changed in place since: `addHandler` tells nobody.
pub fn current<'py>(py: Python<'py>, plan: &Rc<Plan>, logger: Borrowed<'_, 'py, PyAny>) -> PyResult<Rc<Plan>> {
    if plan.holds(py) {
        return Ok(Rc::clone(plan));
    }
    let address = logger.as_ptr() as usize;
    let old = runtime::caches(py, |caches| (caches.last_plan.take(), caches.plans.remove(&address)));
    // Outside the borrow: it may have held the last reference to something.
    drop(old);
    of(py, logger)
}

impl Caches {
    fn plan(&mut self, logger: usize) -> Option<Rc<Plan>> {
        if let Some((_, plan)) = self.last_plan.as_ref().filter(|(last, _)| *last == logger) {
            return Some(Rc::clone(plan));
        }
        let plan = self.plans.get(&logger)?;
        // The one before is in the table too, so nothing ends here.
        self.last_plan = Some((logger, Rc::clone(plan)));
        Some(Rc::clone(plan))
    }
}

fn make<'py>(py: Python<'py>, logger: &Bound<'py, PyAny>, watched: &mut Vec<usize>) -> PyResult<Plan> {
    let mut plan = Plan {
        gate: logger.getattr(intern!(py, "_cache"))?.unbind(),
        verdicts: Default::default(),
        checked: Cell::new(0),
        fast: !logger.getattr(intern!(py, "disabled"))?.is_truthy()?,
        targets: Vec::new(),
        seen: Vec::new(),
        held: Vec::new(),
        name: logger.getattr(intern!(py, "name"))?.unbind(),
        wants_task: false,
        _logger: logger.clone().unbind(),
    };
    watch::dict(plan.gate.bind(py));
    let mut at = logger.clone();
    loop {
        plan.visit(py, &at, at.is(logger), watched)?;
        let propagates = at.getattr(intern!(py, "propagate"))?.is_truthy()?;
        let parent = at.getattr(intern!(py, "parent"))?;
        if !propagates || parent.is_none() {
            break;
        }
        at = parent;
    }
    // With no handler at all, stdlib's last resort speaks.
    plan.fast &= !plan.targets.is_empty();
    if !plan.fast {
        // Somebody else's handler may go when its owner lets it go.
        plan.held.clear();
    }
    Ok(plan)
}

/// What the native path does in the place of a logger's methods, and of a handler's.
const METHODS: [&str; 8] =
    ["handle", "makeRecord", "findCaller", "isEnabledFor", "callHandlers", "_log", "filter", "getEffectiveLevel"];
const HANDLER_METHODS: [&str; 3] = ["handle", "emit", "filter"];

/// Methods replaced on one instance (`mock.patch.object(logger, "handle")`). The instance's `__dict__` is not asked for: on
/// CPython 3.12 the interpreter finds `logger.info` by a longer way once it had to make one.
fn overrides(py: Python<'_>, object: &Bound<'_, PyAny>, methods: &[&str]) -> PyResult<bool> {
    let class = object.get_type();
    for name in methods {
        let name = PyString::intern(py, name);
        let own = object.getattr(&name)?.getattr_opt(intern!(py, "__func__"))?;
        if !own.is_some_and(|own| class.getattr(&name).is_ok_and(|inherited| own.is(&inherited))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The same of the native method that `Logger.exception` calls.
fn overrides_error(py: Python<'_>, logger: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = logger.get_type();
    let error = intern!(py, "error");
    let inherited = class.getattr(error)?;
    let bound = match inherited.getattr_opt(intern!(py, "__get__"))? {
        Some(bind) => bind.call1((logger, &class))?,
        None => inherited,
    };
    Ok(!logger.getattr(error)?.eq(bound).unwrap_or(false))
}

impl Plan {
    /// Takes up a logger on the way to the root, the one called first.
    fn visit<'py>(
        &mut self,
        py: Python<'py>,
        logger: &Bound<'py, PyAny>,
        is_called: bool,
        watched: &mut Vec<usize>,
    ) -> PyResult<()> {
        watched.push(logger.as_ptr() as usize);
        let class = ffi::type_address(logger);
        let is_ours = runtime::classes(py, |classes| classes.loggers.contains(&class)).unwrap_or(false);
        self.fast &= is_ours && !overrides(py, logger, &METHODS)? && !overrides_error(py, logger)?;
        if is_called {
            // An ancestor's filters are never asked.
            self.fast &= self.note(&logger.getattr(intern!(py, "filters"))?) == Some(0);
        }
        let handlers = logger.getattr(intern!(py, "handlers"))?;
        let null = names(py)?.null_handler.as_ptr() as usize;
        for handler in handlers.cast_exact::<PyList>().into_iter().flat_map(|list| list.iter()) {
            if ffi::type_address(&handler) != null {
                self.fast &= self.add_handler(py, &handler, watched)?;
            }
        }
        self.fast &= self.note(&handlers).is_some();
        Ok(())
    }

    /// Notes what a list holds; how many items, None where it is no list.
    fn note(&mut self, list: &Bound<'_, PyAny>) -> Option<usize> {
        let list = list.cast_exact::<PyList>().ok()?;
        let items: Vec<usize> = list.iter().map(|item| item.as_ptr() as usize).collect();
        let count = items.len();
        self.seen.push(Seen { list: list.clone().unbind(), items });
        self.held.extend(list.iter().map(Bound::unbind));
        Some(count)
    }

    /// False where its records cannot go straight to its spool.
    fn add_handler(&mut self, py: Python<'_>, handler: &Bound<'_, PyAny>, watched: &mut Vec<usize>) -> PyResult<bool> {
        let class = ffi::type_address(handler);
        if !runtime::classes(py, |classes| classes.handlers.contains(&class)).unwrap_or(false) {
            return Ok(false);
        }
        watched.push(handler.as_ptr() as usize);
        if self.note(&handler.getattr(intern!(py, "filters"))?) != Some(0)
            || handler.getattr(intern!(py, "needs_record"))?.is_truthy()?
            || overrides(py, handler, &HANDLER_METHODS)?
        {
            return Ok(false);
        }
        let spool = handler.getattr(intern!(py, "spool"))?;
        if spool.is_none() {
            return Ok(true);
        }
        let mask = handler.getattr(intern!(py, "mask"))?.extract()?;
        // What is no such number stdlib compares itself; `sys.maxsize` is.
        let Ok(level) = handler.getattr(intern!(py, "level"))?.extract::<i64>() else { return Ok(false) };
        let level = level.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        self.wants_task |= handler.getattr(intern!(py, "wants_task"))?.is_truthy()?;
        let spool = spool.cast_into::<PySpool>()?.unbind();
        // All handlers of one spool make one record.
        match self.targets.iter_mut().find(|target| target.spool.is(&spool)) {
            // Met twice, it writes twice, as stdlib has it.
            Some(target) if target.handlers.iter().any(|(other, _)| other & mask != 0) => return Ok(false),
            Some(target) => target.handlers.push((mask, level)),
            None => self.targets.push(Target { spool, handlers: vec![(mask, level)] }),
        }
        Ok(true)
    }
}

/// True while `logging.Logger` has the methods it had, and records are made by `logging.LogRecord`.
pub fn stdlib_is_itself(py: Python<'_>) -> PyResult<bool> {
    static SEEN: ffi::GilCell<(Cell<u64>, bool)> = ffi::GilCell::new((Cell::new(0), false));
    let Some(mut seen) = SEEN.borrow(py) else { return Ok(false) };
    if !watch::is_unchanged(&seen.0) {
        let names = names(py)?;
        let factory = ffi::dict_address(names.logging.bind(py), intern!(py, "_logRecordFactory"));
        seen.1 = factory == names.record_class.as_ptr() as usize;
    }
    if !seen.1 {
        return Ok(false);
    }
    class_is_itself(py)
}

/// True while `logging.Logger` and ours have the methods they had.
pub fn class_is_itself(py: Python<'_>) -> PyResult<bool> {
    let Some(canary) = runtime::CANARY.get(py) else { return Ok(false) };
    Ok(watch::is_class_unchanged(canary.class.bind(py)) || compare(py, canary)?)
}

/// Some attribute of `logging.Logger` was set: is it one that matters?
#[cold]
fn compare(py: Python<'_>, canary: &runtime::Canary) -> PyResult<bool> {
    for (name, address) in &canary.originals {
        if canary.class.bind(py).getattr(name.bind(py))?.as_ptr() as usize != *address {
            return Ok(false);
        }
    }
    watch::class_was_compared(canary.class.bind(py));
    Ok(true)
}
