//! Rows in memory into row groups of a Parquet file.
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::stretch::{Kind, Line, Lines, Reader, Stretch};
use crate::query::columnar::chunk::{Chunk, Codec};
use crate::query::columnar::fault::{foreign, Outcome};
use crate::query::columnar::hybrid::width;
use crate::query::columnar::time::Unit;
use crate::query::columnar::{properties, schema, FIRST_VALUE, LEVEL, LOGGER, TEMPLATE, VALUES};

/// Rows of a page, and bytes of one whose texts are written out.
const PAGE: usize = 16 << 10;
const PAGE_BYTES: usize = 1 << 20;
/// Bytes of a dictionary at the most.
const DICTIONARY: usize = 32 << 20;
/// Rows handed to the library at once.
const BATCH: usize = 8 << 10;

pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    unit: Unit,
    codec: Codec,
    /// By a text's number: rows of a column that have it, then its number in the dictionary; zero between columns.
    scratch: Vec<u32>,
}

impl<W: Write + Send> Writer<W> {
    pub fn new(out: W, unit: Unit) -> Outcome<Self> {
        let file = SerializedFileWriter::new(out, schema(unit)?, Arc::new(properties()?))?;
        Ok(Self { file, unit, codec: Codec::new()?, scratch: Vec::new() })
    }

    pub fn unit(&self) -> Unit {
        self.unit
    }

    pub fn finish(mut self, metadata: Vec<(&str, String)>) -> Outcome<()> {
        for (key, value) in metadata {
            self.file.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.file.close()?;
        Ok(())
    }

    /// Writes rows as a row group.
    pub fn group(&mut self, lines: &Lines, stretch: &Stretch) -> Outcome<()> {
        let (rows, unit) = (Rows::new(lines, stretch), self.unit);
        self.scratch.resize(rows.numbers().max(self.scratch.len()), 0);
        let descriptions = self.file.schema_descr().columns().to_vec();
        let mut out = self.file.next_row_group()?;
        whole(&mut out, &rows, &|line| Some(line.place))?;
        whole(&mut out, &rows, &|line| line.time.map(|time| unit.of_micros(time)))?;
        for (place, description) in descriptions.iter().enumerate().skip(LEVEL) {
            let mut chunk = Chunk::new(&mut self.codec);
            let nulls = Column { rows: &rows, place }.write(&mut self.scratch, &mut chunk)?;
            let nulls = Some(nulls as u64);
            let statistics = if place == LEVEL {
                let (least, most) = rows.levels.map_or((None, None), |(least, most)| (Some(least), Some(most)));
                Statistics::new(least, most, None, nulls, false)
            } else {
                Statistics::new::<ByteArray>(None, None, None, nulls, false)
            };
            chunk.close(description, statistics, &mut out)?;
        }
        out.close()?;
        Ok(())
    }
}

/// The rows of a row group, and what their columns hold.
struct Rows<'a> {
    lines: &'a Lines,
    stretch: &'a Stretch,
    /// For each kind its level, and the first kind of that level, which stands for it.
    kinds: Vec<([u8; 4], u32)>,
    /// The least and the greatest level.
    levels: Option<(i32, i32)>,
    /// Which columns of values, and of records as they are, hold anything.
    used: [bool; VALUES + 1],
}

impl<'a> Rows<'a> {
    fn new(lines: &'a Lines, stretch: &'a Stretch) -> Self {
        let mut first = HashMap::new();
        let first = |(kind, place): (&Kind, u32)| (kind.level.to_le_bytes(), *first.entry(kind.level).or_insert(place));
        let kinds = stretch.kinds.iter().zip(0..).map(first).collect();
        let (mut used, mut levels) = ([false; VALUES + 1], None);
        let mut reader = lines.read(stretch);
        while let Some(line) = reader.next_line() {
            for (column, used) in used.iter_mut().enumerate() {
                *used |= stretch.value(line, column).is_some();
            }
            let level = stretch.kinds[line.kind as usize].level;
            if level != 0 {
                let (least, most): (i32, i32) = levels.unwrap_or((level, level));
                levels = Some((least.min(level), most.max(level)));
            }
        }
        Self { lines, stretch, kinds, levels, used }
    }

    /// What all numbers of texts are below.
    fn numbers(&self) -> usize {
        self.stretch.texts.count().max(self.stretch.templates.count()).max(self.kinds.len())
    }

    fn is_used(&self, column: usize) -> bool {
        column < FIRST_VALUE || self.used[column - FIRST_VALUE]
    }

    /// The number of the text that a row has in a column.
    #[inline]
    fn number(&self, column: usize, line: &Line) -> Option<u32> {
        let kind = || &self.stretch.kinds[line.kind as usize];
        match column {
            LEVEL => (kind().level != 0).then(|| self.kinds[line.kind as usize].1),
            LOGGER => Some(kind().logger).filter(|name| !self.stretch.texts.text(*name).is_empty()),
            TEMPLATE => kind().shape,
            _ => self.stretch.value(line, column - FIRST_VALUE),
        }
    }

    #[inline]
    fn text(&self, column: usize, number: u32) -> &[u8] {
        match column {
            LEVEL => &self.kinds[number as usize].0,
            TEMPLATE => self.stretch.templates.text(number),
            _ => self.stretch.texts.text(number),
        }
    }
}

