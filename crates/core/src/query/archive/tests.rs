use std::io::Read;

use super::*;
use crate::query::columnar::time::Unit;
use crate::query::columnar::{self, TIME};

/// As it is packed with formats that are known.
fn pack_as(log: &Path, packed: &Path, given: &[Given]) {
    super::pack(log, packed, Form::Parquet, given).unwrap();
}

fn pack(log: &Path, packed: &Path) {
    pack_as(log, packed, &[]);
}

/// What a log of these bytes becomes, and comes back as.
fn through(text: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed, back) =
        (folder.path().join("x.log"), folder.path().join("x.parquet"), folder.path().join("back"));
    std::fs::write(&log, text).unwrap();
    pack(&log, &packed);
    assert_eq!(unpack(&packed, &back).unwrap(), text.len() as u64);
    std::fs::read(back).unwrap()
}

#[test]
fn every_byte_of_any_log_comes_back() {
    let long = format!("2026-11-20 09:00:00,001 - a - INFO - {}\n", "x1 ".repeat(200));
    let logs: &[&[u8]] = &[
        b"",
        b"\n",
        b"\n\n\nx\n\n\n",
        b"no newline at the end 7",
        b"\xef\xbb\xbf2026-11-20 09:00:00,001 - a - INFO - with a mark\r\n",
        b"2026-11-20 09:00:00,001 - a - INFO - one 1\r\n2026-11-20 09:00:00,001 - a - INFO - two 2\r\n",
        b"2026-11-20T09:00:00.000123Z INFO a holds <*> itself\n2026-11-20 09:00:00 and <time ,3>\n",
        b"2026-11-20 09:00:00,001 - a - ERROR - bytes \xff\xfe 1\n\x00\x01\n",
        // What follows takes its own values, not those of the row that is kept as it is.
        b"<14>1 2026-11-20T14:03:07Z host app 7 - - x\n<11>Nov 29 14:03:07 host \xc1pp: x\n<14>1 2026-11-20T14:03:08Z host app 8 - - y 5\nNov 20 14:03:09 host app[7]: x\n",
        b"{\"ts\":\"2026-11-20 09:00:00,001\",\"level\":\"INFO\",\"message\":\"m 1\"}\n",
        b"2026-02-31 09:00:00,001 - no such day\n0000-01-01 00:00:00 - a\n9999-12-31 23:59:59.999999 - b\n",
        b"2026-11-20 09:00:00,001 - a - ERROR - e 1\nTraceback (most recent call last):\n  File \"x.py\", line 3, in f\nValueError: 3\n\n\n2026-11-20 09:00:01,001 - a - INFO - i\n",
        long.as_bytes(),
    ];
    for log in logs {
        assert_eq!(through(log), *log, "{}", String::from_utf8_lossy(log));
    }
}

#[test]
fn rows_of_different_templates_come_back_in_their_order() {
    let text: String = (0..9000)
        .map(|n| match n % 3 {
            0 => format!("2026-11-20 09:00:00,{:03} - a - INFO - Order {n} paid\n", n % 1000),
            1 => format!("2026-11-20 09:00:00,{:03} - b - WARNING - Slow {n} ms at 10.0.0.{}\n", n % 1000, n % 250),
            _ => format!("no time here {n}\n"),
        })
        .collect();
    assert_eq!(through(text.as_bytes()), text.as_bytes());
}

/// The last record of a log is never left out.
const LAST: &str = "2026-11-21 00:00:00,000 - end - DEBUG - ~\n";

/// What is left before the last record of an archive that is asked.
fn left(packed: &std::path::Path, asked: &columnar::Asked<'_>) -> String {
    let mut restored = columnar::Restored::open(File::open(packed).unwrap()).unwrap();
    restored.narrow(asked).unwrap();
    let mut left = String::new();
    restored.read_to_string(&mut left).unwrap();
    left.strip_suffix(LAST).unwrap().to_owned()
}

/// What is left of an archive that is searched for a text.
fn narrowed(packed: &std::path::Path, text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let find = |bytes: &[u8]| memchr::memmem::find(&bytes.to_ascii_lowercase(), lower.as_bytes()).is_some();
    left(packed, &columnar::Asked { text: Some((text.as_bytes(), &find)), ..columnar::Asked::default() })
}

fn holding<'a>(text: &'a str, needle: &str) -> Vec<&'a str> {
    let needle = needle.to_ascii_lowercase();
    text.lines().filter(|line| line.to_ascii_lowercase().contains(&needle)).collect()
}

