//! Which rows of an archive cannot answer: told by their templates, the values in dictionaries, times and levels.
use std::collections::HashMap;

use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::form::{steps, Step};
use super::group::{bad, is_empty, Runs};
use super::time::Unit;
use super::{BYTES, FIRST_VALUE, LEVEL, TEMPLATE, TIME};

/// Rows of a column that are looked at together.
const BATCH: usize = 8192;
/// Rows between two that may answer which are read along: cheaper than to leave them out.
const GAP: usize = 24;

/// A text, and what looks for it in bytes.
type Looked<'a> = (&'a [u8], &'a dyn Fn(&[u8]) -> bool);

/// What is asked of an archive. Rows that are left out certainly do not answer; what is left need not.
#[derive(Default)]
pub struct Asked<'a> {
    /// A text that answers hold: ASCII without a newline, whose case does not count; and what looks for it in bytes.
    pub text: Option<Looked<'a>>,
    /// Microseconds as the log tells them, both included.
    pub times: Option<(i64, i64)>,
    /// Levels, both included; records without one do not answer.
    pub levels: Option<(i32, i32)>,
}

type Outcome<T> = Result<T, ParquetError>;

/// For each row of a group, whether it may answer.
pub fn rows(group: &dyn RowGroupReader, asked: &Asked<'_>, unit: Unit) -> Outcome<Vec<bool>> {
    let count = group.metadata().num_rows() as usize;
    let mut wanted = vec![true; count];
    if let Some((from, to)) = asked.levels {
        let ColumnReader::Int32ColumnReader(column) = group.get_column_reader(LEVEL)? else { return Err(other_type()) };
        each(column, count, &mut |row, level| wanted[row] = level.is_some_and(|level| (from..=to).contains(level)))?;
    }
    if let Some((from, to)) = asked.times {
        let ColumnReader::Int64ColumnReader(column) = group.get_column_reader(TIME)? else { return Err(other_type()) };
        let is = |time: &i64| (from..=to).contains(&unit.to_micros(*time));
        each(column, count, &mut |row, time| wanted[row] &= time.is_none_or(is))?;
    }
    if let Some((text, find)) = asked.text.filter(|_| wanted.contains(&true)) {
        if let Some(holding) = holding(group, text, find)? {
            wanted.iter_mut().zip(holding).for_each(|(is, holds)| *is &= holds);
        }
    }
    Ok(wanted)
}

/// The same as runs.
pub fn runs(wanted: &[bool]) -> Runs {
    let (mut runs, mut end) = (Runs::new(), 0);
    for row in (0..wanted.len()).filter(|row| wanted[*row]) {
        match runs.back_mut() {
            Some((_, count)) if row - end <= GAP => *count += row + 1 - end,
            _ => runs.push_back((row - end, 1)),
        }
        end = row + 1;
    }
    runs
}

fn other_type() -> ParquetError {
    bad("this is no archive of Cordwood's")
}

/// Calls `take` with each row of a column and what it holds.
fn each<D: DataType>(
    mut column: ColumnReaderImpl<D>,
    rows: usize,
    take: &mut dyn FnMut(usize, Option<&D::T>),
) -> Outcome<()> {
    let (mut values, mut defined, mut row) = (Vec::new(), Vec::new(), 0);
    while row < rows {
        values.clear();
        defined.clear();
        let (count, _, _) = column.read_records(BATCH.min(rows - row), Some(&mut defined), None, &mut values)?;
        if count == 0 {
            return Err(bad("rows are missing"));
        }
        let mut given = values.iter();
        for place in 0..count {
            let is = defined.get(place).is_none_or(|is| *is == 1);
            take(row + place, if is { given.next() } else { None });
        }
        row += count;
    }
    Ok(())
}

fn each_text(group: &dyn RowGroupReader, column: usize, take: &mut dyn FnMut(usize, Option<&[u8]>)) -> Outcome<()> {
    let ColumnReader::ByteArrayColumnReader(reader) = group.get_column_reader(column)? else {
        return Err(other_type());
    };
    let rows = group.metadata().num_rows() as usize;
    each(reader, rows, &mut |row, text: Option<&ByteArray>| take(row, text.map(ByteArray::data)))
}

