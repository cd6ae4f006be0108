//! What a process's end of a spool is made of, and what a fork or a deleted folder makes anew.
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordwood_core::delivery::spec::{Kind, Spec};
use cordwood_core::delivery::terminal::Terminal;
use cordwood_core::delivery::worker::Worker;
use cordwood_core::error::Error;
use cordwood_core::record::Process;
use cordwood_core::spool::folder::Folder;
use cordwood_core::spool::segment::{SinkId, MAX_SINKS};
use cordwood_core::spool::source::Source;
use cordwood_core::spool::{Mark, Spool};
use cordwood_core::system::os::{hostname, ForkFlag};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::runtime;

/// How long after a thread could not be made it is tried again.
const THREAD_PAUSE: Duration = Duration::from_secs(1);
/// UTC offsets change at multiples of a quarter of an hour.
const QUARTER_NS: i64 = 15 * 60 * 1_000_000_000;

/// A sink as it was added; remembered so that a forked child can begin anew.
pub struct Sink {
    pub id: SinkId,
    spec: String,
    pub terminal: Option<Terminal>,
    /// Its place may be given to another.
    pub removed: bool,
}

impl Sink {
    /// Delivered by the thread of this process, in batches.
    fn is_pipe(&self) -> bool {
        self.id.local
            && self.terminal.is_none()
            && !self.removed
            && Spec::parse(&self.spec).is_ok_and(|spec| matches!(spec.kind, Kind::Console(_)))
    }
}

/// What changes with a fork.
pub struct State {
    pub spool: Spool,
    pub fork: ForkFlag,
    pub worker: Option<Worker>,
    pub sinks: Vec<Sink>,
    /// A reader for each sink that Python delivers, by bit.
    pub sources: Vec<Option<Source>>,
    /// The terminals among the sinks, as bits.
    pub terminals: u32,
    /// While the time lies here the UTC offset is what the segment's header says.
    zone_holds: Range<i64>,
    /// No thread could be had: when to try again.
    pub thread_wanted: Option<Instant>,
}

impl State {
    pub fn new(py: Python<'_>, folder: Folder, max_bytes: u64) -> PyResult<Self> {
        let (utc_offset, zone) = runtime::zone(py)?;
        let process = Process {
            pid: std::process::id(),
            hostname: hostname(),
            utc_offset,
            zone,
            start_ns: runtime::start_ns(py)?,
            segment: 0,
        };
        let fork = ForkFlag::new().map_err(|e| PyOSError::new_err(e.to_string()))?;
        Ok(Self {
            spool: Spool::new(folder, max_bytes, process),
            fork,
            worker: None,
            sinks: Vec::new(),
            sources: Vec::new(),
            terminals: 0,
            zone_holds: 0..0,
            thread_wanted: None,
        })
    }

    pub fn add(&mut self, id: SinkId, spec: &str, terminal: Option<Terminal>) -> Result<usize, Error> {
        if !id.local {
            if let Some(error) = self.describe(id.identity, spec)? {
                self.spool.shared.tell(format!("{error}: records for this sink may not survive a loss of power"));
            }
        }
        let sink = Sink { id, spec: spec.to_owned(), terminal, removed: false };
        self.place(sink)
    }

    /// Tells whoever delivers what a shared sink is, and keeps it to tell that again.
    fn describe(&self, identity: u64, spec: &str) -> Result<Option<Error>, Error> {
        let is_file = Spec::parse(spec).is_ok_and(|spec| spec.kind == Kind::File);
        self.spool.shared.keep_spec(identity, spec, is_file);
        self.spool.shared.folder.describe_sink(identity, spec)
    }

    /// Gives a sink its bit: the one it has, a new one, or one whose sink was removed.
    fn place(&mut self, sink: Sink) -> Result<usize, Error> {
        let id = sink.id;
        let is_terminal = sink.terminal.is_some();
        let known = self.sinks.iter().position(|known| known.id == id);
        let bit = match known {
            Some(bit) => bit,
            None if self.sinks.len() < MAX_SINKS => self.sinks.len(),
            None => self.sinks.iter().position(|known| known.removed).ok_or_else(|| Error::Setting {
                field: "sinks",
                why: format!("at most {MAX_SINKS} sinks a process"),
            })?,
        };
        if bit == self.sinks.len() {
            self.sinks.push(sink);
            self.sources.push(None);
            self.spool.sinks.push(id);
        } else {
            self.sinks[bit] = sink;
            self.spool.sinks[bit] = id;
        }
        if known.is_none() {
            self.sources[bit] = None;
            self.spool.retire();
        }
        self.terminals = self.terminals & !(1 << bit) | u32::from(is_terminal) << bit;
        if is_terminal {
            self.spool.pass_over(bit);
        } else {
            self.spool.resume(bit);
        }
        Ok(bit)
    }

