//! A LogRecord becomes frames: what `cordwood.Handler.emit` calls.
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

use cordwood_core::record as model;
use cordwood_core::record::frame;
use cordwood_core::spool::control::Reason;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::capture::{finish, report_bug, task_name, Raised, Ready, Rest};
use crate::draft::{kept, Draft};
use crate::entry::is_reserved_name;
use crate::ffi::{self, types};
use crate::fields::FieldSources;
use crate::message::{masked, Args, Given};
use crate::runtime::{self, caches, names};
use crate::site::{self, remember_site, Described, Key, Site};
use crate::spool::PySpool;
use crate::thread::{running as running_thread, ThreadEntry};
use crate::value::{text_of, with_text};

/// Appends a LogRecord to `spool` for the sinks in `mask`.
///
/// `line` is the text a Python formatter made of it, for those sinks; None where the native formatter does that.
#[pyfunction]
#[pyo3(signature = (record, spool, mask, line=None))]
pub fn capture<'py>(
    py: Python<'py>,
    record: &Bound<'py, PyAny>,
    spool: &Bound<'py, PySpool>,
    mask: u32,
    line: Option<&Bound<'py, PyString>>,
) -> PyResult<()> {
    catch_unwind(AssertUnwindSafe(|| take(py, record, spool, mask, line))).unwrap_or_else(|_| {
        report_bug(py);
        Ok(())
    })
}

fn take<'py>(
    py: Python<'py>,
    record: &Bound<'py, PyAny>,
    spool: &Bound<'py, PySpool>,
    mask: u32,
    line: Option<&Bound<'py, PyString>>,
) -> PyResult<()> {
    let Some(draft) = Draft::new(py) else {
        spool.get().count_recursion(py);
        return Ok(());
    };
    let dict = ffi::instance_dict(record)?.cast_into::<PyDict>()?;
    let reader = Reader { py, dict: &dict };
    let level = reader.get("levelno")?.extract::<i32>().unwrap_or(0);
    let message = reader.get("msg")?;
    let args = reader.get("args")?;
    let own_message = overridden_message(py, record)?;
    let site = reader.site(level, own_message.as_ref().unwrap_or(&message))?;
    let thread = reader.thread()?;
    let fields = reader.fields();
    let (redactor, most) = (runtime::redactor(py), spool.get().max_message_bytes);
    let line = line.map(|line| with_text(line.as_any(), |text| kept(&redactor, text, most).into_owned()));
    let rest = reader.rest(mask, line.as_deref())?;
    let (message, args) = match &own_message {
        Some(message) => (message, Args::None),
        None if args.is_none() || !args.is_truthy().unwrap_or(true) => (&message, Args::None),
        None => (&message, Args::Record(&args)),
    };
    let given = Given { message, args };
    let ready = Ready { site: &site, thread: &thread, time_ns: reader.time_ns()?, level };
    finish(py, &ready, &given, fields, rest, spool.get(), mask, draft)
}

/// What a formatter written in Python must not be shown of a LogRecord: attribute → what it is shown instead.
///
/// The arguments that follow a secret word, and fields with a secret name. Empty for most records. What stands within
/// other values is found in the formatter's text.
#[pyfunction]
pub fn masked_attributes<'py>(py: Python<'py>, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let dict = ffi::instance_dict(record)?.cast_into::<PyDict>()?;
    let reader = Reader { py, dict: &dict };
    let redactor = runtime::redactor(py);
    let instead = PyDict::new(py);
    let (message, args) = (reader.get("msg")?, reader.get("args")?);
    if args.is_truthy().unwrap_or(false) {
        let secrets = redactor.plan(&text_of(&message)).secret;
        let masked = masked(py, &redactor, args.clone(), secrets)?;
        if !masked.is(&args) {
            instead.set_item(intern!(py, "args"), masked)?;
        }
    }
    for key in dict.keys() {
        let name = text_of(&key);
        if !is_reserved_name(&name) && redactor.secret_key(&name) {
            instead.set_item(key, redactor.mask())?;
        }
    }
    Ok(instead)
}

/// The message of a record class that makes its own (`getMessage` overridden, as for `{}`-style records).
fn overridden_message<'py>(py: Python<'py>, record: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let plain = names(py)?.record_class.bind(py);
    let class = record.get_type();
    if class.is(plain) || class.getattr(intern!(py, "getMessage"))?.is(plain.getattr(intern!(py, "getMessage"))?) {
        return Ok(None);
    }
    match record.call_method0(intern!(py, "getMessage")) {
        Ok(message) => Ok(Some(message)),
        Err(_) => Ok(None),
    }
}

struct Reader<'a, 'py> {
    py: Python<'py>,
    dict: &'a Bound<'py, PyDict>,
}

