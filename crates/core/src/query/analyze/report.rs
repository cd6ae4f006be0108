//! The account of an analysis, as JSON that Python reads.
use std::collections::HashMap;

use serde::Serialize;

use super::{Analyzer, Shown, Tally, LEVELS};
use crate::query::formats::NO_TIME;
use crate::query::mine::{Template, Values};

#[derive(Serialize)]
pub struct Report {
    /// Of what is compared with: how many, and the span.
    pub before: Window,
    pub now: Window,
    /// Seconds in the unit that times are told in.
    pub unit: i64,
    pub levels: [u64; LEVELS],
    pub times: Vec<Time>,
    pub loggers: Vec<Counted>,
    pub patterns: Vec<Counted>,
    pub errors: Vec<Counted>,
    /// In the order of the rules, those without records too.
    pub issues: Vec<Counted>,
}

/// Nanoseconds since the epoch; none where no record had a time.
#[derive(Serialize)]
pub struct Window {
    pub records: u64,
    pub first: Option<i64>,
    pub last: Option<i64>,
}

/// (units since the epoch in local time, or none; counts by level).
type Time = (Option<i64>, [u64; LEVELS]);

/// A logger, a pattern, an error or an issue, with when it was.
#[derive(Serialize, Default)]
pub struct Counted {
    pub text: String,
    pub count: u64,
    pub before: u64,
    /// Records with a traceback, of a pattern.
    pub raised: u64,
    pub levels: [u64; LEVELS],
    pub times: Vec<Time>,
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub example: String,
    pub logger: String,
    pub frames: Vec<String>,
    pub variables: Vec<Variable>,
}

#[derive(Serialize)]
pub struct Variable {
    kind: &'static str,
    kinds: Vec<(&'static str, u32)>,
    distinct: u64,
    least: Option<f64>,
    greatest: Option<f64>,
    top: Vec<(String, u64)>,
}

impl Variable {
    pub fn of(values: &Values) -> Self {
        let mut top: Vec<(String, u64)> = values.top.iter().map(|(value, count)| (told(value), *count)).collect();
        top.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        Self {
            kind: values.kind().name(),
            kinds: values.kinds().collect(),
            distinct: values.distinct(),
            least: values.least.is_finite().then_some(values.least),
            greatest: values.greatest.is_finite().then_some(values.greatest),
            top,
        }
    }
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn times(tally: &Tally) -> Vec<Time> {
    tally.times.spans().iter().map(|(unit, counts)| ((*unit != i64::MIN).then_some(*unit), *counts)).collect()
}

impl Counted {
    fn of(tally: &Tally, text: String) -> Self {
        Self {
            text,
            count: tally.times.total(),
            before: tally.before,
            raised: tally.raised,
            levels: tally.times.levels(),
            times: times(tally),
            first: (tally.first != i64::MAX).then_some(tally.first),
            last: (tally.last != NO_TIME).then_some(tally.last),
            ..Self::default()
        }
    }

    fn shown(shown: &Shown) -> Self {
        Self {
            example: told(&shown.example),
            logger: told(&shown.logger),
            frames: shown.frames.clone(),
            ..Self::of(&shown.tally, told(&shown.title))
        }
    }
}

fn merge(into: &mut Tally, other: &Tally) {
    into.times.merge(&other.times);
    into.before += other.before;
    into.raised += other.raised;
    into.first = into.first.min(other.first);
    into.last = into.last.max(other.last);
}

/// The most frequent first, then by text, so that a report is reproducible.
fn sorted(mut all: Vec<Counted>) -> Vec<Counted> {
    all.sort_by(|one, other| {
        (other.count, other.before).cmp(&(one.count, one.before)).then_with(|| one.text.cmp(&other.text))
    });
    all
}

/// Adds templates that records told to those that were mined, and gives the place of each: what reads alike is one.
fn add_told(templates: &mut Vec<Template>, told: Vec<Template>) -> Vec<u32> {
    let mut places: HashMap<String, u32> =
        templates.iter().enumerate().map(|(place, one)| (one.text.clone(), place as u32)).collect();
    let place = |one: Template| {
        let place = *places.entry(one.text.clone()).or_insert(templates.len() as u32);
        if let Some(ours) = templates.get_mut(place as usize) {
            ours.count += one.count;
            ours.variables.iter_mut().zip(&one.variables).for_each(|(ours, theirs)| ours.merge(theirs));
        } else {
            templates.push(one);
        }
        place
    };
    told.into_iter().map(place).collect()
}

impl Analyzer {
    pub fn report(&mut self) -> Report {
        let (mut templates, by_mining) = self.miner.templates();
        let by_call = add_told(&mut templates, self.told.templates());
        let mut all = Tally::default();
        for (_, tally) in &self.loggers {
            merge(&mut all, tally);
        }
        let loggers = self.loggers.iter().map(|(name, tally)| Counted::of(tally, told(name))).collect();
        let window = |index: usize| {
            let span = &self.spans[index];
            Window {
                records: span.count,
                first: (span.first != i64::MAX).then_some(span.first),
                last: (span.last != NO_TIME).then_some(span.last),
            }
        };
        Report {
            before: window(0),
            now: window(1),
            unit: self.options.unit,
            levels: all.times.levels(),
            times: times(&all),
            loggers: sorted(loggers),
            patterns: sorted(self.told_patterns(templates, [by_mining, by_call])),
            errors: sorted(self.errors.values().map(Counted::shown).collect()),
            issues: self.issues.iter().map(Counted::shown).collect(),
        }
    }

    fn told_patterns(&self, templates: Vec<Template>, of: [Vec<u32>; 2]) -> Vec<Counted> {
        let mut tallies = vec![(Tally::default(), 0); templates.len()];
        let mut examples: Vec<&[u8]> = vec![b""; templates.len()];
        for (pattern, template) in self.patterns.iter().zip(of).flat_map(|(patterns, of)| patterns.iter().zip(of)) {
            let (tally, logger) = &mut tallies[template as usize];
            merge(tally, &pattern.tally);
            let example = &mut examples[template as usize];
            if example.is_empty() {
                *example = &pattern.example;
            }
            if pattern.tally.before > 0 || pattern.tally.times.total() > 0 {
                *logger = pattern.logger;
            }
        }
        let told_one = |(template, ((tally, logger), example)): (Template, ((Tally, u32), &[u8]))| Counted {
            example: if example.is_empty() { template.example } else { told(example) },
            logger: self.loggers.get(logger as usize).map(|(name, _)| told(name)).unwrap_or_default(),
            variables: template.variables.iter().map(Variable::of).collect(),
            ..Counted::of(&tally, template.text)
        };
        templates.into_iter().zip(tallies.into_iter().zip(examples)).map(told_one).collect()
    }
}
