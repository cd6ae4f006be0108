use super::*;
use crate::trial::{lead, segments, Writer};

#[test]
fn a_full_spool_says_so_and_takes_again_when_room_is_freed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 20);
    let line = "x".repeat(10_000);
    while writer.log(&line) {}
    assert!(matches!(writer.spool.reserve(20_000), Room::Full));
    let mut leader = lead(folder.path());
    assert!(leader.round() > 50);
    leader.round();
    assert!(writer.log(&line));
}

#[test]
fn what_can_never_fit_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 20);
    assert!(matches!(writer.spool.reserve(2 << 20), Room::Failed(Error::Full { .. })));
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