    pub fn remove(&mut self, bit: usize) {
        let Some(sink) = self.sinks.get_mut(bit) else { return };
        let unread = sink.id.local && !sink.is_pipe();
        sink.terminal = None;
        sink.removed = true;
        self.terminals &= !(1 << bit);
        if unread {
            self.spool.pass_over(bit);
        }
    }

    /// True when what was appended before the mark is delivered.
    pub fn is_delivered(&self, mark: Mark) -> bool {
        self.spool.is_delivered(u32::MAX, mark)
    }

    /// True where nothing can be kept as it is: in a forked child, and when the folder was deleted.
    pub fn has_ended(&self) -> bool {
        !self.fork.holds() || self.spool.shared.lost.load(Ordering::Relaxed)
    }

    /// Whether frames of so many bytes can be appended as everything stands: the usual case, without looking further.
    #[inline]
    pub fn is_ready(&self, time_ns: i64, bytes: usize) -> bool {
        self.fork.holds()
            && self.worker.is_some()
            && self.zone_holds.contains(&time_ns)
            && !self.spool.shared.lost.load(Ordering::Relaxed)
            && self.spool.has_room(bytes)
    }

    /// True if the zone must be asked for anew; whoever asks here does that.
    pub fn is_zone_due(&mut self, time_ns: i64) -> bool {
        let is_due = !self.zone_holds.contains(&time_ns);
        if is_due {
            let quarter = time_ns.div_euclid(QUARTER_NS).saturating_mul(QUARTER_NS);
            self.zone_holds = quarter..quarter.saturating_add(QUARTER_NS);
        }
        is_due
    }

    /// A new zone offset begins a new segment, whose header carries it.
    pub fn set_zone(&mut self, offset: i32, zone: String) {
        let process = &mut self.spool.process;
        if offset != process.utc_offset || zone != process.zone {
            (process.utc_offset, process.zone) = (offset, zone);
            self.spool.retire();
        }
    }

    /// Takes the sinks of a state that ends, each with its bit.
    pub fn take_over(&mut self, old: &mut Self, forked: bool) {
        if !forked {
            self.spool.succeed(&mut old.spool);
        }
        for (bit, sink) in old.sinks.drain(..).enumerate() {
            if !sink.id.local {
                // Where it cannot be written now, it is tried again each second.
                let _ = self.describe(sink.id.identity, &sink.spec);
            }
            let removed = sink.removed;
            let _ = self.place(sink);
            if removed {
                self.remove(bit);
            }
        }
        if !forked {
            // What Python has not read of the old segments comes first.
            for (fresh, source) in self.sources.iter_mut().zip(old.sources.drain(..)) {
                *fresh = source.map(|mut source| {
                    source.follow(&self.spool.shared);
                    source
                });
            }
        }
    }

    /// The end of a state: in a forked child nothing of it is touched; else its thread lets go of the folder.
    pub fn end(self, forked: bool) {
        match self.worker {
            // Its thread does not exist here: joining it would never end.
            Some(worker) if forked => worker.forget(),
            Some(worker) => worker.leave(),
            None => {}
        }
    }

    /// Errors: no thread can be had. Records wait in the spool until one can, or for another process.
    pub fn ensure_worker(&mut self) -> std::io::Result<()> {
        if self.worker.is_some() || self.thread_wanted.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.thread_wanted = Some(Instant::now() + THREAD_PAUSE);
        for pipe in self.sinks.iter().filter(|sink| sink.is_pipe()) {
            self.spool.shared.add_local(pipe.id.identity, pipe.spec.clone());
        }
        self.worker = Some(Worker::start(Arc::clone(&self.spool.shared))?);
        Ok(())
    }

    pub fn generation(&self) -> u32 {
        self.spool.shared.folder.control.segments().load(Ordering::Acquire)
    }

    /// The terminals among these sinks.
    pub fn terminals_of(&mut self, bits: u32) -> impl Iterator<Item = (usize, &mut Terminal)> {
        self.sinks
            .iter_mut()
            .enumerate()
            .filter(move |(bit, _)| bits >> bit & 1 == 1)
            .filter_map(|(bit, sink)| Some((bit, sink.terminal.as_mut()?)))
    }
}
