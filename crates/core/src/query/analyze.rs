//! What a log says as a whole: every record counted by pattern, level, logger and time; tracebacks by fingerprint; known issues.
//!
//! One pass, in bounded memory, on top of [`crate::query::scan`] and [`crate::query::mine`]. A record before `Options::boundary`, or of a
//! source that is read as [`Side::Before`], only counts as what was: it is what the rest is compared with.
mod report;
mod times;
mod traceback;

use std::collections::HashMap;

use regex::bytes::RegexSet;

use crate::error::{Error, Result};
use crate::query::formats::NO_TIME;
use crate::query::mine::{hash, Miner, Told};
use crate::query::scan::Record;
pub use report::{Counted, Report, Variable};
pub use times::{Times, LEVELS};
use traceback::Traceback;

/// Loggers, groups of tracebacks that are kept apart; later ones are counted together.
const MOST: usize = 4096;
const EXAMPLE: usize = 4000;
const ERROR: i32 = 40;
const WARNING: i32 = 30;

/// What is compared: what was, and what is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Before,
    Now,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Records of this level and more severe only; those without one count when this is 0.
    pub level: i32,
    /// Nanoseconds: records before this are what was.
    pub boundary: Option<i64>,
    /// Regular expressions of the known issues, looked for in warnings, errors, tracebacks and text without levels.
    pub rules: Vec<String>,
    /// Seconds in the unit of time by which records are counted.
    pub unit: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { level: 0, boundary: None, rules: Vec::new(), unit: HOUR }
    }
}

/// When something happened, and how often.
#[derive(Clone, Debug)]
pub struct Tally {
    pub times: Times,
    /// Records of what was.
    pub before: u64,
    /// Records of what is that hold a traceback.
    pub raised: u64,
    pub first: i64,
    pub last: i64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { times: Times::default(), before: 0, raised: 0, first: i64::MAX, last: NO_TIME }
    }
}

impl Tally {
    #[inline]
    fn add(&mut self, side: Side, time: i64, unit: i64, level: usize) {
        if side == Side::Before {
            self.before += 1;
            return;
        }
        self.times.add(unit, level);
        if time != NO_TIME {
            self.first = self.first.min(time);
            self.last = self.last.max(time);
        }
    }
}

/// What is kept of a pattern besides what the miner keeps.
#[derive(Clone, Debug, Default)]
struct Pattern {
    tally: Tally,
    logger: u32,
    /// The first message of what is, where that is compared with what was.
    example: Vec<u8>,
}

/// Something with an example.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub tally: Tally,
    pub title: Vec<u8>,
    pub frames: Vec<String>,
    pub example: Vec<u8>,
    pub logger: Vec<u8>,
    pub level: i32,
    /// Whether the example is of what is.
    is_now: bool,
}

impl Shown {
    /// Shows a record as the example: the first of what is, until that comes the first of what was.
    fn show(&mut self, record: &Record<'_>, side: Side) -> bool {
        let better = self.example.is_empty() || side == Side::Now && !self.is_now;
        if better {
            self.is_now = side == Side::Now;
            let text = record.text();
            self.example = text[..text.len().min(EXAMPLE)].to_vec();
            self.logger = record.logger.to_vec();
            self.level = record.level;
        }
        better
    }
}

#[derive(Default)]
struct Span {
    first: i64,
    last: i64,
    count: u64,
}

pub struct Analyzer {
    options: Options,
    miner: Miner,
    told: Told,
    /// Those that were mined, and those that records told.
    patterns: [Vec<Pattern>; 2],
    loggers: Vec<(Box<[u8]>, Tally)>,
    logger_numbers: HashMap<Box<[u8]>, u32>,
    errors: HashMap<u64, Shown>,
    rules: RegexSet,
    issues: Vec<Shown>,
    spans: [Span; 2],
    /// Nanoseconds of local time before UTC's, so that hours begin where clocks say so.
    shift: i64,
    /// Nanoseconds in a unit.
    unit: i64,
    /// The unit of the last record, and when it begins.
    last: (i64, i64),
    /// Something was.
    compares: bool,
}

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600;
const OTHERS: &[u8] = b"(others)";

impl Analyzer {
    /// `utc_offset` in seconds, of the zone that times are told in.
    pub fn new(options: Options, utc_offset: i32) -> Result<Self> {
        let rules = RegexSet::new(&options.rules)
            .map_err(|error| Error::Setting { field: "rules", why: error.to_string().replace('\n', " ") })?;
        let issues = vec![Shown::default(); options.rules.len()];
        let span = || Span { first: i64::MAX, last: NO_TIME, count: 0 };
        let unit = options.unit.clamp(1, 24 * HOUR) * SECOND;
        Ok(Self {
            options,
            miner: Miner::default(),
            told: Told::default(),
            patterns: Default::default(),
            loggers: Vec::new(),
            logger_numbers: HashMap::new(),
            errors: HashMap::new(),
            rules,
            issues,
            spans: [span(), span()],
            shift: i64::from(utc_offset) * SECOND,
            unit,
            last: (0, i64::MAX),
            compares: false,
        })
    }

