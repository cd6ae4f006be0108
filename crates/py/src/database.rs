//! `_native.Reader`: the records of a whole folder for one sink that Python delivers, encoded without the GIL.
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cordwood_core::civil::write_sql;
use cordwood_core::control::Reason;
use cordwood_core::copy::{self, Rows};
use cordwood_core::fork::Held;
use cordwood_core::os::now_ns;
use cordwood_core::row::{Shaper, COLUMNS};
use cordwood_core::shared::{Shared, Turn};
use cordwood_core::source::{count_damage, Source, Take};
use cordwood_core::spec;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::record::to_python;
use crate::spool::{os_error, PySpool};

/// A caller that has waited for so long for room is let down unless some is made.
const PATIENCE: Duration = Duration::from_millis(50);

struct Inner {
    shared: Arc<Shared>,
    source: Source,
    identity: u64,
    lock: Option<Held>,
    turn: Turn,
    /// By segment, the highest sequence that the database holds although the segment does not say so.
    standing: HashMap<u64, u64>,
    pressed: Option<Instant>,
}

impl Inner {
    fn refresh(&mut self) {
        let generation = self.shared.folder.control.segments().load(Ordering::Acquire);
        self.source.refresh(generation);
        self.source.find_dead();
        self.source.rewind(self.identity);
    }
}

/// Reads a spool folder for one sink, all processes' records in order of time, for whoever holds the sink's lock.
#[pyclass(module = "cordwood._native", frozen, name = "Reader")]
pub struct PyReader {
    inner: Mutex<Inner>,
}

impl PyReader {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyReader {
    #[new]
    fn new(py: Python<'_>, spool: &PySpool, identity: &str) -> PyResult<Self> {
        let shared = spool.shared(py)?;
        let source = Source::leading(Arc::clone(&shared));
        let (identity, turn) = (spec::identity(identity), Turn::new(&shared));
        let inner = Inner { shared, source, identity, lock: None, turn, standing: HashMap::new(), pressed: None };
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Tries to become the one who delivers; True while this is so.
    fn lead(&self, py: Python<'_>) -> bool {
        py.detach(|| {
            let mut inner = self.inner();
            let Inner { turn, shared, lock, .. } = &mut *inner;
            if turn.gives_way(shared, lock.is_some()) {
                *lock = None;
                return false;
            }
            if inner.lock.is_none() {
                inner.lock = inner.shared.folder.lock_sink(inner.identity);
                if inner.lock.is_some() {
                    let identity = inner.identity;
                    inner.source.catch_up(identity);
                }
            }
            inner.lock.is_some()
        })
    }

    /// Lets another deliver.
    fn release(&self) {
        self.inner().lock = None;
    }

    /// False once the folder was deleted: what is open of it can still be read.
    fn is_there(&self) -> bool {
        self.inner().shared.folder.is_there()
    }

    /// The next records as rows, at most `limit` and about `max_bytes`; None if there are none.
    fn read(&self, py: Python<'_>, limit: usize, max_bytes: usize, extended: bool) -> Option<Batch> {
        py.detach(|| {
            let mut inner = self.inner();
            inner.refresh();
            let Inner { source, identity, standing, shared, .. } = &mut *inner;
            let mut batch = Batch::new(extended);
            let mut shaper = Shaper::default();
            source.read(*identity, |record, _| {
                let segment = record.process.segment;
                if standing.get(&segment).is_some_and(|highest| record.sequence <= *highest) {
                    batch.passed += 1;
                    return Take::Next;
                }
                batch.rows.push(&shaper.shape(record));
                batch.count(segment, record.sequence, record.time_ns);
                if batch.rows.len() >= limit || batch.rows.bytes() >= max_bytes {
                    Take::Last
                } else {
                    Take::Next
                }
            });
            batch.cut = shaper.cut;
            count_damage(shared, source);
            if batch.rows.is_empty() {
                // Past what is for other sinks, and what the database has: no segment is kept for nothing.
                let _ = source.commit(*identity);
                source.forget_finished(*identity);
                return (batch.passed > 0).then_some(batch);
            }
            Some(batch)
        })
    }

    /// The same records as objects, for what cannot become rows.
    fn records<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut inner = self.inner();
        inner.refresh();
        let Inner { source, identity, standing, .. } = &mut *inner;
        let mut failed = None;
        source.read(*identity, |record, _| {
            if standing.get(&record.process.segment).is_some_and(|highest| record.sequence <= *highest) {
                return Take::Next;
            }
            match to_python(py, record).and_then(|item| list.append(item)) {
                Ok(()) if list.len() >= limit => Take::Last,
                Ok(()) => Take::Next,
                Err(error) => {
                    failed = Some(error);
                    Take::Leave
                }
            }
        });
        failed.map_or(Ok(list), Err)
    }

