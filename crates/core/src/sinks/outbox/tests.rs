use std::fs;

use super::*;
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::sinks::fs::Real;

fn open(path: &Path) -> Outbox {
    Outbox::open(Arc::new(Real), path).unwrap()
}

fn intent() -> Intent {
    Intent {
        target: FileId { dev: 1, ino: 2, born: 3 },
        length_before: 4,
        since_ns: -5,
        records: 6,
        cursors: (0..MAX_CURSORS as u64).map(|n| (n, n * 2)).collect(),
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox-0");
    (dir, path)
}

#[test]
fn a_batch_begun_is_pending_for_whoever_opens_next_and_no_more_once_done() {
    let (_dir, path) = folder();
    let mut outbox = open(&path);
    assert!(outbox.pending().is_none() && !outbox.damaged());
    outbox.begin(intent(), b"bytes\n").unwrap();
    let mut outbox = open(&path);
    assert_eq!(outbox.pending(), Some(&intent()));
    assert_eq!((outbox.owed().unwrap(), outbox.delivered()), (b"bytes\n".to_vec(), 0));
    outbox.done(&[(7, 8)]).unwrap();
    let mut outbox = open(&path);
    let last = Intent { cursors: vec![(7, 8)], ..intent() };
    assert_eq!((outbox.pending(), outbox.delivered(), outbox.last()), (None, 6, &last));
    outbox.begin(Intent { records: 2, ..intent() }, b"more\n").unwrap();
    outbox.done(&[]).unwrap();
    assert_eq!(open(&path).delivered(), 8);
}

#[test]
fn a_retargeted_batch_owes_only_the_rest() {
    let (_dir, path) = folder();
    let mut outbox = open(&path);
    outbox.begin(intent(), b"one\ntwo\nsix\n").unwrap();
    outbox.retarget(FileId::default(), 9, 4).unwrap();
    let mut outbox = open(&path);
    assert_eq!(outbox.pending(), Some(&Intent { target: FileId::default(), length_before: 9, ..intent() }));
    assert_eq!(outbox.owed().unwrap(), b"two\nsix\n");
    outbox.retarget(FileId::default(), 9, 4).unwrap();
    assert_eq!(open(&path).owed().unwrap(), b"six\n");
}

#[test]
fn a_batch_is_refused_while_one_is_pending() {
    let (_dir, path) = folder();
    let mut outbox = open(&path);
    outbox.begin(intent(), b"one\n").unwrap();
    assert!(outbox.begin(intent(), b"two\n").is_err());
    assert_eq!(outbox.owed().unwrap(), b"one\n");
    outbox.done(&[]).unwrap();
    let cursors = vec![(0, 0); MAX_CURSORS + 1];
    assert!(outbox.begin(Intent { cursors, ..intent() }, b"two\n").is_err());
}

#[test]
fn killed_at_any_call_the_state_is_the_one_before_or_the_one_after() {
    for at in 1.. {
        let (_dir, path) = folder();
        let mut outbox = open(&path);
        outbox.begin(intent(), b"first\n").unwrap();
        outbox.done(&[]).unwrap();
        // Other bytes to the header's end, so that half of it is no header.
        let second = Intent { cursors: vec![(7, 7); MAX_CURSORS], ..intent() };
        let faulty = Arc::new(Faulty::new(at, Fault::Dead));
        let result = Outbox::open(faulty, &path)
            .and_then(|mut o| o.begin(second.clone(), b"second one\n").map(|()| o))
            .and_then(|mut o| o.done(&[]));
        let outbox = open(&path);
        match outbox.pending() {
            Some(_) => assert_eq!((outbox.owed().unwrap(), outbox.delivered()), (b"second one\n".to_vec(), 6)),
            None => assert!([6, 12].contains(&outbox.delivered())),
        }
        if result.is_ok() {
            assert_eq!(outbox.delivered(), 12);
            break;
        }
    }
}

#[test]
fn a_begin_that_failed_leaves_room_for_the_next() {
    for fault in [Fault::Once(28), Fault::Short] {
        // Calls: open, stat, a read at the end of the file twice, the first header; then bytes and header.
        for at in [6, 7] {
            let (_dir, path) = folder();
            let mut outbox = Outbox::open(Arc::new(Faulty::new(at, fault)), &path).unwrap();
            if outbox.begin(intent(), b"one\n").is_err() {
                assert!(open(&path).pending().is_none());
                outbox.begin(intent(), b"one\n").unwrap();
            }
            assert_eq!(open(&path).owed().unwrap(), b"one\n");
            outbox.done(&[]).unwrap();
        }
    }
}

#[test]
fn foreign_content_is_no_batch_and_is_told() {
    for (content, damaged) in
        [(Vec::new(), false), (vec![b'x'], true), (vec![0xff; 20_000], true), (vec![0; 20_000], true)]
    {
        let (_dir, path) = folder();
        fs::write(&path, content).unwrap();
        let mut outbox = open(&path);
        assert_eq!((outbox.damaged(), outbox.pending()), (damaged, None));
        outbox.begin(intent(), b"one\n").unwrap();
        assert_eq!(open(&path).owed().unwrap(), b"one\n");
    }
}

#[test]
fn no_flipped_byte_is_believed() {
    let (_dir, path) = folder();
    let mut outbox = open(&path);
    outbox.begin(intent(), b"one\ntwo\n").unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(31) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, &bytes).unwrap();
        let outbox = open(&path);
        match outbox.pending() {
            Some(found) => assert_eq!((found, outbox.owed().unwrap()), (&intent(), b"one\ntwo\n".to_vec())),
            None => assert!(outbox.damaged(), "byte {at}"),
        }
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(open(&path).damaged());
}

#[test]
fn a_huge_length_is_not_allocated() {
    let (_dir, path) = folder();
    let header = Header { pending: true, length: u64::MAX / 2, generation: 1, ..Header::default() };
    fs::write(&path, header.encode()).unwrap();
    assert!(open(&path).damaged());
}

#[test]
fn a_generation_that_none_comes_after_is_damage() {
    let slot = |generation| Header::decode(&Header { generation, ..Header::default() }.encode());
    assert!(matches!(slot(LAST), Slot::Valid(_)));
    assert!(matches!(slot(LAST + 1), Slot::Damaged));
}

#[test]
fn a_newer_version_is_left_to_those_who_know_it() {
    let (_dir, path) = folder();
    let mut slot = Header::default().encode();
    slot[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let crc = checksum(&slot);
    slot[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, slot).unwrap();
    let error = Outbox::open(Arc::new(Real), &path).unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error}");
}
