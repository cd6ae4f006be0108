//! Call sites: what is constant for one place in the program, worked out at its first record.
use std::cell::Cell;

use cordwood_core::frame;
use cordwood_core::percent;
use cordwood_core::record;
use cordwood_core::redact::{self, Redactor};
use pyo3::prelude::*;
use pyo3::types::PyString;

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
    /// Keeps the addresses in [`Key`] from being given to others.
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
