//! A call becomes frames: the native path of `logger.info(...)`, and the one that starts from a LogRecord.
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use cordwood_core::frame::{self, Head, Kind, HEAD};
use cordwood_core::record::{self as model, Exception};
use cordwood_core::redact::Redactor;
use cordwood_core::spool::frame_bytes;
use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString, PyTuple};
use pyo3::Borrowed;

use crate::ffi::{self, types, Arguments};
use crate::plan::{self, Plan};
use crate::runtime::{self, caches, names, ThreadEntry, CONTEXT_USED};
use crate::site::{self, Key, Site, Template};
use crate::spool::{now, PySpool, Reserved};
use crate::value::{pack_argument, pack_field, start_of, text_of, unprintable, with_text};

/// A record being put together: its flags and the payload after the fixed part.
pub struct Draft<'py> {
    py: Python<'py>,
    pub flags: u8,
    pub bytes: Vec<u8>,
}

/// Rendering may log, whose rendering may log: so deep and no deeper.
const DEEPEST: u32 = 16;
// Each thread's own: rendering in one may give way to rendering in many others.
thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });

impl<'py> Draft<'py> {
    /// None where records are taken within records too deep; the caller counts that one as lost.
    pub fn new(py: Python<'py>) -> Option<Self> {
        if DEPTH.get() == DEEPEST {
            return None;
        }
        let mut bytes = caches(py, |caches| caches.scratch.pop()).flatten().unwrap_or_default();
        DEPTH.set(DEPTH.get() + 1);
        bytes.clear();
        bytes.resize(HEAD, 0);
        Some(Self { py, flags: 0, bytes })
    }

    /// Writes a section whose length stands before it.
    fn section(&mut self, act: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        act(&mut self.bytes);
        let len = (self.bytes.len() - at - 4) as u32;
        self.bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        frame::put_text(text, &mut self.bytes);
    }
}

/// Beyond a cut so much is looked at, because a secret that begins before it may end behind it.
const MARGIN: usize = 16 << 10;

/// A text as it is kept: redacted, and cut. What lies far behind the cut is not even looked at, so that a text of any size
/// costs its caller no more than the longest that may be kept.
pub fn kept<'a>(redactor: &Redactor, text: &'a str, most: usize) -> Cow<'a, str> {
    if text.len() > LARGE && !has_memory(COPIES * text.len().min(most)) {
        return Cow::Owned(format!("(a text of {} bytes: there was no memory for it)", text.len()));
    }
    if text.len() <= most {
        return redactor.redact_text(text);
    }
    let near = redactor.redact_text(&text[..floor_char(text, most.saturating_add(MARGIN))]);
    let end = floor_char(&near, most);
    Cow::Owned(format!("{} … [{} bytes cut]", &near[..end], text.len() - end))
}

/// Larger texts are asked for memory first: an allocation that fails ends the process.
const LARGE: usize = 64 << 10;
/// So often a text is copied on its way into a file, at most.
const COPIES: usize = 8;

fn has_memory(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

pub fn floor_char(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        DEPTH.set(DEPTH.get() - 1);
        let _ = caches(self.py, |caches| {
            if bytes.capacity() <= 64 << 10 {
                caches.scratch.push(bytes);
            }
        });
    }
}

/// The message: what was given, and how it ended up.
pub struct Given<'a, 'py> {
    pub message: &'a Bound<'py, PyAny>,
    pub args: Args<'a, 'py>,
}

#[derive(Clone, Copy)]
pub enum Args<'a, 'py> {
    Call(Arguments<'a, 'py>),
    /// `LogRecord.args`: a tuple, or the mapping that was its only item.
    Record(&'a Bound<'py, PyAny>),
    None,
}

impl<'py> Args<'_, 'py> {
    fn len(&self) -> usize {
        match self {
            Self::Call(args) => args.positional(),
            Self::Record(args) => args.cast_exact::<PyTuple>().map_or(1, |tuple| tuple.len()),
            Self::None => 0,
        }
    }

    fn each(&self, mut act: impl FnMut(usize, Borrowed<'_, 'py, PyAny>) -> bool) -> bool {
        match self {
            Self::Call(args) => (0..args.positional()).all(|index| args.get(index).is_some_and(|arg| act(index, arg))),
            Self::Record(args) => match args.cast_exact::<PyTuple>() {
                Ok(tuple) => {
                    (0..tuple.len()).all(|index| tuple.get_borrowed_item(index).is_ok_and(|arg| act(index, arg)))
                }
                Err(_) => act(0, args.as_borrowed()),
            },
            Self::None => true,
        }
    }

    /// What `%` gets: the tuple, or a mapping that was the only argument.
    fn operand(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Call(args) => {
                if let (1, Some(only)) = (args.positional(), args.get(0)) {
                    if is_mapping(&only) && only.is_truthy()? {
                        return Ok(only.to_owned());
                    }
                }
                Ok(args.tuple()?.into_any())
            }
            Self::Record(args) => Ok((*args).clone()),
            Self::None => Ok(PyTuple::empty(py).into_any()),
        }
    }
}

