use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::sinks::fs::recorder::Recorder;
use crate::sinks::fs::Real;
use crate::sinks::names::When;

const HOUR: i64 = 3_600_000_000_000;

fn options(path: &Path) -> FileOptions {
    let spec = serde_json::json!({"path": path, "max_bytes": 20, "backup_count": 3});
    FileOptions::from_spec(&spec).unwrap()
}

fn log(dir: &tempfile::TempDir) -> LogFile {
    LogFile::new(Arc::new(Real), options(&dir.path().join("app.log")))
}

fn write(log: &mut LogFile, text: &str) {
    log.lock().unwrap().write(text.as_bytes(), 0).unwrap();
}

fn read(dir: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn missing_folders_and_the_file_are_made_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join("a/b/app.log");
    write(&mut LogFile::new(Arc::new(Real), options(&path)), "x\n");
    assert_eq!((mode(&path), mode(&dir.path().join("a/b")), mode(dir.path())), (0o600, 0o700, 0o755));
}

#[test]
fn mode_and_group_are_set_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let group = rustix::process::getegid().as_raw();
    let options = FileOptions { mode: 0o666, group: Some(group), ..options(&path) };
    write(&mut LogFile::new(Arc::new(Real), options), "x\n");
    assert_eq!((mode(&path), Real.stat(&path).unwrap().gid), (0o666, group));
}

#[test]
fn a_group_that_cannot_be_set_is_told_and_the_file_kept_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    // Calls: open (missing), create, own.
    let faulty = Arc::new(Faulty::new(3, Fault::Once(Errno::PERM.raw_os_error())));
    let mut log = LogFile::new(faulty, FileOptions { mode: 0o640, group: Some(1), ..options(&path) });
    write(&mut log, "x\n");
    assert!(matches!(log.notices()[..], [Notice::Group(_)]));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_is_not_an_ordinary_file_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let refusal = || LogFile::new(Arc::new(Real), options(&path)).lock().unwrap_err().to_string();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
    assert!(refusal().contains("app.log: it is a symbolic link"), "{}", refusal());
    assert!(!dir.path().join("elsewhere").exists());
    fs::remove_file(&path).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0).unwrap();
    assert!(refusal().contains("it is not an ordinary file"), "{}", refusal());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(refusal().contains("app.log"), "{}", refusal());
}

#[test]
fn a_file_renamed_by_others_is_followed_by_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log(&dir);
    write(&mut log, "old\n");
    fs::rename(dir.path().join("app.log"), dir.path().join("app.log-2026")).unwrap();
    write(&mut log, "new\n");
    assert_eq!((read(&dir, "app.log-2026"), read(&dir, "app.log")), ("old\n".into(), "new\n".into()));
}

#[test]
fn what_was_written_to_a_file_that_others_rename_is_forced_to_the_disk() {
    let (dir, attic) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, moved) = (dir.path().join("app.log"), dir.path().join("app.log-2026"));
    let recorder = Arc::new(Recorder::new(dir.path(), attic.path()));
    let mut log = LogFile::new(Arc::clone(&recorder) as _, options(&path));
    write(&mut log, "old\n");
    fs::rename(&path, &moved).unwrap();
    assert_eq!(recorder.unsynced(&moved), 4);
    write(&mut log, "new\n");
    assert_eq!((recorder.unsynced(&moved), recorder.unsynced(&path)), (0, 4));
}

#[test]
fn a_deleted_folder_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs/app.log");
    let mut log = LogFile::new(Arc::new(Real), options(&path));
    write(&mut log, "old\n");
    fs::remove_dir_all(dir.path().join("logs")).unwrap();
    write(&mut log, "new\n");
    assert_eq!(fs::read_to_string(path).unwrap(), "new\n");
}

#[test]
fn a_truncated_file_goes_on_at_its_new_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log(&dir);
    write(&mut log, "old\n");
    fs::File::options().write(true).open(dir.path().join("app.log")).unwrap().set_len(0).unwrap();
    assert_eq!(log.lock().unwrap().length(), 0);
    write(&mut log, "new\n");
    assert_eq!(read(&dir, "app.log"), "new\n");
}

#[test]
fn a_line_torn_by_others_is_ended_first() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), "torn").unwrap();
    let mut log = log(&dir);
    write(&mut log, "a\n");
    write(&mut log, "b\n");
    assert_eq!(read(&dir, "app.log"), "torn\na\nb\n");
}

