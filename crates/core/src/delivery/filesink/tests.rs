use super::*;
use crate::delivery::spec::identity;
use crate::proofs::trial::{folder_in_memory, lines, spool_path, Writer, SINK};
use crate::sinks::fs::faulty::{Fault, Faulty};
use crate::spool::source::open_folder;

fn allowed(folder: &str, target: &str) -> bool {
    check_target(Path::new(folder), Path::new(target)).is_ok()
}

#[test]
fn a_spool_in_a_log_directory_writes_below_that_directory_only() {
    assert!(allowed("/l/.cordwood", "/l/app.log") && allowed("/l/.cordwood", "/l/sub/app.log"));
    assert!(!allowed("/l/.cordwood", "/etc/passwd") && !allowed("/l/.cordwood", "/l/../etc/passwd"));
    assert!(!allowed("/l/.cordwood", "/l/.cordwood/control"));
}

#[test]
fn a_spool_elsewhere_writes_to_the_log_directory_it_was_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("0123456789abcdef");
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join(LOG_DIRS), "/l\n").unwrap();
    let spool = spool.to_str().unwrap();
    assert!(allowed(spool, "/l/app.log") && !allowed(spool, "/etc/passwd"));
    assert!(!allowed("/s", "/s/app.log") && !allowed("/s", "/l/../etc/passwd"));
}

/// Three records, and a sink for them whose file system dies at the `at`-th call after it was opened.
fn dying(at: u64) -> (tempfile::TempDir, Writer, Source, FileSink) {
    let folder = folder_in_memory();
    let mut writer = Writer::new(folder.path(), 1 << 24);
    assert!((0..3).all(|n| writer.log(&n.to_string())));
    writer.spool.retire();
    let shared = Arc::clone(&writer.spool.shared);
    let spec = shared.spec(identity(SINK)).unwrap();
    let open = |at| {
        let fs = Arc::new(Faulty::new(at, Fault::Dead));
        let sink = FileSink::open(Arc::clone(&fs) as _, identity(SINK), spec.clone(), &shared).unwrap();
        (sink, fs.calls())
    };
    drop(open(0)); // its outbox is made
    let opening = open(0).1;
    let sink = open(opening + at).0;
    let mut source = open_folder(&spool_path(folder.path())).unwrap();
    source.find_dead();
    (folder, writer, source, sink)
}

#[test]
fn what_was_read_for_a_batch_that_was_never_kept_is_given_up_and_counted_with_the_rest() {
    let mut kept = 0;
    for at in 1.. {
        let (folder, _writer, mut source, mut sink) = dying(at);
        if sink.deliver(&mut source, &mut Vec::new()) == 3 {
            break;
        }
        if sink.outbox.pending().is_none() {
            assert_eq!(source.give_up_oldest(&[identity(SINK)]), [(identity(SINK), 3)], "call {at}");
            assert_eq!(lines(folder.path()), [""; 0], "call {at}");
        }
        kept += u32::from(sink.outbox.pending().is_some());
    }
    assert!(kept > 0);
}

#[test]
fn each_failure_doubles_the_time_to_the_next_attempt_up_to_a_bound() {
    let (_folder, _writer, mut source, mut sink) = dying(1);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        pauses.push(sink.pause);
        sink.retry_at = None;
        sink.deliver(&mut source, &mut Vec::new());
    }
    assert!(pauses.windows(2).all(|pair| pair[1] == (pair[0] * 2).min(BACKOFF.1)), "{pauses:?}");
    assert_eq!((pauses[0], pauses.last()), (BACKOFF.0, Some(&BACKOFF.1)));
}
