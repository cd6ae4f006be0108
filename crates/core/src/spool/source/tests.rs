use std::os::unix::fs::FileExt;

use super::*;
use crate::delivery::spec::identity;
use crate::proofs::trial::{segments, spool_path, unread, Writer, SINK};
use crate::record::Message;
use crate::spool::folder::Folder;
use crate::spool::reader::{Bytes, Reader};
use crate::spool::segment::SinkId;

fn texts(source: &mut Source) -> Vec<String> {
    let mut texts = Vec::new();
    while source.read(identity(SINK), |record, _| {
        if let Message::Rendered(text) = record.message {
            texts.push(text.to_owned());
        }
        Take::Next
    }) {}
    texts
}

#[test]
fn writers_are_merged_by_time_and_each_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    a.log_at(10, "a1");
    b.log_at(20, "b1");
    a.spool.retire();
    a.log_at(5, "a2, the clock was set back");
    b.log_at(30, "b2");
    a.log_at(40, "a3");
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(texts(&mut source), ["a1", "a2, the clock was set back", "b1", "b2", "a3"]);
}

#[test]
fn a_writers_segments_are_read_in_the_order_they_were_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for n in 0..12 {
        writer.log_at(7, &n.to_string());
        writer.spool.retire();
    }
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(texts(&mut source), (0..12).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_the_disk_does_not_show_comes_when_it_does_before_what_is_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for text in ["1", "2"] {
        writer.log(text);
        writer.spool.retire();
    }
    for is_met in [false, true] {
        let mut source = open_folder(&spool_path(folder.path())).unwrap();
        if is_met {
            // Its call site is another look.
            assert!(source.members()[0].advance(0).is_some());
        }
        let file = source.members()[0].reader.swap(unread());
        assert!(texts(&mut source).is_empty() && !source.has_next(identity(SINK)));
        source.members()[0].reader.swap(file);
        source.refresh(0);
        assert_eq!(texts(&mut source), ["1", "2"]);
        assert_eq!(source.members()[0].lost[0], 0);
    }
}

#[test]
fn a_record_comes_to_the_sinks_that_it_is_for_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.spool.sinks.push(SinkId { identity: identity("another"), local: false });
    for (sinks, text) in [(0b11, "both"), (0b10, "the other"), (0b01, "this")] {
        writer.sinks = sinks;
        writer.log(text);
    }
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!((texts(&mut source), source.count(identity("another"))), (vec!["both".into(), "this".into()], 2));
}

#[test]
fn the_oldest_segment_is_given_up_first_whoever_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = [(); 2].map(|()| Writer::new(folder.path(), 1 << 24));
    for (writer, text) in [(0, "a1"), (1, "b1"), (0, "a2"), (1, "b2")] {
        writers[writer].log_at(7, text);
        writers[writer].spool.retire();
    }
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    source.find_dead();
    for gone in ["a1", "b1", "a2", "b2"] {
        let before = texts(&mut source);
        source.rewind(identity(SINK));
        assert_eq!(source.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 1)]);
        let after = texts(&mut source);
        source.rewind(identity(SINK));
        assert_eq!(before.into_iter().filter(|text| text != gone).collect::<Vec<_>>(), after);
    }
    assert_eq!(source.give_up_oldest(&[identity(SINK)]), []);
}

#[test]
fn what_was_given_up_is_not_given_up_again_though_the_disk_refused_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!(["one", "two"].iter().all(|text| writer.log(text)));
    writer.spool.retire();
    let path = segments(folder.path()).remove(0);
    let unwritable = Held::new(std::fs::File::open(&path).unwrap());
    let reader = Reader::open(Bytes::File(unwritable), &path).unwrap().unwrap();
    let mut source = Source::folder(folder.path());
    source.members.push(Member::new(reader, "of another folder".into()));
    source.members[0].sealed();
    assert_eq!(source.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 2)]);
    source.catch_up(identity(SINK));
    assert_eq!(source.give_up_oldest(&[identity(SINK)]), []);
}

#[test]
fn what_an_outbox_says_that_power_set_back_brings_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!(["one", "two"].iter().all(|text| writer.log(text)));
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    source.read(identity(SINK), |_, _| Take::Last);
    let earlier = source.positions(identity(SINK));
    source.read(identity(SINK), |_, _| Take::Last);
    source.commit(identity(SINK)).unwrap();
    source.adopt(identity(SINK), &earlier).unwrap();
    assert_eq!(texts(&mut source), [""; 0]);
}

#[test]
fn a_frame_that_is_torn_while_its_writer_lives_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!(["one", "two", "three"].iter().all(|text| writer.log(text)));
    let path = segments(folder.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let at = whole.windows(3).position(|bytes| bytes == b"two").unwrap();
    file.write_all_at(b"...", at as u64).unwrap();
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(texts(&mut source), ["one"]);
    file.write_all_at(b"two", at as u64).unwrap();
    source.refresh(0);
    assert_eq!(texts(&mut source), ["two", "three"]);
    source.commit(identity(SINK)).unwrap();
    assert_eq!(source.damaged, 0);
}

#[test]
fn what_was_read_comes_again_until_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("one");
    let mut source = Source::own(Arc::clone(&writer.spool.shared));
    source.refresh(0);
    assert_eq!(texts(&mut source).len(), 1);
    source.rewind(identity(SINK));
    assert_eq!(texts(&mut source).len(), 1);
    source.commit(identity(SINK)).unwrap();
    assert_eq!(Source::own(Arc::clone(&writer.spool.shared)).count(identity(SINK)), 0);
}

