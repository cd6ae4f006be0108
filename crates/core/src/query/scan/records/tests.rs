use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::query::when::Zone;

fn open(text: &[u8]) -> Records {
    Records::new(Input::memory(text.to_vec()), &[], Arc::new(Zone::fixed(0)), 1_795_183_387).unwrap()
}

/// (time after 2026-11-20T14:03:07Z in seconds, level, message, exception) of each record.
fn all(text: &str) -> Vec<(i64, i32, String, String)> {
    let mut records = open(text.as_bytes());
    let mut found = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let time = if record.time == NO_TIME { -1 } else { record.time / 1_000_000_000 - 1_795_183_387 };
        found.push((time, record.level, text(record.message), text(record.exception)));
    }
    found
}

fn expected(rows: &[(i64, i32, &str, &str)]) -> Vec<(i64, i32, String, String)> {
    rows.iter()
        .map(|(time, level, message, exception)| (*time, *level, (*message).to_owned(), (*exception).to_owned()))
        .collect()
}

#[test]
fn a_traceback_belongs_to_its_record() {
    let text = "2026-11-20 14:03:07 - a - ERROR - it\n  goes on\nTraceback (most recent call last):\n  File\nValueError: 2026-11-20 14:03:07 - a - INFO - x\n\n2026-11-20 14:03:08 - a - INFO - b\n";
    let traceback = "Traceback (most recent call last):\n  File\nValueError: 2026-11-20 14:03:07 - a - INFO - x";
    assert_eq!(all(text), expected(&[(0, 40, "it\n  goes on", traceback), (1, 20, "b", "")]));
    let plain = "one\n  two\nTraceback (most recent call last):\n  File\nValueError: x\nthree\n";
    let rows = all(plain);
    assert_eq!(
        rows,
        expected(&[
            (-1, 0, "one\n  two", "Traceback (most recent call last):\n  File\nValueError: x"),
            (-1, 0, "three", "")
        ])
    );
}

#[test]
fn a_chain_of_tracebacks_in_plain_text_is_one_records() {
    let raised = |name: &str| format!("Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n{name}: x");
    let chain = format!(
        "{}\n\nDuring handling of the above exception, another exception occurred:\n\n{}",
        raised("KeyError"),
        raised("OSError")
    );
    assert_eq!(all(&format!("one\n{chain}\ntwo\n")), expected(&[(-1, 0, "one", &chain), (-1, 0, "two", "")]));
    assert_eq!(all(&format!("{chain}\ntwo\n")), expected(&[(-1, 0, "OSError: x", &chain), (-1, 0, "two", "")]));
}

/// Each line with a stamp of its own, as a console's copy has them.
fn stamped(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("2026-11-20 14:03:07,000 {line}\n")).collect();
    lines.concat()
}

#[test]
fn a_traceback_of_which_each_line_is_stamped_is_one_records() {
    let traceback =
        "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    error(1)\n    ~~~~~^^^\nError: x";
    let chain =
        format!("{traceback}\n\nThe above exception was the direct cause of the following exception:\n\n{traceback}");
    // What nobody caught is a record of its own; what was logged belongs to its message.
    for (before, level, text, joined) in [
        ("INFO: begun", 20, "begun", false),
        ("a print", 0, "a print", false),
        ("ERROR: it failed", 40, "it failed", true),
        ("WARNING: it failed", 30, "it failed", true),
    ] {
        let rows = all(&stamped(&format!("{before}\n{chain}\nafter\n")));
        let last = (0, 0, "after", "");
        let want = if joined {
            expected(&[(0, level, text, &chain), last])
        } else {
            expected(&[(0, level, text, ""), (0, 0, "Error: x", &chain), last])
        };
        assert_eq!(rows, want, "{before}");
    }
    assert_eq!(all(&stamped("a\n  b\nc\n")), expected(&[(0, 0, "a\n  b", ""), (0, 0, "c", "")]));
}

