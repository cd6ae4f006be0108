//! The outbox that a dead leader left, spoilt; whoever takes over goes on with it.
use std::path::Path;
use std::sync::Arc;

use super::{run, Chance};
use crate::error::Error;
use crate::proofs::trial::folder_in_memory;
use crate::sinks::file::{FileOptions, LogFile};
use crate::sinks::fs::Real;
use crate::sinks::outbox::{Intent, Outbox};
use crate::sinks::takeover::resume;

const SLOT: usize = 4096;
const BEFORE: &[u8] = b"older line\n";
const BATCH: &[u8] = b"first line\nsecond line\nthird line\n";

fn log_file(dir: &Path) -> LogFile {
    let spec = serde_json::json!({"path": dir.join("app.log"), "max_bytes": 0, "backup_count": 0});
    LogFile::new(Arc::new(Real), FileOptions::from_spec(&spec).unwrap())
}

fn open(dir: &Path) -> crate::error::Result<Outbox> {
    Outbox::open(Arc::new(Real), &dir.join("outbox"))
}

/// A leader that died with a batch in its outbox and so many bytes of it in the file.
fn die(dir: &Path, written: usize) -> Vec<u8> {
    std::fs::write(dir.join("app.log"), BEFORE).unwrap();
    let mut outbox = open(dir).unwrap();
    let (target, length_before) = {
        let mut log = log_file(dir);
        let locked = log.lock().unwrap();
        (locked.id(), locked.length())
    };
    let intent = Intent { target, length_before, since_ns: 0, records: 3, cursors: vec![(7, 4096), (8, 5000)] };
    outbox.begin(intent, BATCH).unwrap();
    std::fs::write(dir.join("app.log"), [BEFORE, &BATCH[..written]].concat()).unwrap();
    std::fs::read(dir.join("outbox")).unwrap()
}

/// Some of it spoilt; a slot's checksum holds again in half of the cases.
fn spoil(chance: &mut Chance, bytes: &mut Vec<u8>) {
    for _ in 0..=chance.below(3) {
        match chance.below(4) {
            0 => {
                let slot = &mut bytes[chance.below(2) * SLOT..][..SLOT];
                let at = 16 + 8 * chance.below(20);
                slot[at..at + 8].copy_from_slice(&chance.number().to_le_bytes());
            }
            1 => chance.spoil(&mut bytes[..2 * SLOT]),
            2 => chance.spoil(bytes),
            _ => {
                let from = chance.below(2) * SLOT;
                bytes.copy_within(from..from + SLOT, SLOT - from);
            }
        }
    }
    if chance.below(2) == 0 {
        for slot in bytes[..2 * SLOT].chunks_mut(SLOT) {
            let crc = crc32c::crc32c_append(crc32c::crc32c(&slot[..12]), &slot[16..]);
            slot[12..16].copy_from_slice(&crc.to_le_bytes());
        }
    }
    if chance.below(8) == 0 {
        bytes.truncate(chance.below(bytes.len()));
    }
}

#[test]
fn fuzz_an_outbox_with_any_content_cuts_nothing_and_takes_the_next_batch() {
    run(|chance| {
        let dir = folder_in_memory();
        let dir = dir.path();
        let written = chance.below(BATCH.len() + 1);
        let mut bytes = die(dir, written);
        let stood = std::fs::read(dir.join("app.log")).unwrap();
        spoil(chance, &mut bytes);
        std::fs::write(dir.join("outbox"), &bytes).unwrap();
        let mut outbox = match open(dir) {
            Ok(outbox) => outbox,
            Err(Error::Format { .. }) => return, // a newer version's
            Err(error) => panic!("{error}"),
        };
        if resume(&mut outbox, &mut log_file(dir)).unwrap().is_some() {
            outbox.done(&[]).unwrap();
        }
        assert!(std::fs::read(dir.join("app.log")).unwrap().starts_with(&stood), "something was cut");
        outbox.begin(Intent { records: 1, ..Intent::default() }, b"next\n").unwrap();
        drop(outbox);
        assert_eq!(open(dir).unwrap().owed().unwrap(), b"next\n");
    });
}
