//! A segment being read: its call sites and threads, and how far each of its sinks has come.
use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::record::frame::{self, Context, Head, Kind, Lines};
use crate::record::percent::Parts;
use crate::record::{Record, Site, Thread};
use crate::spool::account::Loss;
use crate::spool::reader::{Reader, Step};
use crate::spool::segment::MAX_SINKS;
use crate::system::fork::Held;
use crate::system::memo::Memo;

/// A frame that does not hold for so long although its writer lives is damaged, not half read.
const DOUBT: Duration = Duration::from_secs(1);
/// What the disk does not show for so long is lost, or comes later than what was after it.
pub(super) const REFUSED: Duration = Duration::from_secs(10);
/// Call sites, and threads, of a segment that are remembered; more are read again.
const MOST_PLACES: usize = 1 << 16;
/// A count that nobody has taken yet.
const UNKNOWN: u64 = u64::MAX;

struct OwnSite {
    logger: String,
    level: i32,
    level_name: String,
    pathname: String,
    line: u32,
    function: String,
    template: String,
    /// The template taken apart.
    parts: Option<Parts>,
}

impl OwnSite {
    fn read(reader: &Reader, offset: u32) -> Option<Self> {
        let payload = reader.payload(offset, Kind::Site)?;
        let (site, template) = frame::site(&payload)?;
        Some(Self {
            logger: site.logger.to_owned(),
            level: site.level,
            level_name: site.level_name.to_owned(),
            pathname: site.pathname.to_owned(),
            line: site.line,
            function: site.function.to_owned(),
            template: template.to_owned(),
            parts: Parts::new(template),
        })
    }
}

struct OwnThread {
    ident: u64,
    pid: u32,
    name: String,
    process_name: String,
}

impl OwnThread {
    fn read(reader: &Reader, offset: u32) -> Option<Self> {
        let payload = reader.payload(offset, Kind::Thread)?;
        let thread = frame::thread(&payload)?;
        let (name, process_name) = (thread.name.to_owned(), thread.process_name.to_owned());
        Some(Self { ident: thread.ident, pid: thread.pid, name, process_name })
    }
}

mod books;
use books::Book;
pub use books::Reach;

/// What the taker of a record wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    Next,
    /// This one was taken; stop.
    Last,
    /// This one was not taken; stop before it.
    Leave,
}

/// A segment being read, with how far each of its sinks has come.
pub struct Member {
    pub reader: Reader,
    pub name: OsString,
    /// A frame that did not hold while its writer lived, or that the disk did not show, and since when; by bit.
    doubts: HashMap<usize, (u64, Instant)>,
    /// By the offset of their frames.
    sites: Memo<u32, OwnSite>,
    threads: Memo<u32, OwnThread>,
    /// Read so far, and said to be delivered, by bit.
    pub cursors: [u64; MAX_SINKS],
    pub committed: [u64; MAX_SINKS],
    /// Records lost to damage between the two, by bit. How many tells the record after it: `gap` until that is met.
    pub lost: [u64; MAX_SINKS],
    gap: [bool; MAX_SINKS],
    /// Records of the segment up to the cursor, by bit; [`UNKNOWN`] until one was met.
    met: [u64; MAX_SINKS],
    /// Some position is not on the disk yet.
    unsynced: bool,
    books: Vec<Book>,
    pub sealed: Option<u64>,
    pub dead: bool,
    /// Where a dead writer's segment was found to end.
    end: Option<u64>,
}

impl Member {
    pub fn new(reader: Reader, name: OsString) -> Self {
        let mut committed = [0; MAX_SINKS];
        for (bit, slot) in committed.iter_mut().enumerate().take(reader.header.sinks.len()) {
            *slot = reader.delivered(bit);
        }
        let books = books::open(&reader, &committed);
        Self {
            reader,
            name,
            doubts: HashMap::new(),
            sites: Memo::new(MOST_PLACES),
            threads: Memo::new(MOST_PLACES),
            cursors: committed,
            committed,
            lost: [0; MAX_SINKS],
            gap: [false; MAX_SINKS],
            met: [UNKNOWN; MAX_SINKS],
            unsynced: false,
            books,
            sealed: None,
            dead: false,
            end: None,
        }
    }

    /// The seal, looked up until it is there.
    pub fn sealed(&mut self) -> Option<u64> {
        if self.sealed.is_none() {
            self.sealed = self.reader.sealed();
        }
        self.sealed
    }

    pub fn is_finished(&mut self, bit: usize) -> bool {
        let cursor = self.cursors[bit];
        match self.sealed() {
            Some(end) => cursor >= end,
            None => self.dead && self.has_no_more(cursor),
        }
    }

    /// True if no frame stands at a position of a dead writer's segment, nor after it: a page that was lost to a failure of
    /// power looks like the end.
    fn has_no_more(&mut self, at: u64) -> bool {
        if self.end != Some(at)
            && self.reader.look(at) == Step::End
            && self.reader.resynchronise(at).is_none()
            && !self.reader.fails()
        {
            self.end = Some(at);
        }
        self.end == Some(at)
    }

