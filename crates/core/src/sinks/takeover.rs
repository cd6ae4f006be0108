//! Finishing the batch that a dead leader, or a failed write, left in part.
//!
//! # Why every record stands in the files exactly once
//!
//! The leader goes through four steps, each after the one before: the outbox keeps the batch and where it goes
//! (`begin`); the bytes are appended to the target, under its lock; the spool's cursors move past the batch; the outbox
//! forgets it (`done`). Rotation comes only after that.
//!
//! - Dead before `begin` is whole: no batch is pending, no byte of it is in any file, the cursors still stand before
//!   it. The records come again from the spool: once.
//! - Dead after it: [`resume`] looks how many of the batch's lines stand in the target past its length before the batch,
//!   in order, and appends the others. All bytes before that length are older than the batch; the batch went nowhere
//!   else. So each line is found or appended: once. Doing this again finds all of them and appends nothing, so the
//!   cursors' move and `done` may be repeated as well.
//! - Lines of others may stand before, between and after ours: only whole, equal lines count as found. A line of ours
//!   that is torn is carried on in its middle if it ends the file; if others wrote behind it, it is written again from
//!   its start, on a line of its own, and the torn piece stays. Nothing is cut.
//! - The target is known by its identity, not its name: renamed by rotation or logrotate it is found among its siblings
//!   and finished there, under its lock, which a compressor of it would hold.
//! - Gone or truncated, what stood of the batch may be in a copy or in a compressed file: siblings changed since the batch
//!   was begun are searched past the same length. The rest becomes a batch of its own for the current file, noted in
//!   the outbox before it is written, so that the next to resume is in the second case again.
//!
//! What this cannot tell: lines of others that equal ours to the byte, in the same place; and a target moved to another
//! folder while its leader was dead, whose batch is then written again.
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::sinks::compress::text;
use crate::sinks::file::{Locked, LogFile};
use crate::sinks::fs::{append, lock_within, FileSystem, How, Kind, Reader, Stat};
use crate::sinks::names::Form;
use crate::sinks::outbox::{Intent, Outbox};

const SECOND: i64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_millis(100);

/// Finishes the pending batch, if there is one: the intent whose cursors the caller adopts before it calls `done`. To be
/// called when leadership begins and, with backoff, after any error of a write.
///
/// Errors: `Io`; the batch stays pending.
pub fn resume(outbox: &mut Outbox, log: &mut LogFile) -> Result<Option<Intent>> {
    log.remember(outbox.last().target, outbox.last().since_ns);
    let Some(intent) = outbox.pending().cloned() else { return Ok(None) };
    let owed = outbox.owed()?;
    let mut locked = log.lock_as_it_is()?;
    let whole = |len: u64| len >= intent.length_before;
    if locked.id() == intent.target && whole(locked.length()) {
        finish_current(&mut locked, &intent, &owed)?;
        return Ok(Some(intent));
    }
    let siblings = siblings(&locked)?;
    match siblings.iter().find(|s| s.stat.id == intent.target && whole(s.stat.len)) {
        Some(moved) => finish_moved(&*locked.fs(), &moved.path, &intent, &owed)?,
        None => finish_elsewhere(outbox, &mut locked, siblings, &owed)?,
    }
    Ok(Some(intent))
}

fn finish_current(locked: &mut Locked<'_>, intent: &Intent, owed: &[u8]) -> Result<()> {
    let fs = locked.fs();
    let mut found = Found::new(owed);
    let region = Reader { fs: &*fs, file: locked.handle(), offset: intent.length_before };
    found.read(region).map_err(|e| Error::io("read", locked.path(), e))?;
    if found.is_all() {
        return Ok(());
    }
    if found.torn() == 0 {
        locked.start_line()?;
    }
    locked.append(found.rest())?;
    failpoint!("takeover.finished").map_err(|e| Error::io("write", locked.path(), e))
}

fn finish_moved(fs: &dyn FileSystem, path: &Path, intent: &Intent, owed: &[u8]) -> Result<()> {
    let finish = || {
        let file = fs.open(path, How::Append, 0)?;
        let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
        if !lock_within(fs, &file, PATIENCE)? || fs.stat(path)?.id != intent.target {
            return Err(busy()); // Being compressed or moved on: its new place is seen the next time.
        }
        let mut found = Found::new(owed);
        found.read(Reader { fs, file: &file, offset: intent.length_before })?;
        if found.is_all() {
            return Ok(());
        }
        let len = fs.stat_open(&file)?.len;
        let mut last = [b'\n'];
        if found.torn() == 0 && len > 0 {
            fs.read_at(&file, &mut last, len - 1)?;
        }
        if found.torn() == 0 && last != *b"\n" {
            append(fs, &file, b"\n").1?;
        }
        append(fs, &file, found.rest()).1
    };
    finish().map_err(|e| Error::io("write", path, e))
}

