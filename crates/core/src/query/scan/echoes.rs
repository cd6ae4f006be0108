//! Lines of a console's copy that records of a log beside it wrote: they count there.
//!
//! The copy has a stamp of its own before each line, and the console's format is not the log's; so a line is one of a record
//! where it ends with the record's words, at the same level, at most [`EARLY`] after the record's time. Each log is read on
//! beside the copy, which holds its lines in the same order.
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::{bisect, Input, Record, Records};
use crate::query::formats::{table, Format, NO_TIME};
use crate::query::when::{Clock, Zone};

const SECOND: i64 = 1_000_000_000;
/// A console shows a record at once, unless its reader is slow; clocks may tell seconds only.
const EARLY: i64 = 2 * SECOND;
const LATE: i64 = SECOND / 2;
/// From here on a log is not read on but looked up anew.
const FAR: i64 = 60 * SECOND;
/// Bytes of a log's records that are kept.
const KEPT: usize = 8 << 20;
/// `2026-11-20 09:00:00,123 `
const STAMP: usize = 24;

/// A log: its files from the oldest to the newest, and the formats that are known for it.
#[derive(Debug, Clone)]
pub struct Log {
    pub paths: Vec<PathBuf>,
    pub known: Vec<Format>,
}

/// A line that a record wrote.
struct Said {
    time: i64,
    level: i32,
    text: Box<[u8]>,
    /// The record's first, before which the console's format may put other words.
    is_first: bool,
    taken: bool,
}

/// A log that is read.
struct Beside {
    log: Log,
    /// The file that is read, and which comes next.
    records: Option<Records>,
    next: usize,
    /// Up to which time it is read.
    until: i64,
    said: VecDeque<Said>,
    size: usize,
    /// Where the last line was found.
    at: usize,
}

/// The logs beside a console's copy.
pub struct Echoes {
    logs: Vec<Beside>,
    zone: Arc<Zone>,
    now: i64,
    clock: Clock,
    /// Whether the last line was one of theirs; an empty one goes with it.
    last: bool,
    /// The console tells levels: a line without one is no record's first.
    tells_levels: bool,
}

impl Echoes {
    /// `now`: seconds since the epoch.
    pub fn new(logs: &[Log], zone: Arc<Zone>, now: i64) -> Self {
        let beside = |log: &Log| Beside {
            log: log.clone(),
            records: None,
            next: 0,
            until: NO_TIME,
            said: VecDeque::new(),
            size: 0,
            at: 0,
        };
        let clock = Clock::new(Arc::clone(&zone), now);
        Self { logs: logs.iter().map(beside).collect(), zone, now, clock, last: false, tells_levels: false }
    }

    /// Looks at lines of the copy: whether its console tells levels.
    pub fn hear(&mut self, lines: &[u8]) {
        let mut lines = lines.split(|byte| *byte == b'\n').filter_map(|line| line.get(STAMP..));
        self.tells_levels = self.tells_levels || lines.any(|line| self.level(line).is_some());
    }

    /// Whether all lines of a record of the copy are ones that a log's records wrote. Each of those is one line only.
    pub fn wrote(&mut self, time: i64, level: i32, raw: &[u8]) -> bool {
        if time == NO_TIME {
            return false;
        }
        for log in &mut self.logs {
            log.read_to(time, &self.zone, self.now);
        }
        let lines = raw.split(|byte| *byte == b'\n').map(|line| line.get(STAMP..).unwrap_or_default());
        let mut all = true;
        for (number, line) in lines.enumerate() {
            if !line.trim_ascii().is_empty() {
                let level = self.level(line).unwrap_or(if number == 0 { level } else { 0 });
                let heard = Heard { time, level, text: line, tells_levels: self.tells_levels };
                // Taken from every log that has it.
                self.last = self.logs.iter_mut().fold(false, |found, log| log.take(&heard) | found);
            }
            all &= self.last;
        }
        all
    }

    /// What a line says by itself, without the copy's stamp.
    fn level(&mut self, line: &[u8]) -> Option<i32> {
        let head = table::all().iter().find_map(|format| format.head(line, &mut self.clock))?;
        (head.level != 0).then_some(head.level)
    }
}