    /// Moves to the next record for this sink and returns its time; None at the end of what is there.
    pub fn advance(&mut self, bit: usize) -> Option<i64> {
        loop {
            let at = self.cursors[bit];
            if self.sealed.is_some_and(|end| at >= end) {
                self.end_gap(bit, None);
                return None;
            }
            match self.reader.look(at) {
                Step::Frame(Kind::Record, stride) => {
                    let frame = self.reader.frame(at);
                    let (sequence, head) = (frame.map(|f| f.sequence), frame.and_then(|f| Head::read(f.payload)));
                    self.end_gap(bit, sequence);
                    self.met[bit] = sequence.map_or(UNKNOWN, |sequence| u64::from(sequence) + 1);
                    match head {
                        Some(head) if head.sinks >> bit & 1 == 1 => return Some(head.time_ns),
                        _ => self.cursors[bit] = at + stride as u64,
                    }
                }
                Step::Frame(_, stride) => self.cursors[bit] = at + stride as u64,
                Step::End if self.is_still_written() => return None,
                Step::Damaged if self.is_still_written() && !self.is_beyond_doubt(bit, at, DOUBT) => return None,
                Step::Refused if !self.is_beyond_doubt(bit, at, REFUSED) => return None,
                step if self.goes_on_behind(bit, step) => {}
                _ => return None,
            }
        }
    }

    /// Goes past what is no frame to where one may stand again; false if this is the end.
    fn goes_on_behind(&mut self, bit: usize, step: Step) -> bool {
        let at = self.cursors[bit];
        // What was fetched before the seal may be older than the seal: only a fresh look counts.
        self.reader.refresh();
        if self.reader.look(at) != step {
            return true;
        }
        let end = self.sealed();
        if step == Step::End && end.map_or_else(|| self.has_no_more(at), |end| at >= end) {
            self.end_gap(bit, None);
            return false;
        }
        self.doubts.remove(&bit);
        let after = self.reader.resynchronise(at);
        if after.is_none() && self.is_still_written() {
            return false;
        }
        if self.met[bit] == UNKNOWN {
            self.met[bit] = self.reader.records_before(at);
        }
        self.gap[bit] = true;
        self.cursors[bit] = after.or(end).unwrap_or(self.reader.header.capacity);
        true
    }

    /// Counts what damage took, now that the record after it, or the segment's end, is met.
    fn end_gap(&mut self, bit: usize, sequence: Option<u32>) {
        if std::mem::take(&mut self.gap[bit]) {
            // The end of a segment whose writer died may have followed any number.
            let at_end = || self.reader.records().max(self.met[bit] + 1);
            let next = sequence.map_or_else(at_end, u64::from);
            self.lost[bit] += next.saturating_sub(self.met[bit]);
        }
    }

    /// Goes (back) to where the sink is said to have come; what was read beyond counts as never read.
    pub fn rewind(&mut self, bit: usize) {
        self.cursors[bit] = self.committed[bit];
        (self.lost[bit], self.gap[bit], self.met[bit]) = (0, false, UNKNOWN);
        self.books[bit].forget();
    }

