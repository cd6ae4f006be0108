//! Rows in memory until there are enough for row groups: a few bytes each, for a stretch of the log as long as memory allows.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::names::Names;
use crate::query::columnar::form::{steps, Step};
use crate::query::columnar::hybrid::{take_varint, varint};
use crate::query::columnar::VALUES;

/// What many rows share.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    pub level: i32,
    /// A text's number.
    pub logger: u32,
    /// Its template's number; None where the record is kept as it is.
    pub shape: Option<u32>,
}

/// A template.
struct Shape {
    steps: Vec<Step>,
    values: usize,
    is_timed: bool,
}

/// Rows one after the other, in the order of their places: place, time, kind, values, as numbers of few bytes.
#[derive(Default)]
pub struct Lines {
    bytes: Vec<u8>,
    pub count: usize,
    last: (i64, i64),
    /// The last row's kind and its number.
    kind: Option<(Kind, u32)>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub place: i64,
    /// Microseconds.
    pub time: Option<i64>,
    pub kind: u32,
    /// Numbers of texts: its values, or the record itself.
    pub values: [u32; VALUES],
}

pub struct Stretch {
    pub texts: Names,
    pub templates: Names,
    shapes: Vec<Shape>,
    pub kinds: Vec<Kind>,
    known: HashMap<Kind, u32>,
    /// By the number of the record's pattern.
    lines: Vec<Lines>,
    bytes: usize,
}

impl Lines {
    fn push(&mut self, line: &Line, values: usize) {
        varint((line.place - self.last.0) as u64, &mut self.bytes);
        self.last.0 = line.place;
        varint(u64::from(line.kind), &mut self.bytes);
        if let Some(time) = line.time {
            varint(short(time - self.last.1), &mut self.bytes);
            self.last.1 = time;
        }
        for value in &line.values[..values] {
            varint(u64::from(*value), &mut self.bytes);
        }
        self.count += 1;
    }

    /// The rows again.
    pub fn read<'a>(&'a self, stretch: &'a Stretch) -> Reader<'a> {
        Reader { bytes: &self.bytes, stretch, line: Line::default(), time: 0 }
    }
}

/// Differences of times are small, of either sign, and mostly whole milliseconds.
fn short(micros: i64) -> u64 {
    let signed = |number: i64| ((number << 1) ^ (number >> 63)) as u64;
    if micros % 1000 == 0 {
        signed(micros / 1000) << 1
    } else {
        signed(micros) << 1 | 1
    }
}

fn long(number: u64) -> i64 {
    let signed = (number >> 2) as i64 ^ -((number >> 1 & 1) as i64);
    if number & 1 == 0 {
        signed * 1000
    } else {
        signed
    }
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    stretch: &'a Stretch,
    line: Line,
    time: i64,
}

impl Reader<'_> {
    #[inline]
    pub fn next_line(&mut self) -> Option<&Line> {
        self.line.place += take_varint(&mut self.bytes)? as i64;
        self.line.kind = take_varint(&mut self.bytes)? as u32;
        let (values, is_timed) = self.stretch.form(self.line.kind);
        self.line.time = None;
        if is_timed {
            self.time += long(take_varint(&mut self.bytes)?);
            self.line.time = Some(self.time);
        }
        for value in &mut self.line.values[..values] {
            *value = take_varint(&mut self.bytes)? as u32;
        }
        Some(&self.line)
    }
}

