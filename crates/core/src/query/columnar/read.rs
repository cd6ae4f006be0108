//! Parquet back into the log it was: rows of all row groups, merged by their place.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::statistics::Statistics;

use super::group::{bad, Forms, Group, Runs};
use super::narrow::{rows, runs, Asked};
use super::time::Unit;
use super::{damaged, ROW, TIME, VERSION};
use crate::error::{Error, Result};
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
    /// Whether nothing stands before the first record.
    begins: bool,
    formats: Vec<Format>,
    pub size: u64,
    pub checksum: u32,
}

fn first_row(group: &RowGroupMetaData) -> i64 {
    match group.columns().get(ROW).and_then(|column| column.statistics()) {
        Some(Statistics::Int64(statistics)) => statistics.min_opt().copied().unwrap_or(i64::MIN),
        _ => i64::MIN,
    }
}

impl Restored {
    pub fn open(file: File) -> std::result::Result<Self, ParquetError> {
        guarded(|| Self::begin(file))
    }

    fn begin(file: File) -> std::result::Result<Self, ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let told = |key: &str| {
            let found = metadata.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
            found.ok_or_else(|| bad("this is no archive of Cordwood's"))
        };
        let version = told("cordwood.version")?;
        if version.parse::<u32>().map_or(true, |version| version > VERSION) {
            return Err(bad("it was written by a newer Cordwood"));
        }
        let number = |text: String| text.parse::<u64>().map_err(|_| bad("its metadata are damaged"));
        let schema = reader.metadata().file_metadata().schema_descr();
        if schema.num_columns() != super::COLUMNS {
            return Err(bad("this is no archive of Cordwood's"));
        }
        let unit =
            Unit::of(schema.column(TIME).logical_type_ref()).ok_or_else(|| bad("its times are of no known unit"))?;
        let groups = reader.metadata().row_groups();
        let order = groups.iter().enumerate().filter(|(_, group)| group.num_rows() > 0);
        let order = order.map(|(place, group)| Reverse((first_row(group), place))).collect();
        let parts = std::iter::repeat_with(Part::default).take(groups.len()).collect();
        let before = unhex(&told("cordwood.before")?).ok_or_else(|| bad("its metadata are damaged"))?;
        let names = told("cordwood.formats").unwrap_or_default();
        Ok(Self {
            reader,
            parts,
            order,
            forms: Forms::new(),
            unit,
            begins: before.is_empty(),
            buffer: before,
            at: 0,
            newline: told("cordwood.newline")? == "1",
            formats: names.lines().map(Format::named).collect::<Option<_>>().unwrap_or_default(),
            size: number(told("cordwood.size")?)?,
            checksum: number(told("cordwood.crc32c")?)? as u32,
        })
    }

    /// The formats by which the log was cut into rows; none where they cannot be told.
    pub fn formats(&self) -> &[Format] {
        if self.begins {
            &self.formats
        } else {
            &[]
        }
    }

    /// From here on leaves out rows that cannot answer.
    pub fn narrow(&mut self, asked: &Asked<'_>) -> std::result::Result<(), ParquetError> {
        guarded(|| self.leave_out(asked))
    }

    fn leave_out(&mut self, asked: &Asked<'_>) -> std::result::Result<(), ParquetError> {
        for Reverse((_, place)) in std::mem::take(&mut self.order) {
            let group = self.reader.get_row_group(place)?;
            let part = &mut self.parts[place];
            let mut wanted = rows(&*group, asked, self.unit)?;
            let given = part.given.min(wanted.len());
            wanted[..given].fill(false);
            let runs = runs(&wanted);
            if runs.is_empty() {
                continue;
            }
            *part = Part { runs: Some(runs), ..Part::default() };
            self.order.push(Reverse((first_row(group.metadata()), place)));
        }
        Ok(())
    }

    fn fill(&mut self) -> std::result::Result<(), ParquetError> {
        self.buffer.clear();
        self.at = 0;
        while self.buffer.len() < BLOCK {
            let Some(Reverse((_, place))) = self.order.pop() else { break };
            let part = &mut self.parts[place];
            let Some(group) = &mut part.open else {
                let group = self.reader.get_row_group(place)?;
                let group = part.open.insert(Group::open(&*group, self.unit, part.runs.take())?);
                if let Some(row) = group.next_row()? {
                    self.order.push(Reverse((row, place)));
                }
                continue;
            };
            group.text(&mut self.forms, &mut self.buffer)?;
            part.given += 1;
            match group.next_row()? {
                Some(row) => self.order.push(Reverse((row, place))),
                // Its dictionaries are no longer needed.
                None => part.open = None,
            }
            if self.newline || !self.order.is_empty() {
                self.buffer.push(b'\n');
            }
        }
        Ok(())
    }
}

/// The library asserts what it expects of a file: in a damaged one that, too, is an error.
fn guarded<T>(work: impl FnOnce() -> std::result::Result<T, ParquetError>) -> std::result::Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(bad("it is damaged")))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2).map(|place| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()).collect()
}

impl Read for Restored {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            guarded(|| self.fill()).map_err(|error| io::Error::other(error.to_string()))?;
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
