//! Loss of power: short histories of logging and delivering are recorded, and every state a disk may be in afterwards is
//! brought about (see `fs::recorder`), recovered from, and held against what each `sync` policy promises.
use std::collections::HashMap;
use std::sync::Arc;

use crate::delivery::filesink::FileSink;
use crate::delivery::ledger::{self, Ledger};
use crate::delivery::spec::identity;
use crate::proofs::trial::{folder_in_memory, lead, lines, spool_path, Writer, SINK};
use crate::sinks::fs::recorder::Recorder;
use crate::sinks::fs::Real;
use crate::spool::source::{open_folder, Source};

/// States tried at each moment: all, if there are no more, else so many in order and so many at random.
/// `CORDWOOD_POWER_STATES` asks for more of them.
fn most() -> usize {
    std::env::var("CORDWOOD_POWER_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Log,
    /// An ERROR, or any record under `always`: forced to the disk before the call returns.
    LogAtOnce,
    Deliver,
    /// The interval is over: all that was written is forced to the disk.
    Tick,
    /// The segment is full; what is delivered of it is removed.
    Roll,
}
use Step::{Deliver, Log, LogAtOnce, Roll, Tick};

/// What must be true of a record after a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// It stands in the file once.
    Once,
    /// It may be missing or doubled.
    None,
}

struct History {
    folder: tempfile::TempDir,
    _attic: tempfile::TempDir,
    recorder: Arc<Recorder>,
    /// From which moment on what is promised of a record.
    promises: Vec<(usize, usize, Promise)>,
    records: usize,
}

fn text(record: usize) -> String {
    format!("record {record} {}.", "x".repeat(record * 37 % 300))
}

impl History {
    fn of(sync: &str, steps: &[Step]) -> Self {
        let (folder, attic) = (folder_in_memory(), folder_in_memory());
        let recorder = Arc::new(Recorder::new(folder.path(), attic.path()));
        let mut writer = Writer::new(folder.path(), 1 << 24);
        let spec = serde_json::json!({"kind": "file", "path": folder.path().join("app.log"), "sync": sync,
            "format": {"kind": "text", "format": "%(message)s"}})
        .to_string();
        let shared = Arc::clone(&writer.spool.shared);
        let mut sink = FileSink::open(Arc::clone(&recorder) as _, identity(SINK), spec, &shared).unwrap();
        let spool = spool_path(folder.path());
        let mut source = Source::folder(&spool);
        source.tells = false;
        let mut ledger = Ledger::new(Arc::clone(&recorder) as _, source.folder_again(), &spool);
        ledger.at_once = sync == "always";
        let mut history = Self { folder, _attic: attic, recorder, promises: Vec::new(), records: 0 };
        let (mut delivered, mut at_once, mut notices) = (0, Vec::new(), Vec::new());
        for step in steps {
            match step {
                Log | LogAtOnce => {
                    writer.level = if *step == LogAtOnce { 40 } else { 20 };
                    assert!(writer.log(&text(history.records)));
                    if *step == LogAtOnce {
                        history.recorder.segments_synced();
                        at_once.push(history.records);
                        history.promise(history.records, Promise::Once);
                    }
                    history.records += 1;
                }
                Deliver => {
                    for record in (delivered..history.records).filter(|record| !at_once.contains(record)) {
                        history.promise(record, Promise::None);
                    }
                    source.refresh(u32::MAX);
                    source.refresh(0);
                    sink.deliver(&mut source, &mut notices);
                    delivered = history.records;
                }
                Tick => {
                    history.recorder.segments_synced();
                    sink.sync(&mut source, &mut notices);
                    ledger.sync().unwrap();
                    for record in 0..history.records {
                        history.promise(record, Promise::Once);
                    }
                }
                Roll => {
                    writer.spool.retire();
                    source.find_dead();
                    ledger.look();
                    source.reap(ledger.last(), |member| ledger.settle(member).unwrap());
                }
            }
            history.recorder.watch();
        }
        assert!(notices.is_empty(), "{notices:?}");
        history
    }

    fn promise(&mut self, record: usize, promise: Promise) {
        self.promises.push((self.recorder.now(), record, promise));
    }

