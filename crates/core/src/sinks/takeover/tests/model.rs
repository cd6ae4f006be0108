//! Any sequence of batches, kills, rotations, compressions and meddling leaves every record in the files exactly once.
use std::collections::HashMap;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::sinks::fs::faulty::{Fault, Faulty};

/// What the spool keeps: the records and the cursor. It outlives every kill.
#[derive(Default)]
struct Spool {
    records: Vec<String>,
    cursor: usize,
}

#[derive(Debug, Clone)]
enum Step {
    /// A leader delivers these many new records and is killed at this call (0: never), if it comes so far.
    Lead { records: usize, killed_at: u64, compress: &'static str },
    /// logrotate by rename.
    Rename,
    /// Another program appends, perhaps half a line.
    Meddle(&'static str),
    /// Another tool takes the first backup's name.
    Occupy,
}

fn step() -> impl Strategy<Value = Step> {
    let forms = prop_oneof![Just(""), Just("gzip"), Just("zstd")];
    prop_oneof![
        8 => (0..30_usize, 1..120_u64, forms).prop_map(|(records, killed_at, compress)| {
            Step::Lead { records, killed_at, compress }
        }),
        1 => Just(Step::Rename),
        2 => prop_oneof![Just("other\n"), Just("other, torn"), Just("\n")].prop_map(Step::Meddle),
        1 => Just(Step::Occupy),
    ]
}

/// Some of several lines, some long; no line is the beginning of another.
fn record(n: usize) -> String {
    match n % 5 {
        0 => format!("record {n}.\n  and its second line {n}.\n"),
        1 => format!("record {n} {}.\n", "x".repeat(n % 60)),
        _ => format!("record {n}.\n"),
    }
}

fn lead(dir: &Path, fs: &Arc<Faulty>, spool: &mut Spool, compress: &str) -> Result<()> {
    let compress = Some(compress).filter(|c| !c.is_empty());
    let path = dir.join("app.log");
    let spec = serde_json::json!({"path": path, "max_bytes": 200, "backup_count": 1000, "compress": compress});
    let mut log = LogFile::new(Arc::clone(fs) as _, FileOptions::from_spec(&spec).unwrap());
    let mut outbox = Outbox::open(Arc::clone(fs) as _, &dir.join("outbox"))?;
    if let Some(intent) = resume(&mut outbox, &mut log)? {
        spool.cursor = intent.cursors[0].1 as usize;
        outbox.done(&[])?;
    }
    assert_eq!(outbox.delivered(), spool.cursor as u64);
    while spool.cursor < spool.records.len() {
        deliver(&mut log, &mut outbox, spool)?;
    }
    log.close(Duration::from_secs(60))
}

fn deliver(log: &mut LogFile, outbox: &mut Outbox, spool: &mut Spool) -> Result<()> {
    let mut locked = log.lock()?;
    let (mut room, mut batch, mut next, mut full) = (locked.room(), String::new(), spool.cursor, false);
    while next < spool.records.len() && next < spool.cursor + 7 {
        full = !room.take(spool.records[next].len(), 0, 0);
        if full {
            break;
        }
        batch.push_str(&spool.records[next]);
        next += 1;
    }
    if !batch.is_empty() {
        let intent = Intent {
            target: locked.id(),
            length_before: locked.length(),
            since_ns: room.since_ns(),
            records: (next - spool.cursor) as u64,
            cursors: vec![(0, next as u64)],
        };
        outbox.begin(intent, batch.as_bytes())?;
        locked.write(batch.as_bytes(), room.since_ns())?;
        spool.cursor = next;
        outbox.done(&[])?;
    }
    if full {
        locked.rotate(0)?;
    }
    Ok(())
}

fn meddle(dir: &Path, step: &Step, n: usize) {
    let log = dir.join("app.log");
    match step {
        Step::Rename if log.exists() => fs::rename(log, dir.join(format!("app.log-{n}"))).unwrap(),
        Step::Meddle(text) => {
            let mut file = fs::File::options().append(true).create(true).open(log).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        Step::Occupy => drop(fs::File::create_new(dir.join("app.log.1"))),
        _ => {}
    }
}

/// How often each line stands in the files.
fn lines(dir: &Path) -> HashMap<String, usize> {
    let mut lines = HashMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(path.extension().is_none_or(|e| e != "tmp"), "{name} is left");
        if !name.starts_with("app.log") {
            continue;
        }
        let file = Real.open(&path, How::Read, 0).unwrap();
        let mut all = String::new();
        text(&Real, &file, Form::split(name).1).unwrap().read_to_string(&mut all).unwrap();
        for line in all.split_inclusive('\n') {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}

fn run(steps: &[Step]) {
    let dir = crate::proofs::trial::folder_in_memory();
    let mut spool = Spool::default();
    let last = Step::Lead { records: 1, killed_at: 0, compress: "" };
    for (n, step) in steps.iter().chain([&last]).enumerate() {
        let Step::Lead { records, killed_at, compress } = step else {
            meddle(dir.path(), step, n);
            continue;
        };
        let first = spool.records.len();
        spool.records.extend((first..first + records).map(record));
        let faulty = Arc::new(Faulty::new(*killed_at, Fault::Dead));
        let result = lead(dir.path(), &faulty, &mut spool, compress);
        assert!(result.is_ok() || *killed_at > 0 && faulty.calls() >= *killed_at, "{result:?}");
    }
    let found = lines(dir.path());
    for record in &spool.records {
        for line in record.split_inclusive('\n') {
            assert_eq!(found.get(line).copied().unwrap_or(0), 1, "{line:?} of {record:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_record_stands_in_the_files_exactly_once(steps in prop::collection::vec(step(), 1..12)) {
        run(&steps);
    }
}

#[test]
fn killed_at_every_single_call_every_record_stands_exactly_once() {
    for compress in ["", "gzip"] {
        for at in 1..300 {
            let lead = |records, killed_at| Step::Lead { records, killed_at, compress };
            run(&[lead(20, 0), lead(20, at), Step::Meddle("other, torn"), lead(0, at / 2), Step::Rename, lead(5, at)]);
        }
    }
}
