//! Which rows of an archive cannot answer: told by statistics, templates, the values in dictionaries, times and levels.
use parquet::basic::Encoding;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::RowGroupReader;
use parquet::file::statistics::Statistics;

use super::fault::{damaged, foreign, Outcome};
use super::form::{steps, Step};
use super::group::{is_empty, Runs};
use super::texts::{Place, Texts};
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

/// For each row of a group, whether it may answer; None: none may.
pub fn rows(group: &dyn RowGroupReader, asked: &Asked<'_>, unit: Unit) -> Outcome<Option<Vec<bool>>> {
    let count = group.metadata().num_rows() as usize;
    let mut wanted = vec![true; count];
    if let Some((from, to)) = asked.levels {
        match within(group, LEVEL, (i64::from(from), i64::from(to))) {
            Within::No => return Ok(None),
            Within::All => {}
            Within::Some => {
                let ColumnReader::Int32ColumnReader(column) = group.get_column_reader(LEVEL)? else {
                    return Err(foreign());
                };
                each(column, count, &mut |row, level| {
                    wanted[row] = level.is_some_and(|level| (from..=to).contains(level));
                })?;
            }
        }
    }
    if let Some((from, to)) = asked.times {
        match within(group, TIME, (unit.of_micros(from), unit.of_micros(to))) {
            // Rows without a time may answer.
            Within::No if is_full(group, TIME) => return Ok(None),
            Within::All => {}
            _ => {
                let ColumnReader::Int64ColumnReader(column) = group.get_column_reader(TIME)? else {
                    return Err(foreign());
                };
                let is = |time: &i64| (from..=to).contains(&unit.to_micros(*time));
                each(column, count, &mut |row, time| wanted[row] &= time.is_none_or(is))?;
            }
        }
    }
    if let Some((text, find)) = asked.text.filter(|_| wanted.contains(&true)) {
        if let Some(holding) = holding(group, text, find)? {
            wanted.iter_mut().zip(holding).for_each(|(is, holds)| *is &= holds);
        }
    }
    Ok(wanted.contains(&true).then_some(wanted))
}

/// How many of a group's rows lie between two numbers.
#[derive(PartialEq, Eq)]
enum Within {
    No,
    Some,
    All,
}

/// As a column's statistics tell it.
fn within(group: &dyn RowGroupReader, column: usize, (from, to): (i64, i64)) -> Within {
    let (least, most) = match group.metadata().column(column).statistics() {
        Some(Statistics::Int32(told)) => {
            (told.min_opt().map(|it| i64::from(*it)), told.max_opt().map(|it| i64::from(*it)))
        }
        Some(Statistics::Int64(told)) => (told.min_opt().copied(), told.max_opt().copied()),
        _ => return Within::Some,
    };
    match (least, most) {
        (Some(least), Some(most)) if most < from || least > to => Within::No,
        (Some(least), Some(most)) if from <= least && most <= to && is_full(group, column) => Within::All,
        (None, None) if is_empty(group, column) => Within::No,
        _ => Within::Some,
    }
}

/// Whether each row of a column holds something.
fn is_full(group: &dyn RowGroupReader, column: usize) -> bool {
    let nulls = group.metadata().column(column).statistics().and_then(Statistics::null_count_opt);
    nulls == Some(0)
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

/// Calls `take` with each row of a column of numbers and what it holds.
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
            return Err(damaged());
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

/// For each row whether it may hold `text`; None: all may.
///
/// A text that goes over from a template's words into a value is looked for by its ends only.
fn holding(group: &dyn RowGroupReader, text: &[u8], find: &dyn Fn(&[u8]) -> bool) -> Outcome<Option<Vec<bool>>> {
    let mut holding = vec![false; group.metadata().num_rows() as usize];
    let text = text.to_ascii_lowercase();
    let is_touched = |template: &[u8]| touches(&steps(template), &text);
    let mut templates = Texts::open(group, TEMPLATE)?;
    if is_in_dictionary(group, TEMPLATE) {
        let dictionary = templates.dictionary()?;
        let touched = dictionary.texts().filter(|template| is_touched(template)).count();
        if touched > 0 && touched == dictionary.texts().count() {
            return Ok(None);
        }
        if touched > 0 {
            mark(&mut templates, &mut holding, &is_touched)?;
        }
    } else {
        mark(&mut templates, &mut holding, &is_touched)?;
    }
    for column in FIRST_VALUE..=BYTES {
        if is_empty(group, column) {
            continue;
        }
        let mut values = Texts::open(group, column)?;
        // What stands in a dictionary stands there byte by byte.
        if !is_in_dictionary(group, column) || find(values.dictionary()?.bytes()) {
            mark(&mut values, &mut holding, find)?;
        }
    }
    Ok(Some(holding))
}

/// Marks the rows whose text in a column is one that `is` so.
fn mark(column: &mut Texts, rows: &mut [bool], is: &dyn Fn(&[u8]) -> bool) -> Outcome<()> {
    let known: Vec<bool> = column.dictionary()?.texts().map(is).collect();
    for row in rows {
        *row |= match column.next()? {
            None => false,
            Some(Place::Number(number)) => known[number as usize],
            Some(place) => is(column.text(place)),
        };
    }
    Ok(())
}

/// Whether all of a column's values stand in its dictionary.
fn is_in_dictionary(group: &dyn RowGroupReader, column: usize) -> bool {
    #[allow(deprecated)] // other writers' name for the same
    group
        .metadata()
        .column(column)
        .page_encoding_stats_mask()
        .is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY))
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