fn is_mapping(object: &Bound<'_, PyAny>) -> bool {
    let class = ffi::type_address(object);
    let plain = [types::str(), types::int(), types::float(), types::bool(), types::list(), types::tuple()];
    !plain.contains(&class) && object.cast::<PyMapping>().is_ok()
}

/// Puts the message into the draft: deferred where the template allows it, else rendered and redacted.
pub fn put_message<'py>(
    py: Python<'py>,
    draft: &mut Draft<'_>,
    redactor: &Redactor,
    site: &Site,
    given: &Given<'_, 'py>,
    most: usize,
) -> PyResult<()> {
    let template = site
        .template
        .as_ref()
        .filter(|template| template.object.as_ptr() == given.message.as_ptr() && template.bytes <= most);
    let count = given.args.len();
    let mut taken = Taken::default();
    if let Some(template) = template {
        if count == 0 && template.harmless {
            draft.flags |= frame::SITE_TEMPLATE | frame::LITERAL;
            return Ok(());
        }
        if count > 0 && put_deferred(draft, redactor, template, &given.args, most, &mut taken) {
            return Ok(());
        }
        if template.harmless && count > 0 {
            draft.flags |= frame::SITE_TEMPLATE;
        }
    }
    let own = if ffi::type_address(given.message) == types::str() { None } else { Some(given.message.str()) };
    let format = match &own {
        None => given.message.clone(),
        Some(Ok(text)) => text.clone().into_any(),
        Some(Err(error)) => {
            draft.text(&unprintable(given.message, error));
            return reraise_if_not_exception(py, error);
        }
    };
    if count == 0 {
        with_text(&format, |text| draft.text(&kept(redactor, text, most)));
        return Ok(());
    }
    if draft.flags & frame::SITE_TEMPLATE == 0 {
        draft.flags |= frame::OWN_TEMPLATE;
        with_text(&format, |text| draft.text(&kept(redactor, text, most)));
    }
    let secrets = match template {
        Some(template) => template.redaction.secret,
        None => with_text(&format, |text| redactor.plan(text).secret),
    };
    let operand = taken.error.map_or_else(|| given.args.operand(py), Err);
    match operand
        .and_then(|operand| with_taken(py, operand, &taken.texts))
        .and_then(|operand| masked(py, redactor, operand, secrets))
        .and_then(|operand| ffi::percent(&format, &operand))
    {
        Ok(message) => {
            with_text(&message, |text| draft.text(&kept(redactor, text, most)));
            Ok(())
        }
        Err(error) => {
            let text =
                with_text(&format, |text| failed_message(py, redactor, text, &given.args, secrets, &error, most));
            draft.text(&kept(redactor, &text, most));
            reraise_if_not_exception(py, &error)
        }
    }
}

/// KeyboardInterrupt and SystemExit go on; an Exception in rendering never leaves a log call.
fn reraise_if_not_exception(py: Python<'_>, error: &PyErr) -> PyResult<()> {
    if error.is_instance_of::<PyException>(py) {
        return Ok(());
    }
    Err(error.clone_ref(py))
}

/// Replaces the arguments that follow a secret word, and the values of a mapping's secret keys.
pub fn masked<'py>(
    py: Python<'py>,
    redactor: &Redactor,
    operand: Bound<'py, PyAny>,
    secrets: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let hide = |item: Bound<'py, PyAny>| {
        if item.is_none() || ffi::type_address(&item) == types::bool() {
            return item;
        }
        PyString::new(py, redactor.mask()).into_any()
    };
    if let Ok(tuple) = operand.cast_exact::<PyTuple>() {
        if secrets == 0 {
            return Ok(operand);
        }
        let is_secret = |index: usize| index < 64 && secrets >> index & 1 == 1;
        let items = tuple.iter().enumerate().map(|(index, item)| if is_secret(index) { hide(item) } else { item });
        return Ok(PyTuple::new(py, items.collect::<Vec<_>>())?.into_any());
    }
    let Ok(mapping) = operand.cast_exact::<PyDict>() else { return Ok(operand) };
    let is_secret = |key: &Bound<'py, PyAny>| redactor.secret_key(&text_of(key));
    if !mapping.keys().iter().any(|key| is_secret(&key)) {
        return Ok(operand);
    }
    let copy = PyDict::new(py);
    for (key, item) in mapping.iter() {
        let item = if is_secret(&key) { hide(item) } else { item };
        copy.set_item(key, item)?;
    }
    Ok(copy.into_any())
}

