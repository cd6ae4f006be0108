use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use super::*;
use crate::delivery::leader::{Leader, Lock};
use crate::delivery::spec::identity;
use crate::proofs::trial::{lead, segments, spool_path, Writer, SINK};
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::sinks::fs::Real;
use crate::spool::account::{Account, Loss};
use crate::spool::directory::Directory;
use crate::spool::segment::{SinkId, ACCEPTED, COUNTING};
use crate::spool::source::{open_folder, Take};

fn books(log_dir: &Path) -> Books {
    let path = spool_path(log_dir);
    read(&Real, &mut open_folder(&path).unwrap(), &path).unwrap()
}

fn sum(log_dir: &Path) -> Balance {
    books(log_dir).rows.iter().find(|row| row.identity == identity(SINK)).map(|row| row.sum).unwrap_or_default()
}

fn deliver(log_dir: &Path) {
    let mut leader = lead(log_dir);
    while leader.round() > 0 {}
    leader.round();
}

fn writer(log_dir: &Path, records: usize) -> Writer {
    let mut writer = Writer::new(log_dir, 1 << 24);
    assert!((0..records).all(|n| writer.log(&n.to_string())));
    writer
}

#[test]
fn accepted_is_what_waits_then_what_was_delivered_and_stays_when_the_segment_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    let waits = sum(folder.path());
    assert_eq!((waits.accepted, waits.spooled, waits.holds()), (5, 5, true));
    deliver(folder.path());
    let stands = sum(folder.path());
    assert_eq!((stands.accepted, stands.delivered, stands.spooled, stands.holds()), (5, 5, 0, true));
    writer.spool.retire();
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    let gone = sum(folder.path());
    assert_eq!((gone.accepted, gone.delivered, gone.segments, gone.holds()), (5, 5, 1, true));
    assert!(books(folder.path()).since_ns > 0);
}

#[test]
fn whoever_takes_over_in_a_segments_middle_counts_what_was_delivered_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    deliver(folder.path());
    assert!((0..3).all(|_| writer.log("later")));
    drop(writer);
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    let all = sum(folder.path());
    assert_eq!((all.accepted, all.delivered, all.holds()), (8, 8, true));
}

#[test]
fn a_record_that_delivery_passed_over_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    let segment = OpenOptions::new().write(true).open(&segments(folder.path())[0]).unwrap();
    writer.spool.retire();
    segment.write_all_at(&4u64.to_le_bytes(), ACCEPTED as u64).unwrap();
    assert_eq!(sum(folder.path()).surplus, 1);
    segment.write_all_at(&5u64.to_le_bytes(), ACCEPTED as u64).unwrap();
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    let mut ledger = Ledger::new(Arc::new(Real), source.folder_again(), &spool_path(folder.path()));
    source.read(identity(SINK), |_, _| Take::Next);
    source.tells = false;
    source.commit(identity(SINK)).unwrap();
    // As if one of the five had not been taken.
    source.members()[0].uncount(0);
    ledger.look();
    source.reap(ledger.last(), |member| ledger.settle(member).unwrap());
    assert_eq!((sum(folder.path()).delivered, sum(folder.path()).missing), (4, 1));
}

#[test]
fn a_segment_that_is_counted_goes_before_another_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    writer(folder.path(), 5).spool.retire();
    let path = segments(folder.path()).remove(0);
    let aside = folder.path().join("aside");
    std::fs::hard_link(&path, &aside).unwrap();
    deliver(folder.path());
    // Killed before the removal; others have finished meanwhile, some of them of writers that are looked at first.
    std::fs::rename(&aside, &path).unwrap();
    (0..6).for_each(|_| writer(folder.path(), 5).spool.retire());
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    assert_eq!(sum(folder.path()).accepted, 35);
}

