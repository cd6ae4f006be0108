//! A row group read row by row, all of its rows or only those that may answer.
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int64Type};
use parquet::file::reader::RowGroupReader;

use super::fault::{damaged, foreign, Outcome};
use super::form::{rebuild, steps, Step};
use super::texts::{Place, Texts};
use super::time::Unit;
use super::{BYTES, COLUMNS, FIRST_VALUE, ROW, TEMPLATE, TIME, VALUES};

/// Places and times of rows that are in memory at once.
const BATCH: usize = 2048;

/// So many rows to leave out, then so many to read.
pub type Runs = VecDeque<(usize, usize)>;
/// Templates with their steps.
pub type Forms = HashMap<Vec<u8>, Arc<[Step]>>;

/// The next values of a column of numbers.
#[derive(Default)]
struct Numbers {
    values: Vec<i64>,
    defined: Vec<i16>,
    at: usize,
    value: usize,
}

impl Numbers {
    fn fill<D: DataType<T = i64>>(&mut self, column: &mut ColumnReaderImpl<D>, count: usize) -> Outcome<()> {
        self.values.clear();
        self.defined.clear();
        (self.at, self.value) = (0, 0);
        let (records, _, _) = column.read_records(count, Some(&mut self.defined), None, &mut self.values)?;
        if records == count {
            Ok(())
        } else {
            Err(damaged())
        }
    }

    /// The next row's, if it has one.
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

/// A row group at work.
pub struct Group {
    places: ColumnReaderImpl<Int64Type>,
    times: ColumnReaderImpl<Int64Type>,
    templates: Texts,
    values: Vec<Option<Texts>>,
    raw: Option<Texts>,
    batch: (Numbers, Numbers),
    unit: Unit,
    /// The last row's template, and its steps.
    template: Option<Place>,
    form: Arc<[Step]>,
    runs: Runs,
    /// Rows of the batch, and which is next.
    count: usize,
    at: usize,
}

/// Whether a column of a group holds nothing but nulls, and so is not read at all.
pub fn is_empty(group: &dyn RowGroupReader, column: usize) -> bool {
    let nulls = group.metadata().column(column).statistics().and_then(|statistics| statistics.null_count_opt());
    nulls.is_some_and(|nulls| nulls as i64 == group.metadata().num_rows())
}

fn numbers(group: &dyn RowGroupReader, column: usize) -> Outcome<ColumnReaderImpl<Int64Type>> {
    match group.get_column_reader(column)? {
        ColumnReader::Int64ColumnReader(reader) => Ok(reader),
        _ => Err(foreign()),
    }
}

impl Group {
    /// `runs`: which rows; none: all.
    pub fn open(reader: &dyn RowGroupReader, unit: Unit, runs: Option<Runs>) -> Outcome<Self> {
        let metadata = reader.metadata();
        if metadata.num_columns() != COLUMNS {
            return Err(foreign());
        }
        let rows = metadata.num_rows() as usize;
        let texts = |place: usize| (!is_empty(reader, place)).then(|| Texts::open(reader, place)).transpose();
        let mut group = Self {
            places: numbers(reader, ROW)?,
            times: numbers(reader, TIME)?,
            templates: Texts::open(reader, TEMPLATE)?,
            values: (FIRST_VALUE..FIRST_VALUE + VALUES).map(texts).collect::<Outcome<_>>()?,
            raw: texts(BYTES)?,
            batch: <(Numbers, Numbers)>::default(),
            unit,
            template: None,
            form: Arc::new([]),
            runs: runs.unwrap_or_else(|| Runs::from([(0, rows)])),
            count: 0,
            at: 0,
        };
        group.fill()?;
        Ok(group)
    }

    fn texts(&mut self) -> impl Iterator<Item = &mut Texts> {
        std::iter::once(&mut self.templates).chain(self.values.iter_mut().flatten()).chain(&mut self.raw)
    }

    /// Read the next rows' places and times, and go to them in the other columns.
    fn fill(&mut self) -> Outcome<()> {
        (self.at, self.count) = (0, 0);
        let Some((out, rows)) = self.runs.pop_front() else { return Ok(()) };
        let count = rows.min(BATCH);
        if rows > count {
            self.runs.push_front((0, rows - count));
        }
        self.places.skip_records(out)?;
        self.times.skip_records(out)?;
        self.batch.0.fill(&mut self.places, count)?;
        self.batch.1.fill(&mut self.times, count)?;
        for column in self.texts() {
            column.skip(out)?;
        }
        self.count = count;
        Ok(())
    }

    /// The place of the next row among all.
    pub fn next_row(&mut self) -> Outcome<Option<i64>> {
        if self.at == self.count {
            self.fill()?;
        }
        Ok(if self.count == 0 { None } else { self.batch.0.next() })
    }

    /// The text of the row whose place was asked for.
    pub fn text(&mut self, forms: &mut Forms, out: &mut Vec<u8>) -> Outcome<()> {
        self.at += 1;
        let time = self.batch.1.next().map(|time| self.unit.to_micros(time));
        // Each row takes its turn in every column, whether it has a value there or not.
        let mut values = [&[][..]; VALUES];
        for (column, value) in self.values.iter_mut().zip(&mut values) {
            let Some(column) = column else { continue };
            if let Some(place) = column.next()? {
                *value = column.text(place);
            }
        }
        let raw = match &mut self.raw {
            Some(column) => column.next()?.map(|place| column.text(place)),
            None => None,
        };
        let Some(template) = self.templates.next()? else {
            out.extend_from_slice(raw.ok_or_else(damaged)?);
            return Ok(());
        };
        // Rows of a group mostly have the template of the row before.
        if self.template != Some(template) || !matches!(template, Place::Number(_)) {
            self.template = Some(template);
            let text = self.templates.text(template);
            self.form = Arc::clone(forms.entry(text.to_vec()).or_insert_with(|| steps(text).into()));
        }
        rebuild(&self.form, time, values.into_iter(), out).ok_or_else(damaged)
    }
}
