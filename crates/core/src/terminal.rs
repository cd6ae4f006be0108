//! The console, in two ways: a terminal is written at once on the caller's thread, a pipe by the delivery thread.
use std::io;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::record::Record;
use crate::source::{Source, Take};
use crate::spec::{Format, Kind, Spec};
use crate::spool::{Reason, Shared};
use crate::stream::Stream;

/// Bytes that one write to a pipe gets.
const BATCH: usize = 64 << 10;

/// A terminal. What it does not take at once is skipped and counted; how much was is said when it takes again.
pub struct Terminal {
    stream: Stream,
    format: Format,
    line: Vec<u8>,
    /// The end of a line of which the terminal took the beginning.
    rest: Vec<u8>,
    skipped: u64,
    unsaid: u64,
}

impl Terminal {
    /// The terminal that a console sink writes to; None where the stream is something else.
    pub fn of(spec: &Spec) -> Result<Option<Self>> {
        let Kind::Console(which) = spec.kind else { return Ok(None) };
        let stream = Stream::open(which)?;
        if !stream.is_terminal {
            return Ok(None);
        }
        let (line, rest) = (Vec::new(), Vec::new());
        Ok(Some(Self { stream, format: spec.format()?, line, rest, skipped: 0, unsaid: 0 }))
    }

    /// Records that the terminal did not take.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Writes one record, without waiting.
    pub fn write(&mut self, record: &Record<'_>, line: Option<&str>) {
        if !self.finish_line() {
            self.skip();
            return;
        }
        self.line.clear();
        if self.unsaid > 0 {
            self.line.extend_from_slice(
                format!("({} records not shown: the terminal was stopped)\n", self.unsaid).as_bytes(),
            );
        }
        self.format.write(record, line, &mut self.line);
        match self.stream.write(&self.line) {
            Ok(0) | Err(_) => self.skip(),
            Ok(n) => {
                self.unsaid = 0;
                self.rest.extend_from_slice(&self.line[n..]);
            }
        }
    }

    fn finish_line(&mut self) -> bool {
        if self.rest.is_empty() {
            return true;
        }
        let taken = self.stream.write(&self.rest).unwrap_or(self.rest.len());
        self.rest.drain(..taken);
        self.rest.is_empty()
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.unsaid += 1;
    }
}

/// A console that is a pipe, a socket or a file: batches, in order, as much as it takes.
pub struct Pipe {
    identity: u64,
    stream: Stream,
    format: Format,
    batch: Vec<u8>,
    /// Where each record of the batch ends.
    ends: Vec<usize>,
    written: usize,
    closed: bool,
}

impl Pipe {
    pub fn new(identity: u64, spec: &Spec) -> Result<Option<Self>> {
        let Kind::Console(which) = spec.kind else { return Ok(None) };
        let (stream, format) = (Stream::open(which)?, spec.format()?);
        Ok(Some(Self { identity, stream, format, batch: Vec::new(), ends: Vec::new(), written: 0, closed: false }))
    }

    /// Writes what is there until the pipe is full; returns how many records it was given.
    pub fn deliver(&mut self, source: &mut Source, shared: &Shared) -> u64 {
        let mut all = 0;
        loop {
            if self.written == self.batch.len() {
                let records = self.fill(source);
                if records == 0 {
                    let _ = source.commit(self.identity);
                    return all;
                }
                all += records;
                if self.closed {
                    self.give_up(shared);
                }
            }
            while self.written < self.batch.len() {
                match self.stream.write(&self.batch[self.written..]) {
                    Ok(0) => return all,
                    Ok(n) => self.written += n,
                    // Nobody reads it any more; a full disk behind a redirection is tried again.
                    Err(e) if e.kind() == io::ErrorKind::StorageFull => return all,
                    Err(_) => {
                        self.closed = true;
                        self.give_up(shared);
                    }
                }
            }
            let _ = source.commit(self.identity);
        }
    }

    /// Counts the records of the batch that were not wholly written, and lets them go.
    fn give_up(&mut self, shared: &Shared) {
        let lost = self.ends.iter().filter(|end| **end > self.written).count() as u64;
        shared.folder.control.dropped(Reason::StreamStopped).fetch_add(lost, Ordering::Relaxed);
        self.written = self.batch.len();
    }

    fn fill(&mut self, source: &mut Source) -> u64 {
        self.batch.clear();
        self.ends.clear();
        self.written = 0;
        let (format, batch, ends) = (&mut self.format, &mut self.batch, &mut self.ends);
        source.read(self.identity, |record, line| {
            format.write(record, line, batch);
            ends.push(batch.len());
            if batch.len() >= BATCH {
                Take::Last
            } else {
                Take::Next
            }
        });
        self.ends.len() as u64
    }

    /// True while the pipe holds back part of a batch.
    pub fn is_stalled(&self) -> bool {
        self.written < self.batch.len()
    }
}
