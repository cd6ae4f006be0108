//! What the Python side hands over once: hooks, redaction; and questions it asks while reading a configuration.
use std::sync::atomic::Ordering;

use cordwood_core::formatters::console::Theme;
use cordwood_core::formatters::redact::{Options, Redactor};
use cordwood_core::formatters::text::TextFormat;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::runtime;

/// Functions of the Python half that capture calls.
///
/// `describe_exception(value, traceback)`, `context()`, `trace()`, `limit(code, offset, **options)`, `report(text)`.
#[pyfunction]
pub fn set_hooks(
    py: Python<'_>,
    describe_exception: Py<PyAny>,
    context: Py<PyAny>,
    trace: Py<PyAny>,
    limit: Py<PyAny>,
    report: Py<PyAny>,
) {
    let _ = runtime::HOOKS.set(py, runtime::Hooks { describe_exception, context, trace, limit, report });
}

/// A context was entered: from now on each record asks for its fields.
#[pyfunction]
pub fn context_used() {
    runtime::CONTEXT_USED.store(true, Ordering::Relaxed);
}

fn refuse(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Sets what is redacted; `spec` is the JSON form of `RedactionConfig`.
#[pyfunction]
pub fn set_redaction(py: Python<'_>, spec: &str) -> PyResult<()> {
    let spec: serde_json::Value = serde_json::from_str(spec).map_err(refuse)?;
    let texts = |name: &str| {
        let items = spec[name].as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut options = Options {
        words: texts("words"),
        safe_keys: texts("safe_keys"),
        patterns: texts("patterns"),
        ..Options::default()
    };
    if let Some(enabled) = spec["enabled"].as_bool() {
        options.enabled = enabled;
    }
    if let Some(emails) = spec["emails"].as_bool() {
        options.emails = emails;
    }
    if let Some(mask) = spec["mask"].as_str() {
        mask.clone_into(&mut options.mask);
    }
    runtime::set_redactor(py, Redactor::new(options).map_err(refuse)?);
    Ok(())
}

/// The text with its secrets hidden, by the rules in force.
#[pyfunction]
pub fn redact(py: Python<'_>, text: &str) -> String {
    runtime::redactor(py).redact_text(text).into_owned()
}

/// The text as text formats write a value: newlines indented, control characters escaped.
#[pyfunction]
pub fn escape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    cordwood_core::formatters::escape::push(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// True if the core can format with this; False if Python must. Raises ValueError if nobody can.
#[pyfunction]
#[pyo3(signature = (template, date_format=None))]
pub fn compile_text(template: &str, date_format: Option<&str>) -> bool {
    TextFormat::compile(template, date_format).is_ok()
}

/// Raises ValueError for a redaction pattern that cannot be used.
#[pyfunction]
pub fn check_pattern(pattern: &str) -> PyResult<()> {
    let options = Options { patterns: vec![pattern.to_owned()], ..Options::default() };
    Redactor::new(options).map(|_| ()).map_err(|error| {
        // The parser draws the pattern with a caret below; its last line says what is wrong.
        let text = error.to_string();
        refuse(text.rsplit("error: ").next().unwrap_or(&text))
    })
}

/// Raises ValueError for colour words that mean nothing.
#[pyfunction]
pub fn check_theme(level: &str, words: &str) -> PyResult<()> {
    Theme::parse([(level, words)]).map(|_| ()).map_err(refuse)
}
