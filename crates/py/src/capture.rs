//! A call becomes frames: the native path of `logger.info(...)`, and the one that starts from a LogRecord.
use std::cell::Cell;

use cordwood_core::formatters::redact::Redactor;
use cordwood_core::record::frame::{self, Head, Kind, HEAD};
use cordwood_core::record::Exception;
use cordwood_core::spool::frame_bytes;
use cordwood_core::spool::segment::Unsynced;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use crate::draft::{kept, Draft};
use crate::ffi::Arguments;
use crate::fields::{put_fields, FieldSources};
use crate::message::{put_message, Args, Given};
use crate::plan::{self, Plan};
use crate::runtime;
use crate::site::Site;
use crate::spool::{now, PySpool};
use crate::state::State;
use crate::thread::{self, ThreadEntry};
use crate::value::text_of;

/// An exception: kind, message, text, fingerprint, frames.
pub type ExceptionTexts = (String, String, String, u64, String);

/// An exception to be described.
pub struct Raised<'py> {
    pub value: Bound<'py, PyAny>,
    pub traceback: Bound<'py, PyAny>,
}

impl Raised<'_> {
    /// What the Python half says of it, or else what little can be said; and what ended that which concerns the caller alone.
    fn describe(&self) -> (ExceptionTexts, Option<PyErr>) {
        let py = self.value.py();
        let told = runtime::HOOKS.get(py).map(|hooks| {
            let told = hooks.describe_exception.bind(py).call1((&self.value, &self.traceback))?;
            // Its texts may hold what no encoding has.
            let text = |at: usize| told.get_item(at).map(|part| text_of(&part));
            PyResult::Ok((text(0)?, text(1)?, text(2)?, told.get_item(3)?.extract()?, text(4)?))
        });
        match told {
            Some(Ok(texts)) => (texts, None),
            failed => {
                let kind = text_of(self.value.get_type().as_any());
                let texts = (kind, String::new(), text_of(&self.value), 0, String::new());
                (texts, failed.and_then(Result::err).filter(|error| !error.is_instance_of::<PyException>(py)))
            }
        }
    }
}

/// What follows message and fields.
#[derive(Default)]
pub struct Rest {
    pub exception: Option<ExceptionTexts>,
    pub stack_info: String,
    pub task_name: String,
    pub lines: Vec<u8>,
    /// What came while the exception was described: the caller's, once the record is kept.
    interrupt: Option<PyErr>,
}

impl Rest {
    pub fn with(raised: Option<Raised<'_>>) -> Self {
        let Some((exception, interrupt)) = raised.map(|raised| raised.describe()) else { return Self::default() };
        Self { exception: Some(exception), interrupt, ..Self::default() }
    }
}

fn put_rest(draft: &mut Draft<'_>, redactor: &Redactor, rest: &Rest, most: usize) {
    if let Some((kind, message, text, fingerprint, frames)) = &rest.exception {
        draft.flags |= frame::EXCEPTION;
        let exception = Exception {
            kind,
            message: &kept(redactor, message, most),
            text: &kept(redactor, text, most),
            fingerprint: *fingerprint,
            frames_json: frames,
        };
        frame::put_exception(&exception, &mut draft.bytes);
    }
    if !rest.stack_info.is_empty() || !rest.task_name.is_empty() {
        draft.flags |= frame::SURROUNDINGS;
        draft.text(&kept(redactor, &rest.stack_info, most));
        draft.text(&rest.task_name);
    }
    if !rest.lines.is_empty() {
        draft.flags |= frame::LINES;
        frame::put_bytes(&rest.lines, &mut draft.bytes);
    }
}

/// A record ready to be appended to one or more spools.
pub struct Ready<'a> {
    pub site: &'a Site,
    pub thread: &'a ThreadEntry,
    pub time_ns: i64,
    pub level: i32,
}

impl Ready<'_> {
    /// Appends to one spool, for the sinks in `mask`; and writes to terminals at once.
    pub fn append(&self, py: Python<'_>, spool: &PySpool, mask: u32, draft: &mut Draft<'_>) {
        let at_once = spool.state.borrow(py).and_then(|mut state| {
            self.append_at_once(&mut state, mask, draft.flags, &mut draft.bytes).then_some(state)
        });
        let in_room = || {
            // The next segment has neither site nor thread.
            let mut state = spool.reserve(py, self.time_ns, self.size(None, draft.bytes.len()))?;
            self.write(&mut state, mask, draft.flags, &mut draft.bytes);
            Some(state)
        };
        let Some(mut state) = at_once.or_else(in_room) else { return };
        if mask & state.terminals != 0 {
            self.show(&mut state, mask, draft);
        }
        if spool.sync.is_at_once(self.level) {
            let unsynced = state.spool.unsynced();
            drop(state);
            wait_for_disk(py, spool, unsynced);
        }
    }

    /// Appends where the spool is ready for it as it stands: the usual case. False: nothing was done.
    #[inline]
    pub fn append_at_once(&self, state: &mut State, mask: u32, flags: u8, payload: &mut [u8]) -> bool {
        let size = self.size(Some(state.spool.salt()), payload.len());
        let is_ready = state.is_ready(self.time_ns, size);
        if is_ready {
            self.write(state, mask, flags, payload);
        }
        is_ready
    }

    /// Bytes of the frames that are written in the segment of this salt.
    fn size(&self, salt: Option<u64>, payload: usize) -> usize {
        let definition = |payload: &[u8], seen: &Cell<u64>| match salt {
            Some(salt) if seen.get() == salt => 0,
            _ => frame_bytes(payload.len()),
        };
        frame_bytes(payload)
            + definition(&self.site.payload, &self.site.salt)
            + definition(&self.thread.payload, &self.thread.salt)
    }

    fn write(&self, state: &mut State, mask: u32, flags: u8, payload: &mut [u8]) {
        let target = &mut state.spool;
        let salt = target.salt();
        define(target, salt, Kind::Site, &self.site.payload, &self.site.salt, &self.site.offset);
        define(target, salt, Kind::Thread, &self.thread.payload, &self.thread.salt, &self.thread.offset);
        let head = Head {
            time_ns: self.time_ns,
            site: self.site.offset.get(),
            thread: self.thread.offset.get(),
            sinks: mask,
            level: self.level,
        };
        payload[..HEAD].copy_from_slice(&head.bytes());
        target.append_record(flags, payload);
    }

    fn show(&self, state: &mut State, mask: u32, draft: &Draft<'_>) {
        let Some((site, template)) = frame::site(&self.site.payload) else { return };
        let Some(thread) = frame::thread(&self.thread.payload) else { return };
        let process = state.spool.process.clone();
        let sequence = state.spool.appended();
        let frame =
            frame::Frame { kind: Kind::Record, flags: draft.flags, sequence: 0, payload: &draft.bytes, stride: 0 };
        let context =
            frame::Context { site, template, parts: None, thread, process: &process, first_sequence: sequence };
        let Some((record, lines)) = frame::record(&frame, &context) else { return };
        for (bit, terminal) in state.terminals_of(mask) {
            terminal.write(&record, lines.get(bit as u32));
        }
    }
}

