//! The console, in two ways: a terminal is written at once on the caller's thread, a pipe by the delivery thread.
use std::io;
use std::sync::atomic::Ordering;

use crate::delivery::spec::{Format, Kind, Spec};
use crate::error::Result;
use crate::record::Record;
use crate::sinks::stream::Stream;
use crate::spool::account::Loss;
use crate::spool::control::Reason;
use crate::spool::shared::Shared;
use crate::spool::source::{Source, Take};

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
    /// None once nobody reads it any more.
    stream: Option<Stream>,
    format: Format,
    batch: Vec<u8>,
    /// Where each record of the batch ends, and bytes of it that are written.
    ends: Vec<usize>,
    written: usize,
}

impl Pipe {
    pub fn new(identity: u64, spec: &Spec) -> Result<Option<Self>> {
        let Kind::Console(which) = spec.kind else { return Ok(None) };
        // A stream that was closed takes nothing: its records are counted, and hold nothing else up.
        let (stream, format) = (Stream::open(which).ok(), spec.format()?);
        Ok(Some(Self { identity, stream, format, batch: Vec::new(), ends: Vec::new(), written: 0 }))
    }

    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// Goes on where another, with other options, stopped in the middle of a batch.
    pub fn carry_on(&mut self, before: &mut Self) {
        self.written = before.written;
        self.ends = std::mem::take(&mut before.ends);
        self.batch = std::mem::take(&mut before.batch);
    }

    /// Lets go of the batch in hand, which comes again.
    pub fn begin_again(&mut self) {
        self.batch.clear();
        self.ends.clear();
        self.written = 0;
    }

    /// Writes what is there until the pipe is full; returns how many records it was given.
    pub fn deliver(&mut self, source: &mut Source, shared: &Shared) -> u64 {
        let mut all = 0;
        loop {
            if self.written == self.batch.len() {
                self.fill(source);
                if self.ends.is_empty() {
                    let _ = source.commit(self.identity);
                    return all;
                }
                all += self.ends.len() as u64;
            }
            if !self.write() {
                return all;
            }
            if self.stream.is_none() {
                // What was not wholly written is counted, and let go.
                let lost = self.ends.iter().filter(|end| **end > self.written).count() as u64;
                shared.folder.control.dropped(Reason::StreamStopped).fetch_add(lost, Ordering::Relaxed);
                source.drop_taken(self.identity, Loss::Stopped, lost);
                self.written = self.batch.len();
            }
            let _ = source.commit(self.identity);
        }
    }

    /// Writes the batch; false if the pipe is full.
    fn write(&mut self) -> bool {
        while let (Some(stream), true) = (&mut self.stream, self.written < self.batch.len()) {
            match stream.write(&self.batch[self.written..]) {
                Ok(0) => return false,
                Ok(n) => self.written += n,
                // A full disk behind a redirection is tried again.
                Err(e) if e.kind() == io::ErrorKind::StorageFull => return false,
                // Nobody reads it any more.
                Err(_) => self.stream = None,
            }
        }
        true
    }

    fn fill(&mut self, source: &mut Source) {
        self.begin_again();
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
    }

    /// True while the pipe holds back part of a batch.
    pub fn is_stalled(&self) -> bool {
        self.written < self.batch.len()
    }
}
