//! A log into Parquet ([`crate::columnar`]): rows gathered by template, in bounded memory.
mod row;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use crate::columnar;
use crate::columnar::form::{rebuild, steps, Step};
use crate::columnar::{
    damaged, properties, schema, BYTES, COLUMNS, FIRST_VALUE, LEVEL, LOGGER, ROW, TEMPLATE, TIME, VALUES,
};
use crate::error::{Error, Result};
use crate::mine::Miner;
use crate::scan::{Input, Records};
use crate::when::Zone;
use row::Row;

/// Templates that are kept apart; the rarer ones share row groups.
const GROUPS: usize = 200;
const BLOCK: usize = 1 << 20;
/// Bytes of rows in memory; when there are more, the largest group is written.
const BUFFERED: usize = 192 << 20;

/// What was packed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    pub size: u64,
    pub rows: u64,
}

/// Rows of like templates, column by column.
struct Group {
    rows: Vec<i64>,
    times: Vec<Option<i64>>,
    levels: Vec<i32>,
    loggers: Vec<u32>,
    /// `NONE` where `raw` has the record.
    shapes: Vec<u32>,
    values: Vec<Texts>,
    raw: Texts,
    bytes: usize,
}

const NONE: u32 = u32::MAX;

/// Texts of a column, one after the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Which rows of the group have one.
    rows: Vec<u32>,
}

impl Texts {
    fn push(&mut self, row: usize, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.rows.push(row as u32);
    }

    /// The texts, and for each row of the group whether it has one.
    fn column(self, rows: usize) -> (Vec<ByteArray>, Vec<i16>) {
        let all = bytes::Bytes::from(self.bytes);
        let mut start = 0;
        let texts =
            self.ends.iter().map(|end| ByteArray::from(all.slice(std::mem::replace(&mut start, *end)..*end))).collect();
        let mut defined = vec![0; rows];
        for row in self.rows {
            defined[row as usize] = 1;
        }
        (texts, defined)
    }
}

impl Group {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            times: Vec::new(),
            levels: Vec::new(),
            loggers: Vec::new(),
            shapes: Vec::new(),
            values: std::iter::repeat_with(Texts::default).take(VALUES).collect(),
            raw: Texts::default(),
            bytes: 0,
        }
    }
}

/// Numbers for texts that come again and again.
#[derive(Default)]
struct Names {
    numbers: HashMap<Vec<u8>, u32>,
    texts: Vec<ByteArray>,
}

impl Names {
    fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.numbers.insert(text.to_vec(), number);
        self.texts.push(ByteArray::from(text.to_vec()));
        number
    }
}

struct Packer<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    groups: Vec<Group>,
    shapes: Names,
    forms: Vec<Vec<Step>>,
    loggers: Names,
    row: Row,
    scratch: Vec<u8>,
    rows: i64,
}

/// Pack a plain log file into `target`, which is made or cut. The zone only serves to recognise times.
pub fn pack(source: &Path, target: &Path) -> Result<Packed> {
    let failed = |error| Error::io("read", source, error);
    let file = File::open(source).map_err(failed)?;
    let (size, checksum) = measure(&file).map_err(failed)?;
    let (miner, of) = mined(source)?;
    let out = File::create(target).map_err(|error| Error::io("write", target, error))?;
    let wrong = |error: ParquetError| damaged(target, &error);
    let zone = Arc::new(Zone::fixed(0));
    let mut records = Records::new(Input::open(source)?, &[], zone, 0).map_err(failed)?;
    let first = records.position();
    let writer = SerializedFileWriter::new(
        BufWriter::with_capacity(1 << 20, out),
        schema().map_err(wrong)?,
        Arc::new(properties(Vec::new()).map_err(wrong)?),
    )
    .map_err(wrong)?;
    let mut packer = Packer::new(writer);
    let (mut head, mut ends) = (None, true);
    let mut whole = Vec::new();
    while let Some(record) = records.next_record().map_err(failed)? {
        let (offset, length) = (record.offset, record.raw.len() as u64);
        let group = miner.find(record.message).map_or(GROUPS, |number| (of[number as usize] as usize).min(GROUPS));
        whole.clear();
        whole.extend_from_slice(record.raw);
        let (level, logger) = (record.level, packer.loggers.number(record.logger));
        let next = records.position();
        head.get_or_insert(offset);
        if next != offset + length + 1 || next == size {
            whole.resize((next - offset) as usize, 0);
            file.read_exact_at(&mut whole[length as usize..], offset + length).map_err(failed)?;
            ends = whole.last() == Some(&b'\n');
            if ends {
                whole.pop();
            } else if next != size {
                return Err(failed(std::io::Error::other("a line of it is too long for an archive")));
            }
        }
        packer.add(&whole, level, logger, group).map_err(wrong)?;
    }
    let head = head.unwrap_or(size).max(first.min(size));
    let mut before = vec![0; head as usize];
    file.read_exact_at(&mut before, 0).map_err(failed)?;
    let rows = packer.rows as u64;
    packer.finish(&before, ends, size, checksum).map_err(wrong)?;
    Ok(Packed { size, rows })
}

