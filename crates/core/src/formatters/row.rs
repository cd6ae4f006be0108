//! A record as a row of the documented table: what a column cannot hold is escaped or cut, and kept whole beside it.
//!
//! A text wider than its column is cut there and stands whole in `extra_data` under [`WHOLE`]. `PostgreSQL` has no NUL in
//! texts and no lone surrogate in `jsonb`: both stand as they are written in Python, `\x00` and `\ud800`.
use std::borrow::Cow;

use memchr::{memchr, memmem};

use crate::formatters::json;
use crate::record::{Message, Record};

/// Where `extra_data` keeps what was cut: a mapping of columns to whole texts.
pub const WHOLE: &str = "_whole";

/// The columns that are written, in this order; the last two where the table is extended.
pub const COLUMNS: [&str; 17] = [
    "timestamp",
    "level",
    "logger_name",
    "process_id",
    "thread_id",
    "thread_name",
    "hostname",
    "message",
    "exception",
    "function_name",
    "module",
    "filename",
    "lineno",
    "pathname",
    "extra_data",
    "template",
    "fingerprint",
];
/// How many of them the documented table has.
pub const DOCUMENTED: usize = 15;

/// A row, borrowed from its record and its shaper.
#[derive(Debug)]
pub struct Row<'a> {
    pub time_ns: i64,
    pub level: Cow<'a, str>,
    pub logger_name: Cow<'a, str>,
    pub process_id: i32,
    pub thread_id: i64,
    pub thread_name: Cow<'a, str>,
    pub hostname: Cow<'a, str>,
    pub message: Cow<'a, str>,
    pub exception: Option<Cow<'a, str>>,
    pub function_name: Cow<'a, str>,
    pub module: Cow<'a, str>,
    pub filename: Cow<'a, str>,
    pub lineno: i32,
    pub pathname: Cow<'a, str>,
    /// An object, as JSON text.
    pub extra_data: Option<&'a str>,
    pub template: Cow<'a, str>,
    pub fingerprint: Option<String>,
}

/// Makes rows of records. What a row needs besides its record's own text stands here, until the next one.
#[derive(Debug, Default)]
pub struct Shaper {
    message: Vec<u8>,
    extra: Vec<u8>,
    /// Texts that were cut so far.
    pub cut: u64,
}

/// Columns whose text was cut, with that text.
type Cuts<'a> = Vec<(&'static str, &'a str)>;

impl Shaper {
    pub fn shape<'a>(&'a mut self, record: &Record<'a>) -> Row<'a> {
        let site = &record.site;
        let mut cuts = Cuts::new();
        let mut fit = |column, text, width| fitted(column, text, width, &mut cuts);
        let level = fit("level", site.level_name, 10);
        let logger_name = fit("logger_name", site.logger, 255);
        let thread_name = fit("thread_name", record.thread.name, 255);
        let hostname = fit("hostname", &record.process.hostname, 255);
        let function_name = fit("function_name", site.function, 255);
        let module = fit("module", site.module(), 255);
        let filename = fit("filename", site.filename(), 500);
        self.cut += cuts.len() as u64;
        self.write_extra(record, &cuts);
        let message = match record.message {
            Message::Rendered(text) => clean(text),
            Message::Deferred(args) => {
                self.message.clear();
                record.render(args, &mut self.message);
                match String::from_utf8_lossy(&self.message) {
                    Cow::Borrowed(text) => clean(text),
                    Cow::Owned(text) => Cow::Owned(clean(&text).into_owned()),
                }
            }
        };
        let exception = record.exception.as_ref();
        Row {
            time_ns: record.time_ns,
            level,
            logger_name,
            process_id: record.thread.pid as i32,
            thread_id: record.thread.ident as i64,
            thread_name,
            hostname,
            message,
            exception: exception.map(|exception| clean(exception.text)),
            function_name,
            module,
            filename,
            lineno: site.line as i32,
            pathname: clean(site.pathname),
            extra_data: std::str::from_utf8(&self.extra).ok().filter(|text| !text.is_empty()),
            template: clean(record.template),
            fingerprint: exception.filter(|e| e.fingerprint != 0).map(|e| format!("{:016x}", e.fingerprint)),
        }
    }

    /// Fields, then what has no column of its own.
    fn write_extra(&mut self, record: &Record<'_>, cuts: &Cuts<'_>) {
        let out = &mut self.extra;
        out.clear();
        for (name, value) in record.fields {
            json::field(name, &value, out);
        }
        for (name, text) in [("stack_info", record.stack_info), ("task_name", record.task_name)] {
            if let Some(text) = text {
                json::text_field(name, text, out);
            }
        }
        if !cuts.is_empty() {
            let mut whole = Vec::new();
            for (column, text) in cuts {
                json::text_field(column, text, &mut whole);
            }
            whole[0] = b'{';
            out.extend_from_slice(format!(",\"{WHOLE}\":").as_bytes());
            out.extend_from_slice(&whole);
            out.push(b'}');
        }
        if out.is_empty() {
            return;
        }
        out[0] = b'{';
        out.push(b'}');
        if memmem::find(out, b"\\u").is_some() {
            repair(out);
        }
    }
}

/// The text, each NUL as `\x00`.
fn clean(text: &str) -> Cow<'_, str> {
    match memchr(0, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace('\0', "\\x00")),
    }
}

/// The text, cleaned, and cut to as many characters as the column takes.
fn fitted<'a>(column: &'static str, text: &'a str, width: usize, cuts: &mut Cuts<'a>) -> Cow<'a, str> {
    let cleaned = clean(text);
    if cleaned.len() <= width {
        return cleaned;
    }
    match cleaned.char_indices().nth(width) {
        None => cleaned,
        Some((end, _)) => {
            cuts.push((column, text));
            match cleaned {
                Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
                Cow::Owned(text) => Cow::Owned(text[..end].to_owned()),
            }
        }
    }
}

/// Escapes in JSON what `jsonb` refuses although it is JSON: `\u0000`, and surrogates without their other half.
fn repair(json: &mut Vec<u8>) {
    let given = std::mem::take(json);
    let mut rest = given.as_slice();
    while let Some(at) = memchr(b'\\', rest) {
        json.extend_from_slice(&rest[..at]);
        let escape = &rest[at..];
        let low = escape.get(6..).and_then(unit);
        let taken = match (unit(escape), low) {
            (Some(0), _) => {
                json.extend_from_slice(b"\\\\x00");
                rest = &escape[6..];
                continue;
            }
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                json.push(b'\\');
                6
            }
            (Some(_), _) => 6,
            (None, _) => 2.min(escape.len()),
        };
        json.extend_from_slice(&escape[..taken]);
        rest = &escape[taken..];
    }
    json.extend_from_slice(rest);
}

/// The code unit of a `\uXXXX` at the start.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
