//! `_native.Spool`: a process's end of a spool folder, alive across forks.
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordwood_core::delivery::spec::{self, Kind, Spec};
use cordwood_core::delivery::terminal::Terminal;
use cordwood_core::error::Error;
use cordwood_core::sinks::file::Sync;
use cordwood_core::spool::control::REASONS;
use cordwood_core::spool::folder::Folder;
use cordwood_core::spool::segment::SinkId;
use cordwood_core::spool::shared::Shared;
use cordwood_core::spool::source::{Source, Take};
use cordwood_core::system::os::{now_ns, within};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::ffi::GilCell;
use crate::record::to_python;
use crate::runtime;
use crate::state::State;

/// Bytes of lines that are handed over at once for a console.
const FALLBACK_BATCH: usize = 64 << 10;
/// How long a forked child's first call, or the first one after a folder was deleted, waits for the disk.
const OPENING: Duration = Duration::from_secs(1);

/// A process's end of a spool.
///
/// `folder` is made if it is not there; None stands for memory that survives nothing. `max_bytes` bounds all
/// segments of the folder, `max_message_bytes` a message's UTF-8 length. Files below `log_dir` may be written, wherever
/// the folder is.
#[pyclass(module = "cordwood._native", frozen, name = "Spool")]
pub struct PySpool {
    folder: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    max_bytes: u64,
    #[pyo3(get)]
    pub max_message_bytes: usize,
    pub sync: Sync,
    pub state: GilCell<State>,
    /// Records that no segment could take, before a folder's own counters.
    pub refused: AtomicU64,
    /// One more than [`Control::freed`] said when a caller last waited in vain: until it changes nobody else waits.
    pub vain: AtomicU64,
}

pub fn os_error(error: &Error) -> PyErr {
    match error.os_code() {
        Some(code) => PyOSError::new_err((code, error.to_string())),
        None => PyOSError::new_err(error.to_string()),
    }
}

/// What is wrong with a file, without its path, which the caller has.
pub fn about_file(error: &Error) -> PyErr {
    let Error::Io { source, .. } = error else { return PyOSError::new_err(error.to_string()) };
    let text = source.to_string();
    let why = text.split(" (os error").next().unwrap_or(&text).to_owned();
    match source.raw_os_error() {
        Some(code) => PyOSError::new_err((code, why)),
        None => PyOSError::new_err(why),
    }
}

fn open(folder: Option<&PathBuf>, log_dir: Option<&PathBuf>) -> Result<Folder, Error> {
    let folder = folder.map_or_else(Folder::anonymous, |path| Folder::open(path))?;
    log_dir.map_or(Ok(()), |log_dir| folder.serve(log_dir))?;
    Ok(folder)
}

impl PySpool {
    /// In a forked child, or after the folder was deleted: begins anew with the same sinks. False if that cannot be done
    /// now.
    pub fn begin_anew(&self, py: Python<'_>) -> bool {
        let (folder, log_dir) = (self.folder.clone(), self.log_dir.clone());
        let work = move || open(folder.as_ref(), log_dir.as_ref());
        let opened = py.detach(|| within(OPENING, work));
        let opened = opened.unwrap_or_else(|| Err(Error::silence("open", self.folder.clone().unwrap_or_default())));
        let failed = opened.as_ref().err().map(ToString::to_string);
        let memory = || self.folder.as_deref().map_or_else(Folder::anonymous, Folder::instead_of);
        let Ok(folder) = opened.or_else(|_| memory()) else { return false };
        let Ok(mut fresh) = State::new(py, folder, self.max_bytes) else { return false };
        {
            let Some(mut state) = self.state.borrow(py) else { return false };
            let forked = !state.fork.holds();
            if !forked && !state.spool.shared.lost.load(Ordering::Relaxed) {
                return true;
            }
            fresh.take_over(&mut state, forked);
            std::mem::replace(&mut *state, fresh).end(forked);
        }
        if let Some(error) = failed {
            runtime::report(py, &format!("{error}: records are kept in memory alone until it can be used"));
        }
        true
    }

    fn with_state<R>(&self, py: Python<'_>, act: impl FnOnce(&mut State) -> R) -> PyResult<R> {
        let ended = self.state.borrow(py).is_some_and(|state| state.has_ended());
        // A child must not touch what it shares with its parent: not a lock, not a segment.
        if ended && !self.begin_anew(py) {
            return Err(PyOSError::new_err("no spool can be opened in this process"));
        }
        match self.state.borrow(py) {
            Some(mut state) => Ok(act(&mut state)),
            None => Err(pyo3::exceptions::PyRuntimeError::new_err("the spool is in use by the code that called this")),
        }
    }

