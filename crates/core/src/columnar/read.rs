//! Parquet back into the log it was: rows of all row groups, merged by their place.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;

use super::form::{rebuild, steps, Step};
use super::narrow::may_hold;
use super::{damaged, BYTES, FIRST_VALUE, ROW, TEMPLATE, TIME, VALUES};
use crate::error::{Error, Result};

/// Rows of a row group that are in memory at once.
const BATCH: usize = 2048;
const BLOCK: usize = 256 << 10;

/// A column's next values.
#[derive(Default)]
struct Numbers {
    values: Vec<i64>,
    defined: Vec<i16>,
    at: usize,
    value: usize,
}

#[derive(Default)]
struct Texts {
    values: Vec<ByteArray>,
    defined: Vec<i16>,
    at: usize,
    value: usize,
}

/// A row group, read in batches.
struct Group {
    columns: Vec<Option<ColumnReader>>,
    rows: Numbers,
    times: Numbers,
    templates: Texts,
    values: Vec<Texts>,
    raw: Texts,
    /// The last row's template, and its steps.
    template: Vec<u8>,
    form: Arc<[Step]>,
    left: usize,
    batch: usize,
    at: usize,
}

fn bad(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

fn read_numbers(
    column: &mut Option<ColumnReader>,
    count: usize,
    into: &mut Numbers,
) -> std::result::Result<(), ParquetError> {
    *into = Numbers::default();
    let Some(ColumnReader::Int64ColumnReader(column)) = column else {
        return Err(bad("this is no archive of Cordwood's"));
    };
    let (records, _, _) = column.read_records(count, Some(&mut into.defined), None, &mut into.values)?;
    if records == count {
        Ok(())
    } else {
        Err(bad("rows are missing"))
    }
}

fn read_texts(
    column: &mut Option<ColumnReader>,
    count: usize,
    into: &mut Texts,
) -> std::result::Result<(), ParquetError> {
    *into = Texts::default();
    let Some(ColumnReader::ByteArrayColumnReader(column)) = column else {
        return Err(bad("this is no archive of Cordwood's"));
    };
    let (records, _, _) = column.read_records(count, Some(&mut into.defined), None, &mut into.values)?;
    if records == count {
        Ok(())
    } else {
        Err(bad("rows are missing"))
    }
}

impl Texts {
    /// The next row's, if it has one.
    fn next(&mut self) -> Option<&[u8]> {
        let defined = self.defined.get(self.at).copied().unwrap_or(0) == 1;
        self.at += 1;
        if !defined {
            return None;
        }
        self.value += 1;
        self.values.get(self.value - 1).map(ByteArray::data)
    }
}

impl Numbers {
    fn next(&mut self) -> Option<i64> {
        // A required column has no levels.
        let defined = self.defined.get(self.at).copied().unwrap_or(i16::from(self.defined.is_empty())) == 1;
        self.at += 1;
        if !defined {
            return None;
        }
        self.value += 1;
        self.values.get(self.value - 1).copied()
    }
}

impl Group {
    fn open(reader: &dyn RowGroupReader) -> std::result::Result<Self, ParquetError> {
        let metadata = reader.metadata();
        if metadata.num_columns() != super::COLUMNS {
            return Err(bad("this is no archive of Cordwood's"));
        }
        let rows = metadata.num_rows();
        // A column of nulls is not read at all.
        let columns = (0..super::COLUMNS).map(|place| {
            let empty = place >= FIRST_VALUE
                && metadata
                    .column(place)
                    .statistics()
                    .and_then(|s| s.null_count_opt())
                    .is_some_and(|nulls| nulls as i64 == rows);
            if empty {
                Ok(None)
            } else {
                reader.get_column_reader(place).map(Some)
            }
        });
        let mut group = Self {
            columns: columns.collect::<std::result::Result<_, _>>()?,
            rows: Numbers::default(),
            times: Numbers::default(),
            templates: Texts::default(),
            values: std::iter::repeat_with(Texts::default).take(VALUES).collect(),
            raw: Texts::default(),
            template: Vec::new(),
            form: Arc::new([]),
            left: rows as usize,
            batch: 0,
            at: 0,
        };
        group.fill()?;
        Ok(group)
    }

    /// Read the next rows.
    fn fill(&mut self) -> std::result::Result<(), ParquetError> {
        self.batch = self.left.min(BATCH);
        self.left -= self.batch;
        self.at = 0;
        let count = self.batch;
        if count == 0 {
            return Ok(());
        }
        read_numbers(&mut self.columns[ROW], count, &mut self.rows)?;
        read_numbers(&mut self.columns[TIME], count, &mut self.times)?;
        read_texts(&mut self.columns[TEMPLATE], count, &mut self.templates)?;
        for (place, texts) in self.values.iter_mut().enumerate() {
            if self.columns[FIRST_VALUE + place].is_some() {
                read_texts(&mut self.columns[FIRST_VALUE + place], count, texts)?;
            }
        }
        if self.columns[BYTES].is_some() {
            read_texts(&mut self.columns[BYTES], count, &mut self.raw)?;
        }
        Ok(())
    }

    /// The place of the next row among all.
    fn next_row(&mut self) -> std::result::Result<Option<i64>, ParquetError> {
        if self.at == self.batch {
            self.fill()?;
        }
        Ok(if self.batch == 0 { None } else { self.rows.next() })
    }

    /// The text of the row whose place was asked for.
    fn text(
        &mut self,
        forms: &mut HashMap<Vec<u8>, Arc<[Step]>>,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), ParquetError> {
        self.at += 1;
        let time = self.times.next();
        let raw = self.raw.next();
        let Some(template) = self.templates.next() else {
            out.extend_from_slice(raw.ok_or_else(|| bad("a row holds nothing"))?);
            return Ok(());
        };
        // Rows of a group mostly have the template of the row before.
        if self.template != template {
            self.template.clear();
            self.template.extend_from_slice(template);
            self.form = Arc::clone(forms.entry(template.to_vec()).or_insert_with(|| steps(template).into()));
        }
        // Each row takes its turn in every column, whether it has a value there or not.
        let mut values = [&[][..]; VALUES];
        for (column, value) in self.values.iter_mut().zip(&mut values) {
            *value = column.next().unwrap_or_default();
        }
        rebuild(&self.form, time, values.into_iter(), out).ok_or_else(|| bad("a row's values are missing"))
    }
}

/// An archive as the bytes of the log it was made of.
pub struct Restored {
    reader: SerializedFileReader<File>,
    groups: Vec<Group>,
    order: BinaryHeap<Reverse<(i64, usize)>>,
    forms: HashMap<Vec<u8>, Arc<[Step]>>,
    buffer: Vec<u8>,
    at: usize,
    newline: bool,
    pub size: u64,
    pub checksum: u32,
}

impl Restored {
    pub fn open(file: File) -> std::result::Result<Self, ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let told = |key: &str| {
            let found = metadata.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
            found.ok_or_else(|| bad("this is no archive of Cordwood's"))
        };
        if told("cordwood.version")? != "1" {
            return Err(bad("it was written by a newer Cordwood"));
        }
        let number = |text: String| text.parse::<u64>().map_err(|_| bad("its metadata are damaged"));
        let (mut groups, mut order) = (Vec::new(), BinaryHeap::new());
        for place in 0..reader.num_row_groups() {
            let mut group = Group::open(&*reader.get_row_group(place)?)?;
            if let Some(row) = group.next_row()? {
                order.push(Reverse((row, place)));
            }
            groups.push(group);
        }
        Ok(Self {
            reader,
            groups,
            order,
            forms: HashMap::new(),
            buffer: unhex(&told("cordwood.before")?).ok_or_else(|| bad("its metadata are damaged"))?,
            at: 0,
            newline: told("cordwood.newline")? == "1",
            size: number(told("cordwood.size")?)?,
            checksum: number(told("cordwood.crc32c")?)? as u32,
        })
    }

    /// From here on leaves out row groups in which no row holds `text`: see [`may_hold`].
    pub fn narrow(&mut self, text: &[u8], find: &dyn Fn(&[u8]) -> bool) -> std::result::Result<(), ParquetError> {
        for Reverse((row, place)) in std::mem::take(&mut self.order) {
            if may_hold(&*self.reader.get_row_group(place)?, text, find)? {
                self.order.push(Reverse((row, place)));
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> std::result::Result<(), ParquetError> {
        self.buffer.clear();
        self.at = 0;
        while self.buffer.len() < BLOCK {
            let Some(Reverse((_, place))) = self.order.pop() else { break };
            let group = &mut self.groups[place];
            group.text(&mut self.forms, &mut self.buffer)?;
            if let Some(row) = group.next_row()? {
                self.order.push(Reverse((row, place)));
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
            self.fill().map_err(|error| io::Error::other(error.to_string()))?;
        }
        let count = out.len().min(self.buffer.len() - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Write the log that an archive was made of, and compare it with what the archive says of it.
pub fn restore(source: &Path, target: &Path) -> Result<u64> {
    let wrong = |error: ParquetError| damaged(source, &error);
    let mut restored = Restored::open(File::open(source).map_err(|e| Error::io("open", source, e))?).map_err(wrong)?;
    let mut out = File::create(target).map_err(|e| Error::io("write", target, e))?;
    let mut block = vec![0; BLOCK];
    let (mut size, mut checksum) = (0, 0);
    loop {
        let read = restored.read(&mut block).map_err(|e| Error::io("read", source, e))?;
        if read == 0 {
            break;
        }
        size += read as u64;
        checksum = crc32c::crc32c_append(checksum, &block[..read]);
        out.write_all(&block[..read]).map_err(|e| Error::io("write", target, e))?;
    }
    if (size, checksum) == (restored.size, restored.checksum) {
        return Ok(size);
    }
    Err(Error::Format {
        path: source.into(),
        offset: size,
        why: "it does not give back what was packed: it is damaged",
    })
}
