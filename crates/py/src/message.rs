//! A record's message: deferred where its template allows that, else rendered and redacted now.
use cordwood_core::formatters::redact::Redactor;
use cordwood_core::record::frame;
use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString, PyTuple};
use pyo3::Borrowed;

use crate::draft::{floor_char, kept, section, Draft, MARGIN};
use crate::ffi::{self, types, Arguments};
use crate::site::{Site, Template};
use crate::value::{pack_argument, start_of, text_of, unprintable, with_text};

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

    #[inline]
    fn each(&self, mut act: impl FnMut(usize, Borrowed<'_, 'py, PyAny>) -> bool) -> bool {
        match self {
            Self::Call(args) => args.values().enumerate().all(|(index, arg)| act(index, arg)),
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
        if count > 0 && put_deferred(&mut draft.bytes, redactor, template, &given.args, most, Some(&mut taken)) {
            draft.flags |= frame::SITE_TEMPLATE | frame::DEFERRED;
            return Ok(());
        }
        if template.harmless && count > 0 {
            draft.flags |= frame::SITE_TEMPLATE;
        }
    }
    let format = match text_object(given.message) {
        Ok(format) => format,
        Err(error) => {
            draft.text(&unprintable(given.message, &error));
            return reraise_if_not_exception(py, &error);
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
    put_rendered(py, draft, redactor, &format, given, secrets, taken, most)
}

/// The message as text: a `str` of any make.
fn text_object<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if ffi::type_address(message) == types::str() {
        return Ok(message.clone());
    }
    message.str().map(Bound::into_any)
}

/// The message rendered now.
#[allow(clippy::too_many_arguments)]
fn put_rendered<'py>(
    py: Python<'py>,
    draft: &mut Draft<'_>,
    redactor: &Redactor,
    format: &Bound<'py, PyAny>,
    given: &Given<'_, 'py>,
    secrets: u64,
    taken: Taken<'py>,
    most: usize,
) -> PyResult<()> {
    let operand = taken.error.map_or_else(|| given.args.operand(py), Err);
    match operand
        .and_then(|operand| with_taken(py, operand, &taken.texts))
        .and_then(|operand| masked(py, redactor, operand, secrets))
        .and_then(|operand| ffi::percent(format, &operand))
    {
        Ok(message) => {
            with_text(&message, |text| draft.text(&kept(redactor, text, most)));
            Ok(())
        }
        Err(error) => {
            let text = with_text(format, |text| failed_message(py, redactor, text, &given.args, secrets, &error, most));
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

/// Packs the arguments of a template whose formatting is deferred; false, and nothing is left, where it cannot be. Without
/// a place for texts that were taken no Python code runs.
#[inline]
fn put_deferred<'py>(
    out: &mut Vec<u8>,
    redactor: &Redactor,
    template: &Template,
    args: &Args<'_, 'py>,
    most: usize,
    mut taken: Option<&mut Taken<'py>>,
) -> bool {
    let Some(plan) = &template.plan else { return false };
    if plan.args.len() != args.len() {
        return false;
    }
    let start = out.len();
    let room = most.saturating_sub(template.bytes);
    let fits = section(out, |out| {
        args.each(|index, value| {
            let taken = taken.as_deref_mut();
            pack_argument(redactor, &template.redaction, plan.args[index], index, value, room, taken, out)
        })
    });
    // What is too long is rendered and cut now.
    if !fits || out.len() - start > most {
        out.truncate(start);
        return false;
    }
    true
}

/// The message of a call that has the site's template and whose arguments need no Python code: the frame's flags, or None
/// where it is not such a call.
#[inline]
pub fn put_plain(
    out: &mut Vec<u8>,
    redactor: &Redactor,
    site: &Site,
    args: Arguments<'_, '_>,
    most: usize,
) -> Option<u8> {
    let template = site.template.as_ref().filter(|template| template.bytes <= most)?;
    if template.object.as_ptr() != args.get(0)?.as_ptr() {
        return None;
    }
    if args.positional() == 1 {
        return template.harmless.then_some(frame::SITE_TEMPLATE | frame::LITERAL);
    }
    put_deferred(out, redactor, template, &Args::Call(args.skip(1)), most, None)
        .then_some(frame::SITE_TEMPLATE | frame::DEFERRED)
}
