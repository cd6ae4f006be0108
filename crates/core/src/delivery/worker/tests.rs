use std::path::Path;

use super::*;
use crate::proofs::trial::{lines, segments, spool_path, Writer};
use crate::spool::segment::VERSION;

/// Waits for what the thread does; the bound is for a thread that hangs.
fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_thread_delivers_and_leaves_no_segment_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    assert!((0..100).all(|n| writer.log(&n.to_string())));
    until(|| writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
    assert_eq!(lines(folder.path()).len(), 100);
    writer.spool.retire();
    worker.stop(Duration::from_secs(20));
    assert!(segments(folder.path()).is_empty());
}

#[test]
fn a_thread_begins_again_after_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for n in 1..4 {
        let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
        assert!(writer.log("line"));
        until(|| lines(folder.path()).len() == n);
        worker.stop(Duration::from_secs(20));
    }
}

#[test]
fn a_thread_that_was_left_behind_and_the_one_after_it_deliver_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for turn in 0..50 {
        let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
        assert!((0..100).all(|n| writer.log(&(turn * 100 + n).to_string())));
        worker.stop(Duration::ZERO);
    }
    let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    until(|| writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
    worker.stop(Duration::from_secs(20));
    assert_eq!(lines(folder.path()), (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_deleted_folders_records_are_delivered_and_its_thread_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    writer.log("before");
    until(|| lines(folder.path()).len() == 1);
    delete(folder.path());
    writer.log("after");
    writer.spool.retire();
    worker.leave();
    until(|| worker.has_ended());
    assert_eq!(lines(folder.path()), ["before", "after"]);
}

#[test]
fn a_leader_gives_way_to_who_has_records_in_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    let first = Worker::start(Arc::clone(&a.spool.shared)).unwrap();
    a.log("a");
    until(|| lines(folder.path()).len() == 1);
    b.spool.shared.folder.full.store(true, Ordering::Relaxed);
    b.log("b");
    let second = Worker::start(Arc::clone(&b.spool.shared)).unwrap();
    until(|| lines(folder.path()).len() == 2);
    assert!(b.spool.shared.leads() && !a.spool.shared.leads());
    // And the other way round.
    a.spool.retire();
    a.spool.shared.folder.full.store(true, Ordering::Relaxed);
    a.log("a again");
    until(|| lines(folder.path()).len() == 3);
    first.stop(Duration::from_secs(20));
    second.stop(Duration::from_secs(20));
}

#[test]
fn a_folder_deleted_before_anybody_led_it_is_delivered_by_its_writer_though_that_writes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("before");
    delete(folder.path());
    writer.log("after");
    let worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    until(|| lines(folder.path()) == ["before", "after"]);
    worker.leave();
    until(|| worker.has_ended());
}

/// Deletes a log directory's spool, whatever is made there meanwhile.
fn delete(log_dir: &Path) {
    until(|| std::fs::remove_dir_all(spool_path(log_dir)).is_ok());
}

/// Deletes the folder and goes on in another, as the same writer.
fn deleted(folder: &Path, former: &mut Writer, former_worker: &Worker) -> Writer {
    delete(folder);
    let mut fresh = Writer::new(folder, 1 << 24);
    fresh.spool.succeed(&mut former.spool);
    former_worker.leave();
    fresh
}

#[test]
fn what_was_in_a_deleted_folder_comes_before_what_its_writer_wrote_since() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = Writer::new(folder.path(), 1 << 24);
    let others = Worker::start(Arc::clone(&other.spool.shared)).unwrap();
    other.log("other");
    until(|| lines(folder.path()).len() == 1);
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let mut worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    for turn in 0..5 {
        assert!((0..2_000).all(|n| writer.log(&format!("{}", turn * 3_000 + n))));
        let fresh = deleted(folder.path(), &mut writer, &worker);
        writer = fresh;
        assert!((2_000..3_000).all(|n| writer.log(&format!("{}", turn * 3_000 + n))));
        worker = Worker::start(Arc::clone(&writer.spool.shared)).unwrap();
    }
    until(|| lines(folder.path()).len() == 15_001);
    let numbers: Vec<_> = lines(folder.path()).into_iter().filter(|line| line != "other").collect();
    assert_eq!(numbers, (0..15_000).map(|n| n.to_string()).collect::<Vec<_>>());
    until(|| writer.spool.is_delivered(u32::MAX, writer.spool.mark()) && !writer.spool.shared.has_memory());
    writer.spool.retire();
    worker.stop(Duration::from_secs(20));
    others.stop(Duration::from_secs(20));
}

#[test]
fn who_writes_a_newer_format_than_the_leader_gets_the_lead() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    let older = Worker::start(Arc::clone(&a.spool.shared)).unwrap();
    a.log("a");
    until(|| lines(folder.path()).len() == 1);
    a.spool.shared.folder.control.leader_format().store(VERSION - 1, Ordering::Relaxed);
    let newer = Worker::start(Arc::clone(&b.spool.shared)).unwrap();
    until(|| b.spool.shared.leads());
    assert!(a.log("a again") && b.log("b"));
    until(|| lines(folder.path()).len() == 3);
    assert!(!a.spool.shared.leads());
    newer.stop(Duration::from_secs(20));
    a.log("a alone");
    until(|| lines(folder.path()).len() == 4);
    older.stop(Duration::from_secs(20));
}

#[test]
fn a_folder_that_was_emptied_is_led_by_its_own_leader_and_what_it_had_by_the_former() {
    let folder = tempfile::tempdir().unwrap();
    let mut former = Writer::new(folder.path(), 1 << 24);
    let first = Worker::start(Arc::clone(&former.spool.shared)).unwrap();
    former.log("before");
    until(|| lines(folder.path()).len() == 1);
    for file in std::fs::read_dir(spool_path(folder.path())).unwrap().map(|entry| entry.unwrap().path()) {
        let _ = std::fs::remove_file(file);
    }
    former.log("unseen by the next");
    let mut later = Writer::new(folder.path(), 1 << 24);
    let second = Worker::start(Arc::clone(&later.spool.shared)).unwrap();
    until(|| former.spool.shared.lost.load(Ordering::Acquire) && !former.spool.shared.leads());
    first.leave();
    assert!((0..100).all(|n| later.log(&n.to_string())));
    until(|| first.has_ended() && later.spool.is_delivered(u32::MAX, later.spool.mark()));
    second.stop(Duration::from_secs(20));
    assert_eq!(lines(folder.path()).len(), 102);
}

#[test]
fn another_thread_takes_over_where_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    let first = Worker::start(Arc::clone(&a.spool.shared)).unwrap();
    a.log("a");
    until(|| lines(folder.path()).len() == 1);
    let second = Worker::start(Arc::clone(&b.spool.shared)).unwrap();
    b.log("b");
    until(|| lines(folder.path()).len() == 2);
    first.stop(Duration::from_secs(20));
    b.log("b again");
    until(|| lines(folder.path()).len() == 3);
    second.stop(Duration::from_secs(20));
}
