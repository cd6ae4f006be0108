//! Segments: frames, headers and positions, spoilt as accidents do and, with a right checksum, as nobody but malice does.
use std::path::Path;
use std::sync::OnceLock;

use super::{run, Chance};
use crate::delivery::spec::{Format, Spec};
use crate::formatters::copy::Rows;
use crate::formatters::row::Shaper;
use crate::proofs::trial::{folder_in_memory, process};
use crate::record::frame::{self, Head, Kind};
use crate::record::value::{pack, pack_field, Value};
use crate::record::{Exception, Site, Thread};
use crate::spool::segment::{Header, Prepared, Segment, SinkId, HEADER, ORDINAL, POSITIONS, RECORDS, SEALED};
use crate::spool::source::{Source, Take};
use crate::system::fork::Held;

const CAPACITY: usize = 32 << 10;
const SINKS: [SinkId; 2] = [SinkId { identity: 7, local: false }, SinkId { identity: 8, local: true }];
const LOOKS: &[&str] = &[
    r#"{"kind":"file","format":{"kind":"text","format":"%(asctime)s,%(msecs)03d %(process)d %(relativeCreated)d %(taskName)s %(message)s"}}"#,
    r#"{"kind":"console","theme":{"INFO":"green"},"format":{"kind":"text","format":"%(levelname)-8s %(filename)s %(message)s","date_format":"%Y-%m-%d %H:%M:%S %j %Z %z"}}"#,
    r#"{"kind":"file","format":{"kind":"json","names":"cordwood"}}"#,
    r#"{"kind":"file","format":{"kind":"json","names":"ecs"}}"#,
    r#"{"kind":"file","format":{"kind":"json","names":"otel"}}"#,
    r#"{"kind":"file","format":{"kind":"json","names":"gcp"}}"#,
];

/// A whole segment, and where its frames stand.
struct Golden {
    bytes: Vec<u8>,
    frames: Vec<(usize, usize)>,
}

fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(CAPACITY as u64).unwrap();
        let prepared = Prepared::new(Held::new(file.reopen().unwrap()), None, CAPACITY).unwrap();
        let capacity = CAPACITY as u64;
        let header =
            Header { writer: 1, first_sequence: 1, capacity, created_ns: 0, process: process(), sinks: SINKS.to_vec() };
        let mut segment = prepared.begin(&header, 1, 0);
        let mut frames = Vec::new();
        fill(&mut segment, &mut frames);
        segment.seal();
        Golden { bytes: std::fs::read(file.path()).unwrap(), frames }
    })
}

fn fill(segment: &mut Segment, frames: &mut Vec<(usize, usize)>) {
    let mut put = |segment: &mut Segment, kind, flags, sequence, payload: &[u8]| {
        frames.push((segment.position(), frame::HEADER + payload.len()));
        segment.append(kind, flags, sequence, payload)
    };
    let site = Site { logger: "app.db", level: 20, level_name: "INFO", pathname: "/srv/a.py", line: 7, function: "f" };
    let (mut named, mut threads) = (Vec::new(), Vec::new());
    frame::put_site(&site, Some("user %s paid %05.2f for %d (%r)"), &mut named);
    frame::put_thread(&Thread { ident: 9, pid: 4, name: "t", process_name: "p" }, &mut threads);
    let site = put(segment, Kind::Site, 0, 0, &named);
    let thread = put(segment, Kind::Thread, 0, 0, &threads);
    for number in 0..12u32 {
        let time_ns = 1_760_845_945_123_456_789 + i64::from(number);
        let mut payload = Head { time_ns, site, thread, sinks: 3, level: 20 }.bytes().to_vec();
        let flags = body(number, &mut payload);
        put(segment, Kind::Record, flags, number, &payload);
    }
}

