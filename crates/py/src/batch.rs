//! `_native.Batch`: what a database gets at once, encoded as its driver takes it fastest.
use cordwood_core::formatters::civil::write_sql;
use cordwood_core::formatters::copy::{self, Rows};
use cordwood_core::formatters::row::COLUMNS;
use cordwood_core::spool::source::Reached;
use cordwood_core::system::os::now_ns;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

/// Records as rows, in order, with where they come from.
#[pyclass(module = "cordwood._native", frozen)]
pub struct Batch {
    pub rows: Rows,
    /// Segment, first and last sequence.
    parts: Vec<(u64, u64, u64)>,
    /// Segment and sequence, by row.
    pub origins: Vec<(u64, u64)>,
    oldest_ns: i64,
    newest_ns: i64,
    pub cut: u64,
    pub reached: Vec<Reached>,
    pub more: bool,
}

impl Batch {
    pub fn new(extended: bool) -> Self {
        let (rows, parts, origins, reached) = (Rows::new(extended), Vec::new(), Vec::new(), Vec::new());
        Self { rows, parts, origins, oldest_ns: i64::MAX, newest_ns: i64::MIN, cut: 0, reached, more: false }
    }

    pub fn count(&mut self, segment: u64, sequence: u64, time_ns: i64) {
        self.origins.push((segment, sequence));
        (self.oldest_ns, self.newest_ns) = (self.oldest_ns.min(time_ns), self.newest_ns.max(time_ns));
        match self.parts.iter_mut().rev().find(|part| part.0 == segment) {
            Some(part) => part.2 = sequence,
            None => self.parts.push((segment, sequence, sequence)),
        }
    }
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// (segment, first sequence, last sequence), the segment as the signed number that databases keep.
    #[getter]
    fn parts(&self) -> Vec<(i64, u64, u64)> {
        self.parts.iter().map(|(segment, first, last)| (*segment as i64, *first, *last)).collect()
    }

    /// When the first and the last record were logged, in nanoseconds.
    #[getter]
    fn oldest(&self) -> i64 {
        self.oldest_ns
    }

    #[getter]
    fn newest(&self) -> i64 {
        self.newest_ns
    }

    /// Texts that were wider than their columns.
    #[getter]
    fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether records may wait behind it.
    #[getter]
    fn more(&self) -> bool {
        self.more
    }

    /// How many seconds ago the first record was logged.
    #[getter]
    #[allow(clippy::cast_precision_loss)]
    fn age(&self) -> f64 {
        if self.rows.is_empty() {
            return 0.0;
        }
        now_ns().saturating_sub(self.oldest_ns) as f64 / 1e9
    }

    /// The rows `start..stop` as a whole block for `COPY … FROM STDIN (FORMAT BINARY)`.
    #[pyo3(signature = (start=0, stop=usize::MAX))]
    fn block<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyBytes>> {
        let rows = self.rows.slice(start, stop.min(self.rows.len()));
        let (header, trailer) = (copy::HEADER, copy::TRAILER);
        PyBytes::new_with(py, header.len() + rows.len() + trailer.len(), |out| {
            let (head, rest) = out.split_at_mut(header.len());
            let (body, tail) = rest.split_at_mut(rows.len());
            head.copy_from_slice(header);
            body.copy_from_slice(rows);
            tail.copy_from_slice(&trailer);
            Ok(())
        })
    }

    /// The rows `start..stop` as tuples of text, numbers and None; times are text in UTC.
    #[pyo3(signature = (start=0, stop=usize::MAX))]
    fn tuples<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyList>> {
        let stop = stop.min(self.rows.len());
        let mut rest = self.rows.slice(start, stop);
        let mut rows = Vec::with_capacity(stop.saturating_sub(start));
        // Most of a row is what the row before it was: logger, function, host.
        let mut above: Vec<(Option<&[u8]>, Bound<'py, PyAny>)> = Vec::new();
        while let Some((columns, after)) = copy::columns(rest) {
            for (at, (column, name)) in columns.into_iter().zip(COLUMNS).enumerate() {
                match above.get_mut(at) {
                    Some((same, _)) if *same == column => {}
                    Some(other) => *other = (column, cell(py, name, column)?),
                    None => above.push((column, cell(py, name, column)?)),
                }
            }
            rows.push(PyTuple::new(py, above.iter().map(|(_, value)| value))?);
            rest = after;
        }
        PyList::new(py, rows)
    }
}

/// One column's value as `SQLite` takes it.
fn cell<'py>(py: Python<'py>, name: &str, column: Option<&[u8]>) -> PyResult<Bound<'py, PyAny>> {
    let Some(bytes) = column else { return Ok(py.None().into_bound(py)) };
    let whole = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let text = match name {
        "timestamp" => {
            let mut time = Vec::with_capacity(32);
            write_sql((whole(bytes) as i64 + copy::EPOCH_US) * 1000, &mut time);
            return Ok(PyString::new(py, &String::from_utf8_lossy(&time)).into_any());
        }
        "process_id" | "lineno" => return Ok((whole(bytes) as u32 as i32).into_pyobject(py)?.into_any()),
        "thread_id" => return Ok((whole(bytes) as i64).into_pyobject(py)?.into_any()),
        "extra_data" => bytes.get(1..).unwrap_or(&[]),
        _ => bytes,
    };
    Ok(PyString::new(py, &String::from_utf8_lossy(text)).into_any())
}

/// The columns that batches hold, in their order.
#[pyfunction]
pub fn row_columns() -> [&'static str; COLUMNS.len()] {
    COLUMNS
}
