//! Rows of like templates in memory, column by column, until there are enough of them for a row group.
use std::collections::HashMap;

use parquet::data_type::ByteArray;

use crate::query::columnar::VALUES;
use crate::query::mine::hash;

/// What a text costs beside its bytes: its place in a table, and a row's number of it.
const ENTRY: usize = 32;
const NUMBER: usize = 4;
/// Row, time and kind.
const FIXED: usize = 16;
/// Rows of the log from a group's first to its last.
pub const SPAN: i64 = u32::MAX as i64;
/// No time.
pub const UNTIMED: i64 = i64::MIN;

/// Numbers for texts that come again and again.
#[derive(Default)]
pub struct Names {
    /// By the text's hash.
    numbers: HashMap<u64, u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    pub fn number(&mut self, text: &[u8]) -> u32 {
        let new = self.ends.len() as u32;
        let number = *self.numbers.entry(hash(text)).or_insert(new);
        if number != new && self.text(number) == text {
            return number;
        }
        // Of two texts with the same hash, the second is kept again each time.
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        new
    }

    pub fn text(&self, number: u32) -> &[u8] {
        let end = self.ends[number as usize];
        let start = (number as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..end]
    }

    /// All of them, in the order of their numbers.
    fn texts(self) -> Vec<ByteArray> {
        let (all, mut start) = (bytes::Bytes::from(self.bytes), 0);
        self.ends.iter().map(|end| ByteArray::from(all.slice(std::mem::replace(&mut start, *end)..*end))).collect()
    }
}

/// What most rows of a group share.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    pub level: i32,
    pub logger: u32,
    /// Its template's number; None where the record is kept as it is.
    pub shape: Option<u32>,
}

/// A column of texts: each different one once, and which of them each row has.
#[derive(Default)]
pub struct Column {
    names: Names,
    numbers: Vec<u32>,
    /// Which rows have one, once it is not all of them.
    rows: Option<Vec<u32>>,
}

impl Column {
    /// The bytes that this takes.
    fn push(&mut self, row: u32, text: &[u8]) -> usize {
        let known = self.names.count();
        let number = self.names.number(text);
        if self.rows.is_none() && row as usize != self.numbers.len() {
            self.rows = Some((0..self.numbers.len() as u32).collect());
        }
        if let Some(rows) = &mut self.rows {
            rows.push(row);
        }
        self.numbers.push(number);
        let new = self.names.count() > known;
        NUMBER + if self.rows.is_some() { NUMBER } else { 0 } + if new { text.len() + ENTRY } else { 0 }
    }

    /// The texts, and for each row of the group whether it has one.
    pub fn written(self, rows: usize) -> (Vec<ByteArray>, Vec<i16>) {
        let known = self.names.texts();
        let texts = self.numbers.iter().map(|number| known[*number as usize].clone()).collect();
        let mut defined = vec![0; rows];
        match self.rows {
            Some(rows) => rows.iter().for_each(|row| defined[*row as usize] = 1),
            None => defined[..self.numbers.len()].fill(1),
        }
        (texts, defined)
    }
}

/// Rows of like templates.
pub struct Group {
    /// Places in the log from that of the first; microseconds or [`UNTIMED`]; numbers of `known`.
    rows: Vec<u32>,
    first: i64,
    pub times: Vec<i64>,
    kinds: Vec<u32>,
    known: Vec<Kind>,
    pub values: Vec<Column>,
    pub raw: Column,
    pub bytes: usize,
}

impl Group {
    pub fn new() -> Self {
        Self {
            rows: Vec::new(),
            first: 0,
            times: Vec::new(),
            kinds: Vec::new(),
            known: Vec::new(),
            values: std::iter::repeat_with(Column::default).take(VALUES).collect(),
            raw: Column::default(),
            bytes: 0,
        }
    }

    /// A row whose texts follow by [`Group::value`] and [`Group::raw`].
    pub fn push(&mut self, row: i64, time: Option<i64>, kind: Kind) {
        if self.rows.is_empty() {
            self.first = row;
        }
        self.rows.push((row - self.first) as u32);
        self.times.push(time.unwrap_or(UNTIMED));
        let last = self.kinds.last().copied().filter(|number| self.known[*number as usize] == kind);
        let number = last.unwrap_or_else(|| {
            let place = self.known.iter().position(|one| *one == kind);
            place.unwrap_or_else(|| {
                self.known.push(kind);
                self.known.len() - 1
            }) as u32
        });
        self.kinds.push(number);
        self.bytes += FIXED;
    }

    /// Whether a row is too far from the first for this group.
    pub fn is_far(&self, row: i64) -> bool {
        !self.rows.is_empty() && row - self.first > SPAN
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Its rows' places in the log.
    pub fn places(&self) -> Vec<i64> {
        self.rows.iter().map(|row| self.first + i64::from(*row)).collect()
    }

    /// The last row's text of a column of values.
    pub fn value(&mut self, column: usize, text: &[u8]) {
        self.bytes += self.values[column].push(self.rows.len() as u32 - 1, text);
    }

    /// The last row's record as it is.
    pub fn record(&mut self, text: &[u8]) {
        self.bytes += self.raw.push(self.rows.len() as u32 - 1, text);
    }

    /// Each row's level, logger and template.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.kinds.iter().map(|number| self.known[*number as usize])
    }
}