#[test]
fn a_segment_that_is_counted_and_still_there_is_not_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    writer.spool.retire();
    let path = segments(folder.path()).remove(0);
    let aside = folder.path().join("aside");
    std::fs::hard_link(&path, &aside).unwrap();
    deliver(folder.path());
    // Killed between the ledger's write and the removal.
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(sum(folder.path()).accepted, 5);
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    assert_eq!(sum(folder.path()).accepted, 5);
}

#[test]
fn segments_of_a_version_that_does_not_count_are_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    let segment = OpenOptions::new().write(true).open(&segments(folder.path())[0]).unwrap();
    segment.write_all_at(&0u64.to_le_bytes(), COUNTING as u64).unwrap();
    segment.write_all_at(&0u64.to_le_bytes(), ACCEPTED as u64).unwrap();
    writer.spool.retire();
    let control = &writer.spool.shared.folder.control;
    control.beat().store(77, Ordering::Relaxed);
    deliver(folder.path());
    let all = sum(folder.path());
    assert_eq!((all.segments, all.uncounted, all.accepted, all.holds()), (1, 1, 0, true));
    assert_eq!(books(folder.path()).older_ns, 77);
}

#[test]
fn what_is_dropped_is_counted_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut behind = writer(folder.path(), 3);
    behind.spool.retire();
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(source.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 3)]);
    deliver(folder.path());
    assert_eq!(sum(folder.path()).dropped[Loss::Behind as usize], 3);
    let mut removed = writer(folder.path(), 2);
    std::fs::remove_file(removed.spool.shared.folder.sink_path(identity(SINK)).unwrap()).unwrap();
    removed.spool.retire();
    drop(removed);
    deliver(folder.path());
    let all = sum(folder.path());
    assert_eq!((all.accepted, all.delivered, all.dropped[Loss::Removed as usize], all.holds()), (5, 0, 2, true));
}

#[test]
fn whoever_takes_over_knows_what_was_given_up_and_what_was_delivered_before_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    deliver(folder.path());
    assert!((0..3).all(|_| writer.log("given up")));
    writer.spool.retire();
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    source.tells = false;
    source.find_dead();
    assert_eq!(source.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 3)]);
    drop(source); // killed before it removed the segment
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    let all = sum(folder.path());
    assert_eq!((all.accepted, all.delivered, all.dropped[Loss::Behind as usize], all.holds()), (8, 5, 3, true));
}

#[test]
fn a_segment_in_memory_is_counted_once_though_its_writer_has_not_let_go_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let shared = Arc::clone(&writer.spool.shared);
    shared.folder.full.store(true, Ordering::Relaxed);
    for text in ["in one", "in another"] {
        writer.log(text);
        writer.spool.retire();
    }
    let mut leader = Leader::new(Arc::clone(&shared), Lock::take(&shared).unwrap());
    for _ in 0..3 {
        leader.round();
        shared.folder.control.segments().fetch_add(1, Ordering::Release); // as if there were others
    }
    let all = sum(folder.path());
    assert_eq!((all.accepted, all.delivered, all.segments), (2, 2, 2));
}

#[test]
fn a_segment_that_is_counted_and_could_not_be_removed_is_not_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    writer(folder.path(), 5).spool.retire();
    let source = open_folder(&spool_path(folder.path()));
    source.unwrap().members()[0].reader.mark_settled();
    assert_eq!(sum(folder.path()), Balance::default());
    deliver(folder.path());
    assert_eq!(sum(folder.path()), Balance::default());
}

#[test]
fn nothing_is_said_of_a_sink_that_nobody_reads_the_spool_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.spool.pass_over(0);
    assert!(writer.log("for a terminal"));
    assert!(books(folder.path()).rows.is_empty());
}

