//! A list or mapping among a record's fields, as JSON: secrets hidden, and hardly longer than a message may be.
use std::borrow::Cow;

use cordwood_core::formatters::redact::Redactor;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::draft::kept;
use crate::ffi::{self, types};
use crate::value::{is_number, text_of};

/// How deep nested lists and mappings are followed; beyond, their text stands.
const DEPTH: usize = 8;

pub struct Json<'a> {
    redactor: &'a Redactor,
    /// When there are so many bytes, what is left of a list or mapping is counted and not written.
    most: usize,
    out: String,
}

impl<'a> Json<'a> {
    pub fn of(redactor: &'a Redactor, value: &Bound<'_, PyAny>, most: usize) -> String {
        let mut json = Self { redactor, most, out: String::new() };
        json.put(value, 0);
        json.out
    }

    fn put(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        let class = ffi::type_address(value);
        if value.is_none() {
            self.out.push_str("null");
        } else if class == types::bool() {
            self.out.push_str(if value.is_truthy().unwrap_or(false) { "true" } else { "false" });
        } else if class == types::int() {
            let digits = text_of(value);
            let is_plain = is_number(&digits) && matches!(self.redactor.redact_text(&digits), Cow::Borrowed(_));
            if is_plain {
                self.out.push_str(&digits);
            } else {
                self.mask();
            }
        } else if class == types::float() && ffi::float(value).is_finite() {
            self.out.push_str(&text_of(value));
        } else if depth < DEPTH && class == types::dict() {
            self.put_dict(value, depth);
        } else if depth < DEPTH && (class == types::list() || class == types::tuple()) {
            self.put_list(value, depth);
        } else {
            self.text(&kept(self.redactor, &text_of(value), self.most));
        }
    }

    fn put_list(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        self.out.push('[');
        let items: Vec<_> =
            value.try_iter().map(|items| items.flatten().take(self.most_items()).collect()).unwrap_or_default();
        let is_pair = depth > 0 && ffi::type_address(value) == types::tuple() && is_secret_pair(self.redactor, &items);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            if self.is_full() {
                let left = value.len().unwrap_or(0).saturating_sub(index);
                self.text(&format!("… {left} more"));
                break;
            }
            if is_pair && index == 1 {
                self.mask();
            } else {
                self.put(item, depth + 1);
            }
        }
        self.out.push(']');
    }

    fn put_dict(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        let Ok(dict) = value.cast::<PyDict>() else { return };
        self.out.push('{');
        // The items are copied first: rendering one may run code that changes the mapping.
        let items: Vec<_> = dict.iter().take(self.most_items()).collect();
        for (index, (key, item)) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            if self.is_full() {
                let left = dict.len().saturating_sub(index);
                self.text("…");
                self.out.push(':');
                self.text(&format!("{left} more"));
                break;
            }
            let key = text_of(key);
            self.text(&key);
            self.out.push(':');
            if self.redactor.secret_key(&key) {
                self.mask();
            } else {
                self.put(item, depth + 1);
            }
        }
        self.out.push('}');
    }

    fn is_full(&self) -> bool {
        self.out.len() >= self.most
    }

    /// More than that fill it, each with its comma.
    fn most_items(&self) -> usize {
        self.most / 2 + 1
    }

    fn mask(&mut self) {
        self.text(self.redactor.mask());
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// A name and its value, as headers come in a list: `(b"cookie", b"sid=1")`.
fn is_secret_pair(redactor: &Redactor, items: &[Bound<'_, PyAny>]) -> bool {
    let [name, _] = items else { return false };
    (ffi::type_address(name) == types::str() || name.is_instance_of::<PyBytes>()) && redactor.secret_key(&text_of(name))
}
