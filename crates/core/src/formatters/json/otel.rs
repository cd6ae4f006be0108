//! OpenTelemetry's log data model.
use super::write::{field, fingerprint, integer, message, optional, quoted, text};
use super::{member, template, Correlation};
use crate::record::Record;

/// Names of members.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "code.file.path"
            | "code.line.number"
            | "code.function.name"
            | "thread.id"
            | "thread.name"
            | "process.name"
            | "log.record.template"
            | "task"
            | "exception.type"
            | "exception.message"
            | "exception.stacktrace"
            | "exception.fingerprint"
            | "stack"
    )
}

pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    let (site, thread, process) = (&record.site, &record.thread, record.process);
    quoted("{\"Timestamp\":\"", out, |out| integer("", record.time_ns, out));
    text(",\"SeverityText\":\"", site.level_name, out);
    integer(",\"SeverityNumber\":", severity(site.level), out);
    let differs = message(",\"Body\":\"", record, out);
    text(",\"Attributes\":{\"code.file.path\":\"", site.pathname, out);
    integer(",\"code.line.number\":", site.line, out);
    text(",\"code.function.name\":\"", site.function, out);
    integer(",\"thread.id\":", thread.ident, out);
    text(",\"thread.name\":\"", thread.name, out);
    text(",\"process.name\":\"", thread.process_name, out);
    optional(",\"log.record.template\":\"", template(record, differs), out);
    optional(",\"task\":\"", record.task_name, out);
    let mut trace = Correlation::default();
    for (name, value) in record.fields {
        if !trace.take(name, value) {
            field(name, &value, is_reserved, out);
        }
    }
    if let Some(exception) = &record.exception {
        text(",\"exception.type\":\"", exception.kind, out);
        text(",\"exception.message\":\"", exception.message, out);
        text(",\"exception.stacktrace\":\"", exception.text, out);
        fingerprint(",\"exception.fingerprint\":\"", exception, out);
    }
    optional(",\"stack\":\"", record.stack_info, out);
    text("},\"Resource\":{\"host.name\":\"", &process.hostname, out);
    integer(",\"process.pid\":", thread.pid, out);
    text("},\"InstrumentationScope\":{\"Name\":\"", site.logger, out);
    out.push(b'}');
    member(",\"TraceId\":", trace.trace_id, out);
    member(",\"SpanId\":", trace.span_id, out);
    member(",\"TraceFlags\":", trace.flags, out);
    out.push(b'}');
}

/// The model's numbers come in fours: TRACE 1, DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21; 0 is unspecified.
fn severity(level: i32) -> i32 {
    match level {
        ..=0 => 0,
        1..=9 => 1,
        10..=59 => level / 10 * 4 + 1 + (level % 10).min(3),
        _ => 24,
    }
}
