use std::sync::Arc;

use super::*;
use crate::query::scan::Input;
use crate::query::when::Zone;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_795_132_800; // 2026-11-20T00:00:00Z

fn log(seconds: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut text = Vec::new();
    for second in seconds {
        crate::formatters::civil::write_utc_millis((BEGIN + second) * SECOND, &mut text);
        text.extend_from_slice(b" app INFO ");
        text.resize(text.len() + 80, b'x');
        text.extend_from_slice(b"\nTraceback (most recent call last):\n  File\nValueError: x\n");
    }
    text
}

fn between(text: &[u8], since: i64, until: i64) -> (Vec<i64>, u64) {
    let size = text.len() as u64;
    let open = || Records::new(Input::memory(text.to_vec()), &[], Arc::new(Zone::fixed(0)), BEGIN).unwrap();
    let (since, until) = ((BEGIN + since) * SECOND, (BEGIN + until) * SECOND);
    let mut records = open();
    let (begin, end) = range(&mut records, since, until).unwrap();
    records.seek(begin);
    let mut found = Vec::new();
    while records.position() < end {
        let Some(record) = records.next_record().unwrap() else { break };
        if (since..=until).contains(&record.time) {
            found.push(record.time / SECOND - BEGIN);
        }
    }
    (found, end.min(size) - begin)
}

#[test]
fn little_is_read_and_nothing_missed() {
    let (found, read) = between(&log(0..40_000), 30_000, 30_099);
    assert_eq!(found, (30_000..30_100).collect::<Vec<_>>());
    assert!(read < 400_000, "{read}");
    assert_eq!(between(&log(0..40_000), -5, 3).0, [0, 1, 2, 3]);
    assert_eq!(between(&log(0..40_000), 39_998, 99_999).0, [39_998, 39_999]);
    assert_eq!(between(&log(0..40_000), 50_000, 60_000).0, Vec::<i64>::new());
}

#[test]
fn times_that_jump_about_a_little_are_all_found() {
    let mixed = |second: i64| second + [0, 20, -20, 7][second as usize % 4];
    let mut want: Vec<i64> = (0..40_000).map(mixed).filter(|second| (30_000..=30_099).contains(second)).collect();
    let (mut found, read) = between(&log((0..40_000).map(mixed)), 30_000, 30_099);
    found.sort_unstable();
    want.sort_unstable();
    assert_eq!(found, want);
    assert!(read < 400_000, "{read}");
}

#[test]
fn a_file_out_of_order_is_read_whole() {
    let (found, read) = between(&log((20_000..40_000).chain(0..20_000)), 30_000, 30_099);
    assert_eq!(found, (30_000..30_100).collect::<Vec<_>>());
    assert!(read > 5_000_000);
}

#[test]
fn json_is_bisected_and_what_has_no_time_stays_with_the_record_before() {
    let line = |second: i64| {
        let mut text = b"{\"timestamp\": \"".to_vec();
        crate::formatters::civil::write_utc_millis((BEGIN + second) * SECOND, &mut text);
        text.extend_from_slice(b"\", \"level\": \"INFO\", \"message\": \"");
        text.resize(text.len() + 80, b'x');
        text.extend_from_slice(b"\"}\n{\"level\": \"INFO\", \"message\": \"no time\"}\n");
        text
    };
    let (found, read) = between(&(0..40_000).flat_map(line).collect::<Vec<u8>>(), 30_000, 30_099);
    assert_eq!(found, (30_000..30_100).flat_map(|second| [second, second]).collect::<Vec<_>>());
    assert!(read < 400_000, "{read}");
}

#[test]
fn json_without_times_is_read_whole() {
    let text = b"{\"level\": \"INFO\", \"message\": \"no time\"}\n".repeat(200_000);
    let size = text.len() as u64;
    assert_eq!(between(&text, 30_000, 30_099), (Vec::new(), size));
}