#[test]
fn a_lock_held_by_another_is_an_error_to_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (log(&dir), log(&dir));
    let held = first.lock().unwrap();
    match second.lock().unwrap_err() {
        Error::Io { source, .. } => assert_eq!(source.kind(), io::ErrorKind::ResourceBusy),
        other => panic!("{other}"),
    }
    drop(held);
    write(&mut second, "x\n");
}

#[test]
fn what_is_known_of_a_file_is_kept_while_another_holds_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (log(&dir), log(&dir));
    first.lock().unwrap().write(b"x\n", 7).unwrap();
    let held = second.lock().unwrap();
    assert!(first.lock().is_err());
    drop(held);
    assert_eq!(first.lock().unwrap().room().since_ns(), 7);
}

#[test]
fn a_file_that_another_leader_rotated_is_left_for_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (log(&dir), log(&dir));
    write(&mut first, "first\n");
    write(&mut second, "second\n");
    first.lock().unwrap().rotate(0).unwrap();
    write(&mut second, "third\n");
    write(&mut first, "fourth\n");
    assert_eq!(read(&dir, "app.log.1"), "first\nsecond\n");
    assert_eq!(read(&dir, "app.log"), "third\nfourth\n");
}

#[test]
fn a_record_that_would_reach_max_bytes_goes_to_the_next_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log(&dir);
    let mut room = log.lock().unwrap().room();
    assert!(room.take(50, 0, 0), "an empty file takes anything");
    let mut room = log.lock().unwrap().room();
    assert!(room.take(9, 0, 0) && room.take(10, 0, 0), "19 of 20");
    assert!(!room.take(1, 0, 0), "logging.handlers rotates when the length is reached");
    assert!(!room.take(2, 0, 0));
    write(&mut log, "0123456789012345678");
    assert!(!log.lock().unwrap().room().take(1, 0, 0), "what stands in the file counts");
}

#[test]
fn a_record_after_the_periods_end_in_local_time_goes_to_the_next_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let options = FileOptions { max_bytes: 0, when: When::Day, ..options(&path) };
    let mut log = LogFile::new(Arc::new(Real), options);
    let mut room = log.lock().unwrap().room();
    assert!(room.take(1, 22 * HOUR, 0) && room.take(1, 24 * HOUR - 1, 0));
    assert!(!room.take(1, 24 * HOUR, 0));
    assert!(room.take(1, 21 * HOUR, 0), "a clock set back rotates nothing");
    assert!(!room.take(1, 23 * HOUR, 3600), "midnight is the writer's");
    assert_eq!(room.since_ns(), 22 * HOUR);
    log.lock().unwrap().write(b"x\n", room.since_ns()).unwrap();
    assert!(!log.lock().unwrap().room().take(1, 24 * HOUR, 0));
}

#[test]
fn the_time_of_a_file_found_is_its_last_change_unless_it_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), "x\n").unwrap();
    let stat = Real.stat(&dir.path().join("app.log")).unwrap();
    assert_eq!(log(&dir).lock().unwrap().room().since_ns(), stat.modified_ns);
    let mut log = log(&dir);
    log.remember(stat.id, 7);
    assert_eq!(log.lock().unwrap().room().since_ns(), 7);
}

#[test]
fn numbers_without_a_count_never_rotate_and_dates_always_do() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), [b'x'; 99]).unwrap();
    for (naming, takes) in [(Naming::Number, true), (Naming::Date, false)] {
        let options = FileOptions { backup_count: 0, naming, ..options(&dir.path().join("app.log")) };
        assert_eq!(LogFile::new(Arc::new(Real), options).lock().unwrap().room().take(9, 0, 0), takes);
    }
}

#[test]
fn dates_name_the_period_that_the_file_was_begun_in() {
    let dir = tempfile::tempdir().unwrap();
    let options = FileOptions { naming: Naming::Date, when: When::Hour, ..options(&dir.path().join("app.log")) };
    let mut log = LogFile::new(Arc::new(Real), options);
    log.lock().unwrap().write(b"x\n", 5 * HOUR).unwrap();
    log.lock().unwrap().rotate(3600).unwrap();
    assert_eq!(read(&dir, "app.log.1970-01-01_06"), "x\n");
}