#[test]
fn what_a_full_spool_gave_up_while_it_was_on_its_way_is_counted_as_that() {
    let folder = tempfile::tempdir().unwrap();
    writer(folder.path(), 3).spool.retire();
    let mut slow = open_folder(&spool_path(folder.path())).unwrap();
    slow.read(identity(SINK), |_, _| Take::Next);
    let mut other = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(other.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 3)]);
    slow.commit(identity(SINK)).unwrap();
    let all = sum(folder.path());
    assert_eq!((all.delivered, all.dropped[Loss::Behind as usize], all.holds()), (0, 3, true));
}

#[test]
fn what_only_a_dead_process_could_have_delivered_is_counted_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.spool.sinks.push(SinkId { identity: identity("memory"), local: true });
    assert!((0..4).all(|n| writer.log(&n.to_string())));
    let mut own = Source::own(Arc::clone(&writer.spool.shared));
    own.refresh(1);
    let mut taken = 0;
    own.read(identity("memory"), |_, _| {
        taken += 1;
        if taken == 3 {
            Take::Last
        } else {
            Take::Next
        }
    });
    own.drop_taken(identity("memory"), Loss::Stopped, 1);
    own.commit(identity("memory")).unwrap();
    drop((own, writer));
    deliver(folder.path());
    assert!(segments(folder.path()).is_empty());
    let books = books(folder.path());
    let memory = books.rows.iter().find(|row| row.identity == identity("memory")).unwrap();
    let lost = [Loss::Stopped, Loss::Ended].map(|loss| memory.sum.dropped[loss as usize]);
    assert!(memory.local && memory.sum.holds());
    assert_eq!((memory.sum.accepted, memory.sum.delivered, lost), (4, 2, [1, 1]));
}

#[test]
fn an_account_ahead_of_its_position_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(folder.path(), 5);
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    // Killed between the two.
    let ahead = Account { position: 1 << 20, delivered: 5, ..Account::default() };
    source.members()[0].reader.tell(0, &ahead).unwrap();
    drop(writer);
    let waits = sum(folder.path());
    assert_eq!((waits.delivered, waits.spooled, waits.holds()), (0, 5, true));
    deliver(folder.path());
    let all = sum(folder.path());
    assert_eq!((all.accepted, all.delivered, all.holds()), (5, 5, true));
}

#[test]
fn a_batch_committed_while_more_is_read_counts_as_far_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 5);
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    let mut left = 3;
    source.read(identity(SINK), |_, _| {
        left -= 1;
        if left == 0 {
            Take::Last
        } else {
            Take::Next
        }
    });
    let first = source.reached(identity(SINK));
    source.read(identity(SINK), |_, _| Take::Next);
    source.commit_to(identity(SINK), &first).unwrap();
    let middle = sum(folder.path());
    assert_eq!((middle.delivered, middle.spooled, middle.holds()), (3, 2, true));
    source.rewind(identity(SINK));
    source.read(identity(SINK), |_, _| Take::Next);
    source.commit(identity(SINK)).unwrap();
    writer.spool.retire();
    let all = sum(folder.path());
    assert_eq!((all.delivered, all.spooled, all.holds()), (5, 0, true));
    assert_eq!(source.members()[0].reader.account(0).delivered, 5);
}

#[test]
fn an_error_never_begins_the_ledger_anew() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool_path(folder.path());
    writer(folder.path(), 5).spool.retire();
    deliver(folder.path());
    let mut accepted = 5;
    for at in 1.. {
        let fs = Arc::new(Faulty::new(at, Fault::Once(rustix::io::Errno::IO.raw_os_error())));
        let mut ledger = Ledger::new(fs, Directory::new(&spool).again(), &spool);
        let mut failures = Vec::new();
        // The second segment brings what could not be written with the first.
        for _ in 0..2 {
            writer(folder.path(), 1).spool.retire();
            let mut source = open_folder(&spool).unwrap();
            source.read(identity(SINK), |_, _| Take::Next);
            source.commit(identity(SINK)).unwrap();
            source.reap(0, |member| failures.push(ledger.settle(member).is_err()));
        }
        if failures[1] {
            break;
        }
        assert_eq!(failures, [true, false], "call {at}");
        accepted += 2;
        assert_eq!(sum(folder.path()).accepted, accepted, "call {at}");
    }
    assert!(accepted > 5);
}