/// What a record may hold, by turns.
fn body(number: u32, payload: &mut Vec<u8>) -> u8 {
    let mut flags = match number % 4 {
        0 => {
            let mut values = Vec::new();
            for value in [Value::Str("alice"), Value::Float(2.5), Value::Int(-7), Value::Bool(true)] {
                pack(value, &mut values);
            }
            frame::put_bytes(&values, payload);
            frame::SITE_TEMPLATE | frame::DEFERRED
        }
        1 => frame::LITERAL,
        2 => {
            frame::put_text("own %s", payload);
            frame::put_text("own message\nof two lines \u{1b}[31m", payload);
            frame::OWN_TEMPLATE
        }
        _ => {
            frame::put_text("plain", payload);
            0
        }
    };
    if number % 3 == 0 {
        let mut fields = Vec::new();
        pack_field("n", Value::Number("12345678901234567890"), &mut fields);
        pack_field("j", Value::Json(r#"{"a":[1,"\u0000"]}"#), &mut fields);
        pack_field("nothing", Value::None, &mut fields);
        frame::put_bytes(&fields, payload);
        flags |= frame::FIELDS;
    }
    if number % 5 == 0 {
        let text = "Traceback (most recent call last):\nValueError: x";
        let frames_json = r#"[{"file":"a.py","line":1,"function":"f"}]"#;
        let exception = Exception { kind: "ValueError", message: "x", text, fingerprint: 5, frames_json };
        frame::put_exception(&exception, payload);
        flags |= frame::EXCEPTION;
    }
    if number % 6 == 1 {
        frame::put_text("Stack (most recent call last):", payload);
        frame::put_text("Task-1", payload);
        flags |= frame::SURROUNDINGS;
    }
    if number % 7 == 2 {
        let mut lines = 1u32.to_le_bytes().to_vec();
        frame::put_text("a line that Python made", &mut lines);
        frame::put_bytes(&lines, payload);
        flags |= frame::LINES;
    }
    flags
}

fn put_word(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

/// The spoilt header, with a checksum that holds.
fn spoil_header(chance: &mut Chance, bytes: &mut [u8]) {
    let at = 16 + 8 * chance.below(30);
    match chance.below(2) {
        0 => put_word(bytes, at, chance.number()),
        _ => chance.spoil(&mut bytes[24..520]),
    }
    let crc = crc32c::crc32c(&bytes[16..1024]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// A spoilt frame, with a checksum that holds.
fn spoil_frame(chance: &mut Chance, bytes: &mut [u8]) {
    let (at, len) = *chance.pick(&golden().frames);
    let payload = at + frame::HEADER..at + len;
    chance.spoil(&mut bytes[payload.clone()]);
    let kind = *chance.pick(&[Kind::Record, Kind::Record, Kind::Record, Kind::Site, Kind::Thread]);
    let flags = if chance.below(2) == 0 { bytes[at + 13] } else { chance.below(256) as u8 };
    let sequence = if chance.below(4) == 0 { chance.number() as u32 } else { frame_sequence(bytes, at) };
    let salt = u64::from_le_bytes(std::array::from_fn(|byte| bytes[16 + byte]));
    let header = frame::header(salt, at as u32, kind, flags, sequence, &bytes[payload]);
    bytes[at..at + frame::HEADER].copy_from_slice(header.map(u64::to_le_bytes).as_flattened());
}

fn frame_sequence(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + 8 + byte]))
}

/// What delivery does with a folder: each record of each sink in every form, once. Returns the number of records.
fn deliver(spool: &Path) -> usize {
    let mut source = Source::folder(spool);
    source.refresh(1);
    source.find_dead();
    let mut formats: Vec<Format> = LOOKS.iter().map(|look| Spec::parse(look).unwrap().format().unwrap()).collect();
    let (mut shaper, mut rows, mut out) = (Shaper::default(), Rows::new(true), Vec::new());
    let mut records = 0;
    for (identity, _) in source.sinks() {
        source.read(identity, |record, line| {
            out.clear();
            for format in &mut formats {
                format.write(record, line, &mut out);
                assert_eq!(out.last(), Some(&b'\n'));
            }
            rows.push(&shaper.shape(record));
            records += 1;
            Take::Next
        });
        source.commit(identity).unwrap();
    }
    source.reap(0, |_| ());
    assert!(records * frame::HEADER <= CAPACITY * SINKS.len(), "more records than there is room for");
    records
}

#[test]
fn fuzz_a_segment_with_a_right_checksum_and_any_content_is_read_to_its_end_once() {
    assert_eq!(golden().frames.len(), 14);
    run(|chance| {
        let mut bytes = golden().bytes.clone();
        for _ in 0..=chance.below(4) {
            match chance.below(5) {
                0 => spoil_header(chance, &mut bytes),
                1 => {
                    let word = *chance.pick(&[ORDINAL, SEALED, RECORDS, POSITIONS, POSITIONS + 8]);
                    put_word(&mut bytes, word, chance.number());
                }
                2 => chance.spoil(&mut bytes[HEADER..]),
                _ => spoil_frame(chance, &mut bytes),
            }
        }
        if chance.below(8) == 0 {
            bytes.truncate(chance.below(bytes.len()));
        }
        let spool = folder_in_memory();
        std::fs::write(spool.path().join("0000000000000000.seg"), &bytes).unwrap();
        deliver(spool.path());
        assert_eq!(deliver(spool.path()), 0, "delivered a second time");
    });
}

#[test]
fn a_whole_segment_is_delivered_whole_by_what_the_fuzzer_runs() {
    let spool = folder_in_memory();
    std::fs::write(spool.path().join("0000000000000000.seg"), &golden().bytes).unwrap();
    assert_eq!(deliver(spool.path()), 12 * SINKS.len());
}