impl<'py> Reader<'_, 'py> {
    /// An attribute, None where a hand-made record lacks it.
    fn get(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.dict.get_item(name)?.unwrap_or_else(|| self.py.None().into_bound(self.py)))
    }

    fn text(&self, name: &str) -> PyResult<String> {
        let value = self.get(name)?;
        Ok(if value.is_none() { String::new() } else { text_of(&value) })
    }

    fn time_ns(&self) -> PyResult<i64> {
        let created = self.get("created")?;
        if let Ok(seconds) = created.extract::<f64>() {
            // Whole seconds apart: in one number there is no room for both.
            let whole = (seconds.floor() as i64).saturating_mul(1_000_000_000);
            let within = ((seconds - seconds.floor()) * 1e9).round() as i64;
            // The milliseconds are the record's own, which may have been cut from more digits.
            let milliseconds = self.get("msecs")?.extract::<f64>().unwrap_or(-1.0);
            if (0.0..1000.0).contains(&milliseconds) && within / 1_000_000 != milliseconds as i64 {
                return Ok(whole.saturating_add(milliseconds as i64 * 1_000_000));
            }
            return Ok(whole.saturating_add(within));
        }
        Ok(crate::spool::now())
    }

    fn site(&self, level: i32, message: &Bound<'py, PyAny>) -> PyResult<Rc<Site>> {
        let (path, name, function) = (self.get("pathname")?, self.get("name")?, self.get("funcName")?);
        let line = self.get("lineno")?.extract::<u32>().unwrap_or(0);
        let level_text = self.get("levelname")?;
        let key = Key { anchor: path.as_ptr() as usize, place: line, logger: name.as_ptr() as usize, level };
        let known = caches(self.py, |caches| caches.sites.get(&key).map(Rc::clone)).flatten();
        if let Some(site) = &known {
            let same = site.template.as_ref().is_none_or(|template| template.object.as_ptr() == message.as_ptr());
            if same && site.level_name == level_text.as_ptr() as usize && site.held[2].as_ptr() == function.as_ptr() {
                return Ok(Rc::clone(site));
            }
        }
        let template = (known.is_none() && site::may_be_template(message)).then(|| message.clone().unbind());
        let held =
            vec![path.clone().unbind(), name.clone().unbind(), function.clone().unbind(), level_text.clone().unbind()];
        let described = Described {
            path: self.text("pathname")?,
            line,
            function: self.text("funcName")?,
            level,
            level_address: level_text.as_ptr() as usize,
            level_text: Some(level_text),
        };
        remember_site(self.py, key, held, &name, template, described)
    }

    /// The record's thread: the running one as a rule, another where the record was made elsewhere.
    fn thread(&self) -> PyResult<Rc<ThreadEntry>> {
        let running = running_thread(self.py)?;
        let ident = self.get("thread")?.extract::<u64>().unwrap_or(0);
        let name = self.get("threadName")?;
        let pid = self.get("process")?.extract::<u32>().unwrap_or(0);
        let process_name = self.get("processName")?;
        let same_process = running.process.as_ref().is_none_or(|name| name.as_ptr() == process_name.as_ptr());
        let same_name = running.name.as_ptr() == name.as_ptr() && same_process || (name.is_none() && ident == 0);
        if (ident == running.ident || ident == 0) && same_name && (pid == std::process::id() || pid == 0) {
            return Ok(running);
        }
        let (shown, process_name) = (self.text("threadName")?, self.text("processName")?);
        let described = model::Thread { ident, pid, name: &shown, process_name: &process_name };
        let dict = PyDict::new(self.py).into_any().unbind();
        Ok(Rc::new(ThreadEntry::new(&described, dict, name.unbind(), None)))
    }

    /// Every attribute that a LogRecord does not have of its own.
    fn fields(&self) -> FieldSources<'py> {
        let mut pairs = Vec::new();
        for (key, value) in self.dict.iter() {
            let own = ffi::type_address(&key) == types::str() && with_text(&key, is_reserved_name);
            if !own {
                pairs.push((key, value));
            }
        }
        FieldSources { dicts: Vec::new(), pairs }
    }

    fn rest(&self, mask: u32, line: Option<&str>) -> PyResult<Rest> {
        let mut lines = Vec::new();
        if let Some(line) = line {
            for bit in (0..32u32).filter(|bit| mask >> bit & 1 == 1) {
                lines.extend_from_slice(&bit.to_le_bytes());
                frame::put_text(line, &mut lines);
            }
        }
        let mut rest = Rest::with(self.raised()?);
        (rest.stack_info, rest.task_name, rest.lines) = (self.text("stack_info")?, self.task_name()?, lines);
        let text = self.text("exc_text")?;
        if rest.exception.is_none() && !text.is_empty() {
            rest.exception = Some((String::new(), String::new(), text, 0, String::new()));
        }
        Ok(rest)
    }

    /// The record's own; before 3.12 a LogRecord has none, and the running task is asked.
    fn task_name(&self) -> PyResult<String> {
        match self.dict.get_item(intern!(self.py, "taskName"))? {
            Some(name) if name.is_none() => Ok(String::new()),
            Some(name) => Ok(text_of(&name)),
            None => Ok(task_name(self.py)),
        }
    }

    fn raised(&self) -> PyResult<Option<Raised<'py>>> {
        let info = self.get("exc_info")?;
        let Some(info) = info.cast::<PyTuple>().ok().filter(|info| info.len() == 3) else { return Ok(None) };
        let (value, traceback) = (info.get_item(1)?, info.get_item(2)?);
        Ok((!value.is_none()).then_some(Raised { value, traceback }))
    }
}

impl PySpool {
    /// A record that was taken too deep inside the taking of others.
    pub fn count_recursion(&self, py: Python<'_>) {
        if let Some(state) = self.state.borrow(py) {
            let counter = state.spool.shared.folder.control.dropped(Reason::Recursion);
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
