use std::fs;
use std::sync::Arc;

use super::*;
use crate::sinks::file::FileOptions;
use crate::sinks::fs::Real;

mod model;

/// A folder with a log file of one older line and a batch begun for it.
struct Scene {
    dir: tempfile::TempDir,
    outbox: Outbox,
}

const BATCH: &str = "1 one\n2 two\n3 three\n";

fn log(dir: &Path) -> LogFile {
    let spec = serde_json::json!({"path": dir.join("app.log"), "backup_count": 3});
    LogFile::new(Arc::new(Real), FileOptions::from_spec(&spec).unwrap())
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path());
        let mut locked = log.lock().unwrap();
        locked.write(b"0 old\n", 7).unwrap();
        let mut outbox = Outbox::open(Arc::new(Real), &dir.path().join("outbox")).unwrap();
        let intent = Intent {
            target: locked.id(),
            length_before: locked.length(),
            since_ns: 7,
            records: 3,
            cursors: vec![(1, 2)],
        };
        outbox.begin(intent, BATCH.as_bytes()).unwrap();
        drop(locked);
        Self { dir, outbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, text: &str) {
        use std::io::Write;
        fs::File::options().append(true).open(self.path("app.log")).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Resumes twice, as after a kill before `done`: the second time must change nothing.
    fn resume(&mut self) {
        for _ in 0..2 {
            self.outbox = Outbox::open(Arc::new(Real), &self.path("outbox")).unwrap();
            let intent = resume(&mut self.outbox, &mut log(self.dir.path())).unwrap().unwrap();
            assert_eq!(intent.cursors, [(1, 2)]);
        }
        self.outbox.done(&[]).unwrap();
        assert!(resume(&mut self.outbox, &mut log(self.dir.path())).unwrap().is_none());
    }
}

#[test]
fn whatever_part_of_the_batch_stands_the_rest_is_appended() {
    for part in 0..=BATCH.len() {
        let mut scene = Scene::new();
        scene.append(&BATCH[..part]);
        scene.resume();
        assert_eq!(scene.read("app.log"), format!("0 old\n{BATCH}"), "{part} bytes stood");
    }
}

#[test]
fn lines_of_others_behind_a_part_are_kept_and_a_torn_line_is_written_again() {
    for (part, expected) in [
        ("", "0 old\nother\n1 one\n2 two\n3 three\n"),
        ("1 one\n", "0 old\n1 one\nother\n2 two\n3 three\n"),
        ("1 one\n2 t", "0 old\n1 one\n2 tother\n2 two\n3 three\n"),
        (BATCH, "0 old\n1 one\n2 two\n3 three\nother\n"),
    ] {
        let mut scene = Scene::new();
        scene.append(part);
        scene.append("other\n");
        scene.resume();
        assert_eq!(scene.read("app.log"), expected);
    }
}

#[test]
fn another_leader_ends_our_torn_line_and_we_write_it_again() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 t");
    log(scene.dir.path()).lock().unwrap().write(b"other\n", 0).unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log"), "0 old\n1 one\n2 t\nother\n2 two\n3 three\n");
}

#[test]
fn lines_of_others_among_ours_are_passed_over() {
    let mut scene = Scene::new();
    scene.append("other\n1 one\nother\n2 two\nother without an end");
    scene.resume();
    let expected = "0 old\nother\n1 one\nother\n2 two\nother without an end\n3 three\n";
    assert_eq!(scene.read("app.log"), expected);
}

#[test]
fn a_target_that_was_renamed_is_finished_where_it_is() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 t");
    fs::rename(scene.path("app.log"), scene.path("app.log-20261120")).unwrap();
    fs::write(scene.path("app.log"), "new\n").unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log-20261120"), format!("0 old\n{BATCH}"));
    assert_eq!(scene.read("app.log"), "new\n");
}

#[test]
fn a_renamed_target_held_by_a_compressor_is_tried_again_later() {
    let mut scene = Scene::new();
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    let held = Real.open(&scene.path("app.log.1"), How::Append, 0).unwrap();
    assert!(Real.try_lock(&held).unwrap());
    let error = resume(&mut scene.outbox, &mut log(scene.dir.path())).unwrap_err();
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::ResourceBusy), "{error}");
    drop(held);
    scene.resume();
    assert_eq!(scene.read("app.log.1"), format!("0 old\n{BATCH}"));
}

