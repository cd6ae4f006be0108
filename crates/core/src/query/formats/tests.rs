use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::query::when::Zone;

const AT: i64 = 1_795_183_387_000_000_000; // 2026-11-20T14:03:07Z

fn clock() -> Clock {
    Clock::new(Arc::new(Zone::fixed(0)), AT / 1_000_000_000)
}

/// A line of each format: name of the format, line, nanoseconds after AT, level, logger, message.
const SAMPLES: &[(&str, &str, i64, i32, &str, &str)] = &[
    // The five documents'.
    ("default", "2026-11-20 14:03:07,123 - app.http - ERROR - it - is", 123_000_000, 40, "app.http", "it - is"),
    ("console", "ERROR: it: is", NO_TIME, 40, "", "it: is"),
    ("services", "2026-11-20 14:03:07 - services.auth - INFO - login:42 - hello", 0, 20, "services.auth", "hello"),
    ("clock-console", "14:03:07 - WARNING - hello", 0, 30, "", "hello"),
    ("detailed", "2026-11-20 14:03:07 - app - DEBUG - main.py:7 - hello", 0, 10, "app", "hello"),
    ("simple", "2026-11-20 14:03:07 - INFO - hello", 0, 20, "", "hello"),
    ("process", "2026-11-20 14:03:07.123 [1234] [INFO] Logger initialized", 123_000_000, 20, "", "Logger initialized"),
    ("process-console", "[14:03:07] [1234] [INFO] hello", 0, 20, "", "hello"),
    // Python packages.
    (
        "loguru",
        "2026-11-20 14:03:07.500 | SUCCESS  | __main__:<module>:5 - hi | x",
        500_000_000,
        25,
        "__main__",
        "hi | x",
    ),
    ("structlog", "2026-11-20T14:03:07Z [info] hello", 0, 20, "", "hello"),
    (
        "structlog",
        "2026-11-20 14:03:07,000 [WARNING ] a message of more than thirty letters, a=1",
        0,
        30,
        "",
        "a message of more than thirty letters, a=1",
    ),
    ("structlog-console", "2026-11-20T14:03:07Z [info     ] hello", 0, 20, "", "hello"),
    (
        "structlog-console",
        "2026-11-20 14:03:07 [error    ] it failed                      [app.http] user_id=42 path='/a b'",
        0,
        40,
        "app.http",
        "it failed",
    ),
    ("celery", "[2026-11-20 14:03:07,001: WARNING/ForkPoolWorker-1] hello", 1_000_000, 30, "", "hello"),
    ("gunicorn", "[2026-11-20 14:03:07 +0000] [12] [INFO] Booting worker", 0, 20, "", "Booting worker"),
    ("flask", "[2026-11-20 14:03:07,000] ERROR in app: Exception on / [GET]", 0, 40, "", "Exception on / [GET]"),
    ("django-server", "[20/Nov/2026 14:03:07] \"GET / HTTP/1.1\" 404 5", 0, 30, "", "GET / HTTP/1.1"),
    ("django", "[20/Nov/2026 14:03:07] Watching for file changes", 0, 0, "", "Watching for file changes"),
    ("werkzeug", "127.0.0.1 - - [20/Nov/2026 14:03:07] \"GET /x HTTP/1.1\" 500 -", 0, 40, "", "GET /x HTTP/1.1"),
    ("http.server", "127.0.0.1 - - [20/Nov/2026 14:03:07] code 404, message no", 0, 0, "", "code 404, message no"),
    ("level-colon", "2026-11-20 14:03:07,123 [INFO] app.http: it: is", 123_000_000, 20, "app.http", "it: is"),
    ("level-dash", "2026-11-20 14:03:07,123 [ERROR] app.http - it - is", 123_000_000, 40, "app.http", "it - is"),
    ("structlog", "2026-11-20 14:03:07,123 [INFO] retry: it is", 123_000_000, 20, "", "retry: it is"),
    ("level-first", "2026-11-20 14:03:07,123 - WARNING - app.http - it", 123_000_000, 30, "app.http", "it"),
    ("simple", "2026-11-20 14:03:07,123 - WARNING - cache - it", 123_000_000, 30, "", "cache - it"),
    ("basic", "WARNING:root:hello", NO_TIME, 30, "root", "hello"),
    (
        "uvicorn-access",
        "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 500 Internal Server Error",
        NO_TIME,
        20,
        "",
        "GET / HTTP/1.1",
    ),
    ("console", "INFO:     Started server process [7]", NO_TIME, 20, "", "Started server process [7]"),
    // Servers and systems.
    (
        "vhost-combined",
        "example.com:443 10.0.0.1 - bob [20/Nov/2026:15:03:07 +0100] \"GET /x HTTP/1.1\" 404 12 \"-\" \"curl\"",
        0,
        30,
        "",
        "GET /x HTTP/1.1",
    ),
    (
        "combined",
        "10.0.0.1 - bob [20/Nov/2026:15:03:07 +0100] \"GET /x HTTP/1.1\" 404 12 \"-\" \"curl\"",
        0,
        30,
        "",
        "GET /x HTTP/1.1",
    ),
    ("common", "10.0.0.1 - - [20/Nov/2026:14:03:07 +0000] \"GET /x HTTP/1.1\" 503 -", 0, 40, "", "GET /x HTTP/1.1"),
    ("nginx-error", "2026/11/20 14:03:07 [error] 31#31: *1 open() failed", 0, 40, "", "*1 open() failed"),
    ("apache-error", "[Fri Nov 20 14:03:07.000001 2026] [core:error] [pid 9] AH1: x", 1000, 40, "", "AH1: x"),
    (
        "apache-error-thread",
        "[Fri Nov 20 14:03:07.000001 2026] [core:error] [pid 9:tid 140] AH1: x",
        1000,
        40,
        "",
        "AH1: x",
    ),
    ("apache-error-2.2", "[Fri Nov 20 14:03:07 2026] [notice] x", 0, 20, "", "x"),
    ("syslog", "Nov 20 14:03:07 host sshd[7]: Accepted", 0, 0, "sshd", "Accepted"),
    ("syslog-priority", "<11>Nov 20 14:03:07 host app: x", 0, 40, "app", "x"),
    ("syslog-5424", "<14>1 2026-11-20T14:03:07Z host app 7 - - x", 0, 20, "app", "x"),
    ("syslog-5424", r#"<14>1 2026-11-20T14:03:07Z host - - ID4 [a@1 b="\"]"][c] x"#, 0, 20, "", "x"),
    ("syslog-5424", "<14>1 2026-11-20T14:03:07Z host app 7 - -", 0, 20, "app", ""),
    ("syslog-rfc3339", "2026-11-20T15:03:07.000001+01:00 host kernel: [0.5] x", 1000, 0, "kernel", "[0.5] x"),
    ("syslog-iso", "2026-11-20T15:03:07+0100 host sshd[7]: x", 0, 0, "sshd", "x"),
    ("postgresql", "2026-11-20 14:03:07.000 UTC [7] FATAL:  no", 0, 50, "", "no"),
    ("postgresql-user", "2026-11-20 14:03:07.000 UTC [7] app@shop ERROR:  no", 0, 40, "", "no"),
    ("postgresql-zone", "2026-11-20 14:03:07.000 CET [7] LOG:  ready", 0, 20, "", "ready"),
    ("postgresql-zone-user", "2026-11-20 14:03:07.000 CET [7] app@shop ERROR:  no", 0, 40, "", "no"),
    // JSON and logfmt.
    (
        "json",
        r#"{"timestamp":"2026-11-20T14:03:07+00:00","level":"INFO","logger":"a.b","message":"hi \"x\"","pid":7}"#,
        0,
        20,
        "a.b",
        r#"hi \"x\""#,
    ),
    (
        "json",
        r#"{"@timestamp":"2026-11-20T14:03:07.000Z","log.level":"error","log":{"logger":"a"},"message":"x"}"#,
        0,
        40,
        "a",
        "x",
    ),
    (
        "json",
        r#"{"Timestamp":"1795183387000000001","SeverityText":"WARN","Body":"x","Attributes":{"a":1}}"#,
        1,
        30,
        "",
        "x",
    ),
    ("json", r#"{"time":"2026-11-20T14:03:07Z","severity":"WARNING","message":"x","logger":"g"}"#, 0, 30, "g", "x"),
    ("json", r#"{"timestamp":{"seconds":1795183387,"nanos":5},"severity":"ERROR","message":"x"}"#, 5, 40, "", "x"),
    ("json", r#"{"event":"x","level":"info","timestamp":"2026-11-20T14:03:07Z"}"#, 0, 20, "", "x"),
    (
        "json",
        r#"{"text":"t","record":{"level":{"name":"ERROR","no":40},"message":"x","name":"m","time":{"repr":"2026-11-20 14:03:07+00:00","timestamp":1795183387.0}}}"#,
        0,
        40,
        "m",
        "x",
    ),
    (
        "json",
        r#"{"asctime":"2026-11-20 14:03:07,001","levelname":"INFO","name":"n","message":"x"}"#,
        1_000_000,
        20,
        "n",
        "x",
    ),
    ("json", r#"{"level":30,"time":1795183387000,"msg":"x"}"#, 0, 30, "", "x"),
    (
        "json",
        r#"{"__REALTIME_TIMESTAMP":"1795183387000001","PRIORITY":"3","SYSLOG_IDENTIFIER":"app","MESSAGE":"x","_PID":"7"}"#,
        1000,
        40,
        "app",
        "x",
    ),
    (
        "json",
        r#"{"version":"1.1","host":"h","short_message":"x","timestamp":1795183387.5,"level":4}"#,
        500_000_000,
        30,
        "",
        "x",
    ),
    ("json", r#"{"timestamp":"2026-11-20T14:03:07Z","severity":"EMERGENCY","message":"x"}"#, 0, 50, "", "x"),
    ("json", r#"{"Timestamp":1795183387000000000,"SeverityNumber":17,"Body":"x"}"#, 0, 40, "", "x"),
    ("logfmt", r#"time=2026-11-20T14:03:07Z level=warn msg="a b" user_id=42"#, 0, 30, "", "a b"),
    ("logfmt", "timestamp='2026-11-20T14:03:07Z' level='error' event='it\\'s a b' user_id=42", 0, 40, "", "it\\'s a b"),
    // A format nobody told.
    ("timed", "2026-11-20 14:03:07 <app.x> ERROR something", 0, 40, "app.x", "something"),
    ("timed", "2026-11-20T14:03:07Z something happened", 0, 0, "", "something happened"),
    ("timed", "WARNING 2026-11-20 14:03:07 views 12 hello", 0, 30, "", "views 12 hello"),
    ("timed", "2026-11-20 14:03:07,123 myapp.area1  INFO     it is", 123_000_000, 20, "myapp.area1", "it is"),
    ("timed", "2026-11-20 14:03:07,123 INFO     app.py:42 it is", 123_000_000, 20, "", "it is"),
    ("timed", "2026-11-20 14:03:07,123 INFO localhost:5000 it is", 123_000_000, 20, "", "localhost:5000 it is"),
];

#[test]
fn each_format_is_recognised_and_read() {
    for (name, line, after, level, logger, message) in SAMPLES {
        let formats = detect(line.as_bytes(), &[], &mut clock());
        assert_eq!(formats.iter().map(Format::name).collect::<Vec<_>>(), [*name], "{line}");
        let head = formats[0].head(line.as_bytes(), &mut clock()).unwrap();
        let time = if *after == NO_TIME { NO_TIME } else { AT + after };
        let text = |span: Span| std::str::from_utf8(span.of(line.as_bytes())).unwrap();
        assert_eq!(
            (head.time, head.level, text(head.logger), text(head.message)),
            (time, *level, *logger, *message),
            "{line}"
        );
    }
}

#[test]
fn each_line_of_the_table_has_a_sample_or_shares_its_shape() {
    let sampled = |name: &str| SAMPLES.iter().any(|sample| sample.0 == name);
    let without: Vec<&str> = table::PATTERNS.iter().map(|row| row.0).filter(|name| !sampled(name)).collect();
    assert_eq!(without, ["pipes", "brackets", "named", "spring", "colon", "bracketed-console"]);
}

#[test]
fn a_format_string_of_the_configuration_is_read_in_each_style() {
    for pattern in [
        "%(asctime)s;%(process)d;%(levelname)-8s;%(name)s;%(message)s",
        "{asctime};{process};{levelname:<8};{name};{message}",
        "$asctime;${process};$levelname;$name;$message",
    ] {
        let format = Format::given(pattern, None).unwrap();
        let line = b"2026-11-20 14:03:07,000;7;ERROR   ;my app;a;b";
        let head = format.head(line, &mut clock()).unwrap();
        assert_eq!(
            (head.level, head.logger.of(line), head.message.of(line)),
            (40, b"my app".as_slice(), b"a;b".as_slice())
        );
    }
    let dated =
        Format::given("%(levelname)s %(asctime)s.%(msecs)03d %(message)s [%(filename)s]", Some("%d.%m.%Y %H:%M:%S"))
            .unwrap();
    let line = b"INFO 20.11.2026 14:03:07.250 x [y] [a.py]";
    let head = dated.head(line, &mut clock()).unwrap();
    assert_eq!((head.time - AT, head.message.of(line)), (250_000_000, b"x [y]".as_slice()));
    assert!(Format::given("%(message)s", None).is_err());
}

#[test]
fn a_format_is_learnt_from_one_line() {
    for (example, line) in [
        ("2026-11-20 10:00:00,123 | INFO | app.db | connected", "2026-11-20 14:03:07,000 | ERROR | app.x | it failed"),
        ("20.11.2026 10:00:00 INFO     [app.db] connected", "20.11.2026 14:03:07 ERROR    [app.x] it failed"),
        ("[Nov 20 10:00:00] 17 <INFO> app.db: connected", "[Nov 20 14:03:07] 4 <ERROR> app.x: it failed"),
        ("INFO     2026-11-20 10:00:00,123 app.db: connected", "ERROR    2026-11-20 14:03:07,000 app.x: it failed"),
        ("[7] [INFO] 11/20/2026 10:00:00 AM app.db: connected", "[12] [ERROR] 11/20/2026 02:03:07 PM app.x: it failed"),
    ] {
        let format = Format::given(example, None).unwrap();
        let head = format.head(line.as_bytes(), &mut clock()).unwrap_or_else(|| panic!("{format:?} {line}"));
        let text = |span: Span| std::str::from_utf8(span.of(line.as_bytes())).unwrap();
        assert_eq!(
            (head.time, head.level, text(head.logger), text(head.message)),
            (AT, 40, "app.x", "it failed"),
            "{format:?}"
        );
    }
    assert!(Format::given("no time in here", None).is_err());
}

#[test]
fn fields_are_opened_and_bags_leave_no_trace() {
    let line =
        br#"{"message":"x","user_id":42,"http":{"status":200},"extra":{"k":"v\n"},"none":null,"list":[1,{"a":"}"}]}"#;
    let mut found = Vec::new();
    json::fields(line, &mut |name, value| found.push((name.to_owned(), String::from_utf8(value.to_vec()).unwrap())));
    let want = [("user_id", "42"), ("http.status", "200"), ("k", "v\n"), ("list", r#"[1,{"a":"}"}]"#)];
    assert_eq!(found, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn fields_of_lines_have_the_names_that_every_record_has() {
    let named = |name: &str, line: &'static str| {
        let mut found = Vec::new();
        Format::named(name).unwrap().fields(line.as_bytes(), &mut clock(), &mut |name, value| {
            found.push(format!("{name}={}", String::from_utf8_lossy(&value)));
        });
        found
    };
    assert_eq!(named("syslog", "Nov 20 14:03:07 box sshd[7]: x"), ["host=box", "pid=7"]);
    let line = r#"<14>1 2026-11-20T14:03:07Z box app 7 - [a@1 user_id="42" q="\""] x"#;
    assert_eq!(named("syslog-5424", line), ["host=box", "pid=7", "user_id=42", "q=\""]);
    let line = "2026-11-20 14:03:07 [error    ] it failed                      [app] user_id=42 path='/a b'";
    assert_eq!(named("structlog-console", line), ["user_id=42", "path=/a b"]);
    let line = r#"a.org:80 10.0.0.1 - - [20/Nov/2026:14:03:07 +0000] "GET / HTTP/1.1" 200 5 "-" "curl""#;
    assert_eq!(
        named("vhost-combined", line),
        ["vhost=a.org", "port=80", "ip=10.0.0.1", "method=GET", "path=/", "status=200", "bytes=5", "agent=curl"]
    );
    let line = "INFO:     127.0.0.1:5000 - \"GET /x?q=1 HTTP/1.1\" 200 OK";
    assert_eq!(
        named("uvicorn-access", line),
        ["client=127.0.0.1:5000", "method=GET", "path=/x", "query=q=1", "status=200", "phrase=OK"]
    );
}

#[test]
fn fields_that_every_record_has_have_one_name_in_every_vocabulary() {
    let otel = br#"{"Body":"x","Resource":{"host.name":"box","process.pid":7},"Attributes":{"code.line.number":3}}"#;
    let gcp = br#"{"message":"x","logging.googleapis.com/sourceLocation":{"file":"a.py","line":"3","function":"f"}}"#;
    let names = |line: &'static [u8]| {
        let mut found = Vec::new();
        json::fields(line, &mut |name, _| found.push(name.to_owned()));
        found
    };
    assert_eq!(names(otel), ["host", "pid", "line"]);
    assert_eq!(names(gcp), ["file", "line", "function"]);
    let ecs = br#"{"message":"x 1","log.template":"x %d","trace.id":"t","span.id":"s"}"#;
    assert_eq!(names(ecs), ["template", "trace_id", "span_id"]);
    assert_eq!(
        names(br#"{"Body":"x","TraceId":"t","SpanId":"s","TraceFlags":"01"}"#),
        ["trace_id", "span_id", "trace_flags"]
    );
    assert_eq!(names(br#"{"message":"x","logging.googleapis.com/trace":"t"}"#), ["trace_id"]);
}

#[test]
fn a_word_before_a_colon_is_a_logger_where_nearly_every_line_has_one() {
    let with = "2026-11-20 14:03:07,1 [INFO] worker: it is\n";
    let names = |sample: String| -> Vec<String> {
        detect(sample.as_bytes(), &[], &mut clock()).iter().map(|format| format.name().to_owned()).collect()
    };
    assert_eq!(names(with.repeat(9)), ["structlog"]);
    assert_eq!(names(with.repeat(10)), ["level-colon"]);
    let without = "2026-11-20 14:03:07,1 [INFO] it is\n";
    assert_eq!(names(with.repeat(90) + &without.repeat(10)), ["level-colon", "structlog"]);
    assert_eq!(names(with.repeat(80) + &without.repeat(20)), ["structlog"]);
}

#[test]
fn times_of_other_forms_at_the_head_are_found_where_no_format_is_known() {
    let detected = |text: &str| detect(text.as_bytes(), &[], &mut clock());
    let text = "11/20/2026 02:03:07 PM it is\n11/20/2026 02:03:08 PM that too\nTraceback\n  x\n";
    let [Format::Layout(layout)] = &*detected(text) else { panic!("{:?}", detected(text)) };
    let head = layout.head(b"11/20/2026 02:03:07 PM it is", &mut clock()).unwrap();
    assert_eq!((head.time, head.message), (AT, Span::new(23, 28)));
    let text = "[14:03:07] INFO app.db: it is\n[14:03:08] nothing said\n[14:03:09] nor here\n";
    let [Format::Layout(layout)] = &*detected(text) else { panic!("{:?}", detected(text)) };
    assert_eq!(layout.head(b"[14:03:08] nothing said", &mut clock()).unwrap().time, AT + 1_000_000_000);
    assert_eq!(detected("10:30 is the time\nof nothing\n"), [Format::Plain]);
    assert_eq!(detected("x 14:03:07\nno\nno\n"), [Format::Plain]);
}

#[test]
fn several_formats_in_one_text_are_all_found() {
    let sample =
        "2026-11-20 14:03:07,1 - a - INFO - x\n{\"level\":\"INFO\",\"message\":\"y\",\"time\":1795183387}\n".repeat(9);
    let formats = detect(sample.as_bytes(), &[], &mut clock());
    assert_eq!(formats.iter().map(Format::name).collect::<Vec<_>>(), ["json", "default"]);
    let uvicorn = "INFO:     127.0.0.1:5 - \"GET / HTTP/1.1\" 200 OK\nINFO:     a\nINFO:     b\n";
    let formats = detect(uvicorn.as_bytes(), &[], &mut clock());
    assert_eq!(formats.iter().map(Format::name).collect::<Vec<_>>(), ["uvicorn-access", "console"]);
    let rare = "2026-11-20 14:03:07,1 - a - INFO - x\n".repeat(99) + "2026-11-20 14:03:07,1 - a - INFO - f:1 - x\n";
    let formats = detect(rare.as_bytes(), &[], &mut clock());
    assert_eq!(formats.iter().map(Format::name).collect::<Vec<_>>(), ["default", "services"]);
    assert_eq!(detect(b"just text\nmore", &[], &mut clock()), [Format::Plain]);
}

#[test]
fn json_strings_are_unescaped() {
    let text = unescape(br#"a\"b\\c\/d\n\u00e9\ud83d\ude00\ud83dx"#);
    assert_eq!(std::str::from_utf8(&text).unwrap(), "a\"b\\c/d\n\u{e9}\u{1f600}\u{fffd}x");
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused_by_every_format(line in prop::collection::vec(any::<u8>(), 0..80), cut in 0..SAMPLES.len(), at in 0..60_usize) {
        // Half of the lines are samples with noise within.
        let sample = SAMPLES[cut].1.as_bytes();
        let mixed = [&sample[..at.min(sample.len())], &line].concat();
        for text in [&line, &mixed] {
            for format in table::all().iter().chain(&[Format::Timed, Format::Plain]) {
                if let Some(head) = format.head(text, &mut clock()) {
                    prop_assert!(head.message.end as usize <= text.len());
                }
                format.fields(text, &mut clock(), &mut |_, _| {});
            }
            if let Ok(text) = std::str::from_utf8(text) {
                let _ = Format::given(text, Some(text));
            }
            unescape(text);
        }
    }
}
