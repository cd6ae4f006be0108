//! For tests: damaged spool folders, each made by a recipe, with what must be delivered of it and what must be counted.
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::delivery::spec::identity;
use crate::proofs::trial::{folder_in_memory, lead, lines, segments, spool_path, Writer, SINK};
use crate::record::frame::{self, Kind};
use crate::sinks::file::{FileOptions, LogFile};
use crate::sinks::fs::Real;
use crate::sinks::outbox::{Intent, Outbox};
use crate::spool::control::Reason;
use crate::spool::folder::Folder;
use crate::spool::reader::{Bytes, Reader, Step};
use crate::spool::segment::{HEADER, VERSION};
use crate::system::fork::Held;

const MAX_BYTES: u64 = 1 << 20;
const RECORDS: usize = 10;

/// The one segment of a process that logged [`RECORDS`] numbers and is dead.
struct Left {
    folder: tempfile::TempDir,
    file: File,
    /// Where each record's frame stands; the call site's and the thread's stand before.
    records: Vec<u64>,
    end: u64,
}

fn left(sealed: bool) -> Left {
    let folder = folder_in_memory();
    let mut writer = Writer::new(folder.path(), MAX_BYTES);
    assert!((0..RECORDS).all(|n| writer.log(&n.to_string())));
    if sealed {
        writer.spool.retire();
    }
    drop(writer);
    let path = segments(folder.path()).into_iter().find(|path| reader(path).is_some()).unwrap();
    let mut reader = reader(&path).unwrap();
    let (mut at, mut records) = (HEADER as u64, Vec::new());
    while let Step::Frame(kind, stride) = reader.look(at) {
        records.extend((kind == Kind::Record).then_some(at));
        at += stride as u64;
    }
    let file = File::options().read(true).write(true).open(path).unwrap();
    Left { folder, file, records, end: at }
}

fn reader(path: &Path) -> Option<Reader> {
    Reader::open(Bytes::File(Held::new(File::open(path).unwrap())), path).unwrap()
}

impl Left {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).unwrap();
    }

    /// Leads until nothing is left to do.
    fn deliver(&self) -> Vec<String> {
        let mut leader = lead(self.path());
        for _ in 0..4 {
            leader.round();
        }
        drop(leader);
        lines(self.path())
    }

    fn counted(&self) -> u64 {
        let control = Folder::open(&spool_path(self.path())).unwrap().control;
        control.dropped(Reason::Damaged).load(Ordering::Relaxed)
    }

    fn log_another(&self, text: &str) {
        assert!(Writer::new(self.path(), MAX_BYTES).log(text));
    }

    /// The outbox of a leader that died with the first `records` in it and `written` bytes of them in the file.
    fn leave_outbox(&self, records: usize, written: usize) {
        let batch = (0..records).map(|n| n.to_string() + "\n").collect::<String>();
        let spec = serde_json::json!({"path": self.path().join("app.log"), "max_bytes": 0, "backup_count": 0});
        let mut log = LogFile::new(Arc::new(Real), FileOptions::from_spec(&spec).unwrap());
        let target = log.lock().unwrap().id();
        let path = spool_path(self.path()).join(format!("outbox-{:016x}", identity(SINK)));
        let cursors = vec![(self.salt(), self.records.get(records).copied().unwrap_or(self.end))];
        let intent = Intent { target, length_before: 0, since_ns: 0, records: records as u64, cursors };
        Outbox::open(Arc::new(Real), &path).unwrap().begin(intent, batch.as_bytes()).unwrap();
        std::fs::write(self.path().join("app.log"), &batch[..written]).unwrap();
    }

    fn salt(&self) -> u64 {
        let mut salt = [0; 8];
        self.file.read_exact_at(&mut salt, 16).unwrap();
        u64::from_le_bytes(salt)
    }
}

/// All numbers but these.
fn without(missing: &[usize]) -> Vec<String> {
    (0..RECORDS).filter(|n| !missing.contains(n)).map(|n| n.to_string()).collect()
}