#[test]
fn a_search_misses_no_row_wherever_its_text_stands_and_leaves_out_what_cannot_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed) = (folder.path().join("x.log"), folder.path().join("x.parquet"));
    let text: String = (0..900)
        .map(|n| match n % 3 {
            0 => format!("2026-11-20 09:00:00,{n:03} - shop.a - INFO - Order {n} paid by user{n}\n"),
            1 => format!("2026-11-20 09:00:01,{n:03} - shop.b - WARNING - Slow: {n}ms at 10.0.0.{}\n", n % 250),
            _ => format!("2026-11-20 09:00:02,{n:03} - shop.c - ERROR - [{n:x}] <*> failed{}\n", n * n),
        })
        .collect();
    std::fs::write(&log, text.clone() + LAST).unwrap();
    pack(&log, &packed);
    for line in text.lines().skip(600).take(3) {
        for length in [2, 5, 13] {
            for start in (0..line.len() - length).step_by(2) {
                let needle = &line[start..start + length];
                assert_eq!(holding(&narrowed(&packed, needle), needle), holding(&text, needle), "{needle:?}");
            }
        }
    }
    assert_eq!(narrowed(&packed, "nowhere"), "");
    assert_eq!(narrowed(&packed, "USER777"), "2026-11-20 09:00:00,777 - shop.a - INFO - Order 777 paid by user777\n");
}

#[test]
fn rows_of_other_levels_and_times_are_left_out_and_those_without_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed) = (folder.path().join("x.log"), folder.path().join("x.parquet"));
    let line = |n: i32| {
        let level = if n % 100 == 0 { "ERROR" } else { "INFO" };
        format!("2026-11-20 09:{:02}:{:02},000 - shop - {level} - Order {n}\n", n / 60, n % 60)
    };
    let text = (0..3600).map(line).collect::<Vec<_>>().concat();
    std::fs::write(&log, text.clone() + LAST).unwrap();
    pack(&log, &packed);
    let asked = columnar::Asked { levels: Some((40, i32::MAX)), ..columnar::Asked::default() };
    assert_eq!(left(&packed, &asked).lines().collect::<Vec<_>>(), holding(&text, "ERROR"));
    let second = |n: i64| (1_795_165_200 + n) * 1_000_000; // 2026-11-20T09:00:00Z
    let asked = columnar::Asked { times: Some((second(100), second(200))), ..columnar::Asked::default() };
    let wanted: Vec<&str> = text.lines().skip(100).take(101).collect();
    assert_eq!(left(&packed, &asked).lines().collect::<Vec<_>>(), wanted);
    std::fs::write(&log, format!("no time at all\n{LAST}")).unwrap();
    pack(&log, &packed);
    assert_eq!(left(&packed, &asked), "no time at all\n");
    let asked = columnar::Asked { levels: Some((40, i32::MAX)), ..columnar::Asked::default() };
    assert_eq!(left(&packed, &asked), "");
}

