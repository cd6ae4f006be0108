//! A log into the rows and columns of Parquet: one pass, in bounded memory.
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::row::Row;
use super::stretch::{Kind, Stretch};
use super::write::Writer;
use crate::error::{Error, Result};
use crate::query::columnar::fault::{at, Outcome};
use crate::query::columnar::form::rebuild;
use crate::query::columnar::time::Unit;
use crate::query::columnar::{VALUES, VERSION};
use crate::query::formats::{Format, Given};
use crate::query::mine::Miner;
use crate::query::scan::{Input, Record, Records};
use crate::query::when::Zone;

/// Patterns that are kept apart, if they have so many rows; the rarer ones share a row group.
const GROUPS: usize = 200;
const ROWS: usize = 512;
/// Bytes of rows in memory; when there are more, all are written.
const BUFFERED: usize = if cfg!(test) { 1 << 20 } else { 160 << 20 };
const TOO_LONG: &str = "a line of it is longer than 8 MB, which archives in Parquet do not hold; zstd packs it";

/// Writes a log of this size and checksum.
pub fn write<W: Write + Send>(
    log: Input,
    source: &Path,
    out: W,
    target: &Path,
    (size, checksum): (u64, u32),
    given: &[Given],
) -> Result<()> {
    let failed = |error| Error::io("read", source, error);
    let wrong = |error| at("write", target, &error);
    let mut whole = Whole { file: File::open(source).map_err(failed)?, size, text: Vec::new(), ends: true };
    let known = given.iter().map(|(text, date)| Format::given(text, date.as_deref())).collect::<Result<Vec<_>>>()?;
    // The zone only serves to recognise times, and the last change to date those without a year.
    let changed = whole.file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
    let now = changed.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64);
    let mut records = Records::exact(log, &known, Arc::new(Zone::fixed(0)), now).map_err(failed)?;
    let (mut formats, known_first) = (records.told(given), records.formats().len());
    let begin = records.position();
    let mut packer = Packer::new(out);
    let mut first = None;
    while let Some(record) = records.next_record().map_err(failed)? {
        first.get_or_insert(record.offset);
        let offset = record.offset;
        let (pattern, kind) = packer.kind(&record);
        whole.begin(record.raw);
        whole.end(offset, records.position()).map_err(failed)?;
        packer.add(&whole.text, pattern, kind).map_err(wrong)?;
    }
    if records.formats().len() != known_first {
        formats.clear(); // where it goes on in another one, only all of it tells
    }
    let mut before = vec![0; first.unwrap_or(size).max(begin.min(size)) as usize];
    whole.file.read_exact_at(&mut before, 0).map_err(failed)?;
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let before: String = before.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let known: Vec<String> = given.iter().filter_map(|given| serde_json::to_string(given).ok()).collect();
    packer
        .finish(vec![
            ("cordwood.version", VERSION.to_string()),
            ("cordwood.formats", formats),
            ("cordwood.known", known.join("\n")),
            ("cordwood.before", before),
            ("cordwood.newline", u8::from(whole.ends).to_string()),
            ("cordwood.size", size.to_string()),
            ("cordwood.crc32c", checksum.to_string()),
        ])
        .map_err(wrong)
}

/// A record with what stands behind it, up to the newline before the next one.
struct Whole {
    file: File,
    size: u64,
    text: Vec<u8>,
    /// Whether that newline is there.
    ends: bool,
}

impl Whole {
    fn begin(&mut self, record: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(record);
    }

    /// The record begins at `offset`, the next one at `next`.
    fn end(&mut self, offset: u64, next: u64) -> io::Result<()> {
        let length = self.text.len();
        if next == offset + length as u64 + 1 && next != self.size {
            return Ok(());
        }
        self.text.resize((next - offset) as usize, 0);
        self.file.read_exact_at(&mut self.text[length..], offset + length as u64)?;
        self.ends = self.text.last() == Some(&b'\n');
        if self.ends {
            self.text.pop();
        } else if next != self.size {
            return Err(io::Error::other(TOO_LONG));
        }
        Ok(())
    }
}

struct Packer<W: Write + Send> {
    /// Where rows go, until a writer is made of it.
    out: Option<W>,
    writer: Option<Writer<W>>,
    miner: Miner,
    stretch: Stretch,
    row: Row,
    scratch: Vec<u8>,
    rows: i64,
    /// Digits of the finest time so far.
    digits: u8,
}

impl<W: Write + Send> Packer<W> {
    fn new(out: W) -> Self {
        Self {
            out: Some(out),
            writer: None,
            miner: Miner::default(),
            stretch: Stretch::new(),
            row: Row::default(),
            scratch: Vec::new(),
            rows: 0,
            digits: 0,
        }
    }

    /// The number of a record's pattern, and what it shares with others; its template is perhaps the one of the last.
    fn kind(&mut self, record: &Record<'_>) -> (usize, Kind) {
        let pattern = self.miner.add(record.message) as usize;
        let last = self.stretch.last(pattern);
        let logger = self.stretch.logger(record.logger, last.map(|kind| kind.logger));
        (pattern, Kind { level: record.level, logger, shape: last.and_then(|kind| kind.shape) })
    }

    fn add(&mut self, text: &[u8], pattern: usize, kind: Kind) -> Outcome<()> {
        let shape = self.shape(text, kind.shape);
        let mut values = [0; VALUES];
        if shape.is_some() {
            for (value, range) in values.iter_mut().zip(&self.row.values) {
                *value = self.stretch.texts.number(&text[range.clone()]);
            }
        } else {
            values[0] = self.stretch.texts.number(text);
        }
        self.stretch.push(pattern, self.rows, self.row.time, Kind { shape, ..kind }, values);
        self.rows += 1;
        if self.stretch.size() > BUFFERED {
            self.write()?;
        }
        Ok(())
    }

    /// The number of the record's template, if it can be told by one and is given back whole.
    fn shape(&mut self, text: &[u8], perhaps: Option<u32>) -> Option<u32> {
        if std::str::from_utf8(text).is_err() || self.row.read(text).is_none() {
            return None;
        }
        // Of a log that begins to tell finer times when a gigabyte was written, such records are kept as they are.
        if self.row.digits > 3 && self.writer.as_ref().is_some_and(|writer| writer.unit() == Unit::Millis) {
            return None;
        }
        let (number, steps) = self.stretch.shape(&self.row.template, perhaps);
        self.scratch.clear();
        let values = self.row.values.iter().map(|range| &text[range.clone()]);
        rebuild(steps, self.row.time, values, &mut self.scratch).filter(|()| self.scratch == text)?;
        self.digits = self.digits.max(self.row.digits);
        Some(number)
    }

    /// Writes all rows that are in memory.
    fn write(&mut self) -> Outcome<()> {
        if let Some(out) = self.out.take() {
            let unit = if self.digits > 3 { Unit::Micros } else { Unit::Millis };
            self.writer = Some(Writer::new(out, unit)?);
        }
        let (_, patterns) = self.miner.templates();
        let mut stretch = std::mem::replace(&mut self.stretch, Stretch::new());
        if let Some(writer) = &mut self.writer {
            for lines in stretch.groups(&patterns, ROWS, GROUPS) {
                writer.group(&lines, &stretch)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, metadata: Vec<(&str, String)>) -> Outcome<()> {
        self.write()?;
        self.writer.map_or(Ok(()), |writer| writer.finish(metadata))
    }
}
