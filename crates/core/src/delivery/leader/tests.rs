use super::*;
use crate::delivery::filesink::PATIENCE;
use crate::delivery::spec::identity;
use crate::proofs::trial::{lead, lines, segments, spool_path, Writer, SINK};
use crate::sinks::fs::recorder::Recorder;
use crate::sinks::outbox::MAX_CURSORS;
use crate::spool::segment::SinkId;
use crate::spool::source::Take;

#[test]
fn records_of_all_writers_come_to_the_file_and_finished_segments_go() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
    a.log("a");
    b.log("b");
    a.spool.retire();
    drop(b);
    let mut leader = lead(folder.path());
    assert_eq!(a.spool.shared.folder.control.leader_format().load(Ordering::Relaxed), VERSION);
    assert_eq!((leader.round(), leader.round()), (2, 0));
    assert_eq!(lines(folder.path()).len(), 2);
    assert!(leader.is_drained() && segments(folder.path()).is_empty());
}

#[test]
fn one_leader_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(folder.path(), 1 << 24);
    let leader = lead(folder.path());
    assert!(Lock::take(&writer.spool.shared).is_none());
    drop(leader);
    assert!(Lock::take(&writer.spool.shared).is_some());
}

#[test]
fn records_for_a_removed_sink_are_counted_and_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!((0..3).all(|_| writer.log("for nobody")));
    let shared = Arc::clone(&writer.spool.shared);
    let dropped = || shared.folder.control.dropped(Reason::SinkRemoved).load(Ordering::Relaxed);
    std::fs::remove_file(shared.folder.sink_path(identity(SINK)).unwrap()).unwrap();
    let mut leader = lead(folder.path());
    leader.round();
    assert_eq!(dropped(), 0); // Its writer lives, and may write the options again.
    drop(writer);
    leader.round();
    assert_eq!(dropped(), 3);
    assert_eq!(leader.take_notices().len(), 1);
}

#[test]
fn a_living_process_describes_its_sinks_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let shared = Arc::clone(&writer.spool.shared);
    let path = shared.folder.sink_path(identity(SINK)).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let mut leader = lead(folder.path());
    writer.log("kept");
    leader.round();
    shared.describe_again();
    assert_eq!(leader.round(), 1);
}

#[test]
fn what_was_written_before_a_file_got_other_options_is_forced_to_the_disk() {
    let (folder, attic) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let shared = Arc::clone(&writer.spool.shared);
    let recorder = Arc::new(Recorder::new(folder.path(), attic.path()));
    let mut leader = Leader::on(Arc::clone(&recorder) as _, Arc::clone(&shared), Lock::take(&shared).unwrap());
    writer.log("line");
    assert_eq!(leader.round(), 1);
    let path = folder.path().join("app.log");
    assert_eq!(recorder.unsynced(&path), 5);
    let spec = serde_json::json!({"kind": "file", "path": path, "mode": 0o640}).to_string();
    shared.folder.describe_sink(identity(SINK), &spec).unwrap();
    leader.round();
    assert_eq!(recorder.unsynced(&path), 0);
}

#[test]
fn a_file_that_fails_loses_its_oldest_segment_only_when_room_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    std::fs::create_dir(folder.path().join("app.log")).unwrap();
    writer.log("oldest");
    writer.spool.retire();
    writer.log("newest");
    let control = &writer.spool.shared.folder.control;
    let mut leader = lead(folder.path());
    leader.round();
    std::thread::sleep(PATIENCE * 2);
    leader.round();
    assert_eq!(control.dropped(Reason::SinkBehind).load(Ordering::Relaxed), 0);
    control.ask_for_room(Duration::from_secs(1));
    leader.round();
    assert_eq!(control.dropped(Reason::SinkBehind).load(Ordering::Relaxed), 1);
    std::fs::remove_dir(folder.path().join("app.log")).unwrap();
    drop(leader);
    lead(folder.path()).round();
    assert_eq!(lines(folder.path()), ["newest"]);
}

#[test]
fn nothing_is_given_up_where_something_could_be_freed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    std::fs::create_dir(folder.path().join("app.log")).unwrap();
    writer.log("kept");
    writer.spool.retire();
    let control = &writer.spool.shared.folder.control;
    let given_up = || control.dropped(Reason::SinkBehind).load(Ordering::Relaxed);
    let mut leader = lead(folder.path());
    leader.round();
    std::thread::sleep(PATIENCE * 2);
    let mut dead = Writer::new(folder.path(), 1 << 24);
    dead.spool.sinks = vec![SinkId { identity: identity("memory"), local: true }];
    dead.log("for a process that is dead");
    drop(dead);
    control.ask_for_room(Duration::from_secs(1));
    leader.round();
    assert_eq!((given_up(), segments(folder.path()).len()), (0, 1));
    control.ask_for_room(Duration::from_secs(1));
    leader.round();
    assert_eq!(given_up(), 1);
}

#[test]
fn a_database_is_given_up_on_by_whoever_delivers_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let shared = Arc::clone(&writer.spool.shared);
    shared.folder.describe_sink(identity("database"), r#"{"kind": "python"}"#).unwrap();
    writer.spool.sinks = vec![SinkId { identity: identity("database"), local: false }];
    writer.log("kept");
    writer.spool.retire();
    let given_up = || shared.folder.control.dropped(Reason::SinkBehind).load(Ordering::Relaxed);
    let mut leader = lead(folder.path());
    let delivers = shared.folder.lock_sink(identity("database")).unwrap();
    shared.folder.control.ask_for_room(Duration::from_secs(1));
    leader.round();
    assert_eq!(given_up(), 0);
    drop(delivers);
    shared.folder.control.ask_for_room(Duration::from_secs(1));
    leader.round();
    assert_eq!(given_up(), 1);
}