/// What is kept of a message whose arguments do not fit its template, or for which there is no memory: of each text so
/// much that not all of that is copied again.
fn failed_message(
    py: Python<'_>,
    redactor: &Redactor,
    template: &str,
    args: &Args<'_, '_>,
    secrets: u64,
    error: &PyErr,
    most: usize,
) -> String {
    let most = if error.is_instance_of::<PyMemoryError>(py) { MARGIN } else { most };
    let mut shown = Vec::new();
    let _ = args.each(|index, arg| {
        let secret = index < 64 && secrets >> index & 1 == 1;
        shown.push(if secret { redactor.mask().to_owned() } else { start_of(&arg, most) });
        true
    });
    let kind = error.get_type(py).name().map_or_else(|_| String::from("Exception"), |name| name.to_string());
    let why = error.value(py).str().map_or_else(|_| String::new(), |text| with_text(text.as_any(), str::to_owned));
    let template = &template[..floor_char(template, most)];
    format!("{template} [arguments: {}; not formatted: {kind}: {why}]", shown.join(", "))
}

/// Arguments' texts that were taken before it was found that the message must be rendered now.
#[derive(Default)]
pub struct Taken<'py> {
    pub texts: Vec<(usize, Bound<'py, PyAny>)>,
    /// What an argument's `__str__` raised.
    pub error: Option<PyErr>,
}

/// The operand with the texts in their arguments' places: no `__str__` runs twice.
fn with_taken<'py>(
    py: Python<'py>,
    operand: Bound<'py, PyAny>,
    texts: &[(usize, Bound<'py, PyAny>)],
) -> PyResult<Bound<'py, PyAny>> {
    let Ok(tuple) = operand.cast_exact::<PyTuple>() else { return Ok(operand) };
    if texts.is_empty() {
        return Ok(operand);
    }
    let text_at = |index| texts.iter().find(|(at, _)| *at == index).map(|(_, text)| text.clone());
    let items = tuple.iter().enumerate().map(|(index, item)| text_at(index).unwrap_or(item));
    Ok(PyTuple::new(py, items.collect::<Vec<_>>())?.into_any())
}

fn put_deferred<'py>(
    draft: &mut Draft<'_>,
    redactor: &Redactor,
    template: &Template,
    args: &Args<'_, 'py>,
    most: usize,
    taken: &mut Taken<'py>,
) -> bool {
    let Some(plan) = &template.plan else { return false };
    if plan.args.len() != args.len() {
        return false;
    }
    let start = draft.bytes.len();
    let mut fits = true;
    draft.section(|out| {
        let room = most.saturating_sub(template.bytes);
        fits = args.each(|index, value| {
            pack_argument(redactor, &template.redaction, plan.args[index], index, value, room, taken, out)
        });
    });
    // What is too long is rendered and cut now.
    if !fits || draft.bytes.len() - start > most {
        draft.bytes.truncate(start);
        return false;
    }
    draft.flags |= frame::SITE_TEMPLATE | frame::DEFERRED;
    true
}

/// Where a record's fields come from, in the order in which they are written; later ones win over earlier ones.
#[derive(Default)]
pub struct FieldSources<'py> {
    pub dicts: Vec<Bound<'py, PyDict>>,
    pub pairs: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

impl<'py> FieldSources<'py> {
    fn is_empty(&self) -> bool {
        self.dicts.iter().all(|dict| dict.is_empty()) && self.pairs.is_empty()
    }

    /// Adds the context's fields and the trace's, which every record gets.
    pub fn add_surroundings(&mut self, py: Python<'py>) {
        let context = CONTEXT_USED.load(Ordering::Relaxed);
        let trace = runtime::has_tracing(py);
        if !context && !trace {
            return;
        }
        let Some(hooks) = runtime::HOOKS.get(py) else { return };
        for hook in [context.then_some(&hooks.context), trace.then_some(&hooks.trace)].into_iter().flatten() {
            if let Ok(found) = hook.call0(py) {
                if let Ok(dict) = found.into_bound(py).cast_into::<PyDict>() {
                    self.dicts.insert(0, dict);
                }
            }
        }
    }
}