#[test]
fn times_are_kept_as_finely_as_the_log_tells_them() {
    for (stamp, wanted) in [("09:00:00,001", "MILLIS"), ("09:00:00.000123", "MICROS"), ("09:00:00", "MILLIS")] {
        let text = format!("2026-11-20 {stamp} - a - INFO - m\n");
        assert_eq!(through(text.as_bytes()), text.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let (log, packed) = (folder.path().join("x.log"), folder.path().join("x.parquet"));
        std::fs::write(&log, &text).unwrap();
        pack(&log, &packed);
        let reader = parquet::file::serialized_reader::SerializedFileReader::new(File::open(&packed).unwrap()).unwrap();
        let schema = parquet::file::reader::FileReader::metadata(&reader).file_metadata().schema_descr_ptr();
        assert_eq!(Unit::of(schema.column(TIME).logical_type_ref()).unwrap().word(), wanted, "{stamp}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    std::fs::write(&path, b"PAR1 not one").unwrap();
    assert!(unpack(&path, &folder.path().join("back")).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    #[test]
    fn any_bytes_come_back(lines in proptest::collection::vec("[ -~]{0,30}|2026-11-20 0[0-9]:00:0[0-9],123 - [a-z]{1,3} - INFO - [ -~]{0,20}|\\PC{0,9}", 0..30), end in "\n?") {
        let text = lines.join("\n") + &end;
        proptest::prop_assert_eq!(through(text.as_bytes()), text.as_bytes());
    }
}

/// The formats by which an archive says that it was cut.
fn formats(packed: &Path) -> Vec<String> {
    let restored = columnar::Restored::open(File::open(packed).unwrap()).unwrap();
    restored.told().formats.iter().map(|format| format.name().to_owned()).collect()
}

#[test]
fn an_archive_says_how_its_lines_are_read_where_that_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed) = (folder.path().join("x.log"), folder.path().join("x.parquet"));
    let own = ("%(levelname)s;%(asctime)s;%(message)s".to_owned(), None);
    let default = b"2026-11-20 09:00:00,001 - a - INFO - m\n".as_slice();
    let utf16: Vec<u8> = "\u{feff}a b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (text, given, wanted) in [
        (default, vec![], vec!["default"]),
        (b"\xef\xbb\xbf{\"message\":\"m\"}\n", vec![], vec!["json"]),
        (b"INFO;2026-11-20 09:00:00,001;m\n", vec![own.clone()], vec![own.0.as_str()]),
        (default, vec![own.clone()], vec!["default"]),
        (&utf16, vec![], vec![]),
        (b"\x1b[31m2026-11-20 09:00:00,001 - a - INFO - m\x1b[0m\n", vec![], vec![]),
        (b"\0\x01\n", vec![], vec![]),
        (
            &[&*default.repeat(2000), "Nov 20 09:00:00 host app[7]: it goes on so\n".repeat(3000).as_bytes()].concat(),
            vec![],
            vec![],
        ),
    ] {
        std::fs::write(&log, text).unwrap();
        pack_as(&log, &packed, &given);
        assert_eq!(formats(&packed), wanted, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_log_of_more_than_memory_may_hold_is_written_in_stretches() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed, back) =
        (folder.path().join("x.log"), folder.path().join("x.parquet"), folder.path().join("back"));
    let mut file = std::io::BufWriter::new(File::create(&log).unwrap());
    // Texts of their own, as large as that.
    for n in 0..150 {
        let micros = if n < 140 { "" } else { "456" };
        let digits = "0123456789".repeat(1000);
        writeln!(file, "2026-11-20 09:00:00,123{micros} - a - INFO - {n}{digits}").unwrap();
    }
    drop(file);
    pack(&log, &packed);
    unpack(&packed, &back).unwrap();
    assert!(std::fs::read(&back).unwrap() == std::fs::read(&log).unwrap());
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(File::open(&packed).unwrap()).unwrap();
    assert_eq!(parquet::file::reader::FileReader::metadata(&reader).num_row_groups(), 2);
}

#[test]
fn what_is_no_log_to_pack_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed, link) = (folder.path().join("x.log"), folder.path().join("x.gz"), folder.path().join("link"));
    std::fs::write(&log, "a line\n").unwrap();
    std::fs::write(&packed, "").unwrap();
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let refused =
        |source: &Path| super::pack(source, &folder.path().join("y"), Form::Parquet, &[]).unwrap_err().to_string();
    super::pack(&log, &packed, Form::Gzip, &[]).unwrap();
    assert!(refused(&packed).contains("it is packed already"));
    assert!(refused(&link).contains("symbolic links"));
    std::fs::write(&log, [b"x".repeat(9 << 20), b"\n".to_vec()].concat()).unwrap();
    assert!(refused(&log).contains("longer than 8 MB"));
}

#[test]
fn an_archive_that_says_to_hold_far_more_than_its_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed) = (folder.path().join("x.log"), folder.path().join("x.parquet"));
    std::fs::write(&log, "2026-11-20 09:00:00,001 - a - INFO - m\n").unwrap();
    pack(&log, &packed);
    let bytes = std::fs::read(&packed).unwrap();
    // The size stands in the metadata as text; the length before it grows with it.
    let place = memchr::memmem::find(&bytes, b"cordwood.size\x18\x0239").unwrap();
    let mut spoilt = [&bytes[..place + 14], b"\x0c390000000000", &bytes[place + 17..]].concat();
    let end = spoilt.len() - 8;
    let length = u32::from_le_bytes(spoilt[end..end + 4].try_into().unwrap()) + 10;
    spoilt[end..end + 4].copy_from_slice(&length.to_le_bytes());
    std::fs::write(&packed, spoilt).unwrap();
    let refused = Input::open(&packed).err().unwrap().to_string();
    assert!(refused.contains("unpacks to more than 400 times its size"), "{refused}");
}
