//! What members of JSON, and pairs of logfmt, are for: the names of every vocabulary for time, level, logger, message and
//! exception. Where several names give one of them, the better stands first.
use memchr::memmem;

use super::{level, Head, Span, NO_TIME};
use crate::query::when::Clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    /// What is added to a time in whole seconds.
    Nanos,
    Level,
    Logger,
    Message,
    Exception,
    Template,
}

/// What a member is for, and how good it is at that: 0 is best. Names within objects are joined with points.
pub(super) fn role(name: &[u8]) -> Option<(Role, u8)> {
    Some(match name {
        b"timestamp"
        | b"@timestamp"
        | b"Timestamp"
        | b"record.time.timestamp"
        | b"timestamp.seconds"
        | b"timestampSeconds" => (Role::Time, 0),
        b"timestamp.nanos" | b"timestampNanos" => (Role::Nanos, 0),
        b"time" | b"ts" | b"asctime" | b"datetime" | b"record.time.repr" | b"__REALTIME_TIMESTAMP" => (Role::Time, 1),
        b"created" | b"date" | b"eventTime" | b"ObservedTimestamp" => (Role::Time, 2),
        b"level" | b"levelname" | b"log.level" | b"record.level.name" | b"LEVEL" => (Role::Level, 0),
        b"severity" | b"SeverityText" | b"severity_text" | b"level_name" | b"lvl" | b"loglevel" => (Role::Level, 1),
        b"levelno" | b"record.level.no" | b"PRIORITY" | b"SeverityNumber" | b"severity_number" => (Role::Level, 2),
        b"logger"
        | b"logger_name"
        | b"log.logger"
        | b"loggerName"
        | b"record.name"
        | b"InstrumentationScope.Name"
        | b"LOGGER" => (Role::Logger, 0),
        b"name" | b"scope" | b"channel" | b"SYSLOG_IDENTIFIER" => (Role::Logger, 1),
        b"message" | b"Body" | b"record.message" | b"Body.stringValue" | b"MESSAGE" => (Role::Message, 0),
        b"msg" | b"body" | b"@message" | b"jsonPayload.message" | b"short_message" => (Role::Message, 1),
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
        b"template" | b"log.template" | b"Attributes.log.record.template" | b"attributes.log.record.template" => {
            (Role::Template, 0)
        }
        _ => return None,
    })
}

/// A level as a word or number: syslog's single digits (GELF, the journal), OpenTelemetry's and `logging`'s numbers.
fn level_of(name: &[u8], value: &[u8]) -> i32 {
    let number = level::number(value);
    match name {
        b"SeverityNumber" | b"severity_number" => level::of_opentelemetry(i64::from(number)),
        b"PRIORITY" | b"level" if matches!(value, [b'0'..=b'7']) => level::of_syslog(i64::from(number)),
        _ => level::in_place(value).max(number),
    }
}

/// What the members of a line, or the pairs of a logfmt line, have said so far.
#[derive(Default)]
pub(super) struct Vocabulary {
    time: Option<(u8, i64)>,
    nanos: i64,
    level: Option<(u8, i32)>,
    texts: [Option<(u8, Span)>; 4],
}

impl Vocabulary {
    /// Whether a member is no field of the record's own.
    pub(super) fn knows(name: &[u8]) -> bool {
        role(name).is_some_and(|(role, _)| role != Role::Template)
    }

    /// `name` has the value at `span`, without quotes.
    pub(super) fn take(&mut self, name: &[u8], line: &[u8], span: Span, clock: &mut Clock) {
        let value = span.of(line);
        let Some((role, rank)) = role(name) else {
            if name == b"text" {
                self.traceback(value, span);
            }
            return;
        };
        match role {
            Role::Time if self.time.is_none_or(|(known, _)| rank < known) => {
                if let Some(time) = time(value, clock) {
                    self.time = Some((rank, time));
                }
            }
            Role::Level if self.level.is_none_or(|(known, _)| rank < known) => {
                let number = level_of(name, value);
                if number != 0 || value.len() <= 16 {
                    self.level = Some((rank, number));
                }
            }
            Role::Nanos => {
                let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.nanos = number.filter(|nanos| (0..1_000_000_000).contains(nanos)).unwrap_or(0);
            }
            Role::Time | Role::Level => {}
            Role::Logger | Role::Message | Role::Exception | Role::Template => {
                let place = &mut self.texts[role as usize - Role::Logger as usize];
                if value != b"null" && place.is_none_or(|(known, _)| rank < known) {
                    *place = Some((rank, span));
                }
            }
        }
    }

    /// loguru writes a traceback nowhere but behind the line, in `text`.
    fn traceback(&mut self, value: &[u8], span: Span) {
        if self.texts[2].is_some() || !value.ends_with(b"\\n") {
            return;
        }
        let Some(found) = memmem::find(value, b"Traceback (most recent call last):") else { return };
        // The line it stands in: that of a group begins with a bar.
        let Some(start) = memmem::rfind(&value[..found], b"\\n").map(|at| at + 2) else { return };
        let mut end = value.len();
        while value[..end].ends_with(b"\\n") {
            end -= 2;
        }
        self.texts[2] = Some((2, Span::new(start, end.max(start)).after(span.start as usize)));
    }

    /// Whether this is a record of a log at all: it has a time or a level, or a message.
    pub(super) fn is_log(&self) -> bool {
        self.time.is_some() || self.level.is_some() || self.texts[1].is_some()
    }

    pub(super) fn head(&self, line: &[u8]) -> Head {
        let text = |i: usize| self.texts[i].map_or(Span::default(), |(_, span)| span);
        Head {
            time: self.time.map_or(NO_TIME, |(_, time)| time.saturating_add(self.nanos)),
            level: self.level.map_or(0, |(_, level)| level),
            logger: text(0),
            message: self.texts[1].map_or(Span::new(0, line.len()), |(_, span)| span),
            exception: text(2),
            template: text(3),
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
