use super::next::{RETRY, SHARE};
use super::*;
use crate::delivery::leader::{Leader, Lock};
use crate::proofs::trial::{lead, lines, segments, Writer};
use crate::spool::reader::{Bytes, Reader, Step};
use crate::system::fork::Held;

#[test]
fn a_full_spool_says_so_and_takes_again_when_room_is_freed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 20);
    let line = "x".repeat(10_000);
    while writer.log(&line) {}
    assert!(matches!(writer.reserve(20_000), Room::Full));
    let mut leader = lead(folder.path());
    assert!(leader.round() > 50);
    leader.round();
    assert!(writer.log(&line));
}

#[test]
fn what_can_never_fit_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 20);
    assert!(matches!(writer.reserve(2 << 20), Room::Failed(Error::Full { .. })));
    assert!(writer.log("fits"));
}

#[test]
fn memory_is_bounded_as_a_folder_is() {
    let mut writer = Writer::with(Folder::anonymous().unwrap(), 1 << 20);
    let line = "x".repeat(10_000);
    let accepted = (0..1_000).take_while(|_| writer.log(&line)).count();
    assert!((50..110).contains(&accepted), "{accepted}");
}

#[test]
fn a_segment_takes_no_more_than_its_share_of_what_is_left() {
    const MOST: u64 = 16 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), MOST);
    let (line, mut before) = ("x".repeat(50_000), 0);
    while writer.log(&line) {
        let used = writer.spool.shared.folder.control.bytes().load(Ordering::Relaxed);
        let share = ((MOST - before) / SHARE).max(SMALLEST as u64);
        assert!(used - before <= share, "{} of {}", used - before, MOST - before);
        before = used;
    }
}

#[test]
fn the_next_segment_is_made_ahead_of_time_once_half_of_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for (text, is_made) in [("little".to_owned(), false), ("x".repeat(SMALLEST / 2), true)] {
        writer.log(&text);
        keep_house(&writer);
        assert_eq!(writer.spool.shared.has_prepared(), is_made);
    }
}

#[test]
fn each_segment_counts_its_records_from_its_own_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("in the first");
    writer.spool.retire();
    writer.log("in the second");
    writer.log("also there");
    let mut found = Vec::new();
    for path in segments(folder.path()) {
        let file = Held::open(|| std::fs::OpenOptions::new().read(true).write(true).open(&path)).unwrap();
        let mut reader = Reader::open(Bytes::File(file), &path).unwrap().unwrap();
        let mut at = segment::HEADER as u64;
        while let Step::Frame(kind, stride) = reader.look(at) {
            let sequence = reader.frame(at).unwrap().sequence;
            found.extend((kind == Kind::Record).then_some((reader.header.first_sequence, sequence)));
            at += stride as u64;
        }
    }
    found.sort_unstable();
    assert_eq!(found, [(1, 0), (2, 0), (2, 1)]);
}

#[test]
fn many_writers_find_room_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers: Vec<_> = (0..70).map(|_| Writer::new(folder.path(), 64 << 20)).collect();
    assert!(writers.iter_mut().all(|writer| writer.log("here")));
    assert_eq!(segments(folder.path()).len(), 70);
    let mut leader = lead(folder.path());
    assert_eq!((0..3).map(|_| leader.round()).sum::<u64>(), 70);
}

#[test]
fn a_sink_that_nobody_reads_the_spool_for_holds_no_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 20);
    writer.log("a line");
    assert!(!writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
    writer.spool.pass_over(0);
    assert!(writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
    writer.spool.resume(0);
    writer.log("another line");
    assert!(!writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
}

/// Also until a segment that is made by that is ready.
fn keep_house(writer: &Writer) {
    writer.spool.shared.housekeeping();
    writer.spool.shared.wait_for_segment(Instant::now() + Duration::from_secs(60));
}

fn fill(writer: &Writer, full: bool) {
    writer.spool.shared.folder.full.store(full, Ordering::Relaxed);
}

#[test]
fn while_the_disk_is_full_records_go_on_in_memory_and_come_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 64 << 20);
    let text = "x".repeat(1_000);
    let log = |writer: &mut Writer, numbers: std::ops::Range<usize>| {
        numbers.for_each(|n| assert!(writer.log(&format!("{n} {text}"))));
    };
    log(&mut writer, 0..300);
    fill(&writer, true);
    log(&mut writer, 300..1_500);
    assert_eq!(writer.spool.shared.take_notices().len(), 1);
    assert!(writer.spool.shared.has_memory() && writer.spool.shared.memory() > 0);
    fill(&writer, false);
    let lock = Lock::take(&writer.spool.shared).unwrap();
    let mut leader = Leader::new(Arc::clone(&writer.spool.shared), lock);
    log(&mut writer, 1_500..2_500);
    assert_eq!(writer.spool.shared.take_notices(), ["the spool folder takes records again"]);
    while leader.round() > 0 {}
    let numbers: Vec<String> = lines(folder.path()).iter().map(|line| line.replace(&text, "")).collect();
    assert_eq!(numbers, (0..2_500).map(|n| format!("{n} ")).collect::<Vec<_>>());
    writer.spool.shared.housekeeping();
    assert!(!writer.spool.shared.has_memory());
    assert_eq!(writer.spool.shared.memory(), 0);
}