    /// Says in the segments that what the last `read` returned is delivered.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            let mut inner = self.inner();
            let identity = inner.identity;
            inner.source.commit(identity)?;
            inner.source.forget_finished(identity);
            Ok(())
        })
        .map_err(|e: cordwood_core::error::Error| os_error(&e))
    }

    /// The database holds this segment's records up to this sequence: they are passed over.
    fn stands(&self, segment: i64, sequence: u64) {
        self.inner().standing.insert(segment as u64, sequence);
    }

    /// How many records wait, and when the first of them was logged (nanoseconds; 0 for none).
    fn waiting(&self, py: Python<'_>) -> (u64, i64) {
        py.detach(|| {
            let mut inner = self.inner();
            inner.refresh();
            let Inner { source, identity, .. } = &mut *inner;
            let (mut count, mut first) = (0, 0);
            while source.read(*identity, |record, _| {
                if count == 0 {
                    first = record.time_ns;
                }
                count += 1;
                Take::Next
            }) {}
            source.rewind(*identity);
            (count, first)
        })
    }

    /// Where callers wait for room in the spool in vain, gives up this sink's oldest segment and counts what it held.
    ///
    /// None where nobody waits for room.
    fn make_room(&self, py: Python<'_>) -> Option<u64> {
        py.detach(|| {
            let mut inner = self.inner();
            if !inner.shared.folder.control.is_waited_for() {
                inner.pressed = None;
                return None;
            }
            if inner.pressed.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
                return Some(0);
            }
            inner.refresh();
            let Inner { source, identity, shared, .. } = &mut *inner;
            let lost = source.give_up_oldest(*identity).unwrap_or(0);
            shared.folder.control.dropped(Reason::SinkBehind).fetch_add(lost, Ordering::Relaxed);
            source.forget_finished(*identity);
            shared.folder.control.wake();
            Some(lost)
        })
    }
}

/// Records as rows, in order, with where they come from.
#[pyclass(module = "cordwood._native", frozen)]
pub struct Batch {
    rows: Rows,
    /// Segment, first and last sequence.
    parts: Vec<(u64, u64, u64)>,
    oldest_ns: i64,
    newest_ns: i64,
    cut: u64,
    passed: u64,
}

impl Batch {
    fn new(extended: bool) -> Self {
        let rows = Rows::new(extended);
        Self { rows, parts: Vec::new(), oldest_ns: i64::MAX, newest_ns: i64::MIN, cut: 0, passed: 0 }
    }

    fn count(&mut self, segment: u64, sequence: u64, time_ns: i64) {
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
        let mut rest = self.rows.slice(start, stop.min(self.rows.len()));
        let list = PyList::empty(py);
        let mut scratch = Vec::new();
        while let Some((columns, after)) = copy::columns(rest) {
            let values = columns.iter().zip(COLUMNS).map(|(column, name)| cell(py, name, *column, &mut scratch));
            list.append(PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)?)?;
            rest = after;
        }
        Ok(list)
    }
}

/// One column's value as `SQLite` takes it.
fn cell<'py>(py: Python<'py>, name: &str, column: Option<&[u8]>, scratch: &mut Vec<u8>) -> PyResult<Bound<'py, PyAny>> {
    let Some(bytes) = column else { return Ok(py.None().into_bound(py)) };
    let whole = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let text = match name {
        "timestamp" => {
            scratch.clear();
            write_sql((whole(bytes) as i64 + copy::EPOCH_US) * 1000, scratch);
            scratch.as_slice()
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