/// Write the log that a packed file of any form was made of.
pub fn unpack(source: &Path, target: &Path) -> Result<u64> {
    let mut input = Input::open(source)?;
    let Input::Columns(_) = input else {
        let mut out = File::create(target).map_err(|error| Error::io("write", target, error))?;
        let mut block = vec![0; BLOCK];
        let mut size = 0;
        loop {
            let read = input.read(&mut block).map_err(|error| Error::io("read", source, error))?;
            if read == 0 {
                return Ok(size);
            }
            size += read as u64;
            out.write_all(&block[..read]).map_err(|error| Error::io("write", target, error))?;
        }
    };
    columnar::restore(source, target)
}

/// The templates of the file: which rows belong together.
fn mined(source: &Path) -> Result<(Miner, Vec<u32>)> {
    let failed = |error| Error::io("read", source, error);
    let mut records = Records::new(Input::open(source)?, &[], Arc::new(Zone::fixed(0)), 0).map_err(failed)?;
    let mut miner = Miner::default();
    while let Some(record) = records.next_record().map_err(failed)? {
        miner.add(record.message);
    }
    let (_, of) = miner.templates();
    Ok((miner, of))
}

fn measure(mut file: &File) -> std::io::Result<(u64, u32)> {
    let mut block = vec![0; 1 << 20];
    let (mut size, mut checksum) = (0, 0);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        checksum = crc32c::crc32c_append(checksum, &block[..read]);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok((size, checksum))
}

impl<W: Write + Send> Packer<W> {
    fn new(writer: SerializedFileWriter<W>) -> Self {
        Self {
            writer,
            groups: std::iter::repeat_with(Group::new).take(GROUPS + 1).collect(),
            shapes: Names::default(),
            forms: Vec::new(),
            loggers: Names::default(),
            row: Row::default(),
            scratch: Vec::new(),
            rows: 0,
        }
    }

    fn add(&mut self, text: &[u8], level: i32, logger: u32, group: usize) -> std::result::Result<(), ParquetError> {
        let shape = self.shape(text);
        let group = &mut self.groups[group];
        let place = group.rows.len();
        group.rows.push(self.rows);
        self.rows += 1;
        group.times.push(if shape == NONE { None } else { self.row.time });
        group.levels.push(level);
        group.loggers.push(logger);
        group.shapes.push(shape);
        if shape == NONE {
            group.raw.push(place, text);
            group.bytes += text.len();
        } else {
            for (column, range) in group.values.iter_mut().zip(&self.row.values) {
                column.push(place, &text[range.clone()]);
                group.bytes += range.len() + 16;
            }
        }
        group.bytes += 32;
        if self.rows % 4096 == 0 && self.groups.iter().map(|group| group.bytes).sum::<usize>() > BUFFERED {
            let largest = (0..self.groups.len()).max_by_key(|place| self.groups[*place].bytes).unwrap_or(0);
            self.write(largest)?;
        }
        Ok(())
    }