#[test]
fn skipping_to_a_text_within_a_traceback_gives_the_whole_record() {
    let traceback = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nOSError: needle";
    let text = format!("one\ntwo\n{traceback}\nthree\n").repeat(3);
    for text in [text.clone(), stamped(&text)] {
        let mut records = open(text.as_bytes());
        let mut found = 0;
        while records.skip_to(&mut |bytes| memmem::find(bytes, b"needle")).unwrap() {
            let record = records.next_record().unwrap().unwrap();
            // Those before it may be given too: where it begins is told from them.
            found += u32::from(record.exception == traceback.as_bytes());
        }
        assert_eq!(found, 3, "{text}");
    }
}

#[test]
fn what_stands_behind_a_message_is_no_part_of_it_though_more_lines_follow() {
    let text = "2026-11-20 14:03:07 [error    ] it failed                      [app] user_id=42\n  more\n";
    assert_eq!(all(text), expected(&[(0, 40, "it failed\n  more", "")]));
}

#[test]
fn a_traceback_in_a_message_of_json_is_the_records() {
    let text =
        "{\"MESSAGE\":\"it\\nTraceback (most recent call last):\\n  File\\nE\",\"PRIORITY\":3,\"ts\":1795183387}\n";
    assert_eq!(all(text), expected(&[(0, 40, "it", "Traceback (most recent call last):\n  File\nE")]));
}

#[test]
fn a_traceback_that_structlog_writes_as_data_is_shown_as_python_prints_it() {
    let frame =
        |line: u32| format!(r#"{{"filename":"/a.py","lineno":{line},"name":"f","line":"","locals":{{"x":"1"}}}}"#);
    let text = format!(
        r#"{{"event":"it","level":"error","timestamp":"2026-11-20T14:03:07Z","exception":[{{"exc_type":"OSError","exc_value":"no","is_cause":false,"frames":[{}]}},{{"exc_type":"KeyError","exc_value":"","is_cause":true,"frames":[{}]}}]}}"#,
        frame(3),
        frame(7)
    );
    let traceback = "Traceback (most recent call last):\n  File \"/a.py\", line 7, in f\nKeyError\n\n\
        The above exception was the direct cause of the following exception:\n\n\
        Traceback (most recent call last):\n  File \"/a.py\", line 3, in f\nOSError: no";
    assert_eq!(all(&text), expected(&[(0, 40, "it", traceback)]));
}

#[test]
fn a_group_of_exceptions_belongs_to_its_record() {
    let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 3, in f\n  | ExceptionGroup: no (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +------------------------------------";
    let text = format!("2026-11-20 14:03:07 - a - ERROR - it\n{group}\n2026-11-20 14:03:08 - a - INFO - b\n");
    assert_eq!(all(&text), expected(&[(0, 40, "it", group), (1, 20, "b", "")]));
    assert_eq!(all(&format!("it\n{group}\nb\n")), expected(&[(-1, 0, "it", group), (-1, 0, "b", "")]));
}

#[test]
fn nulls_make_no_binary_of_a_log_whose_format_is_recognised() {
    let line = "2026-11-20 14:03:07 - a - INFO - ";
    for (text, binary) in [
        (format!("{line}a\0b\n"), false),
        (format!("{}{line}b\n", "\0".repeat(700_000)), false),
        ("a\0b\n".to_owned(), true),
        ("\0\u{1}\n".to_owned(), true),
        ("\0".repeat(9), true),
        (String::new(), false),
        ("\u{feff}".to_owned(), false),
    ] {
        let mut records = open(text.as_bytes());
        assert_eq!(records.is_binary(), binary, "{:?}", text.get(..40));
        if !binary && !text.is_empty() && text != "\u{feff}" {
            assert!(records.next_record().unwrap().unwrap().message.ends_with(b"b"));
        }
    }
}

#[test]
fn utf16_is_read_as_text() {
    let text = "2026-11-20 14:03:07 - a - INFO - größer\r\n2026-11-20 14:03:08 - a - INFO - y\r\n";
    let bytes: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut records = open(&bytes);
    assert!(!records.is_binary());
    assert_eq!(records.next_record().unwrap().unwrap().message, "größer".as_bytes());
    assert_eq!(records.next_record().unwrap().unwrap().message, b"y");
    assert!(records.next_record().unwrap().is_none());
}

#[test]
fn carriage_returns_and_a_missing_last_newline_change_nothing() {
    let text = "\u{feff}2026-11-20 14:03:07 - a - INFO - x\r\n2026-11-20 14:03:08 - a - INFO - y\r\n\r\n2026-11-20 14:03:09 - a - INFO - z";
    assert_eq!(all(text), expected(&[(0, 20, "x", ""), (1, 20, "y", ""), (2, 20, "z", "")]));
}

#[test]
fn json_records_are_decoded() {
    let text = "{\"ts\":\"2026-11-20 14:03:07,000\",\"level\":\"ERROR\",\"logger\":\"a\",\"message\":\"a \\\"b\\\"\",\"exc_info\":\"T\\nV\"}\n";
    assert_eq!(all(text), expected(&[(0, 40, "a \"b\"", "T\nV")]));
}

#[test]
fn the_traceback_that_loguru_appends_to_its_text_is_the_records() {
    let text = r#"{"text": "2026-11-20 14:03:07.000 | ERROR | m:f:1 - it\nTraceback (most recent call last):\n\n> File \"a.py\", line 3, in f\n\nValueError: x\n", "record": {"exception": {"type": "ValueError", "value": "x", "traceback": true}, "level": {"name": "ERROR", "no": 40}, "message": "it", "name": "m", "time": {"repr": "2026-11-20 14:03:07+00:00", "timestamp": 1795183387.0}}}"#;
    let traceback = "Traceback (most recent call last):\n\n> File \"a.py\", line 3, in f\n\nValueError: x";
    assert_eq!(all(text), expected(&[(0, 40, "it", traceback)]));
}

#[test]
fn records_of_opentelemetrys_own_json_are_read_one_by_one() {
    let record = |second: i64, text: &str| {
        let time = (1_795_183_387 + second) * 1_000_000_000;
        format!(
            r#"{{"timeUnixNano":"{time}","severityNumber":17,"body":{{"stringValue":"{text}"}},"attributes":[{{"key":"exception.stacktrace","value":{{"stringValue":"T\nV"}}}}]}}"#
        )
    };
    let request =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{},{}]}}]}}]}}"#, record(0, "a"), record(1, "b"));
    let want = [(0, 40, "a", "T\nV"), (1, 40, "b", "T\nV"), (2, 40, "c", "T\nV")];
    assert_eq!(all(&format!("{request}\n{}\n", record(2, "c"))), expected(&want));
}