/// Writes a column of whole numbers, by the library.
fn whole<W: Write + Send>(
    out: &mut SerializedRowGroupWriter<'_, W>,
    rows: &Rows<'_>,
    number: &dyn Fn(&Line) -> Option<i64>,
) -> Outcome<()> {
    let mut column = out.next_column()?.ok_or_else(foreign)?;
    let ColumnWriter::Int64ColumnWriter(writer) = column.untyped() else { return Err(foreign()) };
    let is_optional = writer.get_descriptor().max_def_level() > 0;
    let mut reader = rows.lines.read(rows.stretch);
    let (mut numbers, mut defined) = (Vec::new(), Vec::new());
    loop {
        let found = reader.next_line().map(number);
        if let Some(found) = found {
            numbers.extend(found);
            defined.push(i16::from(found.is_some()));
        }
        if defined.len() == BATCH || found.is_none() {
            writer.write_batch(&numbers, is_optional.then_some(&*defined), None)?;
            numbers.clear();
            defined.clear();
        }
        if found.is_none() {
            break;
        }
    }
    column.close()
}

/// The rows of a page.
#[derive(Default)]
struct Page {
    defined: Vec<u32>,
    numbers: Vec<u32>,
    plain: Vec<u8>,
}

/// A column of texts, or of levels, which are texts of four bytes.
struct Column<'a> {
    rows: &'a Rows<'a>,
    place: usize,
}

impl Column<'_> {
    fn reader(&self) -> Reader<'_> {
        self.rows.lines.read(self.rows.stretch)
    }

    fn number(&self, line: &Line) -> Option<u32> {
        self.rows.number(self.place, line)
    }

    fn text(&self, number: u32) -> &[u8] {
        self.rows.text(self.place, number)
    }

    /// All texts are of one length, which is not written.
    fn is_fixed(&self) -> bool {
        self.place == LEVEL
    }

    /// Writes the column; how many rows have no value.
    fn write(&self, scratch: &mut [u32], chunk: &mut Chunk<'_>) -> Outcome<usize> {
        let rows = self.rows.lines.count;
        if !self.rows.is_used(self.place) {
            chunk.plain(&vec![0; rows], &[])?;
            return Ok(rows);
        }
        let (mut used, mut count) = (Vec::new(), 0);
        let mut reader = self.reader();
        while let Some(line) = reader.next_line() {
            if let Some(number) = self.number(line) {
                let times = &mut scratch[number as usize];
                if *times == 0 {
                    used.push(number);
                }
                *times += 1;
                count += 1;
            }
        }
        let size = |number: u32| self.text(number).len() + 4;
        let dictionary: usize = used.iter().map(|number| size(*number)).sum();
        let plain: usize = used.iter().map(|number| size(*number) * scratch[*number as usize] as usize).sum();
        let numbers = count * usize::from(width(used.len() as u32)) / 8;
        let is_numbered = self.is_fixed() || dictionary <= DICTIONARY && (dictionary + numbers) * 10 <= plain * 9;
        if is_numbered {
            self.dictionary(&mut used, dictionary, scratch, chunk)?;
        }
        self.pages(is_numbered.then_some((&*scratch, used.len())), chunk)?;
        for number in &used {
            scratch[*number as usize] = 0;
        }
        Ok(rows - count)
    }

    /// Writes the different texts, like ones beside each other, and tells each its number in `scratch`.
    fn dictionary(&self, used: &mut [u32], size: usize, scratch: &mut [u32], chunk: &mut Chunk<'_>) -> Outcome<()> {
        let begin = |text: &[u8]| {
            let mut begin = [0; 8];
            let length = text.len().min(8);
            begin[..length].copy_from_slice(&text[..length]);
            u64::from_be_bytes(begin)
        };
        let key = |number: &u32| (self.text(*number).len(), begin(self.text(*number)));
        let mut keyed: Vec<_> = used.iter().map(|number| (key(number), *number)).collect();
        keyed.sort_unstable_by(|(left, one), (right, other)| {
            left.cmp(right).then_with(|| self.text(*one).cmp(self.text(*other)))
        });
        let mut bytes = Vec::with_capacity(size);
        for (place, ((length, _), number)) in keyed.iter().enumerate() {
            if !self.is_fixed() {
                bytes.extend_from_slice(&(*length as u32).to_le_bytes());
            }
            bytes.extend_from_slice(self.text(*number));
            scratch[*number as usize] = place as u32;
        }
        chunk.dictionary(&bytes, keyed.len())
    }

    /// Writes the rows: by their numbers in a dictionary of so many, or written out.
    fn pages(&self, numbered: Option<(&[u32], usize)>, chunk: &mut Chunk<'_>) -> Outcome<()> {
        let mut reader = self.reader();
        let mut page = Page::default();
        loop {
            let line = reader.next_line();
            let is_last = line.is_none();
            if let Some(line) = line {
                let number = self.number(line);
                page.defined.push(u32::from(number.is_some()));
                match (number, numbered) {
                    (Some(number), Some((places, _))) => page.numbers.push(places[number as usize]),
                    (Some(number), None) => {
                        let text = self.text(number);
                        page.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
                        page.plain.extend_from_slice(text);
                    }
                    (None, _) => {}
                }
            }
            let is_full = page.defined.len() == PAGE || page.plain.len() > PAGE_BYTES;
            if is_full || is_last && !page.defined.is_empty() {
                match numbered {
                    Some((_, of)) => chunk.numbers(&page.defined, &page.numbers, of)?,
                    None => chunk.plain(&page.defined, &page.plain)?,
                }
                page.defined.clear();
                page.numbers.clear();
                page.plain.clear();
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
