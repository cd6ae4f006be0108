#![allow(clippy::unwrap_used)]
use super::*;
use crate::formatters::text::tests::{process, record};
use crate::record::value::{pack, pack_field, Fields, Values};
use crate::record::{Exception, Message};

/// A failed deferred record with every kind of field, and with names that the vocabularies use themselves.
fn formatted(names: &str) -> String {
    let (mut args, mut fields) = (Vec::new(), Vec::new());
    pack(Value::Str("a \"b\"\n"), &mut args);
    let pairs = [
        ("order_id", Value::Int(7)),
        ("ratio", Value::Float(0.5)),
        ("tags", Value::Json(r#"["x", 1]"#)),
        ("message", Value::None),
        ("thread.id", Value::Bool(true)),
        ("trace_id", Value::Str("4bf92f3577b34da6a3ce929d0e0e4736")),
        ("span_id", Value::Str("00f067aa0ba902b7")),
        ("trace_flags", Value::Str("01")),
    ];
    for (name, value) in pairs {
        pack_field(name, value, &mut fields);
    }
    let process = process();
    let exception = Exception {
        kind: "ValueError",
        message: "bad",
        text: "Traceback\nValueError: bad",
        fingerprint: 0xabc,
        frames_json: r#"[{"file": "/srv/shop/cart.py", "line": 7, "function": "add"}]"#,
    };
    let given = Record {
        message: Message::Deferred(Values::new(&args)),
        fields: Fields::new(&fields),
        exception: Some(exception),
        task_name: Some("Task-1"),
        place: None,
        ..record(&process)
    };
    let mut out = Vec::new();
    JsonFormat::compile(names, None).unwrap().format(&given, &mut out);
    let text = String::from_utf8(out).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    text
}

#[test]
fn our_own_names() {
    assert_eq!(
        formatted("cordwood"),
        concat!(
            r#"{"timestamp":"2026-11-20T15:03:07.023456+01:00","level":"INFO","logger":"shop.cart","#,
            r#""message":"it's a \"b\"\n","template":"it's %s","pid":1234,"process":"MainProcess","#,
            r#""thread":"MainThread","thread_id":140000,"function":"add","file":"/srv/shop/cart.py","line":7,"#,
            r#""host":"box","task":"Task-1","order_id":7,"ratio":0.5,"tags":["x", 1],"message_":null,"thread.id":true,"#,
            r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","trace_flags":"01","#,
            r#""exception":{"type":"ValueError","message":"bad","text":"Traceback\nValueError: bad","#,
            r#""fingerprint":"0000000000000abc","#,
            r#""frames":[{"file": "/srv/shop/cart.py", "line": 7, "function": "add"}]}}"#,
            "\n"
        )
    );
}

#[test]
fn elastic_common_schema() {
    assert_eq!(
        formatted("ecs"),
        concat!(
            r#"{"@timestamp":"2026-11-20T14:03:07.023Z","log.level":"info","message":"it's a \"b\"\n","#,
            r#""ecs.version":"8.11","log.logger":"shop.cart","log.template":"it's %s","#,
            r#""log.origin.file.name":"/srv/shop/cart.py","log.origin.file.line":7,"log.origin.function":"add","#,
            r#""process.pid":1234,"process.name":"MainProcess","process.thread.id":140000,"#,
            r#""process.thread.name":"MainThread","host.hostname":"box","task":"Task-1","#,
            r#""order_id":7,"ratio":0.5,"tags":["x", 1],"message_":null,"thread.id":true,"#,
            r#""trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","span.id":"00f067aa0ba902b7","trace_flags":"01","#,
            r#""error.type":"ValueError","error.message":"bad","error.stack_trace":"Traceback\nValueError: bad","#,
            r#""error.grouping_key":"0000000000000abc"}"#,
            "\n"
        )
    );
}

#[test]
fn opentelemetry() {
    assert_eq!(
        formatted("otel"),
        concat!(
            r#"{"Timestamp":"1795183387023456789","SeverityText":"INFO","SeverityNumber":9,"#,
            r#""Body":"it's a \"b\"\n","Attributes":{"code.file.path":"/srv/shop/cart.py","code.line.number":7,"#,
            r#""code.function.name":"add","thread.id":140000,"thread.name":"MainThread","process.name":"MainProcess","#,
            r#""log.record.template":"it's %s","task":"Task-1","order_id":7,"ratio":0.5,"tags":["x", 1],"#,
            r#""message":null,"thread.id_":true,"exception.type":"ValueError","exception.message":"bad","#,
            r#""exception.stacktrace":"Traceback\nValueError: bad","exception.fingerprint":"0000000000000abc"},"#,
            r#""Resource":{"host.name":"box","process.pid":1234},"InstrumentationScope":{"Name":"shop.cart"},"#,
            r#""TraceId":"4bf92f3577b34da6a3ce929d0e0e4736","SpanId":"00f067aa0ba902b7","TraceFlags":"01"}"#,
            "\n"
        )
    );
}

#[test]
fn google_cloud() {
    assert_eq!(
        formatted("gcp"),
        concat!(
            r#"{"severity":"INFO","time":"2026-11-20T15:03:07.023456+01:00","message":"it's a \"b\"\n","#,
            r#""logging.googleapis.com/sourceLocation":{"file":"/srv/shop/cart.py","line":"7","function":"add"},"#,
            r#""logger":"shop.cart","template":"it's %s","pid":1234,"process":"MainProcess","thread":"MainThread","#,
            r#""thread_id":140000,"host":"box","task":"Task-1","order_id":7,"ratio":0.5,"tags":["x", 1],"#,
            r#""message_":null,"thread.id":true,"#,
            r#""logging.googleapis.com/trace":"4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""logging.googleapis.com/spanId":"00f067aa0ba902b7","logging.googleapis.com/trace_sampled":true,"#,
            r#""stack_trace":"Traceback\nValueError: bad","exception":{"type":"ValueError","message":"bad","#,
            r#""fingerprint":"0000000000000abc","#,
            r#""frames":[{"file": "/srv/shop/cart.py", "line": 7, "function": "add"}]}}"#,
            "\n"
        )
    );
}

#[test]
fn a_record_without_extras_has_no_empty_members() {
    let process = process();
    let plain = Record { template: "it's done", stack_info: Some("Stack"), ..record(&process) };
    for (names, end) in [
        ("cordwood", r#""line":7,"host":"box","stack":"Stack"}"#),
        ("ecs", r#""host.hostname":"box","stack":"Stack"}"#),
        ("otel", r#""InstrumentationScope":{"Name":"shop.cart"}}"#),
        ("gcp", r#""host":"box","stack":"Stack"}"#),
    ] {
        let mut out = Vec::new();
        JsonFormat::compile(names, None).unwrap().format(&plain, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.trim_end().ends_with(end) && !text.contains("template"), "{text}");
    }
}

#[test]
fn levels_between_the_usual_ones_have_their_place() {
    let process = process();
    for (level, number, severity) in [
        (0, 0, "DEFAULT"),
        (5, 1, "DEFAULT"),
        (10, 5, "DEBUG"),
        (25, 12, "INFO"),
        (30, 13, "WARNING"),
        (40, 17, "ERROR"),
        (50, 21, "CRITICAL"),
        (60, 24, "CRITICAL"),
    ] {
        let mut given = record(&process);
        given.site.level = level;
        for (names, part) in
            [("otel", format!("\"SeverityNumber\":{number},")), ("gcp", format!("\"severity\":\"{severity}\""))]
        {
            let mut out = Vec::new();
            JsonFormat::compile(names, None).unwrap().format(&given, &mut out);
            assert!(String::from_utf8(out).unwrap().contains(&part), "{level}");
        }
    }
}

#[test]
fn an_unknown_vocabulary_is_refused_by_name() {
    let why = JsonFormat::compile("elastic", None).unwrap_err().to_string();
    assert!(why.starts_with("names: \"elastic\" is not one of"), "{why}");
}

/// What a format makes of one field.
fn with_field(names: &str, project: Option<&str>, name: &str, value: Value<'_>) -> serde_json::Value {
    let mut fields = Vec::new();
    pack_field(name, value, &mut fields);
    let process = process();
    let given = Record { fields: Fields::new(&fields), ..record(&process) };
    let mut out = Vec::new();
    JsonFormat::compile(names, project).unwrap().format(&given, &mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_plain_value_never_takes_a_name_that_a_schema_has_for_an_object() {
    for (names, name) in [("ecs", "user"), ("ecs", "url"), ("ecs", "labels"), ("gcp", "httpRequest")] {
        let plain = with_field(names, None, name, Value::Str("ann"));
        assert_eq!((&plain[name], &plain[format!("{name}_")]), (&serde_json::Value::Null, &"ann".into()), "{names}");
        let object = with_field(names, None, name, Value::Json(r#"{"a": "b"}"#));
        assert_eq!(object[name]["a"], "b", "{names}: an object is what belongs there");
    }
    assert_eq!(with_field("ecs", None, "user.name", Value::Str("ann"))["user.name"], "ann");
    assert_eq!(with_field("cordwood", None, "user", Value::Str("ann"))["user"], "ann");
}

#[test]
fn google_s_trace_has_its_project_in_its_name() {
    let id = Value::Str("4bf9");
    let trace = |project, id| with_field("gcp", project, "trace_id", id)["logging.googleapis.com/trace"].clone();
    assert_eq!(trace(Some("shop-1"), id), "projects/shop-1/traces/4bf9");
    assert_eq!(trace(None, id), "4bf9");
    assert_eq!(trace(Some("shop-1"), Value::Str("projects/other/traces/1")), "projects/other/traces/1");
}