#[test]
fn what_has_no_time_takes_that_of_the_record_before() {
    let text = "{\"message\":\"a\"}\n{\"message\":\"b\",\"time\":1795183388}\n{\"message\":\"c\"}\n";
    assert_eq!(all(text), expected(&[(-1, 0, "a", ""), (1, 0, "b", ""), (1, 0, "c", "")]));
}

#[test]
fn a_line_without_end_is_cut_and_the_next_record_is_found() {
    let mut text = b"2026-11-20 14:03:07 - a - INFO - ".to_vec();
    text.resize(3 * LONGEST, b'x');
    text.extend_from_slice(b"\n2026-11-20 14:03:08 - a - INFO - y\n");
    let mut records = open(&text);
    assert!(records.next_record().unwrap().unwrap().raw.len() <= LONGEST + BLOCK);
    assert_eq!(records.next_record().unwrap().unwrap().message, b"y");
    assert!(records.next_record().unwrap().is_none());
    assert_eq!(records.cut(), 1);
    records.forget_cut();
    records.align(1_000_000, 0).unwrap();
    assert_eq!(records.next_record().unwrap().unwrap().message, b"y");
    assert_eq!(records.cut(), 0, "what begins before is not looked at");
    assert!(records.buffer.capacity() <= 2 * (LONGEST + BLOCK));
    let mut records = open(&text);
    assert!(records.skip_to(&mut |bytes| memmem::find(bytes, b"- y")).unwrap());
    assert_eq!(records.cut(), 1);
    assert_eq!(records.next_record().unwrap().unwrap().message, b"y");
}

