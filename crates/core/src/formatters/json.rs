//! A record as one line of JSON, in one of four vocabularies.
//!
//! Text is redacted when it comes here and is written as it is: JSON's own escapes keep a record on its line.
mod cordwood;
mod ecs;
mod gcp;
mod otel;
mod write;

#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::record::value::Value;
use crate::record::Record;

/// A compiled JSON format.
#[derive(Debug, Clone)]
pub enum JsonFormat {
    Cordwood,
    Ecs,
    Otel,
    Gcp {
        /// What stands before the id in a trace's name; empty where the project is unknown.
        traces: String,
    },
}

impl JsonFormat {
    /// `names` is the vocabulary: "cordwood", "ecs" (Elastic), "otel" (OpenTelemetry) or "gcp" (Google Cloud).
    /// `project` is Google Cloud's, whose traces have it in their names.
    pub fn compile(names: &str, project: Option<&str>) -> Result<Self> {
        Ok(match names {
            "cordwood" => Self::Cordwood,
            "ecs" => Self::Ecs,
            "otel" => Self::Otel,
            "gcp" => Self::Gcp { traces: project.map(|id| format!("projects/{id}/traces/")).unwrap_or_default() },
            _ => {
                let why = format!("{names:?} is not one of \"cordwood\", \"ecs\", \"otel\", \"gcp\"");
                return Err(Error::Setting { field: "names", why });
            }
        })
    }

    /// Appends one record and a newline.
    pub fn format(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Cordwood => cordwood::write(record, out),
            Self::Ecs => ecs::write(record, out),
            Self::Otel => otel::write(record, out),
            Self::Gcp { traces } => gcp::write(record, traces, out),
        }
        out.push(b'\n');
    }
}

/// The template, if the record has a message of its own besides.
fn template<'a>(record: &Record<'a>, differs: bool) -> Option<&'a str> {
    differs.then_some(record.template)
}

/// Fields that a vocabulary has a place of its own for.
#[derive(Default)]
struct Correlation<'a> {
    trace_id: Option<Value<'a>>,
    span_id: Option<Value<'a>>,
    flags: Option<Value<'a>>,
}

impl<'a> Correlation<'a> {
    /// Keeps the field if it is the trace's.
    fn take(&mut self, name: &str, value: Value<'a>) -> bool {
        let place = match name {
            "trace_id" => &mut self.trace_id,
            "span_id" => &mut self.span_id,
            "trace_flags" => &mut self.flags,
            _ => return false,
        };
        *place = Some(value);
        true
    }
}

/// Appends a member with its comma before it, under its own name.
pub fn field(name: &str, value: &Value<'_>, out: &mut Vec<u8>) {
    write::field(name, value, |_| false, out);
}

/// As [`field`], for text.
pub fn text_field(name: &str, text: &str, out: &mut Vec<u8>) {
    field(name, &Value::Str(text), out);
}

/// Whether a field's value is itself an object: schemas have names that hold nothing else.
fn is_object(value: &Value<'_>) -> bool {
    matches!(value, Value::Json(json) if json.starts_with('{'))
}

/// A member with a value of any type, left out where there is none.
fn member(key: &str, value: Option<Value<'_>>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.extend_from_slice(key.as_bytes());
        write::value(&value, out);
    }
}