/// The target is gone or was truncated: the rest goes to the current file.
fn finish_elsewhere(
    outbox: &mut Outbox,
    locked: &mut Locked<'_>,
    mut siblings: Vec<Sibling>,
    owed: &[u8],
) -> Result<()> {
    let fs = locked.fs();
    let Intent { target, length_before, .. } = *outbox.last();
    let begun_ns = outbox.begun_ns()?;
    // To the second: some tools that compress or copy keep no more of a file's time.
    siblings.retain(|s| s.stat.modified_ns.div_euclid(SECOND) >= begun_ns.div_euclid(SECOND));
    siblings.sort_by_key(|s| s.stat.modified_ns);
    let mut found = Found::new(owed);
    for sibling in &siblings {
        let read = read_sibling(&*fs, sibling, length_before, &mut found);
        read.map_err(|e| Error::io("read", &sibling.path, e))?;
    }
    if locked.id() == target {
        let whole_file = Reader { fs: &*fs, file: locked.handle(), offset: 0 };
        found.read(whole_file).map_err(|e| Error::io("read", locked.path(), e))?;
    }
    locked.start_line()?;
    outbox.retarget(locked.id(), locked.length(), found.lines as u64)?;
    failpoint!("takeover.retargeted").map_err(|e| Error::io("write", locked.path(), e))?;
    locked.append(&owed[found.lines..])
}

struct Sibling {
    path: PathBuf,
    form: Form,
    stat: Stat,
}

/// The regular files beside the current one whose names begin with its name.
fn siblings(locked: &Locked<'_>) -> Result<Vec<Sibling>> {
    let (fs, names) = (locked.fs(), locked.names());
    let found = names.siblings(&*fs).map_err(|e| Error::io("list", names.folder(), e))?;
    let mut siblings = Vec::new();
    for (path, name) in found {
        match fs.stat(&path) {
            Ok(stat) if stat.kind == Kind::Regular && !names.is_temporary(&name) && stat.id != locked.id() => {
                siblings.push(Sibling { path, form: Form::split(&name).1, stat });
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("stat", path, e)),
            _ => {}
        }
    }
    Ok(siblings)
}

fn read_sibling(fs: &dyn FileSystem, sibling: &Sibling, from: u64, found: &mut Found<'_>) -> io::Result<()> {
    let file = match fs.open(&sibling.path, How::Read, 0) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => return Ok(()),
        opened => opened?,
    };
    let mut text = text(fs, &file, sibling.form)?;
    let read = io::copy(&mut (&mut text).take(from), &mut io::sink()).and_then(|_| found.read(text));
    match read {
        // A foreign or torn compressed file ends where it cannot be read.
        Err(e) if e.raw_os_error().is_none() && sibling.form != Form::Plain => Ok(()),
        read => read,
    }
}

/// How much of a batch has been met, by whole lines in their order.
struct Found<'a> {
    owed: &'a [u8],
    /// Bytes of the lines met.
    lines: usize,
    /// Bytes of the next line that the unfinished line read last begins with; `None` once it differs.
    begun: Option<usize>,
}

impl<'a> Found<'a> {
    fn new(owed: &'a [u8]) -> Self {
        Self { owed, lines: 0, begun: Some(0) }
    }

    fn is_all(&self) -> bool {
        self.lines == self.owed.len()
    }

    /// How much of the next line ends the text read last.
    fn torn(&self) -> usize {
        self.begun.unwrap_or(0)
    }

    /// What follows the text read last.
    fn rest(&self) -> &'a [u8] {
        &self.owed[self.lines + self.torn()..]
    }

    /// Looks through a text from the start of a line to its end.
    fn read(&mut self, mut text: impl Read) -> io::Result<()> {
        self.begun = Some(0);
        let mut block = vec![0; 64 * 1024];
        while !self.is_all() {
            match text.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(n) => block[..n].split_inclusive(|&b| b == b'\n').for_each(|piece| self.piece(piece)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// A line, or a part of one at a block's edge.
    fn piece(&mut self, piece: &[u8]) {
        let begun = self.begun.filter(|n| self.owed[self.lines + n..].starts_with(piece)).map(|n| n + piece.len());
        if piece.ends_with(b"\n") {
            self.lines += begun.unwrap_or(0);
            self.begun = Some(0);
        } else {
            self.begun = begun;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