#[test]
fn memory_is_bounded_while_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 8 << 20);
    fill(&writer, true);
    let text = "x".repeat(10_000);
    let kept = (0..1_000).take_while(|_| writer.log(&text)).count();
    assert!((190..210).contains(&kept), "{kept}");
    assert!(matches!(writer.reserve(20_000), Room::Full));
    let _leader = Leader::new(Arc::clone(&writer.spool.shared), Lock::take(&writer.spool.shared).unwrap());
    assert!(matches!(writer.reserve(20_000), Room::Failed(Error::Io { .. })));
    assert_eq!(writer.spool.shared.take_notices().len(), 2);
}

#[test]
fn who_has_records_in_memory_does_not_return_to_the_folder_while_another_leads() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 64 << 20);
    let mut other = lead(folder.path());
    fill(&writer, true);
    writer.log("first");
    writer.spool.retire();
    fill(&writer, false);
    writer.log("second");
    assert_eq!(other.round(), 0);
    drop(other);
    let lock = Lock::take(&writer.spool.shared).unwrap();
    let mut leader = Leader::new(Arc::clone(&writer.spool.shared), lock);
    assert_eq!(leader.round(), 2);
    writer.spool.retire();
    writer.log("third");
    drop(leader);
    assert_eq!(lead(folder.path()).round(), 1);
    assert_eq!(lines(folder.path()), ["first", "second", "third"]);
}

#[test]
fn a_quiet_process_returns_to_the_folder_with_its_next_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 64 << 20);
    fill(&writer, true);
    writer.log("in memory");
    fill(&writer, false);
    writer.spool.tried = Instant::now().checked_sub(RETRY);
    writer.log("asks");
    keep_house(&writer);
    let lock = Lock::take(&writer.spool.shared).unwrap();
    let mut leader = Leader::new(Arc::clone(&writer.spool.shared), lock);
    writer.log("looks");
    writer.log("on disk");
    assert!(!writer.spool.current.as_ref().unwrap().is_in_memory());
    leader.round();
    assert_eq!(lines(folder.path()), ["in memory", "asks", "looks", "on disk"]);
}

#[test]
fn a_segment_that_could_not_be_forced_to_the_disk_is_ended_and_its_name_is_forced_until_that_went_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("one");
    let (first, with_name) = writer.spool.unsynced().unwrap();
    assert!(with_name);
    // Another thread asks while the first still waits for the disk.
    assert!(writer.spool.unsynced().unwrap().1);
    writer.spool.forced(first.salt, true);
    assert!(!writer.spool.unsynced().unwrap().1);
    writer.spool.forced(first.salt, false);
    writer.log("two");
    let (second, with_name) = writer.spool.unsynced().unwrap();
    assert!(with_name && second.salt != first.salt);
    writer.spool.forced(first.salt, false);
    assert_eq!(writer.spool.salt(), second.salt);
}

#[test]
fn a_caller_that_has_waited_enough_for_a_disk_that_does_not_answer_goes_on_in_memory_and_returns_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 64 << 20);
    writer.log("on disk");
    writer.spool.retire();
    let shared = Arc::clone(&writer.spool.shared);
    let hung = shared.folder.gate.lock().unwrap();
    assert!(matches!(writer.spool.reserve(1000, true), Room::Making));
    assert!(matches!(writer.spool.reserve(1000, false), Room::Ready));
    writer.log("in memory");
    writer.spool.retire();
    assert!(matches!(writer.spool.reserve(1000, true), Room::Ready), "who comes later does not wait");
    writer.log("still there");
    assert_eq!(shared.take_notices().len(), 1);
    let mut leader = Leader::new(Arc::clone(&shared), Lock::take(&shared).unwrap());
    drop(hung);
    shared.wait_for_segment(Instant::now() + Duration::from_secs(60));
    writer.log("looks");
    writer.log("on disk again");
    assert!(!writer.spool.current.as_ref().unwrap().is_in_memory());
    assert_eq!(shared.take_notices(), ["the spool folder takes records again"]);
    while leader.round() > 0 {}
    assert_eq!(lines(folder.path()), ["on disk", "in memory", "still there", "looks", "on disk again"]);
}

#[test]
fn of_a_disk_that_refuses_a_caller_hears_as_soon_as_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 64 << 20);
    fill(&writer, true);
    assert!(matches!(writer.spool.reserve(1000, true), Room::Making));
    writer.spool.shared.wait_for_segment(Instant::now() + Duration::from_secs(60));
    assert!(matches!(writer.spool.reserve(1000, true), Room::Ready));
    assert!(writer.spool.current.as_ref().unwrap().is_in_memory());
    let notices = writer.spool.shared.take_notices();
    assert!(notices.len() == 1 && notices[0].contains("No space left"), "{notices:?}");
}
