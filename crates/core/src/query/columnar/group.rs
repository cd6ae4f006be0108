//! A row group read in batches, all of its rows or only those that may answer.
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::form::{rebuild, steps, Step};
use super::time::Unit;
use super::{BYTES, COLUMNS, FIRST_VALUE, ROW, TEMPLATE, TIME, VALUES};

/// Rows of a row group that are in memory at once.
const BATCH: usize = 2048;

type Outcome<T> = Result<T, ParquetError>;
/// So many rows to leave out, then so many to read.
pub type Runs = VecDeque<(usize, usize)>;
/// Templates with their steps.
pub type Forms = HashMap<Vec<u8>, Arc<[Step]>>;

pub fn bad(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

/// A column's next values.
struct Column<T> {
    values: Vec<T>,
    defined: Vec<i16>,
    at: usize,
    value: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { values: Vec::new(), defined: Vec::new(), at: 0, value: 0 }
    }
}

impl<T> Column<T> {
    fn fill<D: DataType<T = T>>(&mut self, column: &mut ColumnReaderImpl<D>, count: usize) -> Outcome<()> {
        self.values.clear();
        self.defined.clear();
        (self.at, self.value) = (0, 0);
        let (records, _, _) = column.read_records(count, Some(&mut self.defined), None, &mut self.values)?;
        if records == count {
            Ok(())
        } else {
            Err(bad("rows are missing"))
        }
    }

    /// The next row's, if it has one.
    fn next(&mut self) -> Option<&T> {
        // A required column has no levels.
        let defined = self.defined.get(self.at).copied().unwrap_or(i16::from(self.defined.is_empty())) == 1;
        self.at += 1;
        if !defined {
            return None;
        }
        self.value += 1;
        self.values.get(self.value - 1)
    }
}

#[derive(Default)]
struct Batch {
    rows: Column<i64>,
    times: Column<i64>,
    templates: Column<ByteArray>,
    values: Vec<Column<ByteArray>>,
    raw: Column<ByteArray>,
}

/// A row group at work.
pub struct Group {
    columns: Vec<Option<ColumnReader>>,
    unit: Unit,
    batch: Batch,
    /// The last row's template, and its steps.
    template: Vec<u8>,
    form: Arc<[Step]>,
    runs: Runs,
    count: usize,
    at: usize,
}

/// Whether a column of a group holds nothing but nulls, and so is not read at all.
pub fn is_empty(group: &dyn RowGroupReader, column: usize) -> bool {
    let nulls = group.metadata().column(column).statistics().and_then(|statistics| statistics.null_count_opt());
    nulls.is_some_and(|nulls| nulls as i64 == group.metadata().num_rows())
}

impl Group {
    /// `runs`: which rows; none: all.
    pub fn open(reader: &dyn RowGroupReader, unit: Unit, runs: Option<Runs>) -> Outcome<Self> {
        let metadata = reader.metadata();
        if metadata.num_columns() != COLUMNS {
            return Err(bad("this is no archive of Cordwood's"));
        }
        let rows = metadata.num_rows() as usize;
        let columns = (0..COLUMNS).map(|place| {
            let needed = matches!(place, ROW | TIME | TEMPLATE) || place >= FIRST_VALUE && !is_empty(reader, place);
            needed.then(|| reader.get_column_reader(place)).transpose()
        });
        let mut group = Self {
            columns: columns.collect::<Outcome<_>>()?,
            unit,
            batch: Batch { values: std::iter::repeat_with(Column::default).take(VALUES).collect(), ..Batch::default() },
            template: Vec::new(),
            form: Arc::new([]),
            runs: runs.unwrap_or_else(|| Runs::from([(0, rows)])),
            count: 0,
            at: 0,
        };
        group.fill()?;
        Ok(group)
    }

    /// Read the next rows.
    fn fill(&mut self) -> Outcome<()> {
        (self.at, self.count) = (0, 0);
        let Some((out, rows)) = self.runs.pop_front() else { return Ok(()) };
        let count = rows.min(BATCH);
        if rows > count {
            self.runs.push_front((0, rows - count));
        }
        for (place, column) in self.columns.iter_mut().enumerate() {
            match (place, column) {
                (_, None) => {}
                (ROW | TIME, Some(ColumnReader::Int64ColumnReader(column))) => {
                    column.skip_records(out)?;
                    let into = if place == ROW { &mut self.batch.rows } else { &mut self.batch.times };
                    into.fill(column, count)?;
                }
                (_, Some(ColumnReader::ByteArrayColumnReader(column))) => {
                    column.skip_records(out)?;
                    let into = match place {
                        TEMPLATE => &mut self.batch.templates,
                        BYTES => &mut self.batch.raw,
                        _ => &mut self.batch.values[place - FIRST_VALUE],
                    };
                    into.fill(column, count)?;
                }
                _ => return Err(bad("this is no archive of Cordwood's")),
            }
        }
        self.count = count;
        Ok(())
    }

    /// The place of the next row among all.
    pub fn next_row(&mut self) -> Outcome<Option<i64>> {
        if self.at == self.count {
            self.fill()?;
        }
        Ok(if self.count == 0 { None } else { self.batch.rows.next().copied() })
    }

    /// The text of the row whose place was asked for.
    pub fn text(&mut self, forms: &mut Forms, out: &mut Vec<u8>) -> Outcome<()> {
        self.at += 1;
        let time = self.batch.times.next().map(|time| self.unit.to_micros(*time));
        let raw = self.batch.raw.next();
        // Each row takes its turn in every column, whether it has a value there or not.
        let mut values = [&[][..]; VALUES];
        for (column, value) in self.batch.values.iter_mut().zip(&mut values) {
            *value = column.next().map(ByteArray::data).unwrap_or_default();
        }
        let Some(template) = self.batch.templates.next().map(ByteArray::data) else {
            out.extend_from_slice(raw.ok_or_else(|| bad("a row holds nothing"))?.data());
            return Ok(());
        };
        // Rows of a group mostly have the template of the row before.
        if self.template != template {
            self.template.clear();
            self.template.extend_from_slice(template);
            self.form = Arc::clone(forms.entry(template.to_vec()).or_insert_with(|| steps(template).into()));
        }
        rebuild(&self.form, time, values.into_iter(), out).ok_or_else(|| bad("a row's values are missing"))
    }
}
