//! A sink's options as text: what stands in `sinks/<hash>.json` and what `add_sink` gets.
use serde_json::Value;

use crate::error::{Error, Result};
use crate::formatters::console::{ConsoleFormat, Theme};
use crate::formatters::json::JsonFormat;
use crate::formatters::text::TextFormat;
use crate::record::Record;
use crate::sinks::stream::Standard;

/// stdlib's `logging.BASIC_FORMAT` with the time before it.
pub const DEFAULT_FORMAT: &str = "%(asctime)s - %(name)s - %(levelname)s - %(message)s";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Console(Standard),
    /// Delivered by a loop in Python.
    Python,
}

#[derive(Debug, Clone)]
pub struct Spec {
    pub kind: Kind,
    pub json: Value,
}

fn setting(field: &'static str, why: &dyn ToString) -> Error {
    Error::Setting { field, why: why.to_string() }
}

impl Spec {
    /// Errors: `Setting`, naming the field.
    pub fn parse(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).map_err(|e| setting("spec", &e))?;
        let kind = match (json["kind"].as_str(), json["stream"].as_str().unwrap_or("stderr")) {
            (Some("file"), _) => Kind::File,
            (Some("console"), "stderr") => Kind::Console(Standard::Error),
            (Some("console"), "stdout") => Kind::Console(Standard::Output),
            (Some("console"), other) => {
                return Err(setting("stream", &format!("{other:?} is neither stderr nor stdout")))
            }
            (Some("python"), _) => Kind::Python,
            (other, _) => return Err(setting("kind", &format!("{other:?} is none of file, console, python"))),
        };
        Ok(Self { kind, json })
    }

    /// How its lines look.
    pub fn format(&self) -> Result<Format> {
        let format = &self.json["format"];
        let text = |field: &str| format[field].as_str();
        match text("kind").unwrap_or("text") {
            "text" => {
                let template = text("format").unwrap_or(DEFAULT_FORMAT);
                match self.theme()? {
                    Some(theme) => ConsoleFormat::compile(template, text("date_format"), Some(theme))
                        .map(Box::new)
                        .map(Format::Console),
                    None => TextFormat::compile(template, text("date_format")).map(Box::new).map(Format::Text),
                }
            }
            "json" => JsonFormat::compile(text("names").unwrap_or("cordwood"), text("project"))
                .map(Box::new)
                .map(Format::Json),
            other => Err(setting("format", &format!("{other:?} is neither text nor json"))),
        }
    }

    /// The console's colours; None without.
    fn theme(&self) -> Result<Option<Theme>> {
        let Some(theme) = self.json["theme"].as_object().filter(|_| matches!(self.kind, Kind::Console(_))) else {
            return Ok(None);
        };
        let words = theme.iter().filter_map(|(level, words)| Some((level.as_str(), words.as_str()?)));
        Theme::parse(words).map(Some)
    }
}

/// A sink's identity: a hash of its target, the same in every process.
pub fn identity(target: &str) -> u64 {
    target.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A compiled format of any kind.
#[derive(Debug, Clone)]
pub enum Format {
    Text(Box<TextFormat>),
    Console(Box<ConsoleFormat>),
    Json(Box<JsonFormat>),
}

impl Format {
    /// Appends a record as a line; `line` is what Python made of it, where a formatter of its own did.
    pub fn write(&mut self, record: &Record<'_>, line: Option<&str>, out: &mut Vec<u8>) {
        if let Some(line) = line {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
            return;
        }
        match self {
            Self::Text(format) => format.format(record, out),
            Self::Console(format) => format.format(record, out),
            Self::Json(format) => format.format(record, out),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_refused_by_its_field() {
        for (spec, field) in
            [(r#"{"kind": "tape"}"#, "kind"), (r#"{"kind": "console", "stream": "paper"}"#, "stream"), ("{", "spec")]
        {
            assert!(matches!(Spec::parse(spec), Err(Error::Setting { field: f, .. }) if f == field), "{spec}");
        }
        let spec = Spec::parse(r#"{"kind": "file", "format": {"kind": "xml"}}"#).unwrap();
        assert!(matches!(spec.format(), Err(Error::Setting { field: "format", .. })));
    }

    #[test]
    fn an_identity_is_the_same_everywhere() {
        assert_ne!(identity("/a"), identity("/b"));
    }
}