    /// Hands the record at the cursor to `take`, and moves behind it unless it is left. One that cannot be read is lost; None:
    /// the disk does not show it now.
    pub fn take(&mut self, bit: usize, take: &mut impl FnMut(&Record<'_>, Option<&str>) -> Take) -> Option<Take> {
        let cursor = self.cursors[bit];
        let Step::Frame(_, stride) = self.reader.look(cursor) else { return Some(Take::Next) };
        let taken = self.record(bit).map(|(record, lines)| take(&record, lines.get(bit as u32)));
        match taken {
            Some(Take::Leave) => return taken,
            Some(_) => self.count(bit),
            None if self.reader.fails() && !self.is_beyond_doubt(bit, cursor, REFUSED) => return None,
            None => self.lost[bit] += 1,
        }
        self.cursors[bit] = cursor + stride as u64;
        taken.or(Some(Take::Next))
    }

    /// Goes to where another leader had come; what damage took on the way is counted here, as it died before it did that.
    pub fn adopt(&mut self, bit: usize, position: u64) {
        self.find_dead();
        self.rewind(bit);
        while self.cursors[bit] < position {
            let found = self.advance(bit).is_some();
            if self.cursors[bit] < position && !(found && self.take(bit, &mut |_, _| Take::Next).is_some()) {
                self.committed[bit] = position; // What stands there cannot be read now.
                return self.rewind(bit);
            }
        }
        self.cursors[bit] = position.max(self.committed[bit]);
        (self.gap[bit], self.met[bit]) = (false, UNKNOWN);
    }

    /// Says that the sink has all that was read; returns how many records damage took of it. What was counted is said
    /// too, where `tells` or something was dropped: whoever goes on cannot find that out.
    pub fn commit(&mut self, bit: usize, tells: bool) -> Result<u64> {
        self.commit_to(bit, &self.reach(bit), tells)
    }

    /// The same up to where it had come before more was read.
    pub fn commit_to(&mut self, bit: usize, reach: &Reach, tells: bool) -> Result<u64> {
        if tells && self.reader.delivered(bit) > self.committed[bit] {
            // A full spool gave up what was on its way to this sink, and counted it.
            self.catch_up(bit);
            return Ok(0);
        }
        self.unsynced = true;
        let (account, lost) = self.account_after(bit, reach, tells)?;
        self.reader.deliver(bit, reach.position)?;
        failpoint!("position.moved").map_err(|e| Error::io("write", &self.name, e))?;
        self.committed[bit] = reach.position;
        self.lost[bit] -= lost.min(self.lost[bit]);
        self.books[bit].settle(account, reach);
        Ok(lost)
    }

    /// True if it is full and this sink is not through it.
    pub fn lacks(&mut self, identity: u64) -> bool {
        let end = self.sealed();
        self.reader.bit(identity).zip(end).is_some_and(|(bit, end)| self.committed[bit] < end)
    }

    /// Counts and passes over what a sink has not read of it. Returns how many records that is, and how many more damage took.
    pub fn give_up(&mut self, bit: usize, tells: bool) -> (u64, u64) {
        let mut lost = 0;
        while self.advance(bit).is_some() {
            let Step::Frame(_, stride) = self.reader.look(self.cursors[bit]) else { break };
            self.cursors[bit] += stride as u64;
            self.count(bit);
            lost += 1;
        }
        self.drop_taken(bit, Loss::Behind, lost);
        let damaged = self.commit(bit, tells).unwrap_or(0);
        self.committed[bit] = self.cursors[bit]; // Also where that cannot be written: it is given up.
        (lost, damaged)
    }

    /// Forces the positions to the disk.
    pub fn sync(&mut self, sync: &dyn Fn(&Held) -> std::io::Result<()>) -> Result<()> {
        let unsynced = std::mem::take(&mut self.unsynced);
        let synced = self.reader.file().filter(|_| unsynced).map_or(Ok(()), sync);
        self.unsynced = synced.is_err();
        synced.map_err(|e| Error::io("sync", &self.reader.path, e))
    }

    fn is_beyond_doubt(&mut self, bit: usize, at: u64, patience: Duration) -> bool {
        let now = Instant::now();
        let doubt = self.doubts.entry(bit).or_insert((at, now));
        if doubt.0 != at {
            *doubt = (at, now);
        }
        doubt.1.elapsed() >= patience
    }

    /// A frame that looks torn while its writer lives may be one whose bytes were fetched as they were written.
    fn is_still_written(&mut self) -> bool {
        self.sealed().is_none() && !self.dead
    }

    /// The record at the cursor, decoded.
    pub fn record(&mut self, bit: usize) -> Option<(Record<'_>, Lines<'_>)> {
        let frame = self.reader.frame(self.cursors[bit])?;
        let head = Head::read(frame.payload)?;
        let site = self.sites.recall(head.site, || OwnSite::read(&self.reader, head.site))?;
        let thread = self.threads.recall(head.thread, || OwnThread::read(&self.reader, head.thread))?;
        let context = Context {
            site: Site {
                logger: &site.logger,
                level: site.level,
                level_name: &site.level_name,
                pathname: &site.pathname,
                line: site.line,
                function: &site.function,
            },
            template: &site.template,
            parts: site.parts.as_ref(),
            thread: Thread {
                ident: thread.ident,
                pid: thread.pid,
                name: &thread.name,
                process_name: &thread.process_name,
            },
            process: &self.reader.header.process,
            first_sequence: self.reader.header.first_sequence,
        };
        frame::record(&frame, &context)
    }

    /// Finds out whether its writer is dead. A lock that can be had has no owner.
    pub fn find_dead(&mut self) {
        if !self.dead && self.sealed().is_none() {
            self.dead = self.reader.is_unlocked();
            if self.dead {
                // What was fetched while it lived may be older than its last record.
                self.reader.refresh();
            }
        }
    }

    /// Whether every sink is done with it, or what is left is for a process that has died.
    pub fn is_done(&mut self, by_folder: bool) -> bool {
        let sinks = self.reader.header.sinks.clone();
        let sealed = self.sealed();
        let dead = by_folder && (self.dead || (sealed.is_some() && self.reader.is_unlocked()));
        if sealed.is_none() && !dead {
            return false;
        }
        sinks.iter().enumerate().all(|(bit, sink)| {
            if sink.local && dead {
                return true;
            }
            // Somebody else may deliver this sink: what counts is what the segment says.
            let said = self.reader.delivered(bit);
            match self.sealed {
                Some(end) => said >= end,
                None => self.has_no_more(said),
            }
        })
    }
}