#[test]
fn what_an_accident_took_is_missing_and_counted_and_nothing_else() {
    type Recipe = fn(&Left);
    let recipes: [(&str, bool, Recipe, &[usize], u64); 10] = [
        ("nothing", false, |_| {}, &[], 0),
        ("a bit of a payload", false, |left| left.put(left.records[4] + 40, b"?"), &[4], 1),
        ("a checksum", true, |left| left.put(left.records[4] + 4, b"????"), &[4], 1),
        ("a length of 4 GB", true, |left| left.put(left.records[4], &[0xff; 4]), &[4], 1),
        ("a length of nothing", true, |left| left.put(left.records[4], &[0; 4]), &[4], 1),
        ("a page that power took", false, |left| left.zero(3, 6), &[3, 4, 5], 3),
        ("the same of a full segment", true, |left| left.zero(3, 6), &[3, 4, 5], 3),
        ("cut within a record", false, |left| left.cut(7), &[7, 8, 9], 1), // of how many, nobody knows
        ("the same of a full segment", true, |left| left.cut(7), &[7, 8, 9], 3),
        ("a call site", false, |left| left.put(HEADER as u64 + 20, b"?"), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10),
    ];
    for (what, sealed, spoil, missing, counted) in recipes {
        let left = left(sealed);
        spoil(&left);
        assert_eq!((left.deliver(), left.counted()), (without(missing), counted), "{what}");
        assert!(segments(left.path()).is_empty(), "{what}: it stays for ever");
        left.log_another("fresh");
        assert_eq!(left.deliver().last().unwrap(), "fresh", "{what}");
    }
}

impl Left {
    fn zero(&self, from: usize, to: usize) {
        let (from, to) = (self.records[from], self.records[to]);
        self.put(from, &vec![0; (to - from) as usize]);
    }

    fn cut(&self, at: usize) {
        self.file.set_len(self.records[at] + frame::HEADER as u64 + 3).unwrap();
    }
}

#[test]
fn a_segment_whose_header_is_damaged_is_left_alone_and_holds_nothing_up() {
    let left = left(true);
    left.put(100, b"?");
    left.log_another("fresh");
    assert_eq!(left.deliver(), ["fresh"]);
    assert_eq!(segments(left.path()).len(), 1);
}

#[test]
fn whatever_befell_the_outbox_or_the_control_page_each_record_comes_once() {
    for (name, bytes) in [
        (format!("outbox-{:016x}", identity(SINK)), vec![0xa5; 20_000]),
        (format!("outbox-{:016x}", identity(SINK)), b"CWOUTBOX".to_vec()),
        ("control".to_owned(), vec![0xa5; 4096]),
        ("control".to_owned(), Vec::new()),
    ] {
        let left = left(false);
        std::fs::write(spool_path(left.path()).join(&name), bytes).unwrap();
        assert_eq!(left.deliver(), without(&[]), "{name}");
    }
}

#[test]
fn a_batch_that_stands_in_part_is_carried_on_in_the_middle_of_its_line() {
    for written in 0..=8 {
        let left = left(false);
        left.leave_outbox(4, written);
        assert_eq!(left.deliver(), without(&[]), "{written} bytes of it were written");
    }
}

#[test]
fn damage_that_a_dead_leaders_batch_had_passed_is_counted_by_whoever_takes_over() {
    let left = left(true);
    left.put(left.records[2] + 4, b"????");
    left.leave_outbox(5, 0); // the number 2 is in that batch
    assert_eq!((left.deliver(), left.counted()), (without(&[]), 1));
}

#[test]
fn a_batch_of_a_newer_version_that_an_older_leader_finished_does_not_come_again() {
    let left = left(false);
    left.leave_outbox(5, 3);
    left.put(8, &(VERSION + 1).to_le_bytes());
    for older in ["a", "b"] {
        left.log_another(older); // further batches through the same outbox, by leaders that cannot read the segment
        assert_eq!(left.deliver().last().unwrap(), older);
    }
    left.put(8, &VERSION.to_le_bytes()); // a leader that can
    assert_eq!(left.deliver(), ["0", "1", "2", "3", "4", "a", "b", "5", "6", "7", "8", "9"]);
}