#[test]
fn a_full_segment_stays_until_its_living_process_has_taken_what_is_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    writer.spool.sinks.push(SinkId { identity: identity("memory"), local: true });
    writer.log("for both");
    writer.spool.retire();
    let mut leader = lead(folder.path());
    assert_eq!((leader.round(), leader.round()), (1, 0));
    assert_eq!(segments(folder.path()).len(), 1);
    let mut own = Source::own(Arc::clone(&writer.spool.shared));
    assert_eq!(own.count(identity("memory")), 1);
    own.read(identity("memory"), |_, _| Take::Next);
    own.commit(identity("memory")).unwrap();
    leader.round();
    assert!(segments(folder.path()).is_empty());
}

#[test]
fn records_of_more_segments_than_an_outbox_can_name_all_come() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..=MAX_CURSORS {
        assert!(Writer::new(folder.path(), 1 << 26).log(&n.to_string()));
    }
    let mut leader = lead(folder.path());
    while leader.round() > 0 {}
    assert_eq!(lines(folder.path()).len(), MAX_CURSORS + 1);
}

#[test]
fn a_leader_does_not_touch_a_folder_that_took_the_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut former = Writer::new(folder.path(), 1 << 24);
    former.log("former");
    let mut leader = lead(folder.path());
    std::fs::remove_dir_all(spool_path(folder.path())).unwrap();
    let mut later = Writer::new(folder.path(), 1 << 24);
    later.log("later");
    former.log("former still");
    assert_eq!(leader.round(), 2);
    assert_eq!(lead(folder.path()).round(), 1);
    assert_eq!(lines(folder.path()), ["former", "former still", "later"]);
}

/// Cuts the one segment in use of a writer that has had `delivered` records taken; how many more are then counted as lost.
fn lost_to_a_cut(length: u64) -> (Vec<String>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!((0..10).all(|n| writer.log(&n.to_string())));
    let mut leader = lead(folder.path());
    assert_eq!(leader.round(), 10);
    assert!((10..13).all(|n| writer.log(&n.to_string())));
    let path = segments(folder.path()).remove(0);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
    assert!((13..20).all(|n| writer.log(&n.to_string())));
    leader.round();
    writer.spool.retire();
    writer.spool.shared.housekeeping();
    leader.round();
    assert!(writer.spool.is_delivered(u32::MAX, writer.spool.mark()));
    let control = &writer.spool.shared.folder.control;
    let lost = control.dropped(Reason::Damaged).load(Ordering::Relaxed);
    drop(leader);
    (lines(folder.path()), lost)
}

#[test]
fn a_segment_cut_to_nothing_loses_what_was_not_delivered_and_that_is_counted() {
    let (lines, lost) = lost_to_a_cut(0);
    // The record that found it is in it.
    let kept: Vec<String> = (0..10).chain(14..20).map(|n| n.to_string()).collect();
    assert_eq!((lines, lost), (kept, 4));
}

#[test]
fn a_segment_cut_behind_its_head_loses_what_was_not_delivered_and_that_is_counted() {
    let (lines, lost) = lost_to_a_cut(4096);
    assert_eq!(lines.len() as u64 + lost, 20);
    assert_eq!(lines[..10], (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_full_segment_that_is_cut_before_it_is_delivered_is_counted_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let mut leader = lead(folder.path());
    assert!((0..10).all(|n| writer.log(&n.to_string())));
    leader.round();
    assert!((10..15).all(|n| writer.log(&n.to_string())));
    writer.spool.retire();
    let path = segments(folder.path()).remove(0);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
    writer.log("after");
    writer.spool.shared.housekeeping();
    while leader.round() > 0 {}
    assert_eq!(lines(folder.path()).last().unwrap(), "after");
    let control = &writer.spool.shared.folder.control;
    assert_eq!(control.dropped(Reason::Damaged).load(Ordering::Relaxed), 5);
}

#[test]
fn a_record_for_which_the_file_has_no_room_is_in_the_next_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    let shared = &writer.spool.shared;
    let spec = std::fs::read_to_string(shared.folder.sink_path(identity(SINK)).unwrap()).unwrap();
    let spec = spec.replace("\"max_bytes\":0", "\"max_bytes\":100").replace("\"backup_count\":0", "\"backup_count\":9");
    shared.folder.describe_sink(identity(SINK), &spec).unwrap();
    assert!((10..40).all(|n| writer.log(&format!("record {n}"))));
    let mut leader = lead(folder.path());
    while leader.round() > 0 {}
    let names = (1..9).rev().map(|n| format!("app.log.{n}")).chain(["app.log".into()]);
    let texts: String = names.filter_map(|name| std::fs::read_to_string(folder.path().join(name)).ok()).collect();
    assert!(texts.lines().eq((10..40).map(|n| format!("record {n}"))), "{texts}");
    assert!(!folder.path().join("app.log.9").exists() && folder.path().join("app.log.2").exists());
}
