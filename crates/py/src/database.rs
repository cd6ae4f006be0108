//! `_native.Reader`: the records of a whole folder for one sink that Python delivers, encoded without the GIL.
use std::collections::{HashMap, HashSet};
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cordwood_core::delivery::spec;
use cordwood_core::formatters::civil::write_sql;
use cordwood_core::formatters::copy::{self, Rows};
use cordwood_core::formatters::row::{Shaper, COLUMNS};
use cordwood_core::spool::control::Reason;
use cordwood_core::spool::shared::{Shared, Turn};
use cordwood_core::spool::source::{count_damage, Reached, Source, Take};
use cordwood_core::system::fork::Held;
use cordwood_core::system::os::now_ns;
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
    }

    /// The records after those that were read last.
    fn read(&mut self, wanted: Wanted) -> Batch {
        self.refresh();
        let Self { source, identity, standing, shared, .. } = self;
        let mut batch = Batch::new(wanted.extended);
        let mut shaper = Shaper::default();
        batch.more = source.read(*identity, |record, _| {
            let segment = record.process.segment;
            if standing.get(&segment).is_some_and(|highest| record.sequence <= *highest) {
                return Take::Next;
            }
            batch.rows.push(&shaper.shape(record));
            batch.count(segment, record.sequence, record.time_ns);
            if batch.rows.len() >= wanted.limit || batch.rows.bytes() >= wanted.max_bytes {
                Take::Last
            } else {
                Take::Next
            }
        });
        batch.cut = shaper.cut;
        batch.reached = source.reached(*identity);
        count_damage(shared, source);
        batch
    }
}

#[derive(Clone, Copy)]
struct Wanted {
    limit: usize,
    max_bytes: usize,
    extended: bool,
}

/// A batch that a thread reads. A forked child has the handle and not the thread: it must not be dropped there.
type Ahead = ManuallyDrop<JoinHandle<Batch>>;

/// Reads a spool folder for one sink, all processes' records in order of time, for whoever holds the sink's lock.
#[pyclass(module = "cordwood._native", frozen, name = "Reader")]
pub struct PyReader {
    inner: Arc<Mutex<Inner>>,
    ahead: Mutex<Option<Ahead>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PyReader {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        locked(&self.inner)
    }

    /// What was read ahead, once it is whole.
    fn take_ahead(&self) -> Option<Batch> {
        let ahead = locked(&self.ahead).take()?;
        ManuallyDrop::into_inner(ahead).join().ok()
    }

    /// As if nothing had been read since the last commit.
    fn rewound(&self) -> MutexGuard<'_, Inner> {
        self.take_ahead();
        let mut inner = self.inner();
        let identity = inner.identity;
        inner.source.rewind(identity);
        inner
    }
}

#[pymethods]
impl PyReader {
    #[new]
    fn new(py: Python<'_>, spool: &PySpool, identity: &str) -> PyResult<Self> {
        let mut shared = spool.shared(py)?;
        if !shared.folder.is_there() {
            // Nobody can have its lock: on to the next.
            shared.lost.store(true, Ordering::Release);
            shared = spool.shared(py)?;
        }
        let source = Source::leading(Arc::clone(&shared));
        let (identity, turn) = (spec::identity(identity), Turn::new(&shared));
        let inner = Inner { shared, source, identity, lock: None, turn, standing: HashMap::new(), pressed: None };
        Ok(Self { inner: Arc::new(Mutex::new(inner)), ahead: Mutex::new(None) })
    }

    /// Tries to become the one who delivers; True while this is so.
    fn lead(&self, py: Python<'_>) -> bool {
        py.detach(|| {
            let mut inner = self.inner();
            let Inner { turn, shared, lock, identity, .. } = &mut *inner;
            let has_memory = shared.has_memory_for(*identity);
            if turn.gives_way(shared, lock.is_some(), has_memory) {
                *lock = None;
                return false;
            }
            if inner.lock.is_some() {
                return true;
            }
            inner.lock = inner.shared.folder.lock_sink(inner.identity);
            let leads = inner.lock.is_some();
            if leads {
                drop(inner);
                inner = self.rewound();
                let identity = inner.identity;
                inner.source.catch_up(identity);
            }
            leads
        })
    }