/// For each row whether it may hold `text`; None: all may.
///
/// A text that goes over from a template's words into a value is looked for by its ends only.
fn holding(group: &dyn RowGroupReader, text: &[u8], find: &dyn Fn(&[u8]) -> bool) -> Outcome<Option<Vec<bool>>> {
    let mut holding = vec![false; group.metadata().num_rows() as usize];
    let text = text.to_ascii_lowercase();
    let is_touched = |template: &[u8]| touches(&steps(template), &text);
    let told = dictionary(group, TEMPLATE)?
        .map(|page| texts(&page).map(|template| template.is_none_or(is_touched)).collect::<Vec<_>>());
    if told.as_ref().is_some_and(|told| told.iter().all(|is| *is) && !told.is_empty()) {
        return Ok(None);
    }
    if told.is_none_or(|told| told.contains(&true)) {
        let mut known: HashMap<Vec<u8>, bool> = HashMap::new();
        each_text(group, TEMPLATE, &mut |row, template| {
            let Some(template) = template else { return };
            holding[row] = match known.get(template) {
                Some(is) => *is,
                None => *known.entry(template.to_vec()).or_insert_with(|| is_touched(template)),
            };
        })?;
    }
    for column in FIRST_VALUE..=BYTES {
        // What stands in a dictionary stands there byte by byte.
        if is_empty(group, column) || dictionary(group, column)?.is_some_and(|page| !find(&page)) {
            continue;
        }
        each_text(group, column, &mut |row, value| holding[row] |= value.is_some_and(find))?;
    }
    Ok(Some(holding))
}

/// A column's dictionary, where all of its values stand in that.
fn dictionary(group: &dyn RowGroupReader, column: usize) -> Outcome<Option<bytes::Bytes>> {
    #[allow(deprecated)] // other writers' name for the same
    let is_all = group
        .metadata()
        .column(column)
        .page_encoding_stats_mask()
        .is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY));
    if !is_all {
        return Ok(None);
    }
    Ok(match group.get_column_page_reader(column)?.get_next_page()? {
        Some(Page::DictionaryPage { buf, .. }) => Some(buf),
        _ => None,
    })
}

/// The texts of a plain page, each behind its length; None where that is more than there is.
fn texts(mut page: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if page.is_empty() {
            return None;
        }
        let found = page.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = u32::from_le_bytes(*length) as usize;
            Some((rest.get(..length)?, &rest[length..]))
        });
        page = found.map_or(&[], |(_, rest)| rest);
        Some(found.map(|(text, _)| text))
    })
}

/// Whether a template filled in may hold `text` (in lower case) otherwise than inside a single value.
fn touches(steps: &[Step], text: &[u8]) -> bool {
    steps.iter().enumerate().any(|(place, step)| {
        let (before, after) = (place.checked_sub(1).map(|place| &steps[place]), steps.get(place + 1));
        match step {
            Step::Text(words) => {
                let words = words.to_ascii_lowercase();
                memchr::memmem::find(&words, text).is_some()
                    || memchr::memmem::find(text, &words).is_some()
                    || after.is_some() && (1..text.len()).any(|length| words.ends_with(&text[..length]))
                    || before.is_some() && (1..text.len()).any(|length| words.starts_with(&text[length..]))
            }
            Step::Value => before.is_some_and(|step| !matches!(step, Step::Text(_))),
            Step::Time { .. } => before == Some(&Step::Value) || begins_in_time(text, after),
        }
    })
}

/// Whether a text may begin inside a time and end there or in what follows.
fn begins_in_time(text: &[u8], after: Option<&Step>) -> bool {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || b"-: t,.".contains(byte)).count();
    (1..=length).any(|length| {
        let rest = &text[length..];
        match after {
            _ if rest.is_empty() => true,
            None => false,
            Some(Step::Text(words)) => {
                let words = words.to_ascii_lowercase();
                words.starts_with(rest) || rest.starts_with(&words)
            }
            Some(_) => true,
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