#[test]
fn skipping_finds_each_record_that_holds_a_text() {
    let mut text = String::new();
    for i in 0..20_000 {
        writeln!(text, "2026-11-20 14:03:07 - a - INFO - number {i}").unwrap();
        if i % 1000 == 999 {
            text += "Traceback (most recent call last):\n  File needle\nValueError: x\n";
        }
    }
    let mut records = open(text.as_bytes());
    let mut found = 0;
    while records.skip_to(&mut |bytes| memmem::find(bytes, b"needle")).unwrap() {
        let record = records.next_record().unwrap().unwrap();
        assert!(record.message.ends_with(format!("{}", found * 1000 + 999).as_bytes()));
        found += 1;
    }
    assert_eq!(found, 20);
}

#[test]
fn tracebacks_in_plain_text_are_records_of_their_own_and_chains_are_one() {
    let traceback = "Traceback (most recent call last):\n  File\nKeyError: 1";
    let between = "\nDuring handling of the above exception, another exception occurred:\n";
    let chain = format!("{traceback}\n{between}\n{traceback}");
    let text = format!("{chain}\n{traceback}\nhello\n{traceback}\nbye\n");
    let rows = all(&text);
    let exceptions: Vec<&str> = rows.iter().map(|row| &*row.3).collect();
    assert_eq!(exceptions, [&*chain, traceback, traceback, ""]);
    assert_eq!((&*rows[2].2, &*rows[3].2), ("hello", "bye"));
}

/// Lines of which logs of all kinds are made: some begin records, some go on.
const LINES: &[&str] = &[
    "2026-11-20 14:03:07 - a - ERROR - one needle",
    "2026-11-20 14:03:08 - a - INFO - two",
    "Traceback (most recent call last):",
    "  File needle",
    "ValueError: needle",
    "During handling of the above exception, another exception occurred:",
    "{\"message\":\"a needle\",\"level\":\"INFO\"}",
    "plain needle",
    "plain",
    "",
];

/// A text that comes a few bytes at a time.
struct Slowly(Vec<u8>, usize);

impl std::io::Read for Slowly {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(11).min(self.0.len() - self.1);
        out[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
        self.1 += count;
        Ok(count)
    }
}

proptest! {
    #[test]
    fn skipping_finds_what_reading_all_finds(picked in prop::collection::vec(0..LINES.len(), 0..40), timed in any::<bool>()) {
        let from = if timed { 0 } else { 2 };
        let lines: Vec<&str> = picked.iter().map(|place| LINES[(*place).max(from)]).collect();
        let text = lines.join("\n");
        let holds = |raw: &[u8]| memmem::find(raw, b"needle").is_some();
        let mut whole = open(text.as_bytes());
        let input = Input::Stream(Box::new(Slowly(text.clone().into_bytes(), 0)));
        let mut skipping = Records::new(input, &[], Arc::new(Zone::fixed(0)), 0).unwrap();
        skipping.take_formats(whole.formats(), NO_TIME);
        let (mut want, mut found) = (Vec::new(), Vec::new());
        while let Some(record) = whole.next_record().unwrap() {
            want.extend(holds(record.raw).then(|| record.raw.to_vec()));
        }
        while skipping.skip_to(&mut |bytes| memmem::find(bytes, b"needle")).unwrap() {
            let Some(record) = skipping.next_record().unwrap() else { break };
            found.extend(holds(record.raw).then(|| record.raw.to_vec()));
        }
        prop_assert_eq!(found, want);
    }

    #[test]
    fn every_byte_of_a_text_is_in_one_record(lines in prop::collection::vec("(2026-11-20 14:03:0[0-9] - a - INFO - )?[ a-z]{0,9}", 0..30)) {
        let text = lines.join("\n");
        let mut records = open(text.as_bytes());
        let mut whole = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            whole.extend(record.raw.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec));
        }
        let want: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).filter(|line| !line.trim_ascii().is_empty()).collect();
        let trim = |lines: Vec<Vec<u8>>| lines.into_iter().map(|line| line.trim_ascii_end().to_vec()).collect::<Vec<_>>();
        prop_assert_eq!(trim(whole), trim(want));
    }

    #[test]
    fn any_bytes_give_records(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut records = open(&text);
        while records.next_record().unwrap().is_some() {}
    }
}

