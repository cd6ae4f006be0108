//! Python objects as packed values, redacted on the way.
use cordwood_core::formatters::redact::{self, Redactor};
use cordwood_core::record::percent::Kind;
use cordwood_core::record::value::{pack, Value};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::Borrowed;

use crate::draft::{floor_char, kept};
use crate::ffi::{self, types};
use crate::json::Json;
use crate::message::Taken;

/// The text of any `str`: lone surrogates, which no encoding has, are escaped.
pub fn with_text<R>(object: &Bound<'_, PyAny>, act: impl FnOnce(&str) -> R) -> R {
    let borrowed = object.as_borrowed();
    match ffi::text(&borrowed) {
        Some(text) => act(text),
        None => act(&escaped(object)),
    }
}

fn escaped(object: &Bound<'_, PyAny>) -> String {
    let bytes = object.call_method1("encode", ("utf-8", "backslashreplace"));
    bytes.and_then(|bytes| bytes.extract::<Vec<u8>>()).map_or_else(
        |_| String::from("(text that cannot be encoded)"),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

/// `str(object)`, or what can be said where that fails. Runs Python code.
pub fn text_of(object: &Bound<'_, PyAny>) -> String {
    match object.str() {
        Ok(text) => with_text(text.as_any(), str::to_owned),
        Err(error) => unprintable(object, &error),
    }
}

/// The first `most` bytes of `str(object)`.
pub fn start_of(object: &Bound<'_, PyAny>, most: usize) -> String {
    match object.str() {
        Ok(text) => with_text(text.as_any(), |text| text[..floor_char(text, most)].to_owned()),
        Err(error) => unprintable(object, &error),
    }
}

/// What stands for an object whose `__str__` fails.
pub fn unprintable(object: &Bound<'_, PyAny>, error: &PyErr) -> String {
    let class = object.get_type().name().map_or_else(|_| String::from("object"), |name| name.to_string());
    let py = object.py();
    let failed = error.get_type(py).name().map_or_else(|_| String::from("an error"), |name| name.to_string());
    format!("<{class}: its text failed with {failed}>")
}

/// Packs a field's value under its key. May run Python code (`__str__` of types that are not packed).
pub fn pack_field(redactor: &Redactor, key: &str, value: &Bound<'_, PyAny>, most: usize, out: &mut Vec<u8>) {
    pack(Value::Str(key), out);
    if redactor.secret_key(key) {
        pack(Value::Str(redactor.mask()), out);
    } else {
        pack_value(redactor, value, most, out);
    }
}

fn pack_value(redactor: &Redactor, value: &Bound<'_, PyAny>, most: usize, out: &mut Vec<u8>) {
    let class = ffi::type_address(value);
    if class == types::str() {
        with_text(value, |text| pack(Value::Str(&kept(redactor, text, most)), out));
    } else if class == types::int() {
        pack_int(redactor, value, out);
    } else if class == types::float() {
        pack(Value::Float(ffi::float(value)), out);
    } else if class == types::bool() {
        pack(Value::Bool(value.is_truthy().unwrap_or(false)), out);
    } else if value.is_none() {
        pack(Value::None, out);
    } else if class == types::dict() || class == types::list() || class == types::tuple() {
        pack(Value::Json(&Json::of(redactor, value, most)), out);
    } else if value.is_instance_of::<PyString>() {
        with_text(value, |text| pack(Value::Str(&kept(redactor, text, most)), out));
    } else {
        pack(Value::Str(&kept(redactor, &text_of(value), most)), out);
    }
}

fn pack_int(redactor: &Redactor, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) {
    match ffi::small_int(value) {
        // No card number is shorter.
        Some(n) if n.unsigned_abs() < 1_000_000_000_000 => pack(Value::Int(n), out),
        Some(n) => match redactor.redact_text(&n.to_string()) {
            std::borrow::Cow::Borrowed(_) => pack(Value::Int(n), out),
            std::borrow::Cow::Owned(text) => pack(Value::Str(&text), out),
        },
        None => {
            let digits = text_of(value);
            match redactor.redact_text(&digits) {
                std::borrow::Cow::Borrowed(_) if is_number(&digits) => pack(Value::Number(&digits), out),
                text => pack(Value::Str(&text), out),
            }
        }
    }
}

pub fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Packs one %-argument if its template can be rendered later; false: it must be rendered now, as one of more than `room`
/// bytes must.
#[allow(clippy::too_many_arguments)]
#[inline]
pub fn pack_argument<'py>(
    redactor: &Redactor,
    plan: &redact::Plan,
    kind: Kind,
    index: usize,
    value: Borrowed<'_, 'py, PyAny>,
    room: usize,
    taken: Option<&mut Taken<'py>>,
    out: &mut Vec<u8>,
) -> bool {
    let class = ffi::type_address(&value);
    if is_secret(plan, index) {
        return pack_secret(redactor, kind, &value, out);
    }
    // Each type with the conversions that take it; `Kind::accepts` says the same of packed values.
    if class == types::str() {
        let Some(text) = ffi::text(&value).filter(|_| kind == Kind::Str) else {
            return kind == Kind::Repr && pack_checked(redactor, plan, kind, index, &value, room, taken, out);
        };
        let harmless = text.len() <= room && redactor.argument_is_harmless(plan, index, text);
        if harmless {
            pack(Value::Str(text), out);
        }
        harmless
    } else if class == types::int() {
        let Some(n) = ffi::small_int(&value).filter(|n| redactor.int_is_harmless(plan, *n)) else { return false };
        pack(Value::Int(n), out);
        true
    } else if class == types::float() {
        let packed = Value::Float(ffi::float(&value));
        let fits = matches!(kind, Kind::Str | Kind::Float) || kind.accepts(&packed);
        if fits {
            pack(packed, out);
        }
        fits
    } else {
        pack_checked(redactor, plan, kind, index, &value, room, taken, out)
    }
}

fn is_secret(plan: &redact::Plan, index: usize) -> bool {
    plan.secret != 0 && index < 64 && plan.secret >> index & 1 == 1
}

/// An argument after a secret word. A mask does not fit a number's conversion: such a message is rendered at once.
#[cold]
fn pack_secret(redactor: &Redactor, kind: Kind, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> bool {
    let packed = match plain(value) {
        Some(shown @ (Value::None | Value::Bool(_))) => shown,
        _ => Value::Str(redactor.mask()),
    };
    let fits = kind.accepts(&packed);
    if fits {
        pack(packed, out);
    }
    fits
}

fn plain(value: &Bound<'_, PyAny>) -> Option<Value<'static>> {
    if value.is_none() {
        return Some(Value::None);
    }
    (ffi::type_address(value) == types::bool()).then(|| Value::Bool(value.is_truthy().unwrap_or(false)))
}

/// The rarer types and conversions.
#[allow(clippy::too_many_arguments)]
fn pack_checked<'py>(
    redactor: &Redactor,
    plan: &redact::Plan,
    kind: Kind,
    index: usize,
    value: &Bound<'py, PyAny>,
    room: usize,
    taken: Option<&mut Taken<'py>>,
    out: &mut Vec<u8>,
) -> bool {
    let borrowed = value.as_borrowed();
    let packed = match plain(value) {
        Some(packed) => packed,
        None if ffi::type_address(value) == types::str() => match ffi::text(&borrowed) {
            Some(text) if text.len() <= room && redactor.argument_is_harmless(plan, index, text) => Value::Str(text),
            _ => return false,
        },
        // `%s` of anything is its text, which is taken now: the object may change.
        None => {
            let Some(taken) = taken.filter(|_| kind == Kind::Str) else { return false };
            return pack_text_of(redactor, plan, index, value, room, taken, out);
        }
    };
    let fits = kind.accepts(&packed);
    if fits {
        pack(packed, out);
    }
    fits
}

fn pack_text_of<'py>(
    redactor: &Redactor,
    plan: &redact::Plan,
    index: usize,
    value: &Bound<'py, PyAny>,
    room: usize,
    taken: &mut Taken<'py>,
    out: &mut Vec<u8>,
) -> bool {
    let object = match value.str() {
        Ok(object) => object.into_any(),
        Err(error) => {
            taken.error = Some(error);
            return false;
        }
    };
    // A container is rendered again where that is needed: secrets inside are found by their keys.
    let class = ffi::type_address(value);
    if class != types::dict() && class != types::list() && class != types::tuple() {
        taken.texts.push((index, object.clone()));
    }
    let borrowed = object.as_borrowed();
    match ffi::text(&borrowed) {
        Some(text) if text.len() <= room && redactor.argument_is_harmless(plan, index, text) => {
            pack(Value::Str(text), out);
            true
        }
        _ => false,
    }
}
