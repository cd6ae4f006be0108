//! Parquet back into the log it was: rows of all row groups, merged by their place.
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read};

use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::statistics::Statistics;

use super::fault::{bad, damaged, foreign, guarded, said, Outcome};
use super::group::{Forms, Group, Runs};
use super::narrow::{rows, runs, Asked};
use super::time::Unit;
use super::{ROW, TIME, VERSION};
use crate::query::formats::Format;

const BLOCK: usize = 256 << 10;

/// A row group, opened when its first row has its turn.
#[derive(Default)]
struct Part {
    open: Option<Group>,
    /// Rows given so far.
    given: usize,
    /// Which rows are read; all of them where this is None.
    runs: Option<Runs>,
}

/// An archive as the bytes of the log it was made of.
pub struct Restored {
    reader: SerializedFileReader<File>,
    parts: Vec<Part>,
    /// Each part's next row; of one that is not open yet, a row before which it has none.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    forms: Forms,
    unit: Unit,
    buffer: Vec<u8>,
    at: usize,
    newline: bool,
    told: Told,
    /// Bytes given so far.
    given: u64,
    size: u64,
    checksum: u32,
}

/// How the log's lines were recognised when it was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// By which it was cut into rows; none where they cannot be told.
    pub formats: Vec<Format>,
    /// Those that were known then.
    pub known: Vec<Format>,
}

/// A group's least and greatest place of a row.
fn places(group: &RowGroupMetaData) -> (i64, i64) {
    match group.columns().get(ROW).and_then(|column| column.statistics()) {
        Some(Statistics::Int64(told)) => {
            (told.min_opt().copied().unwrap_or(i64::MIN), told.max_opt().copied().unwrap_or(i64::MAX))
        }
        _ => (i64::MIN, i64::MAX),
    }
}

/// What is said of the log beside its rows.
fn told<'a>(metadata: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// The formats that lines tell; None where one is not known.
fn formats(lines: Option<&str>) -> Option<Vec<Format>> {
    lines?.lines().map(Format::of_told).collect()
}

impl Restored {
    pub fn open(file: File) -> Outcome<Self> {
        guarded(|| Self::begin(file))
    }

    fn begin(file: File) -> Outcome<Self> {
        let reader = SerializedFileReader::new(file)?;
        let metadata = reader.metadata();
        let version = told(metadata, "cordwood.version").ok_or_else(foreign)?;
        if version.parse::<u32>().map_or(true, |version| version > VERSION) {
            return Err(bad("this archive was written by a newer Cordwood"));
        }
        let number = |key: &str| told(metadata, key)?.parse::<u64>().ok();
        let (size, checksum) = number("cordwood.size").zip(number("cordwood.crc32c")).ok_or_else(damaged)?;
        let schema = metadata.file_metadata().schema_descr();
        if schema.num_columns() != super::COLUMNS {
            return Err(foreign());
        }
        let unit = Unit::of(schema.column(TIME).logical_type_ref()).ok_or_else(foreign)?;
        let groups = metadata.row_groups();
        // Each row is a byte at least, but the last may be none.
        let rows: i128 = groups.iter().map(|group| i128::from(group.num_rows())).sum();
        if groups.iter().any(|group| group.num_rows() < 0) || rows > i128::from(size) + 1 {
            return Err(damaged());
        }
        let order = groups.iter().enumerate().filter(|(_, group)| group.num_rows() > 0);
        let order = order.map(|(place, group)| Reverse((places(group).0, place))).collect();
        let parts = std::iter::repeat_with(Part::default).take(groups.len()).collect();
        let before = told(metadata, "cordwood.before").and_then(unhex).ok_or_else(damaged)?;
        let newline = told(metadata, "cordwood.newline").ok_or_else(damaged)? == "1";
        let told = Told {
            formats: formats(told(metadata, "cordwood.formats")).unwrap_or_default(),
            known: formats(told(metadata, "cordwood.known")).unwrap_or_default(),
        };
        Ok(Self {
            parts,
            order,
            forms: Forms::new(),
            unit,
            buffer: before,
            at: 0,
            newline,
            told,
            given: 0,
            size,
            checksum: checksum as u32,
            reader,
        })
    }

    pub fn told(&self) -> &Told {
        &self.told
    }

    /// The log's size and checksum.
    pub fn sum(&self) -> (u64, u32) {
        (self.size, self.checksum)
    }

    /// What stands before the first record, until it is read.
    pub fn before(&self) -> &[u8] {
        if self.given == 0 {
            &self.buffer
        } else {
            &[]
        }
    }

    /// From here on leaves out rows that cannot answer, but not the last: what follows the log may go on with it.
    pub fn narrow(&mut self, asked: &Asked<'_>) -> Outcome<()> {
        guarded(|| self.leave_out(asked))
    }

    fn leave_out(&mut self, asked: &Asked<'_>) -> Outcome<()> {
        let groups = self.reader.metadata().row_groups();
        let last = groups.iter().enumerate().max_by_key(|(_, group)| places(group).1).map(|(place, _)| place);
        for Reverse((_, place)) in std::mem::take(&mut self.order) {
            let group = self.reader.get_row_group(place)?;
            let count = group.metadata().num_rows() as usize;
            let part = &mut self.parts[place];
            let mut wanted = rows(&*group, asked, self.unit)?.unwrap_or_default();
            if Some(place) == last {
                wanted.resize(count, false);
                wanted[count - 1] = true;
            }
            let given = part.given.min(wanted.len());
            wanted[..given].fill(false);
            let runs = runs(&wanted);
            if runs.is_empty() {
                continue;
            }
            *part = Part { runs: Some(runs), ..Part::default() };
            self.order.push(Reverse((places(group.metadata()).0, place)));
        }
        Ok(())
    }

    fn fill(&mut self) -> Outcome<()> {
        self.buffer.clear();
        self.at = 0;
        // Who asks for the first record only shall not wait for groups that it does not stand in.
        let enough = if self.given == 0 { 1 } else { BLOCK };
        while self.buffer.len() < enough {
            let Some(mut top) = self.order.peek_mut() else { break };
            let place = top.0 .1;
            let part = &mut self.parts[place];
            let Some(group) = &mut part.open else {
                let group = self.reader.get_row_group(place)?;
                let group = part.open.insert(Group::open(&*group, self.unit, part.runs.take())?);
                match group.next_row()? {
                    Some(row) => top.0 .0 = row,
                    None => drop(PeekMut::pop(top)),
                }
                continue;
            };
            group.text(&mut self.forms, &mut self.buffer)?;
            if self.given + self.buffer.len() as u64 > self.size {
                return Err(damaged());
            }
            part.given += 1;
            if let Some(row) = group.next_row()? {
                top.0 .0 = row;
                drop(top);
            } else {
                // Its dictionaries are no longer needed.
                part.open = None;
                PeekMut::pop(top);
            }
            if self.newline || !self.order.is_empty() {
                self.buffer.push(b'\n');
            }
        }
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2).map(|place| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()).collect()
}

impl Read for Restored {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            guarded(|| self.fill()).map_err(|error| io::Error::other(said(&error)))?;
        }
        let count = out.len().min(self.buffer.len() - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        self.given += count as u64;
        Ok(count)
    }
}
