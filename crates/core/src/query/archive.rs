//! A log into Parquet ([`crate::query::columnar`]): rows gathered by template, in bounded memory.
mod group;
mod row;

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

use crate::error::{Error, Result};
use crate::query::columnar;
use crate::query::columnar::form::{rebuild, steps, Step};
use crate::query::columnar::time::Unit;
use crate::query::columnar::{
    damaged, properties, schema, BYTES, COLUMNS, FIRST_VALUE, LEVEL, LOGGER, ROW, TEMPLATE, TIME,
};
use crate::query::mine::Miner;
use crate::query::scan::{Input, Records};
use crate::query::when::Zone;
use group::{Group, Kind, Names, UNTIMED};
use row::Row;

/// Templates that are kept apart; the rarer ones share row groups.
const GROUPS: usize = 200;
const BLOCK: usize = 1 << 20;
/// Bytes of rows in memory; when there are more, the largest group is written.
const BUFFERED: usize = 320 << 20;

/// What was packed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    pub size: u64,
    pub rows: u64,
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
    unit: Unit,
}

/// What a look at the whole log tells before it is packed.
struct Survey {
    miner: Miner,
    /// Which group each of the miner's numbers belongs to.
    groups: Vec<u32>,
    unit: Unit,
}

/// Pack a plain log file into `target`, which is made or cut. The zone only serves to recognise times.
pub fn pack(source: &Path, target: &Path) -> Result<Packed> {
    let failed = |error| Error::io("read", source, error);
    let file = File::open(source).map_err(failed)?;
    let (size, checksum) = measure(&file).map_err(failed)?;
    let survey = survey(source)?;
    let out = File::create(target).map_err(|error| Error::io("write", target, error))?;
    let wrong = |error: ParquetError| damaged(target, &error);
    let zone = Arc::new(Zone::fixed(0));
    let mut records = Records::exact(Input::open(source)?, &[], zone, 0).map_err(failed)?;
    let formats = records.named();
    let first = records.position();
    let writer = SerializedFileWriter::new(
        BufWriter::with_capacity(1 << 20, out),
        schema(survey.unit).map_err(wrong)?,
        Arc::new(properties(Vec::new()).map_err(wrong)?),
    )
    .map_err(wrong)?;
    let mut packer = Packer::new(writer, survey.unit);
    let (mut head, mut ends) = (None, true);
    let mut whole = Vec::new();
    while let Some(record) = records.next_record().map_err(failed)? {
        let (offset, length) = (record.offset, record.raw.len() as u64);
        let group = survey.group(record.message);
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
    packer.finish(&before, ends, (size, checksum), &formats).map_err(wrong)?;
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

impl Survey {
    /// The group of a record, by its message.
    fn group(&self, message: &[u8]) -> usize {
        self.miner.find(message).map_or(GROUPS, |number| (self.groups[number as usize] as usize).min(GROUPS))
    }
}

/// The templates of the file, by which rows belong together, and how fine its times are.
fn survey(source: &Path) -> Result<Survey> {
    let failed = |error| Error::io("read", source, error);
    let mut records = Records::exact(Input::open(source)?, &[], Arc::new(Zone::fixed(0)), 0).map_err(failed)?;
    let (mut miner, mut digits) = (Miner::default(), 0);
    while let Some(record) = records.next_record().map_err(failed)? {
        miner.add(record.message);
        digits = digits.max(row::digits(record.raw));
    }
    let (_, groups) = miner.templates();
    Ok(Survey { miner, groups, unit: if digits > 3 { Unit::Micros } else { Unit::Millis } })
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
    fn new(writer: SerializedFileWriter<W>, unit: Unit) -> Self {
        Self {
            writer,
            groups: std::iter::repeat_with(Group::new).take(GROUPS + 1).collect(),
            shapes: Names::default(),
            forms: Vec::new(),
            loggers: Names::default(),
            row: Row::default(),
            scratch: Vec::new(),
            rows: 0,
            unit,
        }
    }

    fn add(&mut self, text: &[u8], level: i32, logger: u32, group: usize) -> std::result::Result<(), ParquetError> {
        let shape = self.shape(text);
        if self.groups[group].is_far(self.rows) {
            self.write(group)?;
        }
        let group = &mut self.groups[group];
        group.push(self.rows, self.row.time.filter(|_| shape.is_some()), Kind { level, logger, shape });
        self.rows += 1;
        if shape.is_some() {
            for (column, range) in self.row.values.iter().enumerate() {
                group.value(column, &text[range.clone()]);
            }
        } else {
            group.record(text);
        }
        if self.rows % 4096 == 0 && self.groups.iter().map(|group| group.bytes).sum::<usize>() > BUFFERED {
            let largest = (0..self.groups.len()).max_by_key(|place| self.groups[*place].bytes).unwrap_or(0);
            self.write(largest)?;
        }
        Ok(())
    }

    /// The number of the record's template, if it can be told by one and is given back whole.
    fn shape(&mut self, text: &[u8]) -> Option<u32> {
        if std::str::from_utf8(text).is_err() || self.row.read(text).is_none() {
            return None;
        }
        let number = self.shapes.number(&self.row.template);
        if number as usize == self.forms.len() {
            self.forms.push(steps(&self.row.template));
        }
        self.scratch.clear();
        let values = self.row.values.iter().map(|range| &text[range.clone()]);
        let whole = rebuild(&self.forms[number as usize], self.row.time, values, &mut self.scratch);
        (whole.is_some() && self.scratch == text).then_some(number)
    }

    /// Write a group's rows as a row group.
    fn write(&mut self, group: usize) -> std::result::Result<(), ParquetError> {
        let group = std::mem::replace(&mut self.groups[group], Group::new());
        let rows = group.count();
        let mut out = self.writer.next_row_group()?;
        let (places, kinds) = (group.places(), group.kinds().collect::<Vec<Kind>>());
        let defined = |is: &dyn Fn(&Kind) -> bool| kinds.iter().map(|kind| i16::from(is(kind))).collect::<Vec<_>>();
        let mut values = group.values.into_iter();
        let mut raw = Some(group.raw);
        for place in 0..COLUMNS {
            let Some(mut column) = out.next_column()? else { break };
            match (place, column.untyped()) {
                (ROW, ColumnWriter::Int64ColumnWriter(column)) => {
                    column.write_batch(&places, None, None)?;
                }
                (TIME, ColumnWriter::Int64ColumnWriter(column)) => {
                    let told: Vec<i16> = group.times.iter().map(|time| i16::from(*time != UNTIMED)).collect();
                    let times = group.times.iter().filter(|time| **time != UNTIMED);
                    let times: Vec<i64> = times.map(|time| self.unit.of_micros(*time)).collect();
                    column.write_batch(&times, Some(&told), None)?;
                }
                (LEVEL, ColumnWriter::Int32ColumnWriter(column)) => {
                    let levels: Vec<i32> = kinds.iter().map(|kind| kind.level).filter(|level| *level != 0).collect();
                    column.write_batch(&levels, Some(&defined(&|kind| kind.level != 0)), None)?;
                }
                (LOGGER, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let name = |kind: &Kind| self.loggers.text(kind.logger);
                    let names = kinds.iter().map(name).filter(|name| !name.is_empty());
                    let names: Vec<ByteArray> = names.map(ByteArray::from).collect();
                    column.write_batch(&names, Some(&defined(&|kind| !name(kind).is_empty())), None)?;
                }
                (TEMPLATE, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let known: Vec<_> = (0..self.shapes.count() as u32).map(|n| self.shapes.text(n).into()).collect();
                    let shapes = kinds.iter().filter_map(|kind| kind.shape);
                    let texts: Vec<ByteArray> = shapes.map(|shape| ByteArray::clone(&known[shape as usize])).collect();
                    column.write_batch(&texts, Some(&defined(&|kind| kind.shape.is_some())), None)?;
                }
                (FIRST_VALUE..=BYTES, ColumnWriter::ByteArrayColumnWriter(column)) => {
                    let texts = if place == BYTES { raw.take() } else { values.next() };
                    let (texts, defined) = texts.unwrap_or_default().written(rows);
                    column.write_batch(&texts, Some(&defined), None)?;
                }
                _ => return Err(ParquetError::General("a column is of another type".to_owned())),
            }
            column.close()?;
        }
        out.close()?;
        Ok(())
    }

    fn finish(
        mut self,
        before: &[u8],
        ends: bool,
        (size, checksum): (u64, u32),
        formats: &str,
    ) -> std::result::Result<(), ParquetError> {
        for group in 0..self.groups.len() {
            if self.groups[group].count() > 0 {
                self.write(group)?;
            }
        }
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        let hex: String = before.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        for (key, value) in [
            ("cordwood.version", columnar::VERSION.to_string()),
            ("cordwood.formats", formats.to_owned()),
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