/// As `sync` wants it, the call returns when its record is on the disk. Other threads go on meanwhile.
#[cold]
fn wait_for_disk(py: Python<'_>, spool: &PySpool, unsynced: Option<(Unsynced, bool)>) {
    let Some((unsynced, with_name)) = unsynced else { return };
    let synced = py.detach(|| unsynced.sync(with_name));
    if let Some(mut state) = spool.state.borrow(py) {
        state.spool.forced(unsynced.salt, synced.is_ok());
    }
    if let Err(error) = synced {
        runtime::report(py, &format!("{error}: what was logged last may not survive a loss of power"));
    }
}

fn define(
    spool: &mut cordwood_core::spool::Spool,
    salt: u64,
    kind: Kind,
    payload: &[u8],
    seen: &Cell<u64>,
    offset: &Cell<u32>,
) {
    if seen.get() != salt {
        offset.set(spool.append_definition(kind, payload));
        seen.set(salt);
    }
}

/// The native path of one call: the plan says that nothing but our handlers is in reach.
#[allow(clippy::too_many_arguments)]
pub fn take<'py>(
    py: Python<'py>,
    plan: &Plan,
    level: i32,
    mut draft: Draft<'py>,
    args: Arguments<'_, 'py>,
    fields: FieldSources<'py>,
    raised: Option<Raised<'py>>,
    site: &Site,
) -> PyResult<()> {
    let Some(message) = args.get(0) else { return Ok(()) };
    let most = plan.targets.first().map_or(1 << 20, |target| target.spool.get().max_message_bytes);
    let given = Given { message: &message, args: Args::Call(args.skip(1)) };
    let task_name = if plan.wants_task { task_name(py) } else { String::new() };
    let rest = Rest { task_name, ..Rest::with(raised) };
    let rendered = fill(py, &mut draft, site, &given, fields, rest, most);
    let thread = thread::running(py)?;
    let ready = Ready { site, thread: &thread, time_ns: now(), level };
    for target in &plan.targets {
        let mask = target.mask(level);
        if mask != 0 {
            ready.append(py, target.spool.get(), mask, &mut draft);
        }
    }
    rendered
}

/// Puts everything into a draft. An error is for the caller, once the record is kept.
fn fill<'py>(
    py: Python<'py>,
    draft: &mut Draft<'_>,
    site: &Site,
    given: &Given<'_, 'py>,
    mut fields: FieldSources<'py>,
    rest: Rest,
    most: usize,
) -> PyResult<()> {
    let redactor = runtime::redactor(py);
    let rendered = put_message(py, draft, &redactor, site, given, most);
    fields.add_surroundings(py);
    put_fields(draft, &redactor, &fields, most);
    put_rest(draft, &redactor, &rest, most);
    rendered.and(rest.interrupt.map_or(Ok(()), Err))
}

/// A record is lost to a panic, which has said where; the application goes on.
pub fn report_bug(py: Python<'_>) {
    runtime::report(py, "a record is lost to a bug in the native core: please report what stands above");
}

/// The asyncio task's name, or nothing outside a task.
pub fn task_name(py: Python<'_>) -> String {
    if !runtime::is_imported(py, intern!(py, "asyncio")) {
        return String::new();
    }
    let name = py.import("asyncio").and_then(|asyncio| {
        let task = asyncio.call_method0("current_task")?;
        if task.is_none() {
            return Ok(String::new());
        }
        Ok(text_of(&task.call_method0("get_name")?))
    });
    name.unwrap_or_default()
}

/// Appends a draft that came from a LogRecord.
#[allow(clippy::too_many_arguments)]
pub fn finish<'py>(
    py: Python<'py>,
    ready: &Ready<'_>,
    given: &Given<'_, 'py>,
    fields: FieldSources<'py>,
    rest: Rest,
    spool: &PySpool,
    mask: u32,
    mut draft: Draft<'py>,
) -> PyResult<()> {
    let rendered = fill(py, &mut draft, ready.site, given, fields, rest, spool.max_message_bytes);
    ready.append(py, spool, mask, &mut draft);
    rendered
}

/// The plan's own check that the native path is right just now.
pub fn may_go_straight(py: Python<'_>, plan: &Plan) -> PyResult<bool> {
    Ok(plan.fast && plan.holds(py) && plan::stdlib_is_itself(py)?)
}
