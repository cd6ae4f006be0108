//! A record for Python: `cordwood.record.Record`.
use cordwood_core::record::value::Value;
use cordwood_core::record::{Message, Record};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let class =
        CLASS.get_or_try_init(py, || Ok::<_, PyErr>(py.import("cordwood.record")?.getattr("Record")?.unbind()))?;
    Ok(class.bind(py))
}

/// The message as text; what cannot be rendered stands as its template.
pub fn message(record: &Record<'_>) -> String {
    match record.message {
        Message::Rendered(text) => text.to_owned(),
        Message::Deferred(args) => {
            let mut out = Vec::new();
            record.render(args, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    }
}

pub fn to_python<'py>(py: Python<'py>, record: &Record<'_>) -> PyResult<Bound<'py, PyAny>> {
    let out = PyDict::new(py);
    out.set_item("time", record.time_ns)?;
    out.set_item("level", record.site.level)?;
    out.set_item("level_name", record.site.level_name)?;
    out.set_item("logger", record.site.logger)?;
    out.set_item("message", message(record))?;
    out.set_item("template", record.template)?;
    out.set_item("pathname", record.site.pathname)?;
    out.set_item("filename", record.site.filename())?;
    out.set_item("module", record.site.module())?;
    out.set_item("line", record.site.line)?;
    out.set_item("function", record.site.function)?;
    out.set_item("pid", record.thread.pid)?;
    out.set_item("process_name", record.thread.process_name)?;
    out.set_item("thread_id", record.thread.ident)?;
    out.set_item("thread_name", record.thread.name)?;
    out.set_item("hostname", &record.process.hostname)?;
    let fields = PyDict::new(py);
    for (key, value) in record.fields {
        fields.set_item(key, value_to_python(py, value)?)?;
    }
    out.set_item("fields", fields)?;
    out.set_item("exception", exception(py, record)?)?;
    out.set_item("stack_info", record.stack_info)?;
    out.set_item("task_name", record.task_name)?;
    out.set_item("segment", record.process.segment)?;
    out.set_item("sequence", record.sequence)?;
    class(py)?.call((), Some(&out))
}

fn exception<'py>(py: Python<'py>, record: &Record<'_>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(exception) = record.exception else { return Ok(None) };
    let out = PyDict::new(py);
    out.set_item("type", exception.kind)?;
    out.set_item("message", exception.message)?;
    out.set_item("text", exception.text)?;
    out.set_item("fingerprint", format!("{:016x}", exception.fingerprint))?;
    out.set_item(
        "frames",
        parse_json(py, if exception.frames_json.is_empty() { "[]" } else { exception.frames_json })?,
    )?;
    Ok(Some(out))
}

fn parse_json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (text,))
}

fn value_to_python<'py>(py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::None => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => value.into_pyobject(py)?.into_any(),
        Value::Str(text) => PyString::new(py, text).into_any(),
        Value::Number(digits) => py.import("builtins")?.call_method1("int", (digits,))?,
        Value::Json(text) => parse_json(py, text)?,
    })
}
