//! `_native.Reader`: the records of a whole folder for one sink that Python delivers, encoded without the GIL.
use std::collections::{HashMap, HashSet};
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cordwood_core::delivery::spec;
use cordwood_core::formatters::row::Shaper;
use cordwood_core::spool::control::Reason;
use cordwood_core::spool::shared::{Shared, Turn};
use cordwood_core::spool::source::{count_damage, Source, Take};
use cordwood_core::system::fork::Held;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::batch::Batch;
use crate::record::to_python;
use crate::spool::{os_error, PySpool};

/// A database that fails is given up on when a caller has waited for so long for room.
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
            inner.pressed = None;
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

    /// True while a caller waits for room in the spool.
    fn is_waited_for(&self) -> bool {
        self.inner().shared.folder.control.is_waited_for()
    }

    /// For a database that fails: where callers wait for room in the spool in vain, gives up the oldest segment that it lacks
    /// and counts what that held.
    fn make_room(&self, py: Python<'_>) -> u64 {
        py.detach(|| {
            let mut inner = self.rewound();
            if !inner.shared.folder.control.is_waited_for() {
                inner.pressed = None;
                return 0;
            }
            if inner.pressed.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
                return 0;
            }
            inner.refresh();
            let Inner { source, identity, shared, .. } = &mut *inner;
            let lost = source.give_up_oldest(&[*identity]).into_iter().map(|(_, lost)| lost).sum();
            shared.folder.control.dropped(Reason::SinkBehind).fetch_add(lost, Ordering::Relaxed);
            source.forget_finished(*identity);
            shared.folder.control.wake();
            lost
        })
    }
}
