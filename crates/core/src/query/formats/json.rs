//! JSON lines of any vocabulary: our own, ECS, OpenTelemetry, GCP, structlog, loguru, python-json-logger, the journal, GELF.
//!
//! A line is walked once, without building a tree. What its members are for stands in [`vocabulary`](super::vocabulary).
use std::borrow::Cow;
use std::fmt::Write;

use serde::Deserialize;

use super::strings::{string_end, unescape};
use super::vocabulary::{role, Role, Vocabulary};
use super::{Head, Span};
use crate::query::when::Clock;

const CAUSE: &str = "\n\nThe above exception was the direct cause of the following exception:\n\n";
const CONTEXT: &str = "\n\nDuring handling of the above exception, another exception occurred:\n\n";

/// Objects are looked into this deep: `record.time.repr` is loguru's.
const DEEP: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Object,
    Array,
    Scalar,
}

/// Walks the members of the object that begins at `at`; `take` gets name, value and kind. The place behind the object.
fn members<'a>(line: &'a [u8], mut at: usize, mut take: impl FnMut(&'a [u8], Span, Kind)) -> Option<usize> {
    let blank = |at: usize| at + line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    at = blank(at + 1);
    if line.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        (line.get(at)? == &b'"').then_some(())?;
        let end = at + 1 + string_end(&line[at + 1..])?;
        let name = &line[at + 1..end];
        at = blank(end + 1);
        (line.get(at)? == &b':').then_some(())?;
        at = blank(at + 1);
        let (value, kind, behind) = value(line, at)?;
        take(name, value, kind);
        at = blank(behind);
        match line.get(at)? {
            b',' => at = blank(at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The value that begins at `at`: its place (without quotes), kind, and where what follows begins.
fn value(line: &[u8], at: usize) -> Option<(Span, Kind, usize)> {
    match line.get(at)? {
        b'"' => {
            let end = at + 1 + string_end(&line[at + 1..])?;
            Some((Span::new(at + 1, end), Kind::String, end + 1))
        }
        first @ (b'{' | b'[') => {
            let kind = if *first == b'{' { Kind::Object } else { Kind::Array };
            let mut depth = 0_usize;
            let mut end = at;
            loop {
                match line.get(end)? {
                    b'"' => end += 1 + string_end(&line[end + 1..])?,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                end += 1;
                if depth == 0 {
                    return Some((Span::new(at, end), kind, end));
                }
            }
        }
        _ => {
            let length = line[at..].iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b' ')).count();
            (length > 0).then_some((Span::new(at, at + length), Kind::Scalar, at + length))
        }
    }
}

/// A name of a member with those of the objects around it: `record.level.name`.
struct Path {
    bytes: [u8; 96],
    length: usize,
}

impl Path {
    fn new() -> Self {
        Self { bytes: [0; 96], length: 0 }
    }

    /// Appends, and cuts what is longer than any name that matters.
    fn push(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(self.bytes.len() - self.length);
        self.bytes[self.length..self.length + room].copy_from_slice(&bytes[..room]);
        self.length += room;
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The one name of a field that every record has, for the names of other vocabularies.
fn common(name: &str) -> &str {
    match name {
        "process.pid" | "process_id" | "process.id" | "Resource.process.pid" | "_PID" => "pid",
        "process.name" | "processName" | "process_name" | "PROCESS_NAME" => "process",
        "process.thread.name" | "thread.name" | "threadName" | "thread_name" | "THREAD_NAME" => "thread",
        "process.thread.id" | "thread.id" => "thread_id",
        "log.origin.function"
        | "code.function.name"
        | "logging.googleapis.com/sourceLocation.function"
        | "funcName"
        | "func_name"
        | "CODE_FUNC" => "function",
        "log.origin.file.line"
        | "code.line.number"
        | "logging.googleapis.com/sourceLocation.line"
        | "lineno"
        | "CODE_LINE" => "line",
        "log.origin.file.name"
        | "code.file.path"
        | "logging.googleapis.com/sourceLocation.file"
        | "pathname"
        | "CODE_FILE" => "file",
        "host.hostname" | "hostname" | "host.name" | "Resource.host.name" | "_HOSTNAME" => "host",
        "taskName" => "task",
        "trace.id" | "TraceId" | "logging.googleapis.com/trace" => "trace_id",
        "span.id" | "SpanId" | "logging.googleapis.com/spanId" => "span_id",
        "TraceFlags" => "trace_flags",
        "log.template" | "log.record.template" => "template",
        other => other,
    }
}

/// Whether an object may hold something that [`role`] names.
fn is_envelope(path: &[u8]) -> bool {
    matches!(
        path,
        b"record"
            | b"record.level"
            | b"record.time"
            | b"log"
            | b"error"
            | b"exception"
            | b"attributes"
            | b"Attributes"
            | b"InstrumentationScope"
            | b"Body"
            | b"timestamp"
            | b"jsonPayload"
    )
}

fn roles(
    line: &[u8],
    at: usize,
    prefix: &[u8],
    depth: usize,
    found: &mut Vocabulary,
    clock: &mut Clock,
) -> Option<usize> {
    members(line, at, |name, span, kind| {
        let mut joined = Path::new();
        let path = if prefix.is_empty() {
            name
        } else {
            joined.push(prefix);
            joined.push(b".");
            joined.push(name);
            joined.text()
        };
        match kind {
            Kind::Object if depth < DEEP && is_envelope(path) => {
                let _ = roles(line, span.start as usize, path, depth + 1, found, clock);
            }
            Kind::Array if matches!(role(path), Some((Role::Exception, _))) => found.take(path, line, span, clock),
            Kind::Object | Kind::Array => {}
            Kind::String | Kind::Scalar => found.take(path, line, span, clock),
        }
    })
}

/// A traceback that is data, as structlog's `dict_tracebacks` writes it, as Python prints one; None where it is none.
pub fn traceback(text: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Raised {
        exc_type: String,
        #[serde(default)]
        exc_value: String,
        #[serde(default)]
        is_cause: bool,
        #[serde(default)]
        frames: Vec<Frame>,
    }
    #[derive(Deserialize)]
    struct Frame {
        filename: String,
        #[serde(default)]
        lineno: u64,
        #[serde(default)]
        name: String,
    }
    text.starts_with(b"[{").then_some(())?;
    // The last exception comes first, then those it came from.
    let raised: Vec<Raised> = serde_json::from_slice(text).ok()?;
    let mut told = String::new();
    for (place, one) in raised.iter().enumerate().rev() {
        told += "Traceback (most recent call last):\n";
        for Frame { filename, lineno, name } in &one.frames {
            let _ = writeln!(told, "  File \"{filename}\", line {lineno}, in {name}");
        }
        let colon = if one.exc_value.is_empty() { "" } else { ": " };
        let _ = write!(told, "{}{colon}{}", one.exc_type, one.exc_value);
        if place > 0 {
            told += if one.is_cause { CAUSE } else { CONTEXT };
        }
    }
    Some(told.into_bytes())
}

/// A line is a record where it is one object that says something a log says.
pub fn head(line: &[u8], clock: &mut Clock) -> Option<Head> {
    if line.first() != Some(&b'{') {
        return None;
    }
    let mut found = Vocabulary::default();
    let end = roles(line, 0, b"", 0, &mut found, clock)?;
    (line[end..].trim_ascii().is_empty() && found.is_log()).then(|| found.head(line))
}

/// Objects whose members are fields of the record itself.
fn is_bag(path: &[u8]) -> bool {
    matches!(
        path,
        b"extra"
            | b"record.extra"
            | b"record"
            | b"attributes"
            | b"Attributes"
            | b"fields"
            | b"labels"
            | b"context"
            | b"jsonPayload"
    )
}

fn leaves<'a>(
    line: &'a [u8],
    at: usize,
    path: &[u8],
    shown: &[u8],
    depth: usize,
    take: &mut dyn FnMut(&str, Cow<'a, [u8]>),
) {
    let _ = members(line, at, |name, span, kind| {
        let joined = |prefix: &[u8]| if prefix.is_empty() { name.to_vec() } else { [prefix, b".", name].concat() };
        let (full, short) = (joined(path), joined(shown));
        match kind {
            Kind::Object if depth < DEEP => {
                let shown = if is_bag(&full) { b"".as_slice() } else { &short };
                leaves(line, span.start as usize, &full, shown, depth + 1, take);
            }
            _ if Vocabulary::knows(&full) || span.of(line) == b"null" => {}
            // loguru's whole line once more.
            _ if full == b"text" && span.of(line).ends_with(b"\\n") => {}
            _ => {
                let name = unescape(&short);
                let value = if kind == Kind::String { unescape(span.of(line)) } else { Cow::Borrowed(span.of(line)) };
                take(common(&String::from_utf8_lossy(&name)), value);
            }
        }
    });
}

/// Every member that is not time, level, logger, message or exception; objects are opened (`http.status`), those that only
/// gather fields (`extra`, `attributes`) leave no trace in the names.
pub fn fields<'a>(line: &'a [u8], take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
    if line.first() == Some(&b'{') {
        leaves(line, 0, b"", b"", 0, take);
    }
}
