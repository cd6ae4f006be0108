//! Elastic Common Schema 8.11, with dotted names; what the schema has no name for keeps ours.
use super::write::{field, fingerprint, integer, message, optional, quoted, text};
use super::{is_object, member, template, Correlation};
use crate::formatters::civil::write_utc_millis;
use crate::record::Record;

/// Names of members, and roots of those with dots in them.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "@timestamp"
            | "log.level"
            | "message"
            | "ecs.version"
            | "log.logger"
            | "log.template"
            | "log.origin.file.name"
            | "log.origin.file.line"
            | "log.origin.function"
            | "process.pid"
            | "process.name"
            | "process.thread.id"
            | "process.thread.name"
            | "host.hostname"
            | "task"
            | "trace.id"
            | "span.id"
            | "error.type"
            | "error.message"
            | "error.stack_trace"
            | "error.grouping_key"
            | "stack"
            | "log"
            | "process"
            | "host"
            | "error"
            | "ecs"
            | "trace"
            | "span"
    )
}

/// Besides, the schema's names for objects: Elasticsearch refuses the whole record where one of them is a plain value.
fn is_reserved_for_an_object(name: &str) -> bool {
    is_reserved(name)
        || matches!(
            name,
            "agent"
                | "client"
                | "cloud"
                | "container"
                | "data_stream"
                | "destination"
                | "device"
                | "dll"
                | "dns"
                | "email"
                | "event"
                | "faas"
                | "file"
                | "group"
                | "http"
                | "labels"
                | "network"
                | "observer"
                | "orchestrator"
                | "organization"
                | "package"
                | "registry"
                | "related"
                | "rule"
                | "server"
                | "service"
                | "source"
                | "threat"
                | "tls"
                | "transaction"
                | "url"
                | "user"
                | "user_agent"
                | "vulnerability"
        )
}

pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    let (site, thread) = (&record.site, &record.thread);
    quoted("{\"@timestamp\":\"", out, |out| write_utc_millis(record.time_ns, out));
    let start = out.len();
    text(",\"log.level\":\"", site.level_name, out);
    out[start..].make_ascii_lowercase();
    let differs = message(",\"message\":\"", record, out);
    text(",\"ecs.version\":\"", "8.11", out);
    text(",\"log.logger\":\"", site.logger, out);
    optional(",\"log.template\":\"", template(record, differs), out);
    text(",\"log.origin.file.name\":\"", site.pathname, out);
    integer(",\"log.origin.file.line\":", site.line, out);
    text(",\"log.origin.function\":\"", site.function, out);
    integer(",\"process.pid\":", thread.pid, out);
    text(",\"process.name\":\"", thread.process_name, out);
    integer(",\"process.thread.id\":", thread.ident, out);
    text(",\"process.thread.name\":\"", thread.name, out);
    text(",\"host.hostname\":\"", &record.process.hostname, out);
    optional(",\"task\":\"", record.task_name, out);
    let mut trace = Correlation::default();
    for (name, value) in record.fields {
        if !trace.take(name, value) {
            field(name, &value, if is_object(&value) { is_reserved } else { is_reserved_for_an_object }, out);
        }
    }
    member(",\"trace.id\":", trace.trace_id, out);
    member(",\"span.id\":", trace.span_id, out);
    member(",\"trace_flags\":", trace.flags, out);
    if let Some(exception) = &record.exception {
        text(",\"error.type\":\"", exception.kind, out);
        text(",\"error.message\":\"", exception.message, out);
        text(",\"error.stack_trace\":\"", exception.text, out);
        fingerprint(",\"error.grouping_key\":\"", exception, out);
    }
    optional(",\"stack\":\"", record.stack_info, out);
    out.push(b'}');
}