/// A line of the copy.
struct Heard<'a> {
    time: i64,
    level: i32,
    text: &'a [u8],
    tells_levels: bool,
}

impl Beside {
    /// Keeps what was said around a time.
    fn read_to(&mut self, time: i64, zone: &Arc<Zone>, now: i64) {
        let since = time.saturating_sub(EARLY);
        if self.until == NO_TIME || since.saturating_sub(self.until) > FAR {
            (self.records, self.next) = (None, 0);
            self.said.clear();
            (self.size, self.at) = (0, 0);
        }
        while self.until <= time.saturating_add(LATE) {
            if self.records.is_none() && !self.open(since, zone, now) {
                self.until = i64::MAX;
                break;
            }
            let Some(records) = &mut self.records else { break };
            match records.next_record() {
                Ok(Some(record)) => {
                    self.until = self.until.max(record.time);
                    keep(&record, since, &mut self.said, &mut self.size);
                }
                // What is wrong with it is said when it is searched.
                Ok(None) | Err(_) => self.records = None,
            }
            while self.size > KEPT {
                self.drop_first();
            }
        }
        while self.said.front().is_some_and(|said| said.time < since) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        self.size -= self.said.pop_front().map_or(0, |said| said.text.len() + size_of::<Said>());
        self.at = self.at.saturating_sub(1);
    }

    /// Opens the next file that may hold records from a time on, there; false where none is left.
    fn open(&mut self, since: i64, zone: &Arc<Zone>, now: i64) -> bool {
        while let Some(path) = self.log.paths.get(self.next) {
            self.next += 1;
            let changed = changed(path);
            if changed < since {
                continue;
            }
            let now = now.min(changed / SECOND);
            let records = Input::open(path).map_err(|_| ()).and_then(|input| {
                let mut records = Records::new(input, &self.log.known, Arc::clone(zone), now).map_err(|_| ())?;
                let (start, _) = bisect::range(&mut records, since, i64::MAX).map_err(|_| ())?;
                if start > records.position() {
                    records.seek(start);
                }
                Ok(records)
            });
            self.records = records.ok();
            if self.records.is_some() {
                return true;
            }
        }
        false
    }

    /// Takes a line, if it was said by then and nobody took it: from where the last one was found on.
    fn take(&mut self, heard: &Heard<'_>) -> bool {
        let (count, until) = (self.said.len(), heard.time.saturating_add(LATE));
        let is = |place: &usize| self.said[*place].time <= until && self.said[*place].is(heard);
        let found = (self.at..count).chain(0..self.at.min(count)).find(is);
        if let Some(place) = found {
            self.said[place].taken = true;
            self.at = place + 1;
        }
        found.is_some()
    }
}

impl Said {
    fn is(&self, heard: &Heard<'_>) -> bool {
        let text = heard.text.trim_ascii_end();
        if self.taken {
            return false;
        }
        if !self.is_first {
            return text.trim_ascii_start() == &*self.text;
        }
        if heard.level == 0 {
            return !heard.tells_levels && text == &*self.text;
        }
        let words = if heard.level == self.level { text.strip_suffix(&*self.text) } else { None };
        words.is_some_and(|before| before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()))
    }
}

/// Keeps the lines of a record.
fn keep(record: &Record<'_>, since: i64, said: &mut VecDeque<Said>, size: &mut usize) {
    if record.time < since {
        return;
    }
    let message = record.message.split(|byte| *byte == b'\n');
    let exception = record.exception.split(|byte| *byte == b'\n');
    for (number, line) in message.chain(exception).enumerate() {
        let text: Box<[u8]> = if number == 0 { line.trim_ascii_end() } else { line.trim_ascii() }.into();
        if number > 0 && text.is_empty() {
            continue;
        }
        *size += text.len() + size_of::<Said>();
        said.push_back(Said { time: record.time, level: record.level, text, is_first: number == 0, taken: false });
    }
}

