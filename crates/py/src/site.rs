//! Call sites: what is constant for one place in the program, worked out at its first record.
use std::cell::Cell;
use std::rc::Rc;

use cordwood_core::formatters::redact::{self, Redactor};
use cordwood_core::record;
use cordwood_core::record::frame;
use cordwood_core::record::percent;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::{self, watch};
use crate::plan::Plan;
use crate::runtime::{self, caches, names};
use crate::value::{text_of, with_text};

/// What tells one site from another: code object and instruction (or file name and line), logger, level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub anchor: usize,
    pub place: u32,
    pub logger: usize,
    pub level: i32,
}

/// A longer message is no template; looking through it once for all calls would be a long wait of one of them.
const LONGEST: usize = 64 << 10;

/// True for a message that may be the same at each call.
pub fn may_be_template(message: &Bound<'_, PyAny>) -> bool {
    message.cast_exact::<PyString>().is_ok_and(|text| text.len().is_ok_and(|len| len <= LONGEST))
}

/// What a template asks for.
pub struct Template {
    /// The message object it was made from, for comparison by identity.
    pub object: Py<PyAny>,
    pub bytes: usize,
    /// How the arguments may be packed; None: rendered at capture.
    pub plan: Option<percent::Plan>,
    /// Which arguments follow a secret word, and what the others must not hold.
    pub redaction: redact::Plan,
    /// The template itself shows no secret, so without arguments it is the message.
    pub harmless: bool,
}

pub struct Site {
    /// Keeps the addresses in [`Key`] from being given to others. (Of the level's name, `logging` does.)
    pub held: Vec<Py<PyAny>>,
    pub level_name: usize,
    /// When the level's name was compared with `logging`'s table last.
    pub checked: Cell<u64>,
    /// A frame of `logging` itself: the call came through a function of its own.
    pub internal: bool,
    /// None: the message is not constant here.
    pub template: Option<Template>,
    pub payload: Vec<u8>,
    /// The segment this site is defined in, and where.
    pub salt: Cell<u64>,
    pub offset: Cell<u32>,
}

impl Template {
    pub fn new(redactor: &Redactor, object: Py<PyAny>, text: &str) -> Self {
        let redaction = redactor.plan(text);
        Self {
            object,
            bytes: text.len(),
            plan: if redaction.render { None } else { percent::Plan::new(text) },
            redaction,
            harmless: matches!(redactor.redact_text(text), std::borrow::Cow::Borrowed(_)),
        }
    }
}

/// A site frame's payload; the template is kept only where it shows no secret.
pub fn payload(site: &record::Site<'_>, template: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    frame::put_site(site, template, &mut out);
    out
}

/// The name `logging` has for a level.
pub fn level_name<'py>(py: Python<'py>, level: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(ffi::dict_get(names(py)?.levels.bind(py), level))
}

/// Where the name that `logging` has for a level lies.
pub fn level_name_address(py: Python<'_>, level: &Bound<'_, PyAny>) -> usize {
    names(py).map_or(0, |names| ffi::dict_address(names.levels.bind(py), level))
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
        let named = || site.level_name == level_name_address(py, level_object);
        if same && (watch::is_unchanged(&site.checked) || named()) {
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
    let template = (known.is_none() && may_be_template(message)).then(|| message.clone().unbind());
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
    let model = record::Site {
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
        payload: payload(&model, text.as_deref()),
        salt: Cell::new(0),
        offset: Cell::new(0),
    });
    let old = caches(py, |caches| (runtime::bounded(&mut caches.sites), caches.sites.insert(key, Rc::clone(&site))));
    drop(old);
    Ok(site)
}
