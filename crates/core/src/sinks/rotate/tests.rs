use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::sinks::fs::Real;
use crate::sinks::names::When;

struct Folder(tempfile::TempDir, Names);

impl Folder {
    fn new(naming: Naming, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let names = Names::new(&dir.path().join("app.log"), naming, When::Always);
        Self(dir, names)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn rotate(&self, fs: &dyn FileSystem, keep: u32) -> io::Result<()> {
        rotate(fs, &self.1, &self.path("app.log"), keep, 0)
    }

    fn files(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().path());
        let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
        entries.filter(|p| p.is_file()).map(|p| (name(&p), fs::read_to_string(&p).unwrap())).collect()
    }

    fn expect(&self, files: &[(&str, &str)]) {
        let expected = files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
        assert_eq!(self.files(), expected);
    }
}

#[test]
fn numbers_shift_and_the_oldest_goes_when_all_places_are_taken() {
    let folder = Folder::new(Naming::Number, &[("app.log", "c"), ("app.log.1", "b"), ("app.log.2", "a")]);
    folder.rotate(&Real, 2).unwrap();
    folder.expect(&[("app.log.1", "c"), ("app.log.2", "b")]);
}

#[test]
fn nothing_moves_beyond_the_first_gap() {
    let folder = Folder::new(Naming::Number, &[("app.log", "c"), ("app.log.1", "b"), ("app.log.3", "a")]);
    folder.rotate(&Real, 3).unwrap();
    folder.expect(&[("app.log.1", "c"), ("app.log.2", "b"), ("app.log.3", "a")]);
}

#[test]
fn compressed_backups_hold_their_number_and_keep_their_ending() {
    let files = [("app.log", "d"), ("app.log.1", "c"), ("app.log.2.gz", "b"), ("app.log.3.zst", "a")];
    let folder = Folder::new(Naming::Number, &files);
    folder.rotate(&Real, 3).unwrap();
    folder.expect(&[("app.log.1", "d"), ("app.log.2", "c"), ("app.log.3.gz", "b")]);
}

#[test]
fn what_is_no_file_is_neither_moved_nor_deleted_nor_followed() {
    let folder = Folder::new(Naming::Number, &[("app.log", "b"), ("app.log.2", "a"), ("elsewhere", "x")]);
    fs::create_dir(folder.path("app.log.1")).unwrap();
    std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("app.log.3")).unwrap();
    folder.rotate(&Real, 3).unwrap();
    assert!(folder.path("app.log.1").is_dir());
    assert!(folder.path("app.log.3").is_symlink());
    folder.expect(&[("app.log.2", "b"), ("app.log.3", "x"), ("elsewhere", "x")]);
}

#[test]
fn without_any_usable_place_the_log_stays() {
    let folder = Folder::new(Naming::Number, &[("app.log", "a")]);
    fs::create_dir(folder.path("app.log.1")).unwrap();
    assert!(folder.rotate(&Real, 1).is_err());
    folder.expect(&[("app.log", "a")]);
}

#[test]
fn dates_count_within_their_period_and_the_oldest_go() {
    let files = [("app.log", "d"), ("app.log.1969-12-31", "a"), ("app.log.1970-01-01.gz", "b"), ("app.log.keep", "x")];
    let folder = Folder::new(Naming::Date, &files);
    folder.rotate(&Real, 2).unwrap();
    folder.expect(&[("app.log.1970-01-01.1", "d"), ("app.log.1970-01-01.gz", "b"), ("app.log.keep", "x")]);
    fs::write(folder.path("app.log"), "e").unwrap();
    folder.rotate(&Real, 2).unwrap();
    folder.expect(&[("app.log.1970-01-01.1", "d"), ("app.log.1970-01-01.2", "e"), ("app.log.keep", "x")]);
}

#[test]
fn dates_are_all_kept_when_no_count_is_given() {
    let folder = Folder::new(Naming::Date, &[("app.log", "b"), ("app.log.1969-12-31", "a")]);
    folder.rotate(&Real, 0).unwrap();
    folder.expect(&[("app.log.1969-12-31", "a"), ("app.log.1970-01-01", "b")]);
}