/// When a file was last written to, in nanoseconds; the end of time where that is unknown.
fn changed(path: &Path) -> i64 {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let age = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    age.map_or(i64::MAX, |age| age.as_nanos() as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_795_165_200; // 2026-11-20T09:00:00Z

    /// For each line of a copy, given with its level, whether a log of this text said it.
    fn told(log: &str, lines: &[(i32, &str)]) -> Vec<bool> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        fs::write(&path, log).unwrap();
        let log = Log { paths: vec![path], known: Vec::new() };
        let mut echoes = Echoes::new(&[log], Arc::new(Zone::fixed(0)), BEGIN);
        let time = |line: &str| {
            let second: i64 = line[17..19].parse().unwrap();
            (BEGIN + second) * SECOND + line[20..23].parse::<i64>().unwrap() * 1_000_000
        };
        for (_, line) in lines {
            echoes.hear(line.as_bytes());
        }
        lines.iter().map(|(level, line)| echoes.wrote(time(line), *level, line.as_bytes())).collect()
    }

    #[test]
    fn a_line_is_one_of_a_record_that_ends_so_at_its_level_and_time_and_each_is_one_line() {
        let log = "2026-11-20 09:00:05,000 - app - INFO - ok\n2026-11-20 09:00:05,100 - app - WARNING - disk is full\n";
        let lines = [
            (20, "2026-11-20 09:00:05,001 INFO: ok", true),
            (20, "2026-11-20 09:00:05,001 INFO: ok", false),
            (0, "2026-11-20 09:00:05,002 disk is full", false),
            (0, "2026-11-20 09:00:05,101 [09:00:05] [7] [WARNING] disk is full", true),
        ];
        let (asked, wanted): (Vec<_>, Vec<_>) = lines.iter().map(|(level, line, is)| ((*level, *line), *is)).unzip();
        assert_eq!(told(log, &asked), wanted);
        let plain = [(0, "2026-11-20 09:00:05,002 disk is full"), (0, "2026-11-20 09:00:05,003 disk is full")];
        assert_eq!(told(log, &plain), [true, false], "a console without levels");
        for (level, line) in [
            (20, "2026-11-20 09:00:05,001 INFO: book"),
            (40, "2026-11-20 09:00:05,001 ERROR: ok"),
            (0, "2026-11-20 09:00:05,001 all ok"),
            (20, "2026-11-20 09:00:08,001 INFO: ok"),
            (20, "2026-11-20 09:00:04,001 INFO: ok"),
        ] {
            assert_eq!(told(log, &[(level, line)]), [false], "{line}");
        }
    }

    #[test]
    fn each_line_of_a_traceback_is_its_records() {
        let log = "2026-11-20 09:00:05,000 - app - ERROR - failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n\nKeyError: 1\n2026-11-20 09:00:06,000 - app - INFO - on\n";
        let lines = [
            (40, "2026-11-20 09:00:05,001 ERROR: failed"),
            (0, "2026-11-20 09:00:05,001 Traceback (most recent call last):"),
            (0, "2026-11-20 09:00:05,001   File \"a.py\", line 3, in f"),
            (0, "2026-11-20 09:00:05,001 "),
            (0, "2026-11-20 09:00:05,001 KeyError: 1"),
            (0, "2026-11-20 09:00:05,001 KeyError: 2"),
            (0, "2026-11-20 09:00:05,001 "),
        ];
        assert_eq!(told(log, &lines), [true, true, true, true, true, false, false]);
    }

    #[test]
    fn a_log_is_looked_up_anew_where_the_copy_is_silent_for_long() {
        let line = |second: i64| {
            let mut stamp = Vec::new();
            crate::formatters::civil::write_utc_millis((BEGIN + second) * SECOND, &mut stamp);
            String::from_utf8(stamp).unwrap()
        };
        let log = (0..90_000).map(|n| format!("{} - app - INFO - number {n}\n", line(n))).collect::<Vec<_>>().concat();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        fs::write(&path, log).unwrap();
        let beside = [Log { paths: vec![folder.path().join("gone"), path], known: Vec::new() }];
        let mut echoes = Echoes::new(&beside, Arc::new(Zone::fixed(0)), BEGIN);
        for second in [7, 8, 60_000, 60_300, 89_999] {
            let text = format!("{} INFO: number {second}", line(second));
            assert!(echoes.wrote((BEGIN + second) * SECOND, 20, text.as_bytes()), "{second}");
            assert!(echoes.logs[0].said.len() < 10, "only what is near is kept");
        }
    }
}