    /// Take a record.
    #[inline]
    pub fn add(&mut self, record: &Record<'_>, side: Side) {
        if record.level < self.options.level {
            return;
        }
        let early = self.options.boundary.is_some_and(|boundary| record.time < boundary);
        let side = if early { Side::Before } else { side };
        let unit = self.unit(record.time);
        let level = level_index(record.level);
        let span = &mut self.spans[side as usize];
        span.count += 1;
        if record.time != NO_TIME {
            span.first = span.first.min(record.time);
            span.last = span.last.max(record.time);
        }
        let told = if record.template.is_empty() { None } else { self.told.add(record.template, record.message) };
        let kind = usize::from(told.is_some());
        let number = told.unwrap_or_else(|| self.miner.add(record.message)) as usize;
        if number >= self.patterns[kind].len() {
            let logger = self.logger(record.logger);
            self.patterns[kind].resize(number + 1, Pattern { logger, ..Pattern::default() });
        }
        self.compares |= side == Side::Before;
        let pattern = &mut self.patterns[kind][number];
        if self.compares && side == Side::Now && pattern.example.is_empty() {
            pattern.example = record.message[..record.message.len().min(EXAMPLE)].to_vec();
        }
        pattern.tally.add(side, record.time, unit, level);
        pattern.tally.raised += u64::from(side == Side::Now && !record.exception.is_empty());
        let mut logger = pattern.logger;
        if *self.loggers[logger as usize].0 != *record.logger {
            logger = self.logger(record.logger);
            self.patterns[kind][number].logger = logger;
        }
        self.loggers[logger as usize].1.add(side, record.time, unit, level);
        if !record.exception.is_empty() || record.level >= WARNING || record.level == 0 {
            self.look(record, side, unit, level);
        }
    }

    /// Whole units of local time since the epoch.
    #[inline]
    fn unit(&mut self, time: i64) -> i64 {
        let (unit, begin) = self.last;
        if time >= begin && time - begin < self.unit {
            return unit;
        }
        if time == NO_TIME {
            return i64::MIN;
        }
        let unit = (time + self.shift).div_euclid(self.unit);
        self.last = (unit, unit * self.unit - self.shift);
        unit
    }

    #[cold]
    fn logger(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.logger_numbers.get(name) {
            return *number;
        }
        let name = if self.loggers.len() < MOST { name } else { OTHERS };
        if let Some(number) = self.logger_numbers.get(name) {
            return *number;
        }
        let number = self.loggers.len() as u32;
        self.loggers.push((name.into(), Tally::default()));
        self.logger_numbers.insert(name.into(), number);
        number
    }

    /// Tracebacks and known issues.
    #[cold]
    fn look(&mut self, record: &Record<'_>, side: Side, unit: i64, level: usize) {
        if !record.exception.is_empty() {
            self.traceback(record, side, unit, level);
        }
        if self.options.rules.is_empty() {
            return;
        }
        for rule in &self.rules.matches(record.raw) {
            let issue = &mut self.issues[rule];
            issue.tally.add(side, record.time, unit, level);
            issue.show(record, side);
        }
    }

    fn traceback(&mut self, record: &Record<'_>, side: Side, unit: i64, level: usize) {
        let traceback = Traceback::read(record.exception);
        let full = self.errors.len() >= MOST;
        let key = traceback.fingerprint();
        let key = if full && !self.errors.contains_key(&key) { hash(OTHERS) } else { key };
        let error = self.errors.entry(key).or_default();
        if error.show(record, side) {
            error.title = if key == hash(OTHERS) { OTHERS.to_vec() } else { traceback.title().to_vec() };
            error.frames = traceback.own().collect();
            error.level = record.level.max(ERROR);
        }
        error.tally.add(side, record.time, unit, level);
    }
}

/// The places of those rules that find something in a text.
pub fn find_rules(rules: &[String], text: &[u8]) -> Result<Vec<usize>> {
    let set = RegexSet::new(rules)
        .map_err(|error| Error::Setting { field: "rules", why: error.to_string().replace('\n', " ") })?;
    Ok(set.matches(text).into_iter().collect())
}

/// 0 where none is known, then DEBUG to CRITICAL.
#[inline]
fn level_index(level: i32) -> usize {
    match level {
        ..=0 => 0,
        1..=19 => 1,
        20..=29 => 2,
        30..=39 => 3,
        40..=49 => 4,
        50.. => 5,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