    /// Lets another deliver.
    fn release(&self, py: Python<'_>) {
        py.detach(|| self.rewound().lock = None);
    }

    /// False once the folder was deleted: what is open of it can still be read.
    fn is_there(&self) -> bool {
        self.inner().shared.folder.is_there()
    }

    /// The records after those that were read last, as rows, at most `limit` and about `max_bytes`.
    fn read(&self, py: Python<'_>, limit: usize, max_bytes: usize, extended: bool) -> Batch {
        py.detach(|| match self.take_ahead() {
            Some(batch) => batch,
            None => self.inner().read(Wanted { limit, max_bytes, extended }),
        })
    }

    /// Has the next `read`'s batch read and encoded while the caller does something else.
    fn read_ahead(&self, limit: usize, max_bytes: usize, extended: bool) {
        let mut ahead = locked(&self.ahead);
        if ahead.is_none() {
            let inner = Arc::clone(&self.inner);
            let read = move || locked(&inner).read(Wanted { limit, max_bytes, extended });
            // Where no thread can be had, `read` does it itself.
            *ahead = thread::Builder::new().name("cordwood ahead".into()).spawn(read).ok().map(ManuallyDrop::new);
        }
    }

    /// What was read and not committed comes again.
    fn rewind(&self, py: Python<'_>) {
        py.detach(|| drop(self.rewound()));
    }

    /// The records of some of a batch's rows as objects, in order: what the database refuses is kept otherwise. They are
    /// known by their identity: by now others may stand between them. Fewer where some cannot be read again.
    fn records<'py>(&self, py: Python<'py>, batch: &Batch, places: Vec<usize>) -> PyResult<Bound<'py, PyList>> {
        let wanted: HashSet<_> = places.iter().filter_map(|place| batch.origins.get(*place)).collect();
        let list = PyList::empty(py);
        let mut inner = self.rewound();
        let Inner { source, identity, .. } = &mut *inner;
        let mut failed = None;
        while list.len() < wanted.len() && failed.is_none() {
            let more = source.read(*identity, |record, _| {
                if !wanted.contains(&(record.process.segment, record.sequence)) {
                    return Take::Next;
                }
                match to_python(py, record).and_then(|item| list.append(item)) {
                    Ok(()) if list.len() >= wanted.len() => Take::Last,
                    Ok(()) => Take::Next,
                    Err(error) => {
                        failed = Some(error);
                        Take::Leave
                    }
                }
            });
            if !more {
                break;
            }
        }
        source.rewind(*identity);
        failed.map_or(Ok(list), Err)
    }

    /// Says in the segments that a batch is delivered; those that came before it are.
    fn commit(&self, py: Python<'_>, batch: &Batch) -> PyResult<()> {
        py.detach(|| {
            let mut inner = self.inner();
            let Inner { source, identity, .. } = &mut *inner;
            source.commit_to(*identity, &batch.reached)?;
            source.forget_finished(*identity);
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
            let mut inner = self.rewound();
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
            let mut inner = self.rewound();
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
    /// Segment and sequence, by row.
    origins: Vec<(u64, u64)>,
    oldest_ns: i64,
    newest_ns: i64,
    cut: u64,
    reached: Vec<Reached>,
    more: bool,
}

impl Batch {
    fn new(extended: bool) -> Self {
        let (rows, parts, origins, reached) = (Rows::new(extended), Vec::new(), Vec::new(), Vec::new());
        Self { rows, parts, origins, oldest_ns: i64::MAX, newest_ns: i64::MIN, cut: 0, reached, more: false }
    }

    fn count(&mut self, segment: u64, sequence: u64, time_ns: i64) {
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
