//! A record's fields, from the call, its `extra` and its surroundings.
use std::sync::atomic::Ordering;

use cordwood_core::formatters::redact::Redactor;
use cordwood_core::record::frame;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::draft::{section, Draft};
use crate::ffi::{self, types};
use crate::runtime::{self, CONTEXT_USED};
use crate::value::{pack_field, text_of, with_text};

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
        let (context, trace) = (is_context_used(), runtime::has_tracing(py));
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

/// Whether records may have fields of a context: until the first is entered nobody need ask.
#[inline]
pub fn is_context_used() -> bool {
    CONTEXT_USED.load(Ordering::Relaxed)
}

pub fn put_fields(draft: &mut Draft<'_>, redactor: &Redactor, sources: &FieldSources<'_>, most: usize) {
    if sources.is_empty() {
        return;
    }
    draft.flags |= frame::FIELDS;
    section(&mut draft.bytes, |out| {
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
