use std::fs::File;
use std::io::Write;

use super::*;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_795_183_380; // 2026-11-20T14:03:00Z

fn line(second: i64, text: &str) -> String {
    let mut out = Vec::new();
    crate::formatters::civil::write_utc_millis((BEGIN + second) * SECOND, &mut out);
    format!("{} - app - INFO - {text}\n", String::from_utf8(out).unwrap())
}

fn search(query: &str, options: Options) -> Search {
    Search::new(compile(query).unwrap(), options, Arc::new(Zone::fixed(0)), (BEGIN + 9999) * SECOND)
}

fn messages(search: &mut Search) -> Vec<String> {
    std::iter::from_fn(|| search.next_found()).map(|found| String::from_utf8(found.message).unwrap()).collect()
}

fn gzip(path: &Path, text: &str) {
    let mut encoder = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}

#[test]
fn chains_are_merged_by_time_and_siblings_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    gzip(&path("a.log.2.gz"), &line(0, "a0"));
    std::fs::write(path("a.log.1"), zstd::encode_all(line(2, "a2").as_bytes(), 3).unwrap()).unwrap();
    std::fs::write(path("a.log"), line(4, "a4") + &line(6, "a6")).unwrap();
    std::fs::write(path("b.log"), line(1, "b1") + &line(5, "b5")).unwrap();
    let open = |query: &str| {
        let mut search = search(query, Options::default());
        search.add_chain(&[path("a.log.2.gz"), path("a.log.1"), path("a.log")], &[], &Copies::default()).unwrap();
        search.add_chain(&[path("b.log")], &[], &Copies::default()).unwrap();
        search
    };
    assert_eq!(messages(&mut open("{}")), ["a0", "b1", "a2", "a4", "b5", "a6"]);
    assert_eq!(open("{}").count(), 6);
    assert_eq!(open("{}").last(3).iter().map(|found| found.time / SECOND - BEGIN).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(messages(&mut open(r#"{"where":{"text":"a4"}}"#)), ["a4"]);
    assert!(open("{}").add_chain(&[path("gone.log")], &[], &Copies::default()).is_err());
}

#[test]
fn answers_come_with_what_stands_around_them() {
    let text: String = (0..10).map(|i| line(i, &format!("m{i}"))).collect();
    let mut search = search(r#"{"where":{"regex":"m[36]"}}"#, Options { before: 1, after: 1, fields: false });
    search.add_input("memory", Input::memory(text.into()), &[]);
    let found: Vec<(String, bool)> = std::iter::from_fn(|| search.next_found())
        .map(|found| (String::from_utf8(found.message).unwrap(), found.answers))
        .collect();
    let want = [("m2", false), ("m3", true), ("m4", false), ("m5", false), ("m6", true), ("m7", false)];
    assert_eq!(found, want.map(|(text, answers)| (text.to_owned(), answers)));
}

#[test]
fn counts_by_field_and_minute() {
    let text = line(0, "x") + &line(59, "y") + &line(60, "z");
    let mut search = search("{}", Options::default());
    search.add_input("memory", Input::memory(text.into()), &[]);
    let minute = |n: i64| (BEGIN + 60 * n) * SECOND;
    let want = [
        (vec!["INFO".to_owned(), "app".to_owned()], minute(0), 2),
        (vec!["INFO".to_owned(), "app".to_owned()], minute(1), 1),
    ];
    assert_eq!(search.group(&["level".to_owned(), "logger".to_owned()], 60 * SECOND), want);
}

#[test]
fn a_bomb_and_a_binary_are_said_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut encoder = zstd::Encoder::new(File::create(path("bomb.log")).unwrap(), 1).unwrap();
    let zeros = vec![b'x'; 1 << 20];
    for _ in 0..1100 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap();
    std::fs::write(path("binary.log"), [0; 100]).unwrap();
    std::fs::write(path("good.log"), line(0, "good")).unwrap();
    let mut search = search("{}", Options::default());
    for name in ["bomb.log", "binary.log", "good.log"] {
        search.add_chain(&[path(name)], &[], &Copies::default()).unwrap();
    }
    let mut found = 0;
    search.each(&mut |record, _, _| {
        found += i32::from(record.message == b"good");
        true
    });
    assert_eq!(found, 1);
    let notices = search.notices().join("\n");
    assert!(notices.contains("bomb.log: it unpacks to more than 400 times its size"), "{notices}");
    assert!(notices.contains("binary.log: this is no text"), "{notices}");
}

#[test]
fn the_last_records_of_a_large_file_are_found_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let text: String = (0..40_000).map(|i| line(i / 10, &format!("m{i}"))).collect();
    std::fs::write(&path, text).unwrap();
    let last = |query: &str, count: usize| {
        let mut search = search(query, Options::default());
        search.add_chain(std::slice::from_ref(&path), &[], &Copies::default()).unwrap();
        let found = search.last(count);
        found.into_iter().map(|found| String::from_utf8(found.message).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(last("{}", 3), ["m39997", "m39998", "m39999"]);
    assert_eq!(last(r#"{"where":{"text":"m7"}}"#, 1), ["m7999"]);
    assert_eq!(last("{}", 30_000).len(), 30_000);
    assert_eq!(last("{}", 50_000).len(), 40_000);
}

#[test]
fn a_record_that_a_rotation_cut_is_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (head, tail) =
        ("Traceback (most recent call last):\n  File \"x.py\", line 3, in f\n", "    f()\nValueError: no\n");
    let older = line(0, "early") + &line(1, "failed") + head;
    for packed in [false, true] {
        if packed {
            gzip(&path("a.log.1"), &older);
        } else {
            std::fs::write(path("a.log.1"), &older).unwrap();
        }
        std::fs::write(path("a.log"), tail.to_owned() + &line(2, "late")).unwrap();
        let open = |query: &str| {
            let mut search = search(query, Options::default());
            search.add_chain(&[path("a.log.1"), path("a.log")], &[], &Copies::default()).unwrap();
            search
        };
        let exceptions = |found: Vec<Found>| -> Vec<String> {
            found.into_iter().map(|found| String::from_utf8(found.exception).unwrap()).collect()
        };
        let whole = (head.to_owned() + tail).trim_end().to_owned();
        let mut all = open("{}");
        let found = std::iter::from_fn(|| all.next_found()).collect();
        assert_eq!(exceptions(found), ["", &whole, ""]);
        assert_eq!(exceptions(open("{}").last(2)), [&whole, ""]);
        assert_eq!(open(r#"{"where":{"text":"ValueError"}}"#).count(), 1);
        assert_eq!(open(r#"{"where":{"text":"failed"}}"#).count(), 1);
        let mut alone = search("{}", Options::default());
        alone.add_chain(&[path("a.log")], &[], &Copies::default()).unwrap();
        assert_eq!(alone.count(), 2, "what nobody else has stands for itself");
    }
}

#[test]
fn what_another_file_has_too_is_found_there() {
    let text: String = (0..10).map(|i| line(i, &format!("m{i}"))).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    std::fs::write(&path, text).unwrap();
    let found = |copies: &[(i64, i32)]| {
        let mut search = search("{}", Options::default());
        search.add_chain(std::slice::from_ref(&path), &[], &Copies::new(copies, Vec::new())).unwrap();
        messages(&mut search)
    };
    let begin = |second: i64| (BEGIN + second) * SECOND;
    assert_eq!(found(&[(begin(3), 0)]), ["m0", "m1", "m2"]);
    assert_eq!(found(&[(begin(3), 30)]).len(), 10, "the other has only records of a higher level");
    assert_eq!(found(&[(begin(3), 30), (begin(1), 20)]), ["m0"]);
}

#[test]
fn an_old_packed_file_is_left_out_unless_it_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    gzip(&path("a.log.1"), &line(10, "old"));
    std::fs::write(path("a.log"), line(20, "new")).unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    File::options().append(true).open(path("a.log.1")).unwrap().set_modified(long_ago).unwrap();
    let since = format!(r#"{{"since":{}}}"#, BEGIN * SECOND);
    let found = |paths: &[PathBuf]| {
        let mut search = search(&since, Options::default());
        search.add_chain(paths, &[], &Copies::default()).unwrap();
        messages(&mut search)
    };
    assert_eq!(found(&[path("a.log.1"), path("a.log")]), ["new"]);
    assert_eq!(found(&[path("a.log.1")]), ["old"]);
}

#[test]
fn coloured_lines_are_recognised_without_their_colours() {
    let text = "\x1b[2m2026-11-20 14:03:07,123\x1b[0m - \x1b[32mapp\x1b[0m - \x1b[1;31mERROR\x1b[0m - it \x1b[1mbroke\x1b[0m\n";
    let mut search = search(r#"{"where":{"field":{"name":"level","op":">=","value":"40"}}}"#, Options::default());
    search.add_input("memory", Input::memory(text.into()), &[]);
    let found = search.next_found().unwrap();
    assert_eq!((found.logger, found.message), (b"app".to_vec(), b"it broke".to_vec()));
}

#[test]
fn what_is_looked_for_is_found_behind_a_change_of_format() {
    let old = "2026-11-20 09:00:00,000 - app - INFO - old\n".repeat(5000);
    let new = (0..600_000).map(|n| format!("Nov 20 10:00:00 host app[7]: new {n}\n")).collect::<Vec<_>>().concat();
    let ask = |query: &str| {
        let mut search = search(query, Options::default());
        search.add_input("app.log", Input::memory([&*old, &*new].concat().into_bytes()), &[]);
        let found = messages(&mut search);
        assert_eq!(search.notices(), Vec::<String>::new());
        found
    };
    assert_eq!(ask(r#"{"where":{"text":"599999"}}"#), ["new 599999"]);
    assert_eq!(ask(r#"{"where":{"text":"new 9999"}}"#).len(), 1 + 10);
    assert_eq!(ask(r#"{"where":{"text":"nowhere"}}"#).len(), 0);
    assert_eq!(ask("{}").len(), 605_000);
}

#[test]
fn records_without_times_behind_a_change_of_format_have_that_of_the_one_before() {
    let old = "2026-11-20 09:00:00,000 - app - INFO - old\n".repeat(5000);
    let new =
        "{\"timestamp\": \"2026-11-20T13:59:00Z\", \"message\": \"new\"}\n{\"message\": \"needle\"}\n".repeat(20_000);
    let mut search =
        search(&format!(r#"{{"since":{},"where":{{"text":"needle"}}}}"#, (BEGIN - 3600) * SECOND), Options::default());
    search.add_input("app.log", Input::memory([&*old, &*new].concat().into_bytes()), &[]);
    assert_eq!(search.count(), 20_000);
}

#[test]
fn a_record_that_is_too_long_is_passed_over_at_once() {
    let text = [line(1, "begin"), "  more of it\n".repeat(2_000_000), line(2, "end")].concat();
    let mut search = search(r#"{"where":{"text":"end"}}"#, Options::default());
    search.add_input("app.log", Input::memory(text.into_bytes()), &[]);
    assert_eq!(messages(&mut search), ["end"]);
    assert_eq!(search.notices(), ["app.log: 3 records longer than 8 MB cut"]);
}
