use super::*;
use crate::proofs::trial::spool_path;

#[test]
fn another_folder_of_the_same_name_is_not_the_one_that_was_opened() {
    let outer = tempfile::tempdir().unwrap();
    let path = spool_path(outer.path());
    let folder = Folder::open(&path).unwrap();
    assert!(folder.is_there());
    std::fs::rename(&path, outer.path().join("aside")).unwrap();
    assert!(!folder.is_there());
    let _other = Folder::open(&path).unwrap();
    assert!(!folder.is_there());
}

#[test]
fn a_control_page_of_the_wrong_size_is_put_aside() {
    let outer = tempfile::tempdir().unwrap();
    let path = spool_path(outer.path());
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("control"), b"short").unwrap();
    assert!(Folder::open(&path).unwrap().is_there());
}

#[test]
fn a_folder_whose_control_page_was_cut_is_not_the_one_that_was_opened() {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::open(&spool_path(outer.path())).unwrap();
    let page = std::fs::OpenOptions::new().write(true).open(spool_path(outer.path()).join("control")).unwrap();
    page.set_len(0).unwrap();
    assert!(!folder.is_there());
    folder.control.wake();
    assert!(folder.control.is_damaged());
    page.set_len(4096).unwrap();
    assert!(!folder.is_there());
}

#[test]
fn a_newer_versions_control_page_is_neither_used_nor_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(Folder::open(folder.path()).unwrap());
    let page = folder.path().join("control");
    let mut bytes = std::fs::read(&page).unwrap();
    bytes[7] += 1;
    std::fs::write(&page, &bytes).unwrap();
    let error = Folder::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("newer version"), "{error}");
    assert_eq!(std::fs::read(&page).unwrap(), bytes);
}

#[test]
fn a_sinks_options_are_read_from_a_small_file_and_from_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(&dir.path().join("spool")).unwrap();
    folder.describe_sink(1, "{}").unwrap();
    assert_eq!(folder.read_sink(1).unwrap().unwrap(), "{}");
    std::os::unix::fs::symlink("/dev/zero", folder.sink_path(2).unwrap()).unwrap();
    std::fs::create_dir(folder.sink_path(3).unwrap()).unwrap();
    std::fs::write(folder.sink_path(4).unwrap(), vec![b' '; 1 << 21]).unwrap();
    for identity in 2..=4 {
        let error = folder.read_sink(identity).unwrap().unwrap_err();
        assert_ne!(error.kind(), std::io::ErrorKind::NotFound);
    }
}

#[test]
fn a_folder_of_which_only_the_lock_was_deleted_is_not_the_one_that_was_opened() {
    let outer = tempfile::tempdir().unwrap();
    let path = spool_path(outer.path());
    let folder = Folder::open(&path).unwrap();
    std::fs::remove_file(path.join("leader.lock")).unwrap();
    assert!(!folder.is_there());
    let other = Folder::open(&path).unwrap();
    assert!(other.is_there() && !folder.is_there() && !other.shares_lock(&folder));
}