impl Stretch {
    pub fn new() -> Self {
        Self {
            texts: Names::default(),
            templates: Names::default(),
            shapes: Vec::new(),
            kinds: Vec::new(),
            known: HashMap::new(),
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// Bytes of memory, about.
    pub fn size(&self) -> usize {
        self.bytes + self.texts.size() + self.templates.size()
    }

    /// The number of a template, perhaps this one, and its steps.
    pub fn shape(&mut self, template: &[u8], perhaps: Option<u32>) -> (u32, &[Step]) {
        let known = perhaps.filter(|number| self.templates.text(*number) == template);
        let number = known.unwrap_or_else(|| self.templates.number(template));
        if number as usize == self.shapes.len() {
            let steps = steps(template);
            let values = steps.iter().filter(|step| **step == Step::Value).count();
            let is_timed = steps.iter().any(|step| matches!(step, Step::Time { .. }));
            self.bytes += template.len() + steps.len() * size_of::<Step>();
            self.shapes.push(Shape { steps, values, is_timed });
        }
        (number, &self.shapes[number as usize].steps)
    }

    /// The number of a logger's name, perhaps this one.
    pub fn logger(&mut self, name: &[u8], perhaps: Option<u32>) -> u32 {
        let known = perhaps.filter(|number| self.texts.text(*number) == name);
        known.unwrap_or_else(|| self.texts.number(name))
    }

    /// How many values a row has, and whether it has a time.
    fn form(&self, kind: u32) -> (usize, bool) {
        match self.kinds[kind as usize].shape {
            Some(shape) => (self.shapes[shape as usize].values, self.shapes[shape as usize].is_timed),
            None => (1, false),
        }
    }

    /// The number of a text in a column: the values from 0, and behind them that of records as they are.
    #[inline]
    pub fn value(&self, line: &Line, column: usize) -> Option<u32> {
        let values = match self.kinds[line.kind as usize].shape {
            Some(shape) if column < VALUES => (column < self.shapes[shape as usize].values).then_some(column),
            None if column == VALUES => Some(0),
            _ => None,
        };
        values.map(|place| line.values[place])
    }

    /// The number of a kind; rows of a pattern mostly are of that of the last one.
    fn kind(&mut self, pattern: usize, kind: Kind) -> u32 {
        match self.lines[pattern].kind {
            Some((last, number)) if last == kind => number,
            _ => {
                let number = *self.known.entry(kind).or_insert_with(|| {
                    self.kinds.push(kind);
                    self.kinds.len() as u32 - 1
                });
                self.lines[pattern].kind = Some((kind, number));
                number
            }
        }
    }

    /// The last row's kind of a pattern.
    pub fn last(&self, pattern: usize) -> Option<Kind> {
        self.lines.get(pattern)?.kind.map(|(kind, _)| kind)
    }

    /// A row, given the number of its pattern.
    pub fn push(&mut self, pattern: usize, place: i64, time: Option<i64>, kind: Kind, values: [u32; VALUES]) {
        if self.lines.len() <= pattern {
            self.lines.resize_with(pattern + 1, Lines::default);
        }
        let kind = self.kind(pattern, kind);
        let (count, is_timed) = self.form(kind);
        let lines = &mut self.lines[pattern];
        let before = lines.bytes.len();
        lines.push(&Line { place, time: time.filter(|_| is_timed), kind, values }, count);
        self.bytes += lines.bytes.len() - before;
    }

    /// The rows of each group, the patterns of which are told apart by `of`; those of too few rows are one group.
    pub fn groups(&mut self, of: &[u32], least: usize, most: usize) -> Vec<Lines> {
        let patterns = std::mem::take(&mut self.lines);
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for (lines, group) in patterns.iter().zip(of) {
            *counts.entry(*group).or_default() += lines.count;
        }
        let mut kept: Vec<(usize, u32)> = counts.iter().map(|(group, count)| (*count, *group)).collect();
        kept.retain(|(count, _)| *count >= least);
        kept.sort_unstable_by(|left, right| right.cmp(left));
        kept.truncate(most);
        let places: HashMap<u32, usize> = kept.iter().enumerate().map(|(place, (_, group))| (*group, place)).collect();
        let mut members: Vec<Vec<Lines>> = Vec::new();
        members.resize_with(kept.len() + 1, Vec::new);
        for (number, lines) in patterns.into_iter().enumerate().filter(|(_, lines)| lines.count > 0) {
            let place = of.get(number).and_then(|group| places.get(group)).copied();
            members[place.unwrap_or(kept.len())].push(lines);
        }
        members.into_iter().filter(|lines| !lines.is_empty()).map(|lines| self.merged(lines)).collect()
    }

    /// Rows of several as one, by their places.
    fn merged(&self, mut members: Vec<Lines>) -> Lines {
        if members.len() == 1 {
            return members.swap_remove(0);
        }
        let mut merged = Lines::default();
        let mut readers: Vec<Reader<'_>> = members.iter().map(|lines| lines.read(self)).collect();
        let mut next = BinaryHeap::new();
        for (number, reader) in readers.iter_mut().enumerate() {
            next.extend(reader.next_line().map(|line| Reverse((line.place, number))));
        }
        while let Some(Reverse((_, number))) = next.pop() {
            let reader = &mut readers[number];
            merged.push(&reader.line, self.form(reader.line.kind).0);
            next.extend(reader.next_line().map(|line| Reverse((line.place, number))));
        }
        merged
    }
}