    /// Waits until what was appended before the call is delivered; true if it is. A leader also delivers what other
    /// processes left.
    fn wait_delivered(&self, py: Python<'_>, timeout: Duration) -> PyResult<bool> {
        let deadline = Instant::now() + timeout;
        let mut pause = Duration::from_micros(50);
        let (mark, seen) = self.with_state(py, |state| {
            state.thread_wanted = None;
            if state.spool.appended() > 0 {
                // What cannot be delivered is left, and said to be.
                let _ = state.ensure_worker();
            }
            (state.spool.mark(), state.spool.shared.idle_rounds.load(Ordering::Acquire))
        })?;
        loop {
            let (delivered, shared) = self.with_state(py, |state| {
                let shared = Arc::clone(&state.spool.shared);
                let went_round = shared.idle_rounds.load(Ordering::Acquire) > seen;
                let others = !shared.leads() || went_round;
                (others && state.is_delivered(mark), shared)
            })?;
            if delivered || Instant::now() >= deadline {
                return Ok(delivered);
            }
            py.detach(|| {
                shared.wake();
                std::thread::sleep(pause);
            });
            py.check_signals()?;
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// Own records that some sink still lacks.
    fn remaining(&self, py: Python<'_>) -> PyResult<u64> {
        let (shared, waited_for, appended) = self.with_state(py, |state| {
            let waited_for = state.sinks.iter().filter(|sink| sink.terminal.is_none() && !sink.removed);
            let waited_for: Vec<u64> = waited_for.map(|sink| sink.id.identity).collect();
            (Arc::clone(&state.spool.shared), waited_for, state.spool.appended())
        })?;
        Ok(py.detach(|| {
            let is_known = !shared.awaits_former();
            let mut source = Source::own(shared);
            let left = waited_for.into_iter().map(|identity| source.count(identity)).max().unwrap_or(0);
            // Where the spool cannot be looked into, none of them is known to be delivered.
            if is_known && source.is_whole() {
                left
            } else {
                left.max(appended)
            }
        }))
    }

    /// What this process shares with whoever reads the folder.
    pub fn shared(&self, py: Python<'_>) -> PyResult<Arc<Shared>> {
        self.with_state(py, |state| Arc::clone(&state.spool.shared))
    }

    fn take_source(&self, py: Python<'_>, bit: usize) -> PyResult<Option<(u64, Source)>> {
        self.with_state(py, |state| {
            let identity = state.sinks.get(bit)?.id.identity;
            let shared = Arc::clone(&state.spool.shared);
            Some((identity, state.sources[bit].take().unwrap_or_else(|| Source::own(shared))))
        })
    }

    fn put_source(&self, py: Python<'_>, bit: usize, mut source: Source) -> PyResult<()> {
        self.with_state(py, |state| {
            if let Some(slot) = state.sources.get_mut(bit) {
                source.follow(&state.spool.shared);
                *slot = Some(source);
            }
        })
    }
}

#[pymethods]
impl PySpool {
    #[new]
    #[pyo3(signature = (folder, *, max_bytes=256 << 20, max_message_bytes=1 << 20, sync="interval", log_dir=None))]
    fn new(
        py: Python<'_>,
        folder: Option<PathBuf>,
        max_bytes: u64,
        max_message_bytes: usize,
        sync: &str,
        log_dir: Option<PathBuf>,
    ) -> PyResult<Self> {
        let sync = match sync {
            "level" => Sync::Level,
            "always" => Sync::Always,
            _ => Sync::Interval,
        };
        let opened = py.detach(|| open(folder.as_ref(), log_dir.as_ref())).map_err(|e| os_error(&e))?;
        let state = State::new(py, opened, max_bytes)?;
        Ok(Self {
            folder,
            log_dir,
            max_bytes,
            max_message_bytes,
            sync,
            state: GilCell::new(state),
            refused: AtomicU64::new(0),
            vain: AtomicU64::new(0),
        })
    }

    #[getter]
    fn folder(&self) -> Option<&OsStr> {
        // Not a path object, for which pathlib would be loaded.
        self.folder.as_ref().map(|folder| folder.as_os_str())
    }

    /// Adds a sink and returns its bit; a known identity keeps its bit and gets the new options.
    fn add_sink(&self, py: Python<'_>, identity: &str, spec: &str, local: bool) -> PyResult<u32> {
        let id = SinkId { identity: spec::identity(identity), local };
        let parsed = Spec::parse(spec).map_err(|e| PyValueError::new_err(e.to_string()))?;
        if parsed.kind != Kind::Python {
            parsed.format().map_err(|e| PyValueError::new_err(e.to_string()))?;
        }
        let terminal = Terminal::of(&parsed).map_err(|e| os_error(&e))?;
        let is_pipe = matches!(parsed.kind, Kind::Console(_)) && terminal.is_none();
        let bit = self.with_state(py, |state| {
            let bit = state.add(id, spec, terminal);
            if is_pipe {
                state.spool.shared.add_local(id.identity, spec.to_owned());
            }
            bit
        })?;
        Ok(bit.map_err(|e| os_error(&e))? as u32)
    }

    /// Has nothing more written for a sink; what was is still delivered.
    fn remove_sink(&self, py: Python<'_>, bit: usize) -> PyResult<()> {
        self.with_state(py, |state| {
            state.remove(bit);
        })
    }

    /// Waits up to `timeout` seconds until every sink has what this process logged before; returns how many are left.
    #[pyo3(signature = (timeout=5.0))]
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<u64> {
        if self.wait_delivered(py, seconds(timeout))? {
            return Ok(0);
        }
        self.remaining(py)
    }

    /// Flushes, then ends the delivery thread; returns how many records are left.
    #[pyo3(signature = (timeout=5.0))]
    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<u64> {
        let left = self.flush(py, timeout)?;
        let worker = self.with_state(py, |state| {
            state.spool.retire();
            state.worker.take()
        })?;
        py.detach(|| worker.into_iter().for_each(|worker| worker.stop(Duration::from_secs(1))));
        Ok(left)
    }

    /// Undelivered records of this process for a sink that Python delivers, oldest first.
    fn read<'py>(&self, py: Python<'py>, bit: usize, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let Some((identity, mut source)) = self.take_source(py, bit)? else { return Ok(list) };
        let mut failed = None;
        if limit > 0 {
            source.refresh(self.with_state(py, |state| state.generation())?);
            // Back to what is committed, or further: what a full spool gave up for this sink is passed over.
            source.catch_up(identity);
            source.read(identity, |record, _| match to_python(py, record).and_then(|item| list.append(item)) {
                Ok(()) if list.len() >= limit => Take::Last,
                Ok(()) => Take::Next,
                Err(error) => {
                    failed = Some(error);
                    Take::Leave
                }
            });
        }
        if failed.is_none() && list.is_empty() && limit > 0 {
            // Past what is for other sinks: no segment is kept for nothing.
            let _ = source.commit(identity);
        }
        self.put_source(py, bit, source)?;
        match failed {
            Some(error) => Err(error),
            None => Ok(list),
        }
    }

    /// Says that what the last `read` returned is delivered.
    fn commit(&self, py: Python<'_>, bit: usize) -> PyResult<()> {
        let Some((identity, mut source)) = self.take_source(py, bit)? else { return Ok(()) };
        let result = source.commit(identity).map_err(|e| os_error(&e));
        self.put_source(py, bit, source)?;
        result
    }

    /// Says whether a sink that Python delivers fails: of a full spool it loses the oldest then, and sooner.
    fn set_failing(&self, py: Python<'_>, bit: usize, fails: bool) -> PyResult<()> {
        self.with_state(py, |state| {
            if let Some(sink) = state.sinks.get(bit) {
                state.spool.shared.set_failing(sink.id.identity, fails);
            }
        })
    }

    /// Records of this process that wait for a shared sink, as lines for a console with these options: each once, and
    /// none of level `seen` and up, which a console shows already. Returns the lines, how many records they are, and how
    /// many were left out.
    fn waiting_lines<'py>(
        &self,
        py: Python<'py>,
        bit: usize,
        seen: i32,
        spec: &str,
    ) -> PyResult<(Bound<'py, PyBytes>, usize, usize)> {
        let mut format = Spec::parse(spec).and_then(|spec| spec.format()).map_err(|e| os_error(&e))?;
        let Some((identity, mut source)) = self.take_source(py, bit)? else { return Ok((PyBytes::new(py, b""), 0, 0)) };
        source.refresh(self.with_state(py, |state| state.generation())?);
        let (mut lines, mut shown, mut passed) = (Vec::new(), 0, 0);
        py.detach(|| {
            source.pass_delivered(identity);
            source.read(identity, |record, _| {
                if record.site.level < seen {
                    format.write(record, None, &mut lines);
                    shown += 1;
                } else {
                    passed += 1;
                }
                if lines.len() >= FALLBACK_BATCH {
                    Take::Last
                } else {
                    Take::Next
                }
            });
        });
        self.put_source(py, bit, source)?;
        Ok((PyBytes::new(py, &lines), shown, passed))
    }

