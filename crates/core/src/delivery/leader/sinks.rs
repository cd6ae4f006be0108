//! The sinks of a folder as its leader meets them: what their options say, changed ones, removed ones.
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Leader;
use crate::delivery::filesink::FileSink;
use crate::delivery::spec::{Kind, Spec};
use crate::error::{Error, Result};
use crate::spool::account::Loss;
use crate::spool::control::Reason;
use crate::spool::source::Take;

/// How long a sink's options may be missing while a process lives that had it: that one writes them again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a folder says of a sink.
pub(super) enum Options {
    /// A file's, as text.
    File(String),
    /// Another delivers it, under a lock of its own: a database.
    Elsewhere,
    /// It was removed.
    Gone,
}

impl Leader {
    /// Opens the files of sinks that segments name for the first time.
    pub(super) fn meet_sinks(&mut self) {
        for (identity, local) in self.source.sinks() {
            if local || self.sinks.iter().any(|sink| sink.identity == identity) {
                continue;
            }
            match self.read_spec(identity) {
                Ok(Options::File(spec)) => match self.open(identity, spec) {
                    Ok(sink) => self.sinks.push(sink),
                    Err(error) => self.tell_once(error.to_string()),
                },
                Ok(Options::Elsewhere) => {}
                Ok(Options::Gone) => {
                    if self.is_removed(identity) {
                        self.retire(identity);
                    }
                    continue;
                }
                Err(error) => self.tell_once(error.to_string()),
            }
            self.missing.remove(&identity);
        }
    }

    pub(super) fn open(&self, identity: u64, spec: String) -> Result<FileSink> {
        FileSink::open(Arc::clone(&self.fs), identity, spec, &self.shared)
    }

    /// Whether a sink whose options are nowhere was removed: somebody may be deleting the folder.
    fn is_removed(&mut self, identity: u64) -> bool {
        let is_over = self.missing.entry(identity).or_insert_with(Instant::now).elapsed() >= PATIENCE;
        !self.last && (is_over || !self.source.has_living_writer(identity)) && self.shared.folder.is_there()
    }

    /// A sink's options, as they stand in the folder.
    pub(super) fn read_spec(&self, identity: u64) -> Result<Options> {
        let path = self.shared.folder.sink_path(identity);
        let spec = match self.shared.folder.read_sink(identity) {
            Some(Ok(spec)) => spec,
            Some(Err(e)) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("read", path.unwrap_or_default(), e))
            }
            // A folder that was deleted while in use: what this process knows of its own sinks is as good.
            _ => match self.shared.spec(identity) {
                Some(spec) => spec,
                None => return Ok(Options::Gone),
            },
        };
        match Spec::parse(&spec)?.kind {
            Kind::File => Ok(Options::File(spec)),
            Kind::Python => Ok(Options::Elsewhere),
            Kind::Console(_) => {
                Err(Error::Format { path: path.unwrap_or_default(), offset: 0, why: "a console is no shared sink" })
            }
        }
    }

    /// The sink was removed: what waited for it is counted and passed over.
    fn retire(&mut self, identity: u64) {
        let mut lost = 0;
        while self.source.read(identity, |_, _| {
            lost += 1;
            Take::Next
        }) {}
        self.source.drop_taken(identity, Loss::Removed, lost);
        if self.source.commit(identity).is_ok() && lost > 0 {
            self.shared.folder.control.dropped(Reason::SinkRemoved).fetch_add(lost, Ordering::Relaxed);
            self.tell_once(format!("sink {identity:016x} was removed: {lost} records for it are given up"));
        }
    }

    /// Takes up changed options; each sink's file is closed and opened with the new ones.
    pub(super) fn reload(&mut self) {
        let sinks = std::mem::take(&mut self.sinks);
        for sink in sinks {
            let fresh = self.read_spec(sink.identity);
            match fresh {
                Ok(Options::File(spec)) if spec != sink.spec => match self.open(sink.identity, spec) {
                    Ok(fresh) => {
                        sink.close(&mut self.source, &mut self.notices);
                        self.sinks.push(fresh);
                    }
                    Err(error) => {
                        self.tell_once(error.to_string());
                        self.sinks.push(sink);
                    }
                },
                _ => self.sinks.push(sink),
            }
        }
    }
}