#[test]
fn a_target_that_is_gone_gives_its_batch_to_the_current_file() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 t");
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log"), BATCH);
}

#[test]
fn what_stands_in_a_compressed_target_is_not_written_again() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 t");
    let file = fs::File::create(scene.path("app.log.1.gz")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    io::copy(&mut fs::File::open(scene.path("app.log")).unwrap(), &mut gz).unwrap();
    gz.finish().unwrap();
    fs::remove_file(scene.path("app.log")).unwrap();
    fs::write(scene.path("app.log.2.gz"), "not gzip at all").unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log"), "2 two\n3 three\n");
}

#[test]
fn what_stands_in_the_copy_of_a_truncated_target_is_not_written_again() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 two\n");
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    fs::write(scene.path("app.log"), "").unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log"), "3 three\n");
}

#[test]
fn a_renamed_target_that_was_cut_gives_its_batch_to_the_current_file() {
    let mut scene = Scene::new();
    scene.append("1 one\n2 t");
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    fs::write(scene.path("app.log.1"), "").unwrap();
    scene.resume();
    assert_eq!((scene.read("app.log.1"), scene.read("app.log")), (String::new(), BATCH.into()));
}

#[test]
fn what_stands_in_two_copies_of_a_target_is_found_in_the_order_they_were_made() {
    // copytruncate came twice in the midst of the batch, and others wrote in between.
    let copies = [("0 old\n1 one\n", 1), ("other\n2 two\n", 2)];
    for first in 0..2 {
        let mut scene = Scene::new();
        fs::remove_file(scene.path("app.log")).unwrap();
        for (name, (text, seconds)) in [("app.log.1", copies[first]), ("app.log.2", copies[1 - first])] {
            let mut file = fs::File::create_new(scene.path(name)).unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            file.set_modified(std::time::SystemTime::now() + Duration::from_secs(seconds)).unwrap();
        }
        scene.resume();
        assert_eq!(scene.read("app.log"), "3 three\n");
    }
}

#[test]
fn equal_lines_in_older_backups_do_not_count() {
    let mut scene = Scene::new();
    let old = fs::File::create(scene.path("app.log.1")).unwrap();
    fs::write(scene.path("app.log.1"), format!("0 old\n{BATCH}")).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(60)).unwrap();
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.resume();
    assert_eq!(scene.read("app.log"), BATCH);
}

#[test]
fn equal_lines_before_the_batch_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log(dir.path());
    let mut outbox = Outbox::open(Arc::new(Real), &dir.path().join("outbox")).unwrap();
    let mut locked = log.lock().unwrap();
    locked.write(b"tick\n", 0).unwrap();
    let intent = Intent { target: locked.id(), length_before: locked.length(), ..Intent::default() };
    outbox.begin(intent, b"tick\ntick\n").unwrap();
    drop(locked);
    resume(&mut outbox, &mut log).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("app.log")).unwrap(), "tick\ntick\ntick\n");
}

#[test]
fn the_files_time_is_known_to_the_next_leader() {
    let mut scene = Scene::new();
    scene.resume();
    let mut log = log(scene.dir.path());
    resume(&mut scene.outbox, &mut log).unwrap();
    assert_eq!(log.lock().unwrap().room().since_ns(), 7);
}

#[test]
fn found_lines_do_not_depend_on_how_the_text_is_cut_into_reads() {
    struct Bytewise<'a>(&'a [u8]);
    impl Read for Bytewise<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(1);
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }
    let text = b"1 one\n1 onex\n\n2 two\n3 th";
    let mut found = Found::new(BATCH.as_bytes());
    found.read(Bytewise(text)).unwrap();
    assert_eq!(found.rest(), b"ree\n");
    let mut at_once = Found::new(BATCH.as_bytes());
    at_once.read(&text[..]).unwrap();
    assert_eq!(at_once.rest(), b"ree\n");
}
