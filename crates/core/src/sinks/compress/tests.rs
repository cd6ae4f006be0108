use std::fs;

use super::*;
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::sinks::fs::Real;
use crate::sinks::names::{Age, Naming, When};

fn compressor(fs: Arc<dyn FileSystem>, dir: &Path, form: Form) -> Compressor {
    let log = dir.join("app.log");
    Compressor::new(fs, Names::new(&log, Naming::Number, When::Always), log, form)
}

fn read(path: &Path) -> Vec<u8> {
    let form = Form::split(path.to_str().unwrap()).1;
    let file = Real.open(path, How::Read, 0).unwrap();
    let mut bytes = Vec::new();
    text(&Real, &file, form).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn long_text() -> Vec<u8> {
    (0..20_000).flat_map(|n| format!("line {n} of a file that takes several blocks\n").into_bytes()).collect()
}

#[test]
fn every_plain_backup_is_compressed_with_its_text_and_mode() {
    use std::os::unix::fs::PermissionsExt;
    for form in [Form::Gzip, Form::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.log"), "now\n").unwrap();
        fs::write(dir.path().join("app.log.1"), long_text()).unwrap();
        fs::write(dir.path().join("app.log.2"), "old\n").unwrap();
        fs::write(dir.path().join("app.log.bak"), "foreign\n").unwrap();
        fs::set_permissions(dir.path().join("app.log.1"), fs::Permissions::from_mode(0o640)).unwrap();
        let mut compressor = compressor(Arc::new(Real), dir.path(), form);
        compressor.wake();
        compressor.close(Duration::from_secs(60)).unwrap();
        let (one, two) = (format!("app.log.1{}", form.ending()), format!("app.log.2{}", form.ending()));
        assert_eq!(listing(dir.path()), ["app.log", &one, &two, "app.log.bak"]);
        assert_eq!(read(&dir.path().join(&one)), long_text());
        assert_eq!(read(&dir.path().join(&two)), b"old\n");
        assert_eq!(fs::metadata(dir.path().join(&one)).unwrap().permissions().mode() & 0o777, 0o640);
    }
}

#[test]
fn a_file_that_was_shifted_meanwhile_is_put_in_its_new_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), "").unwrap();
    fs::write(dir.path().join("app.log.1"), "text\n").unwrap();
    let compressor = compressor(Arc::new(Real), dir.path(), Form::Gzip);
    let work = &compressor.work;
    let source = work.next(&mut HashSet::new()).unwrap().unwrap();
    let temporary = work.names.temporary(source.stat.id.ino, Form::Gzip);
    let file = Real.open(&source.path, How::Read, 0).unwrap();
    let (_target, len) = work.make(&temporary, &file, &source).unwrap().unwrap();
    fs::rename(dir.path().join("app.log.1"), dir.path().join("app.log.2")).unwrap();
    fs::write(dir.path().join("app.log.1"), "newer\n").unwrap();
    assert!(work.place(&temporary, &source, len).unwrap());
    assert_eq!(listing(dir.path()), ["app.log", "app.log.1", "app.log.2.gz"]);
    assert_eq!(read(&dir.path().join("app.log.1")), b"newer\n");
}

#[test]
fn a_file_that_grew_meanwhile_stays_plain() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), "").unwrap();
    fs::write(dir.path().join("app.log.1"), "text\nlate\n").unwrap();
    let compressor = compressor(Arc::new(Real), dir.path(), Form::Gzip);
    let source = compressor.work.next(&mut HashSet::new()).unwrap().unwrap();
    let temporary = compressor.work.names.temporary(source.stat.id.ino, Form::Gzip);
    fs::write(&temporary, "").unwrap();
    assert!(!compressor.work.place(&temporary, &source, 5).unwrap());
    fs::remove_file(&temporary).unwrap();
    assert_eq!(listing(dir.path()), ["app.log", "app.log.1"]);
}

#[test]
fn any_failing_call_loses_nothing_and_the_next_sweep_puts_it_right() {
    let dir = tempfile::tempdir().unwrap();
    for fault in [Fault::Dead, Fault::Once(28)] {
        for at in 1.. {
            for name in listing(dir.path()) {
                fs::remove_file(dir.path().join(name)).unwrap();
            }
            fs::write(dir.path().join("app.log"), "").unwrap();
            fs::write(dir.path().join("app.log.1"), "text\n").unwrap();
            let faulty = Arc::new(Faulty::new(at, fault));
            compressor(Arc::clone(&faulty) as _, dir.path(), Form::Zstd).work.sweep();
            let (plain, packed) = (dir.path().join("app.log.1"), dir.path().join("app.log.1.zst"));
            assert!(!plain.exists() || fs::read(&plain).unwrap() == b"text\n");
            assert!(!packed.exists() || read(&packed) == b"text\n");
            assert!(plain.exists() || packed.exists());
            if packed.exists() && plain.exists() {
                assert!(same_text(&Real, &plain, &packed, Form::Zstd).unwrap());
                fs::remove_file(plain).unwrap();
            }
            compressor(Arc::new(Real), dir.path(), Form::Zstd).work.sweep();
            assert_eq!(read(&packed), b"text\n", "{fault:?} at call {at}");
            if faulty.calls() < at {
                break;
            }
        }
    }
}

#[test]
fn texts_are_compared_to_the_last_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("app.log.1"), dir.path().join("app.log.1.gz"));
    fs::write(dir.path().join("app.log"), "").unwrap();
    fs::write(&plain, long_text()).unwrap();
    compressor(Arc::new(Real), dir.path(), Form::Gzip).work.sweep();
    let same = |bytes: &[u8]| {
        fs::write(&plain, bytes).unwrap();
        same_text(&Real, &plain, &packed, Form::Gzip).unwrap()
    };
    let text = long_text();
    assert!(same(&text));
    assert!(!same(&text[1..]));
    assert!(!same(&text[..text.len() - 1]));
    assert!(!same(&[&text[..], b"x"].concat()));
    fs::write(&packed, "not gzip").unwrap();
    assert!(!same(&text));
}

#[test]
fn a_close_without_patience_leaves_the_source_whole() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.log"), "").unwrap();
    fs::write(dir.path().join("app.log.1"), long_text()).unwrap();
    let compressor = compressor(Arc::new(Real), dir.path(), Form::Gzip);
    compressor.work.stop.store(true, Ordering::Relaxed);
    let source = Backup {
        path: dir.path().join("app.log.1"),
        age: Age::number(1),
        form: Form::Plain,
        stat: Real.stat(&dir.path().join("app.log.1")).unwrap(),
    };
    compressor.work.compress(&source).unwrap();
    assert_eq!(listing(dir.path()), ["app.log", "app.log.1"]);
}