fn put_fields(draft: &mut Draft<'_>, redactor: &Redactor, sources: &FieldSources<'_>, most: usize) {
    if sources.is_empty() {
        return;
    }
    draft.flags |= frame::FIELDS;
    draft.section(|out| {
        for (at, dict) in sources.dicts.iter().enumerate() {
            for (key, value) in dict.iter() {
                let shadowed = sources.dicts[at + 1..].iter().any(|later| later.contains(&key).unwrap_or(false))
                    || sources.pairs.iter().any(|(name, _)| name.eq(&key).unwrap_or(false));
                if !shadowed {
                    put_field(redactor, &key, &value, most, out);
                }
            }
        }
        for (key, value) in &sources.pairs {
            put_field(redactor, key, value, most, out);
        }
    });
}

fn put_field(redactor: &Redactor, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, most: usize, out: &mut Vec<u8>) {
    if ffi::type_address(key) == types::str() {
        with_text(key, |name| pack_field(redactor, name, value, most, out));
    } else {
        pack_field(redactor, &text_of(key), value, most, out);
    }
}

/// An exception: kind, message, text, fingerprint, frames.
pub type ExceptionTexts = (String, String, String, u64, String);

/// What follows message and fields.
#[derive(Default)]
pub struct Rest {
    pub exception: Option<ExceptionTexts>,
    pub stack_info: String,
    pub task_name: String,
    pub lines: Vec<u8>,
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
        let definitions = frame_bytes(self.site.payload.len()) + frame_bytes(self.thread.payload.len());
        let Reserved::Ready = spool.reserve(py, self.time_ns, definitions + frame_bytes(draft.bytes.len())) else {
            return;
        };
        let Some(mut state) = spool.state.borrow(py) else { return };
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
        draft.bytes[..HEAD].copy_from_slice(&head.bytes());
        target.append_record(draft.flags, &draft.bytes);
        if mask & state.terminal_bits() != 0 {
            self.show(&mut state, mask, draft);
        }
    }

    fn show(&self, state: &mut crate::state::State, mask: u32, draft: &Draft<'_>) {
        let Some((site, template)) = frame::site(&self.site.payload) else { return };
        let Some(thread) = frame::thread(&self.thread.payload) else { return };
        let process = state.spool.process.clone();
        let sequence = state.spool.appended();
        let frame =
            frame::Frame { kind: Kind::Record, flags: draft.flags, sequence: 0, payload: &draft.bytes, stride: 0 };
        let context = frame::Context { site, template, thread, process: &process, first_sequence: sequence };
        let Some((record, lines)) = frame::record(&frame, &context) else { return };
        for (bit, terminal) in state.terminals(mask) {
            terminal.write(&record, lines.get(bit as u32));
        }
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

/// The running thread, as its frames name it.
pub fn thread(py: Python<'_>) -> PyResult<Rc<ThreadEntry>> {
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

/// The name `logging` has for a level.
pub fn level_name<'py>(py: Python<'py>, level: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(ffi::dict_get(names(py)?.levels.bind(py), level))
}

/// The native path of one call: the plan says that nothing but our handlers is in reach.
pub fn take<'py>(
    py: Python<'py>,
    plan: &Plan,
    level: i32,
    mut draft: Draft<'py>,
    args: Arguments<'_, 'py>,
    mut fields: FieldSources<'py>,
    site: &Site,
) -> PyResult<()> {
    let Some(message) = args.get(0) else { return Ok(()) };
    let redactor = runtime::redactor(py);
    let most = plan.targets.first().map_or(1 << 20, |target| target.spool.get().max_message_bytes);
    let given = Given { message: &message, args: Args::Call(args.skip(1)) };
    let rendered = put_message(py, &mut draft, &redactor, site, &given, most);
    fields.add_surroundings(py);
    put_fields(&mut draft, &redactor, &fields, most);
    if plan.wants_task {
        let rest = Rest { task_name: task_name(py), ..Rest::default() };
        put_rest(&mut draft, &redactor, &rest, most);
    }
    let thread = thread(py)?;
    let ready = Ready { site, thread: &thread, time_ns: now(), level };
    for (at, target) in plan.targets.iter().enumerate() {
        let spool = target.spool.get();
        // All targets of one spool make one record.
        if plan.targets[..at].iter().any(|earlier| std::ptr::eq(earlier.spool.get(), spool)) {
            continue;
        }
        let same =
            plan.targets[at..].iter().filter(|other| std::ptr::eq(other.spool.get(), spool) && level >= other.level);
        let mask = same.fold(0, |mask, other| mask | other.mask);
        if mask != 0 {
            ready.append(py, spool, mask, &mut draft);
        }
    }
    rendered
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

fn address(object: Option<&Bound<'_, PyAny>>) -> usize {
    object.map_or(0, |object| object.as_ptr() as usize)
}

/// The site of the running call, found or made.
pub fn call_site<'py>(
    py: Python<'py>,
    plan: &Plan,
    caller: &ffi::Caller<'py>,
    level: i32,
    level_object: &Bound<'py, PyAny>,
    message: &Bound<'py, PyAny>,
) -> PyResult<Rc<Site>> {
    let key =
        Key { anchor: caller.code.as_ptr() as usize, place: caller.place, logger: plan.name.as_ptr() as usize, level };
    let known = caches(py, |caches| caches.sites.get(&key).map(Rc::clone)).flatten();
    if let Some(site) = &known {
        let same = match &site.template {
            Some(template) => template.object.as_ptr() == message.as_ptr(),
            None => true,
        };
        let named = || level_name(py, level_object).is_ok_and(|name| site.level_name == address(name.as_ref()));
        if same && (ffi::is_unchanged(&site.checked) || named()) {
            return Ok(Rc::clone(site));
        }
    }
    let level_text = level_name(py, level_object)?;
    let level_address = address(level_text.as_ref());
    let path = text_of(&caller.code.getattr(intern!(py, "co_filename"))?);
    let function = text_of(&caller.code.getattr(intern!(py, "co_name"))?);
    let logger = plan.name.bind(py);
    let held = vec![caller.code.clone().unbind(), plan.name.clone_ref(py)];
    // A second message at the same place: it is not constant there.
    let template = (known.is_none() && site::may_be_template(message)).then(|| message.clone().unbind());
    let described = Described { path, line: caller.line(), function, level, level_text, level_address };
    remember_site(py, key, held, logger, template, described)
}

