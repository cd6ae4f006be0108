//! Google Cloud Logging's structured payload; what it has no name for keeps ours.
use super::write::{field, fingerprint, integer, message, optional, quoted, raw, text};
use super::{is_object, member, template, Correlation};
use crate::formatters::civil::write_rfc3339;
use crate::record::value::Value;
use crate::record::Record;

/// Names of members.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "severity"
            | "time"
            | "message"
            | "logger"
            | "template"
            | "pid"
            | "process"
            | "thread"
            | "thread_id"
            | "host"
            | "task"
            | "exception"
            | "stack_trace"
            | "stack"
            | "timestamp"
            | "timestampSeconds"
            | "timestampNanos"
    )
}

/// The agent takes this one out of the payload, and wants an object there.
fn is_reserved_for_an_object(name: &str) -> bool {
    is_reserved(name) || name == "httpRequest"
}

pub(super) fn write(record: &Record<'_>, traces: &str, out: &mut Vec<u8>) {
    let (site, thread, process) = (&record.site, &record.thread, record.process);
    text("{\"severity\":\"", severity(site.level), out);
    quoted(",\"time\":\"", out, |out| write_rfc3339(record.time_ns, process.utc_offset, out));
    let differs = message(",\"message\":\"", record, out);
    text(",\"logging.googleapis.com/sourceLocation\":{\"file\":\"", site.pathname, out);
    quoted(",\"line\":\"", out, |out| integer("", site.line, out));
    text(",\"function\":\"", site.function, out);
    text("},\"logger\":\"", site.logger, out);
    optional(",\"template\":\"", template(record, differs), out);
    integer(",\"pid\":", thread.pid, out);
    text(",\"process\":\"", thread.process_name, out);
    text(",\"thread\":\"", thread.name, out);
    integer(",\"thread_id\":", thread.ident, out);
    text(",\"host\":\"", &process.hostname, out);
    optional(",\"task\":\"", record.task_name, out);
    let mut trace = Correlation::default();
    for (name, value) in record.fields {
        if !trace.take(name, value) {
            field(name, &value, if is_object(&value) { is_reserved } else { is_reserved_for_an_object }, out);
        }
    }
    write_trace(trace.trace_id, traces, out);
    member(",\"logging.googleapis.com/spanId\":", trace.span_id, out);
    member(",\"logging.googleapis.com/trace_sampled\":", trace.flags.map(|flags| Value::Bool(is_sampled(&flags))), out);
    if let Some(exception) = &record.exception {
        // Error Reporting reads this member.
        text(",\"stack_trace\":\"", exception.text, out);
        text(",\"exception\":{\"type\":\"", exception.kind, out);
        text(",\"message\":\"", exception.message, out);
        fingerprint(",\"fingerprint\":\"", exception, out);
        raw(",\"frames\":", exception.frames_json, "[]", out);
        out.push(b'}');
    }
    optional(",\"stack\":\"", record.stack_info, out);
    out.push(b'}');
}

/// Cloud Logging links an entry to its trace by the trace's whole name, `projects/<project>/traces/<id>`.
fn write_trace(trace: Option<Value<'_>>, traces: &str, out: &mut Vec<u8>) {
    match trace {
        Some(Value::Str(id)) if !id.starts_with("projects/") => {
            text(",\"logging.googleapis.com/trace\":\"", traces, out);
            out.pop(); // the quote: the id follows
            text("", id, out);
        }
        other => member(",\"logging.googleapis.com/trace\":", other, out),
    }
}

fn severity(level: i32) -> &'static str {
    match level {
        ..=9 => "DEFAULT",
        10..=19 => "DEBUG",
        20..=29 => "INFO",
        30..=39 => "WARNING",
        40..=49 => "ERROR",
        _ => "CRITICAL",
    }
}

/// The lowest of W3C's trace flags, as a number or in hexadecimal.
fn is_sampled(flags: &Value<'_>) -> bool {
    match flags {
        Value::Int(n) => n & 1 == 1,
        Value::Str(text) => u8::from_str_radix(text, 16).is_ok_and(|n| n & 1 == 1),
        Value::Bool(sampled) => *sampled,
        _ => false,
    }
}