#[test]
fn a_ledger_that_cannot_be_written_takes_a_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool_path(folder.path());
    writer(folder.path(), 1).spool.retire();
    let fs = Arc::new(Faulty::new(1, Fault::Dead));
    let mut ledger = Ledger::new(fs, Directory::new(&spool).again(), &spool);
    ledger.pending = (1..=MOST_PENDING as u64).map(|salt| Entry { salt, rows: Vec::new() }).collect();
    assert!(ledger.settle(&mut open_folder(&spool).unwrap().members()[0]).is_err());
    assert_eq!((ledger.pending.len(), ledger.pending[0].salt), (MOST_PENDING, 2));
}

#[test]
fn a_ledger_that_is_damaged_says_so_and_one_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = spool_path(folder.path()).join(NAME);
    for n in 0..2 {
        writer(folder.path(), 5 + n).spool.retire();
        deliver(folder.path());
    }
    let whole = std::fs::read(&path).unwrap();
    for (at, version) in [(16, 0), (8, VERSION + 1)] {
        let mut bytes = whole.clone();
        for slot in [0, SLOT] {
            bytes[slot + at] ^= 1 + version as u8;
        }
        std::fs::write(&path, &bytes).unwrap();
        writer(folder.path(), 1).spool.retire();
        let mut leader = lead(folder.path());
        while leader.round() > 0 {}
        let notices = leader.take_notices().join("\n");
        drop(leader);
        if version > 0 {
            assert!(notices.contains("newer"), "{notices}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        } else {
            assert!(notices.contains("the ledger was damaged"), "{notices}");
            assert_eq!(sum(folder.path()).accepted, 1);
        }
    }
}

#[test]
fn a_leader_that_dies_at_any_call_of_the_ledger_leaves_one_that_adds_up() {
    for at in 1..12 {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool_path(folder.path());
        for _ in 0..2 {
            writer(folder.path(), 5).spool.retire();
        }
        let fs = Arc::new(Faulty::new(at, Fault::Dead));
        let mut source = open_folder(&spool).unwrap();
        source.tells = false;
        source.read(identity(SINK), |_, _| Take::Next);
        source.commit(identity(SINK)).unwrap();
        let mut ledger = Ledger::new(Arc::clone(&fs) as _, Directory::new(&spool).again(), &spool);
        ledger.at_once = true;
        // It removes nothing after its death.
        let kept: Vec<_> =
            segments(folder.path()).into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect();
        let mut dead = false;
        let mut gone = 0;
        ledger.look();
        source.reap(ledger.last(), |member| {
            dead |= ledger.settle(member).is_err();
            gone += u32::from(!dead);
        });
        for (bytes, path) in kept.iter().rev().take(kept.len() - gone as usize) {
            if !path.exists() {
                std::fs::write(path, bytes).unwrap();
            }
        }
        deliver(folder.path());
        let all = sum(folder.path());
        assert!(all.holds() && all.accepted == all.delivered, "{at}: {all:?}");
    }
}

#[test]
fn more_sinks_than_there_are_rows_share_the_last() {
    let mut books = Books::default();
    let one = Balance { segments: 1, accepted: 2, delivered: 2, ..Balance::default() };
    for identity in 1..=MOST as u64 + 5 {
        books.add(identity, false, &one);
    }
    assert_eq!(books.rows.len(), MOST + 1);
    assert_eq!(books.rows.iter().map(|row| row.sum.accepted).sum::<u64>(), 2 * (MOST as u64 + 5));
    let slot = books.encode();
    assert!(slot.len() <= SLOT);
    assert_eq!(Books::decode(&slot, Path::new("")).unwrap(), Some(books));
}