    /// Loses power at every moment, in every way; what stands in the file then is given to `check`.
    fn replay(&self, mut check: impl FnMut(&HashMap<usize, Promise>, &[String])) -> usize {
        let (mut tried, most) = (0, most());
        for moment in 0..=self.recorder.now() {
            let promised: HashMap<usize, Promise> = self
                .promises
                .iter()
                .filter(|(from, ..)| *from <= moment)
                .map(|(_, record, promise)| (*record, *promise))
                .collect();
            let mut choices = Choices::default();
            for turn in 0.. {
                let state = self.recorder.lose_power(moment, &mut |n| choices.next(n));
                let _shown = Shown(&state);
                check(&promised, &self.recover());
                tried += 1;
                if turn == most {
                    choices.dice = 1 + moment as u64;
                }
                if turn == 2 * most || !choices.turn() {
                    break;
                }
            }
        }
        tried
    }

    /// The next process delivers what is left, and logs a record of its own, which must arrive.
    fn recover(&self) -> Vec<String> {
        let folder = self.folder.path();
        let mut leader = lead(folder);
        assert!((0..1000).any(|_| leader.round() == 0 && leader.is_drained()), "{:?}", leader.take_notices());
        let mut writer = Writer::new(folder, 1 << 24);
        assert!(writer.log("fresh"));
        assert!((0..1000).any(|_| leader.round() > 0), "{:?} {:?}", leader.take_notices(), lines(folder));
        drop(leader);
        let spool = spool_path(folder);
        let books = ledger::read(&Real, &mut open_folder(&spool).unwrap(), &spool).unwrap();
        assert!(books.rows.iter().all(|row| row.sum.holds()), "{books:?}");
        let mut lines = lines(folder);
        assert_eq!(lines.pop().as_deref(), Some("fresh"));
        lines
    }

    /// Every line is a record, or the beginning of one.
    fn is_known(&self, line: &str) -> bool {
        (0..self.records).any(|record| text(record).starts_with(line))
    }
}

/// Tells the state a test failed in.
struct Shown<'a>(&'a str);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// All ways to choose, one after another; or, where there are too many, any.
#[derive(Default)]
struct Choices {
    taken: Vec<(usize, usize)>,
    at: usize,
    /// Not 0: any.
    dice: u64,
}

impl Choices {
    fn next(&mut self, n: usize) -> usize {
        if self.dice != 0 {
            self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            return (self.dice >> 33) as usize % n;
        }
        if self.at == self.taken.len() {
            self.taken.push((0, n));
        }
        self.at += 1;
        self.taken[self.at - 1].0
    }

    /// Goes to the next way; false if all were tried.
    fn turn(&mut self) -> bool {
        self.at = 0;
        if self.dice != 0 {
            return true;
        }
        while let Some((choice, n)) = self.taken.last_mut() {
            *choice += 1;
            if choice < n {
                return true;
            }
            self.taken.pop();
        }
        false
    }
}

fn count(lines: &[String], record: usize) -> usize {
    let text = text(record);
    lines.iter().filter(|line| **line == text).count()
}

/// What was promised is there once; nothing is there that nobody logged.
fn check(history: &History, promised: &HashMap<usize, Promise>, lines: &[String]) {
    for record in (0..history.records).filter(|record| promised.get(record) == Some(&Promise::Once)) {
        assert_eq!(count(lines, record), 1, "record {record} in {lines:?}");
    }
    for line in lines {
        assert!(history.is_known(line), "{line:?}");
    }
}

fn try_all(sync: &str, histories: &[&[Step]]) {
    for steps in histories {
        let history = History::of(sync, steps);
        let tried = history.replay(|promised, lines| check(&history, promised, lines));
        assert!(tried > history.recorder.now(), "{steps:?}: {tried} states");
    }
}

#[test]
fn always_keeps_each_record_whose_call_returned_exactly_once() {
    try_all(
        "always",
        &[
            &[LogAtOnce, Deliver],
            &[LogAtOnce, LogAtOnce, Deliver, LogAtOnce, Deliver],
            &[LogAtOnce, Deliver, Roll, LogAtOnce, Deliver, Roll, Deliver],
        ],
    );
}

#[test]
fn level_keeps_each_error_whose_call_returned_exactly_once() {
    try_all(
        "level",
        &[
            &[Log, LogAtOnce, Deliver],
            &[Log, Deliver, LogAtOnce, Deliver, Log, Deliver],
            &[Log, Deliver, Tick, Log, LogAtOnce, Deliver, Log, Deliver, Roll, Deliver],
        ],
    );
}

#[test]
fn interval_keeps_what_is_older_than_the_last_sync_exactly_once() {
    try_all(
        "interval",
        &[
            &[Log, Deliver],
            &[Log, Log, Deliver, Tick, Log, Deliver, Tick],
            &[Log, Tick, Log, Deliver, Log, Deliver, Tick, Log, Roll, Deliver, Roll, Deliver, Log],
        ],
    );
}
