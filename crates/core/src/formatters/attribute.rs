//! `LogRecord`'s attributes, by the names that formats use.
use crate::error::{Error, Result};
use crate::record::percent::Kind;
use crate::record::value::Value;
use crate::record::{Message, Record};

/// An attribute of `LogRecord` by its documented name; any other name is a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    Asctime,
    Created,
    Filename,
    FuncName,
    Levelname,
    Levelno,
    Lineno,
    Message,
    Module,
    Msecs,
    Msg,
    Name,
    Pathname,
    Process,
    ProcessName,
    RelativeCreated,
    TaskName,
    Thread,
    ThreadName,
    Field,
}

impl Attribute {
    /// Fails for attributes that are Python objects.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "asctime" => Self::Asctime,
            "created" => Self::Created,
            "filename" => Self::Filename,
            "funcName" => Self::FuncName,
            "levelname" => Self::Levelname,
            "levelno" => Self::Levelno,
            "lineno" => Self::Lineno,
            "message" => Self::Message,
            "module" => Self::Module,
            "msecs" => Self::Msecs,
            "msg" => Self::Msg,
            "name" => Self::Name,
            "pathname" => Self::Pathname,
            "process" => Self::Process,
            "processName" => Self::ProcessName,
            "relativeCreated" => Self::RelativeCreated,
            "taskName" => Self::TaskName,
            "thread" => Self::Thread,
            "threadName" => Self::ThreadName,
            "args" | "exc_info" | "exc_text" | "stack_info" | "" => {
                let why = format!("%({name}) can only be formatted by Python");
                return Err(Error::Setting { field: "format", why });
            }
            _ => Self::Field,
        })
    }

    /// Whether all records of one call site and thread have the same value.
    pub fn is_constant(self) -> bool {
        match self {
            Self::Filename
            | Self::FuncName
            | Self::Levelname
            | Self::Levelno
            | Self::Lineno
            | Self::Module
            | Self::Name
            | Self::Pathname
            | Self::Process
            | Self::ProcessName
            | Self::Thread
            | Self::ThreadName => true,
            Self::Asctime
            | Self::Created
            | Self::Message
            | Self::Msecs
            | Self::Msg
            | Self::RelativeCreated
            | Self::TaskName
            | Self::Field => false,
        }
    }

    /// Whether a conversion suits the attribute. A field's type is only known when it comes.
    pub fn suits(self, kind: Kind) -> bool {
        match self {
            Self::Levelno | Self::Lineno | Self::Process | Self::Thread => kind.accepts(&Value::Int(0)),
            Self::Created | Self::Msecs | Self::RelativeCreated => kind.accepts(&Value::Float(0.0)),
            Self::Field => kind != Kind::Repr,
            _ => kind == Kind::Str,
        }
    }

    /// The record's value. `name` is a field's; `asctime` and a deferred `message` are the formatter's to write.
    pub fn value<'a>(self, name: &str, record: &Record<'a>) -> Value<'a> {
        let site = &record.site;
        match self {
            Self::Created => Value::Float(seconds(record.time_ns)),
            Self::Filename => Value::Str(site.filename()),
            Self::FuncName => Value::Str(site.function),
            Self::Levelname => Value::Str(site.level_name),
            Self::Levelno => Value::Int(site.level.into()),
            Self::Lineno => Value::Int(site.line.into()),
            Self::Module => Value::Str(site.module()),
            Self::Msecs => Value::Float(f64::from(milliseconds(record.time_ns))),
            Self::Name => Value::Str(site.logger),
            Self::Pathname => Value::Str(site.pathname),
            Self::Process => Value::Int(record.thread.pid.into()),
            Self::ProcessName => Value::Str(record.thread.process_name),
            Self::RelativeCreated => Value::Float(record.time_ns.saturating_sub(record.process.start_ns) as f64 / 1e6),
            Self::TaskName => record.task_name.map_or(Value::None, Value::Str),
            Self::Thread => Value::Int(record.thread.ident as i64),
            Self::ThreadName => Value::Str(record.thread.name),
            Self::Message => match record.message {
                Message::Rendered(text) => Value::Str(text),
                Message::Deferred(_) => Value::Str(record.template),
            },
            Self::Msg | Self::Asctime => Value::Str(record.template),
            Self::Field => field(name, record),
        }
    }
}

/// A field's value; lists and mappings as JSON, `-` for one that the record does not have.
fn field<'a>(name: &str, record: &Record<'a>) -> Value<'a> {
    let mut fields = record.fields;
    match fields.find(|(key, _)| *key == name) {
        Some((_, Value::Json(text))) => Value::Str(text),
        Some((_, value)) => value,
        None if name == "hostname" => Value::Str(record.process.hostname.as_str()),
        None => Value::Str("-"),
    }
}

/// Seconds as `LogRecord.created` has them: the nearest float, which the nanoseconds in one float would miss.
fn seconds(time_ns: i64) -> f64 {
    time_ns.div_euclid(1_000_000_000) as f64 + time_ns.rem_euclid(1_000_000_000) as f64 / 1e9
}

/// The milliseconds of the second.
pub fn milliseconds(time_ns: i64) -> u32 {
    (time_ns.rem_euclid(1_000_000_000) / 1_000_000) as u32
}