#[test]
fn what_damage_took_is_counted_once_however_often_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!(["one", "two", "three"].iter().all(|text| writer.log(text)));
    writer.spool.retire();
    let path = segments(folder.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|bytes| bytes == b"two").unwrap();
    bytes[at] = b'T';
    std::fs::write(&path, bytes).unwrap();
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    for _ in 0..3 {
        source.rewind(identity(SINK));
        assert_eq!(texts(&mut source), ["one", "three"]);
    }
    source.commit(identity(SINK)).unwrap();
    assert_eq!(source.damaged, 1);
}

#[test]
fn a_batch_is_committed_though_the_next_was_read_before_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    for text in ["one", "two", "three"] {
        writer.log(text);
    }
    let mut source = Source::own(Arc::clone(&writer.spool.shared));
    source.refresh(0);
    source.read(identity(SINK), |_, _| Take::Last);
    let first = source.reached(identity(SINK));
    source.read(identity(SINK), |_, _| Take::Last);
    let second = source.reached(identity(SINK));
    source.commit_to(identity(SINK), &first).unwrap();
    assert_eq!(texts(&mut source), ["three"]);
    source.rewind(identity(SINK));
    assert_eq!(texts(&mut source), ["two", "three"]);
    source.commit_to(identity(SINK), &second).unwrap();
    source.commit_to(identity(SINK), &first).unwrap(); // nothing goes back
    source.rewind(identity(SINK));
    assert_eq!(texts(&mut source), ["three"]);
}

#[test]
fn a_record_written_between_the_last_look_and_the_writers_death_keeps_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("one");
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(texts(&mut source), ["one"]);
    source.commit(identity(SINK)).unwrap();
    writer.log("the last one");
    drop(writer);
    source.find_dead();
    assert_eq!(source.reap(0, |_| {}), 0);
    source.refresh(0);
    assert_eq!(texts(&mut source), ["the last one"]);
    source.commit(identity(SINK)).unwrap();
    assert!(source.reap(0, |_| {}) > 0);
    assert!(segments(folder.path()).is_empty());
}

#[test]
fn a_reader_of_its_own_segments_lets_go_of_delivered_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let mut source = Source::own(Arc::clone(&writer.spool.shared));
    for generation in 1..20 {
        writer.log("line");
        writer.spool.retire();
        source.refresh(generation);
        assert_eq!(texts(&mut source).len(), 1);
        source.commit(identity(SINK)).unwrap();
    }
    source.refresh(100);
    // They are listed again while nobody removes them, and let go of again.
    for path in segments(folder.path()) {
        std::fs::remove_file(path).unwrap();
    }
    source.refresh(101);
    assert_eq!(source.len(), 0);
}

#[test]
fn memory_is_read_and_let_go_of_without_touching_any_file() {
    let mut writer = Writer::with(Folder::anonymous().unwrap(), 1 << 24);
    writer.log("one");
    writer.spool.retire();
    writer.log("two");
    let mut source = Source::own(Arc::clone(&writer.spool.shared));
    source.refresh(1);
    assert_eq!(texts(&mut source), ["one", "two"]);
    source.commit(identity(SINK)).unwrap();
    let before = writer.spool.shared.folder.control.bytes().load(Ordering::Relaxed);
    assert_eq!((source.reap(0, |_| {}), source.len()), (0, 1));
    writer.spool.shared.housekeeping();
    assert!(writer.spool.shared.folder.control.bytes().load(Ordering::Relaxed) < before);
    source.refresh(2);
    assert_eq!(source.len(), 1);
}

#[test]
fn more_segments_than_one_batch_may_name_are_all_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers: Vec<_> = (0..MOST_SEGMENTS + 6).map(|_| Writer::new(folder.path(), 1 << 26)).collect();
    assert!(writers.iter_mut().all(|writer| writer.log("line")));
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(source.count(identity(SINK)), MOST_SEGMENTS as u64 + 6);
}

/// Writes a segment's version, as another version of Cordwood would have.
fn restamp(path: &Path, version: u32) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&version.to_le_bytes(), 8).unwrap();
}

#[test]
fn segments_of_an_older_version_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.log("old");
    restamp(&segments(folder.path())[0], 0);
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    assert_eq!(texts(&mut source), ["old"]);
}

#[test]
fn segments_of_a_newer_version_are_left_alone_until_that_version_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut newer, mut ours) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    newer.log("newer");
    let theirs = segments(folder.path())[0].clone();
    restamp(&theirs, crate::spool::segment::VERSION + 1);
    ours.log("ours");
    drop((newer, ours));
    let mut leader = crate::proofs::trial::lead(folder.path());
    while leader.round() > 0 || !leader.is_drained() {}
    assert!(leader.take_notices().iter().any(|notice| notice.contains("newer version")));
    drop(leader);
    assert_eq!(crate::proofs::trial::lines(folder.path()), ["ours"]);
    assert_eq!(segments(folder.path()), std::slice::from_ref(&theirs));
    restamp(&theirs, crate::spool::segment::VERSION);
    let mut leader = crate::proofs::trial::lead(folder.path());
    while leader.round() > 0 || !leader.is_drained() {}
    assert_eq!(crate::proofs::trial::lines(folder.path()), ["ours", "newer"]);
}

#[test]
fn a_newer_version_may_keep_its_ordinal_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut newer = Writer::new(folder.path(), 1 << 24);
    newer.log("newer");
    let theirs = segments(folder.path())[0].clone();
    let mut bytes = std::fs::read(&theirs).unwrap();
    bytes[12..4096].fill(0);
    bytes[8] += 1;
    std::fs::write(&theirs, bytes).unwrap();
    drop(newer);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&theirs).unwrap().set_modified(long_ago).unwrap();
    let mut leader = crate::proofs::trial::lead(folder.path());
    while leader.round() > 0 || !leader.is_drained() {}
    assert_eq!(segments(folder.path()), [theirs]);
}