#[test]
fn killed_at_any_step_and_repeated_a_rotation_loses_and_overwrites_nothing() {
    let files = [("app.log", "e"), ("app.log.1", "d"), ("app.log.2.gz", "c"), ("app.log.3", "b"), ("app.log.5", "z")];
    for at in 1.. {
        let folder = Folder::new(Naming::Number, &files);
        let faulty = Faulty::new(at, Fault::Dead);
        if folder.rotate(&faulty, 5).is_ok() {
            break;
        }
        let mut texts: Vec<_> = folder.files().into_values().collect();
        texts.sort();
        assert_eq!(texts, ["b", "c", "d", "e", "z"], "killed at call {at}");
        if folder.path("app.log").exists() {
            folder.rotate(&Real, 5).unwrap();
        }
        folder.expect(&[
            ("app.log.1", "e"),
            ("app.log.2", "d"),
            ("app.log.3.gz", "c"),
            ("app.log.4", "b"),
            ("app.log.5", "z"),
        ]);
    }
}

#[test]
fn killed_at_any_step_a_full_folder_gives_up_the_oldest_only() {
    let files = [("app.log", "d"), ("app.log.1", "c"), ("app.log.2", "b"), ("app.log.3", "a")];
    for at in 1.. {
        let folder = Folder::new(Naming::Number, &files);
        let faulty = Faulty::new(at, Fault::Dead);
        if folder.rotate(&faulty, 3).is_ok() {
            break;
        }
        if folder.path("app.log").exists() {
            folder.rotate(&Real, 3).unwrap();
        }
        folder.expect(&[("app.log.1", "d"), ("app.log.2", "c"), ("app.log.3", "b")]);
    }
}

#[test]
fn a_file_under_two_names_keeps_the_older_name() {
    let folder = Folder::new(Naming::Number, &[("app.log", "c"), ("app.log.1", "b")]);
    fs::hard_link(folder.path("app.log.1"), folder.path("app.log.2")).unwrap();
    folder.rotate(&Real, 5).unwrap();
    folder.expect(&[("app.log.1", "c"), ("app.log.2", "b")]);
    fs::hard_link(folder.path("app.log.1"), folder.path("app.log")).unwrap();
    settle(&Real, &folder.1, &folder.path("app.log")).unwrap();
    folder.expect(&[("app.log.1", "c"), ("app.log.2", "b")]);
}

#[test]
fn both_forms_of_one_file_are_settled_only_if_their_text_is_the_same() {
    use std::io::Write;
    let folder = Folder::new(Naming::Number, &[("app.log", "c"), ("app.log.1", "same"), ("app.log.2", "mine")]);
    for n in 1..=2 {
        let file = fs::File::create(folder.path(&format!("app.log.{n}.gz"))).unwrap();
        let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gz.write_all(b"same").unwrap();
        gz.finish().unwrap();
    }
    settle(&Real, &folder.1, &folder.path("app.log")).unwrap();
    let left: Vec<_> =
        ["app.log.1", "app.log.1.gz", "app.log.2", "app.log.2.gz"].map(|n| folder.path(n).exists()).to_vec();
    assert_eq!(left, [false, true, true, true]);
}

#[test]
fn a_temporary_goes_unless_a_compressor_holds_it() {
    let folder = Folder::new(Naming::Number, &[("app.log", ""), ("app.log.1f.gz.tmp", "")]);
    let held = Real.open(&folder.path("app.log.1f.gz.tmp"), How::Append, 0).unwrap();
    Real.try_lock(&held).unwrap();
    remove_abandoned(&Real, &folder.1).unwrap();
    folder.expect(&[("app.log", ""), ("app.log.1f.gz.tmp", "")]);
    drop(held);
    remove_abandoned(&Real, &folder.1).unwrap();
    folder.expect(&[("app.log", "")]);
}