#[test]
fn after_a_rotation_that_failed_the_file_just_grows() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=3 {
        fs::create_dir(dir.path().join(format!("app.log.{n}"))).unwrap();
    }
    let mut log = log(&dir);
    write(&mut log, "01234567890123456789\n");
    assert!(!log.lock().unwrap().room().take(1, 0, 0));
    let error = log.lock().unwrap().rotate(0).unwrap_err();
    assert!(error.to_string().starts_with("cannot rotate"), "{error}");
    assert!(log.lock().unwrap().room().take(1, 0, 0));
    write(&mut log, "more\n");
    assert_eq!(read(&dir, "app.log"), "01234567890123456789\nmore\n");
}

#[test]
fn rotated_files_are_compressed_and_leftovers_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log.1"), "left\n").unwrap();
    let options = FileOptions { compress: Form::Gzip, ..options(&dir.path().join("app.log")) };
    let mut log = LogFile::new(Arc::new(Real), options);
    write(&mut log, "x\n");
    log.lock().unwrap().rotate(0).unwrap();
    write(&mut log, "y\n");
    log.close(Duration::from_secs(60)).unwrap();
    assert_eq!(read(&dir, "app.log"), "y\n");
    for (name, there) in [("app.log.1.gz", true), ("app.log.2.gz", true), ("app.log.1", false), ("app.log.2", false)] {
        assert_eq!(dir.path().join(name).exists(), there, "{name}");
    }
}

#[test]
fn a_file_of_another_user_is_left_alone_and_ours_stands_beside_it() {
    let me = geteuid().as_raw();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, "theirs\n").unwrap();
    if std::os::unix::fs::chown(&path, Some(me + 1), None).is_err() {
        return; // Only root can make another's file.
    }
    // Root may write it all the same, so the first open is refused for it.
    let faulty = Arc::new(Faulty::new(1, Fault::Once(Errno::ACCESS.raw_os_error())));
    let mut log = LogFile::new(faulty, options(&path));
    write(&mut log, "ours\n");
    write(&mut log, "more\n");
    let ours = format!("app.uid{me}.log");
    assert_eq!((read(&dir, "app.log"), read(&dir, &ours)), ("theirs\n".into(), "ours\nmore\n".into()));
    assert_eq!(log.path(), dir.path().join(ours));
    let notices = log.notices();
    assert!(matches!(notices[..], [Notice::AnotherUser { .. }]), "{notices:?}");
    assert!(notices[0].to_string().contains("belongs to another user"));
    assert!(log.notices().is_empty(), "told once");
}

#[test]
fn any_failing_call_is_an_error_and_the_next_try_succeeds() {
    for at in 1.. {
        let dir = tempfile::tempdir().unwrap();
        let faulty = Arc::new(Faulty::new(at, Fault::Once(Errno::IO.raw_os_error())));
        let mut log = LogFile::new(Arc::clone(&faulty) as _, options(&dir.path().join("app.log")));
        let mut tries = 0;
        while log.lock().and_then(|mut l| l.write(b"x\n", 0).and_then(|()| l.sync())).is_err() {
            tries += 1;
            assert!(tries <= 1, "call {at}");
        }
        if faulty.calls() < at {
            break;
        }
        assert!(read(&dir, "app.log").ends_with("x\n"));
    }
}

#[test]
fn what_could_not_be_forced_to_the_disk_is_written_again_before_that_is_said_to_have_succeeded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, "old\n").unwrap();
    // Which call forces it is found by trying.
    let faulty = (1..).map(|at| Arc::new(Faulty::new(at, Fault::Once(Errno::IO.raw_os_error())))).find_map(|faulty| {
        let mut log = LogFile::new(Arc::clone(&faulty) as Arc<dyn FileSystem>, options(&path));
        let written = log.lock().and_then(|mut locked| locked.write(b"new\n", 0));
        let refused = written.is_ok() && log.sync().is_err();
        refused.then_some((faulty, log))
    });
    let (faulty, mut log) = faulty.unwrap();
    assert_eq!(faulty.in_place(), 0);
    let length = fs::metadata(&path).unwrap().len();
    log.sync().unwrap();
    assert_eq!(faulty.in_place(), 4);
    log.sync().unwrap();
    assert_eq!(faulty.in_place(), 4);
    assert_eq!(fs::metadata(&path).unwrap().len(), length);
    assert!(read(&dir, "app.log").ends_with("new\n"));
}