/// What a site frame says of a place.
pub struct Described<'py> {
    pub path: String,
    pub line: u32,
    pub function: String,
    pub level: i32,
    pub level_text: Option<Bound<'py, PyAny>>,
    pub level_address: usize,
}

pub fn remember_site<'py>(
    py: Python<'py>,
    key: Key,
    held: Vec<Py<PyAny>>,
    logger: &Bound<'py, PyAny>,
    template: Option<Py<PyAny>>,
    described: Described<'py>,
) -> PyResult<Rc<Site>> {
    let redactor = runtime::redactor(py);
    let logger = text_of(logger);
    let level_name = described.level_text.map_or_else(|| format!("Level {}", described.level), |text| text_of(&text));
    let model = model::Site {
        logger: &logger,
        level: described.level,
        level_name: &level_name,
        pathname: &described.path,
        line: described.line,
        function: &described.function,
    };
    let (mut text, mut made) = (None, None);
    if let Some(object) = template {
        let whole = with_text(object.bind(py), str::to_owned);
        let found = Template::new(&redactor, object, &whole);
        text = (found.harmless || found.plan.is_some()).then_some(whole);
        made = Some(found);
    }
    let internal = described.path == names(py)?.srcfile;
    let site = Rc::new(Site {
        held,
        level_name: described.level_address,
        checked: Cell::new(0),
        internal,
        template: made,
        payload: site::payload(&model, text.as_deref()),
        salt: Cell::new(0),
        offset: Cell::new(0),
    });
    let old = caches(py, |caches| (runtime::bounded(&mut caches.sites), caches.sites.insert(key, Rc::clone(&site))));
    drop(old);
    Ok(site)
}

/// Appends a draft that came from a LogRecord.
#[allow(clippy::too_many_arguments)]
pub fn finish<'py>(
    py: Python<'py>,
    site: &Site,
    thread: &ThreadEntry,
    time_ns: i64,
    level: i32,
    given: &Given<'_, 'py>,
    fields: FieldSources<'py>,
    rest: &Rest,
    spool: &PySpool,
    mask: u32,
    mut draft: Draft<'py>,
) -> PyResult<()> {
    let redactor = runtime::redactor(py);
    let rendered = put_message(py, &mut draft, &redactor, site, given, spool.max_message_bytes);
    let mut fields = fields;
    fields.add_surroundings(py);
    put_fields(&mut draft, &redactor, &fields, spool.max_message_bytes);
    put_rest(&mut draft, &redactor, rest, spool.max_message_bytes);
    Ready { site, thread, time_ns, level }.append(py, spool, mask, &mut draft);
    rendered
}

/// The plan's own check that the native path is right just now.
pub fn may_go_straight(py: Python<'_>, plan: &Plan) -> PyResult<bool> {
    Ok(plan.fast && plan.holds(py) && plan::stdlib_is_itself(py)?)
}