    /// The number of the record's template, if it can be told by one and is given back whole.
    fn shape(&mut self, text: &[u8]) -> u32 {
        if std::str::from_utf8(text).is_err() || self.row.read(text).is_none() {
            return NONE;
        }
        let number = self.shapes.number(&self.row.template);
        if number as usize == self.forms.len() {
            self.forms.push(steps(&self.row.template));
        }
        self.scratch.clear();
        let values = self.row.values.iter().map(|range| &text[range.clone()]);
        let whole = rebuild(&self.forms[number as usize], self.row.time, values, &mut self.scratch);
        if whole.is_some() && self.scratch == text {
            number
        } else {
            NONE
        }
    }

    /// Write a group's rows as a row group.
    fn write(&mut self, group: usize) -> std::result::Result<(), ParquetError> {
        let group = std::mem::replace(&mut self.groups[group], Group::new());
        let rows = group.rows.len();
        let mut out = self.writer.next_row_group()?;
        let mut values = group.values.into_iter();
        let mut raw = Some(group.raw);
        for place in 0..COLUMNS {
            let Some(mut column) = out.next_column()? else { break };
            match (place, column.untyped()) {
                (ROW, ColumnWriter::Int64ColumnWriter(column)) => {
                    column.write_batch(&group.rows, None, None)?;
                }
                (TIME, ColumnWriter::Int64ColumnWriter(column)) => {
                    let defined: Vec<i16> = group.times.iter().map(|time| i16::from(time.is_some())).collect();
                    let times: Vec<i64> = group.times.iter().flatten().copied().collect();
                    column.write_batch(&times, Some(&defined), None)?;
                }
                (LEVEL, ColumnWriter::Int32ColumnWriter(column)) => {
                    let defined: Vec<i16> = group.levels.iter().map(|level| i16::from(*level != 0)).collect();
                    let levels: Vec<i32> = group.levels.iter().copied().filter(|level| *level != 0).collect();
                    column.write_batch(&levels, Some(&defined), None)?;
                }
                (LOGGER, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let told = |number: &u32| &self.loggers.texts[*number as usize];
                    let defined: Vec<i16> =
                        group.loggers.iter().map(|number| i16::from(!told(number).is_empty())).collect();
                    let loggers: Vec<ByteArray> =
                        group.loggers.iter().map(told).filter(|name| !name.is_empty()).cloned().collect();
                    column.write_batch(&loggers, Some(&defined), None)?;
                }
                (TEMPLATE, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let defined: Vec<i16> = group.shapes.iter().map(|shape| i16::from(*shape != NONE)).collect();
                    let shapes = group.shapes.iter().filter(|shape| **shape != NONE);
                    let texts: Vec<ByteArray> =
                        shapes.map(|shape| self.shapes.texts[*shape as usize].clone()).collect();
                    column.write_batch(&texts, Some(&defined), None)?;
                }
                (FIRST_VALUE..=BYTES, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let texts = if place == BYTES { raw.take() } else { values.next() };
                    let (texts, defined) = texts.unwrap_or_default().column(rows);
                    column.write_batch(&texts, Some(&defined), None)?;
                }
                _ => return Err(ParquetError::General("a column is of another type".to_owned())),
            }
            column.close()?;
        }
        out.close()?;
        Ok(())
    }

    fn finish(mut self, before: &[u8], ends: bool, size: u64, checksum: u32) -> std::result::Result<(), ParquetError> {
        for group in 0..self.groups.len() {
            if !self.groups[group].rows.is_empty() {
                self.write(group)?;
            }
        }
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        let hex: String = before.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        for (key, value) in [
            ("cordwood.version", "1".to_owned()),
            ("cordwood.before", hex),
            ("cordwood.newline", u8::from(ends).to_string()),
            ("cordwood.size", size.to_string()),
            ("cordwood.crc32c", checksum.to_string()),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.writer.close()?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