#[test]
fn a_source_that_goes_on_in_another_format_is_cut_in_both() {
    let old = (0..900)
        .map(|n| format!("2026-11-20 09:00:00,000 - app - INFO - old {n}\n  more of it\n"))
        .collect::<Vec<_>>()
        .concat();
    let new = (0..3000).map(|n| format!("Nov 20 10:00:00 host app[7]: new {n}\n")).collect::<Vec<_>>().concat();
    let json = (0..3000)
        .map(|n| format!("{{\"timestamp\": \"2026-11-20T11:00:00Z\", \"level\": \"INFO\", \"message\": \"{n}\"}}\n"))
        .collect::<Vec<_>>()
        .concat();
    let text = [old.clone(), new, json, old].concat();
    let mut records =
        Records::new(Input::memory(text.into_bytes()), &[], Arc::new(Zone::fixed(0)), 1_795_200_000).unwrap();
    let mut found = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        assert_ne!(record.time, NO_TIME);
        found.push(String::from_utf8_lossy(record.message).into_owned());
    }
    assert_eq!(found.len(), 900 + 3000 + 3000 + 900);
    assert_eq!((&*found[899], &*found[900]), ("old 899\n  more of it", "new 0"));
    assert_eq!((&*found[3899], &*found[3900], &*found[6900]), ("new 2999", "0", "old 0\n  more of it"));
}

#[test]
fn a_long_record_is_one_whatever_its_lines_look_like() {
    let dump = (0..4000).map(|n| format!("row {n}: {n}, {n}\n")).collect::<Vec<_>>().concat();
    let text =
        format!("2026-11-20 09:00:00,000 - app - INFO - dump\n{dump}2026-11-20 09:00:01,000 - app - INFO - done\n");
    let mut records = Records::new(Input::memory(text.into_bytes()), &[], Arc::new(Zone::fixed(0)), 0).unwrap();
    assert!(records.next_record().unwrap().unwrap().message.ends_with(b"row 3999: 3999, 3999"));
    assert_eq!(records.next_record().unwrap().unwrap().message, b"done");
}

#[test]
fn a_traceback_in_a_box_is_the_records_exception() {
    let text = "2026-11-20 14:03:07 [error    ] request failed                 user_id=7
╭──── Traceback (most recent call last) ────╮
│ /srv/app.py:7 in view                     │
╰───────────────────────────────────────────╯
ValueError: x
2026-11-20 14:03:08 [info     ] next
";
    let found = all(text);
    assert_eq!((found.len(), &*found[0].2, found[0].3.lines().last()), (2, "request failed", Some("ValueError: x")));
    assert!(found[0].3.starts_with("╭─"));
}

#[test]
fn a_long_line_where_the_format_changes_hides_nothing() {
    let old = "2026-11-20 09:00:00,000 - app - INFO - old\n".repeat(3000);
    let long = format!("Nov 20 10:00:00 host app[7]: {}\n", "x".repeat(300_000));
    let new = "Nov 20 10:00:00 host app[7]: new\n".repeat(30_000);
    assert_eq!(all(&[old, long, new].concat()).len(), 3000 + 1 + 30_000);
}

#[test]
fn a_table_of_dates_or_a_quoted_log_is_its_records() {
    let head = "2026-11-20 09:00:00,000 - app - INFO - dump\n";
    let table = "2020-01-01 00:00:00,7,9\n".repeat(6000);
    let quoted = "Nov 11 10:00:00 host app[7]: quoted\n".repeat(6000);
    let text = [&*head.repeat(2000), &table, head, &quoted, head].concat();
    assert_eq!(all(&text).len(), 2002);
}
