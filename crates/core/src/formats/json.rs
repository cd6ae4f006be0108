//! JSON lines of any vocabulary: our own, ECS, OpenTelemetry, GCP, structlog, loguru, python-json-logger, pino.
//!
//! A line is walked once, without building a tree. What gives time, level, logger, message and exception is the table in
//! [`role`]; where several names give one of them, the better stands first.
use std::borrow::Cow;

use memchr::memchr2;

use super::{level, Head, Span, NO_TIME};
use crate::when::Clock;

/// Objects are looked into this deep: `record.time.repr` is loguru's.
const DEEP: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Time,
    Level,
    Logger,
    Message,
    Exception,
}

/// What a member is for, and how good it is at that: 0 is best. Names within objects are joined with points.
fn role(name: &[u8]) -> Option<(Role, u8)> {
    Some(match name {
        b"timestamp" | b"@timestamp" | b"Timestamp" | b"record.time.timestamp" => (Role::Time, 0),
        b"time" | b"ts" | b"asctime" | b"datetime" | b"record.time.repr" => (Role::Time, 1),
        b"created" | b"date" | b"eventTime" | b"ObservedTimestamp" => (Role::Time, 2),
        b"level" | b"levelname" | b"log.level" | b"record.level.name" => (Role::Level, 0),
        b"severity" | b"SeverityText" | b"severity_text" | b"level_name" | b"lvl" | b"loglevel" => (Role::Level, 1),
        b"levelno" | b"record.level.no" => (Role::Level, 2),
        b"logger" | b"logger_name" | b"log.logger" | b"loggerName" | b"record.name" | b"InstrumentationScope.Name" => {
            (Role::Logger, 0)
        }
        b"name" | b"scope" | b"channel" => (Role::Logger, 1),
        b"message" | b"Body" | b"record.message" | b"Body.stringValue" => (Role::Message, 0),
        b"msg" | b"body" | b"@message" => (Role::Message, 1),
        b"event" | b"log" | b"textPayload" => (Role::Message, 2),
        b"error.stack_trace"
        | b"exception.text"
        | b"stack_trace"
        | b"Attributes.exception.stacktrace"
        | b"attributes.exception.stacktrace"
        | b"exc_info"
        | b"exc_text"
        | b"traceback" => (Role::Exception, 0),
        b"exception" | b"record.exception" | b"error.message" => (Role::Exception, 1),
        _ => return None,
    })
}

/// What the members of a line, or the pairs of a logfmt line, have said so far.
#[derive(Default)]
pub(super) struct Vocabulary {
    time: Option<(u8, i64)>,
    level: Option<(u8, i32)>,
    texts: [Option<(u8, Span)>; 3],
}

impl Vocabulary {
    pub(super) fn knows(name: &[u8]) -> bool {
        role(name).is_some()
    }

    /// `name` has the value at `span`, without quotes.
    pub(super) fn take(&mut self, name: &[u8], line: &[u8], span: Span, clock: &mut Clock) {
        let Some((role, rank)) = role(name) else { return };
        let value = span.of(line);
        match role {
            Role::Time if self.time.is_none_or(|(known, _)| rank < known) => {
                if let Some(time) = time(value, clock) {
                    self.time = Some((rank, time));
                }
            }
            Role::Level if self.level.is_none_or(|(known, _)| rank < known) => {
                let number = level::in_place(value).max(level::number(value));
                if number != 0 || value.len() <= 16 {
                    self.level = Some((rank, number));
                }
            }
            Role::Time | Role::Level => {}
            Role::Logger | Role::Message | Role::Exception => {
                let place = &mut self.texts[role as usize - Role::Logger as usize];
                if value != b"null" && place.is_none_or(|(known, _)| rank < known) {
                    *place = Some((rank, span));
                }
            }
        }
    }

    /// Whether this is a record of a log at all: it has a time or a level, or a message.
    pub(super) fn is_log(&self) -> bool {
        self.time.is_some() || self.level.is_some() || self.texts[1].is_some()
    }

    pub(super) fn head(&self, line: &[u8]) -> Head {
        let text = |i: usize| self.texts[i].map_or(Span::default(), |(_, span)| span);
        Head {
            time: self.time.map_or(NO_TIME, |(_, time)| time),
            level: self.level.map_or(0, |(_, level)| level),
            logger: text(0),
            message: self.texts[1].map_or(Span::new(0, line.len()), |(_, span)| span),
            exception: text(2),
            escaped: self.texts[1].is_some(),
        }
    }
}

/// A time as text in any ISO form, or as seconds, milliseconds, microseconds or nanoseconds since the epoch.
pub fn time(value: &[u8], clock: &mut Clock) -> Option<i64> {
    if let Some((time, _)) = clock.iso(value) {
        return Some(time);
    }
    let whole = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if whole == 0 || whole > 19 {
        return None;
    }
    let number: i64 = std::str::from_utf8(&value[..whole]).ok()?.parse().ok()?;
    let unit = match whole {
        ..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1000,
        _ => 1,
    };
    let mut nanos = number.checked_mul(unit)?;
    if value.get(whole) == Some(&b'.') {
        let mut place = unit / 10;
        for digit in value[whole + 1..].iter().take_while(|byte| byte.is_ascii_digit()) {
            nanos = nanos.checked_add(i64::from(digit - b'0') * place)?;
            place /= 10;
        }
        return Some(nanos);
    }
    (whole == value.len()).then_some(nanos)
}

/// Where the string ends whose opening quote stands before `text`: the place of the closing one.
#[inline]
pub(super) fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

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
        "process.pid" | "process_id" | "process.id" | "Resource.process.pid" => "pid",
        "process.name" | "processName" | "process_name" => "process",
        "process.thread.name" | "thread.name" | "threadName" | "thread_name" => "thread",
        "process.thread.id" | "thread.id" => "thread_id",
        "log.origin.function"
        | "code.function.name"
        | "logging.googleapis.com/sourceLocation.function"
        | "funcName"
        | "func_name" => "function",
        "log.origin.file.line" | "code.line.number" | "logging.googleapis.com/sourceLocation.line" | "lineno" => "line",
        "log.origin.file.name" | "code.file.path" | "logging.googleapis.com/sourceLocation.file" | "pathname" => "file",
        "host.hostname" | "hostname" | "host.name" | "Resource.host.name" => "host",
        "taskName" => "task",
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
            Kind::Object | Kind::Array => {}
            Kind::String | Kind::Scalar => found.take(path, line, span, clock),
        }
    })
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
        b"extra" | b"record.extra" | b"record" | b"attributes" | b"Attributes" | b"fields" | b"labels" | b"context"
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
            _ if role(&full).is_some() || span.of(line) == b"null" => {}
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

/// A JSON string's text. Lone surrogates become the replacement character.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else { return Cow::Borrowed(text) };
    let mut out = text[..first].to_vec();
    let mut at = first;
    while at < text.len() {
        if text[at] != b'\\' {
            let next = memchr::memchr(b'\\', &text[at..]).map_or(text.len(), |next| at + next);
            out.extend_from_slice(&text[at..next]);
            at = next;
            continue;
        }
        let escape = text.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (decoded, length) = unicode(&text[at..]);
                at += length;
                out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// The character of `\u` whose digits begin `text`, and how many bytes it took.
fn unicode(text: &[u8]) -> (char, usize) {
    let Some(high) = hex(text) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if (0xD800..0xDC00).contains(&high) && text[4..].starts_with(b"\\u") {
        if let Some(low) = hex(&text[6..]).filter(|low| (0xDC00..0xE000).contains(low)) {
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
        }
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}
