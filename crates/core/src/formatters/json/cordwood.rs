//! Cordwood's own names.
use super::template;
use super::write::{field, fingerprint, integer, message, optional, quoted, raw, text};
use crate::formatters::civil::write_rfc3339;
use crate::record::Record;

/// Names of members.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "timestamp"
            | "level"
            | "logger"
            | "message"
            | "template"
            | "pid"
            | "process"
            | "thread"
            | "thread_id"
            | "function"
            | "file"
            | "line"
            | "host"
            | "task"
            | "exception"
            | "stack"
    )
}

pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    let (site, thread, process) = (&record.site, &record.thread, record.process);
    quoted("{\"timestamp\":\"", out, |out| write_rfc3339(record.time_ns, process.utc_offset, out));
    text(",\"level\":\"", site.level_name, out);
    text(",\"logger\":\"", site.logger, out);
    let differs = message(",\"message\":\"", record, out);
    optional(",\"template\":\"", template(record, differs), out);
    integer(",\"pid\":", thread.pid, out);
    text(",\"process\":\"", thread.process_name, out);
    text(",\"thread\":\"", thread.name, out);
    integer(",\"thread_id\":", thread.ident, out);
    text(",\"function\":\"", site.function, out);
    text(",\"file\":\"", site.pathname, out);
    integer(",\"line\":", site.line, out);
    text(",\"host\":\"", &process.hostname, out);
    optional(",\"task\":\"", record.task_name, out);
    for (name, value) in record.fields {
        field(name, &value, is_reserved, out);
    }
    if let Some(exception) = &record.exception {
        text(",\"exception\":{\"type\":\"", exception.kind, out);
        text(",\"message\":\"", exception.message, out);
        text(",\"text\":\"", exception.text, out);
        fingerprint(",\"fingerprint\":\"", exception, out);
        raw(",\"frames\":", exception.frames_json, "[]", out);
        out.push(b'}');
    }
    optional(",\"stack\":\"", record.stack_info, out);
    out.push(b'}');
}
