use super::faulty::{Fault, Faulty};
use super::*;

#[test]
fn a_symbolic_link_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("real"), "x").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path().join("real"), &link).unwrap();
    let error = Real.open(&link, How::Append, 0o600).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
}

#[test]
fn a_rename_never_replaces_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("a"), dir.path().join("b"));
    for rename in [|a: &Path, b: &Path| Real.rename(a, b), link_then_unlink] {
        fs::write(&from, "from").unwrap();
        fs::write(&to, "to").unwrap();
        assert_eq!(rename(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"to");
        fs::remove_file(&to).unwrap();
        rename(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"from");
        assert!(!from.exists());
    }
}

#[test]
fn a_lock_excludes_another_description_of_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let first = Real.open(&path, How::Create, 0o600).unwrap();
    let second = Real.open(&path, How::Append, 0o600).unwrap();
    assert!(Real.try_lock(&first).unwrap());
    assert!(!lock_within(&Real, &second, Duration::ZERO).unwrap());
    Real.unlock(&first).unwrap();
    assert!(lock_within(&Real, &second, Duration::ZERO).unwrap());
}

#[test]
fn short_writes_and_interruptions_are_carried_on() {
    let dir = tempfile::tempdir().unwrap();
    for fault in [Fault::Short, Fault::Once(Errno::INTR.raw_os_error())] {
        let path = dir.path().join(format!("{fault:?}"));
        let faulty = Faulty::new(2, fault);
        let file = faulty.open(&path, How::Create, 0o600).unwrap();
        let (written, result) = append(&faulty, &file, b"hello world");
        result.unwrap();
        assert_eq!((written, fs::read(&path).unwrap()), (11, b"hello world".to_vec()));
    }
}

#[test]
fn a_full_disk_says_how_much_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = Real.open(&dir.path().join("a"), How::Create, 0o600).unwrap();
    let faulty = Faulty::new(1, Fault::Dead);
    let (written, result) = append(&faulty, &file, b"hello world");
    assert!(result.is_err());
    assert_eq!(written, 0, "a call that failed has told of no bytes, whatever stands there");
}

#[test]
fn new_folders_are_private_and_old_ones_untouched() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let below = dir.path().join("a/b");
    Real.make_folder(&below).unwrap();
    assert_eq!(Real.stat(&below).unwrap().mode, 0o700);
    assert_eq!(Real.stat(dir.path()).unwrap().mode, 0o755);
}