    /// Counters: what was appended here, and the folder's drops by reason.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        let appended = self.with_state(py, |state| (state.spool.appended(), Arc::clone(&state.spool.shared)))?;
        let (accepted, shared) = appended;
        out.set_item("accepted", accepted)?;
        out.set_item("refused", self.refused.load(Ordering::Relaxed))?;
        out.set_item("undelivered", self.remaining(py)?)?;
        out.set_item("spool_bytes", shared.folder.control.bytes().load(Ordering::Relaxed))?;
        out.set_item("leader", shared.folder.control.leader().load(Ordering::Relaxed))?;
        out.set_item("dropped", drops(py, &shared)?)?;
        let terminals =
            self.with_state(py, |state| state.terminals_of(u32::MAX).map(|(_, t)| t.skipped()).sum::<u64>())?;
        out.set_item("terminal_skipped", terminals)?;
        Ok(out)
    }
}

pub fn drops<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (name, reason) in REASONS {
        out.set_item(name, shared.folder.control.dropped(reason).load(Ordering::Relaxed))?;
    }
    Ok(out)
}

fn seconds(timeout: f64) -> Duration {
    Duration::try_from_secs_f64(timeout.max(0.0)).unwrap_or(Duration::MAX / 4)
}

/// Now, as records carry it.
pub fn now() -> i64 {
    now_ns()
}
