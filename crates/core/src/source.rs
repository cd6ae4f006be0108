//! Where a sink's records come from: all segments of a folder, or one process's own, merged by time.
//!
//! Order is strict within a writer: a segment is finished before the next one of the same writer is looked at. Between
//! writers the earliest record at hand goes first.
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};

use crate::error::{Error, Result};
use crate::fork::Held;
use crate::frame::{self, Context, Head, Kind, Lines};
use crate::record::{Record, Site, Thread};
use crate::segment::{Reader, Step, MAX_SINKS};
use crate::spool::{Reason, Shared};

/// How often a folder is listed although nothing said that it changed.
const RESCAN: Duration = Duration::from_secs(1);
/// A frame that does not hold for so long although its writer lives is damaged, not half read.
const DOUBT: Duration = Duration::from_secs(1);
/// A prepared segment that nobody uses is removed when it is this old and its maker is dead.
const UNUSED: Duration = Duration::from_secs(10);

/// Segments that one call reads from, so that their positions fit an outbox.
const MOST_SEGMENTS: usize = 64;

/// What the taker of a record wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    Next,
    /// This one was taken; stop.
    Last,
    /// This one was not taken; stop before it.
    Leave,
}

#[derive(Default)]
struct OffsetHasher(u64);

impl Hasher for OffsetHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("offsets hash as u32");
    }

    fn write_u32(&mut self, offset: u32) {
        self.0 = u64::from(offset).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Offsets<T> = HashMap<u32, T, BuildHasherDefault<OffsetHasher>>;

struct OwnSite {
    logger: String,
    level: i32,
    level_name: String,
    pathname: String,
    line: u32,
    function: String,
    template: String,
}

struct OwnThread {
    ident: u64,
    pid: u32,
    name: String,
    process_name: String,
}

/// A segment being read, with how far each of its sinks has come.
struct Member {
    reader: Reader,
    name: OsString,
    /// A frame that did not hold while its writer lived, and since when.
    doubt: Option<(u64, Instant)>,
    sites: Offsets<OwnSite>,
    threads: Offsets<OwnThread>,
    /// Read so far, and said to be delivered, by bit.
    cursors: [u64; MAX_SINKS],
    committed: [u64; MAX_SINKS],
    sealed: Option<u64>,
    dead: bool,
}

impl Member {
    fn new(reader: Reader, name: OsString) -> Self {
        let mut committed = [0; MAX_SINKS];
        for (bit, slot) in committed.iter_mut().enumerate().take(reader.header.sinks.len()) {
            *slot = reader.delivered(bit);
        }
        Self {
            reader,
            name,
            doubt: None,
            sites: Offsets::default(),
            threads: Offsets::default(),
            cursors: committed,
            committed,
            sealed: None,
            dead: false,
        }
    }

    /// The seal, looked up until it is there.
    fn sealed(&mut self) -> Option<u64> {
        if self.sealed.is_none() {
            self.sealed = self.reader.sealed();
        }
        self.sealed
    }

    fn is_finished(&mut self, bit: usize) -> bool {
        let cursor = self.cursors[bit];
        match self.sealed() {
            Some(end) => cursor >= end,
            None => self.dead && self.reader.look(cursor) == Step::End,
        }
    }

    /// Moves to the next record for this sink and returns its time; None at the end of what is there.
    fn advance(&mut self, bit: usize, damaged: &mut u64) -> Option<i64> {
        loop {
            let at = self.cursors[bit];
            if self.sealed.is_some_and(|end| at >= end) {
                return None;
            }
            match self.reader.look(at) {
                Step::Frame(Kind::Record, stride) => {
                    let head = self.reader.frame(at).and_then(|frame| Head::read(frame.payload));
                    match head {
                        Some(head) if head.sinks >> bit & 1 == 1 => return Some(head.time_ns),
                        _ => self.cursors[bit] = at + stride as u64,
                    }
                }
                Step::Frame(_, stride) => self.cursors[bit] = at + stride as u64,
                Step::End if self.is_still_written() => return None,
                Step::Damaged if self.is_still_written() && !self.is_beyond_doubt(at) => return None,
                step => {
                    // What was fetched before the seal may be older than the seal: only a fresh look counts.
                    self.reader.refresh();
                    if self.reader.look(at) != step {
                        continue;
                    }
                    let end = self.sealed();
                    if step == Step::End && end.is_none_or(|end| at >= end) {
                        return None;
                    }
                    self.doubt = None;
                    let after = self.reader.resynchronise(at);
                    if after.is_none() && self.is_still_written() {
                        return None;
                    }
                    *damaged += 1;
                    self.cursors[bit] = after.or(end).unwrap_or(self.reader.header.capacity);
                }
            }
        }
    }

    fn is_beyond_doubt(&mut self, at: u64) -> bool {
        match self.doubt {
            Some((doubted, since)) if doubted == at => since.elapsed() >= DOUBT,
            _ => {
                self.doubt = Some((at, Instant::now()));
                false
            }
        }
    }

    /// A frame that looks torn while its writer lives may be one whose bytes were fetched as they were written.
    fn is_still_written(&mut self) -> bool {
        self.sealed().is_none() && !self.dead
    }

    fn learn(&mut self, head: &Head) -> Option<()> {
        if !self.sites.contains_key(&head.site) {
            let payload = self.reader.payload(head.site, Kind::Site)?;
            let (site, template) = frame::site(&payload)?;
            let own = OwnSite {
                logger: site.logger.to_owned(),
                level: site.level,
                level_name: site.level_name.to_owned(),
                pathname: site.pathname.to_owned(),
                line: site.line,
                function: site.function.to_owned(),
                template: template.to_owned(),
            };
            self.sites.insert(head.site, own);
        }
        if !self.threads.contains_key(&head.thread) {
            let payload = self.reader.payload(head.thread, Kind::Thread)?;
            let thread = frame::thread(&payload)?;
            let (name, process_name) = (thread.name.to_owned(), thread.process_name.to_owned());
            self.threads.insert(head.thread, OwnThread { ident: thread.ident, pid: thread.pid, name, process_name });
        }
        Some(())
    }

    /// The record at the cursor, decoded.
    fn record(&self, bit: usize) -> Option<(Record<'_>, Lines<'_>)> {
        let frame = self.reader.frame(self.cursors[bit])?;
        let head = Head::read(frame.payload)?;
        let (site, thread) = (self.sites.get(&head.site)?, self.threads.get(&head.thread)?);
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
}

/// Which segments a source reads.
enum Scope {
    Folder(Directory),
    /// One process's, and the folder they are in: None for memory.
    Own(Arc<Shared>, Option<Directory>),
}

/// A folder held open: another that takes its name is not mistaken for it.
struct Directory {
    path: PathBuf,
    open: Option<Held>,
}

impl Directory {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Held::open(|| File::open(path)).ok() }
    }

    /// The names of its segments; None if it cannot be listed.
    fn list(&self) -> Option<Vec<OsString>> {
        let entries = Dir::read_from(&**self.open.as_ref()?).ok()?;
        let names = entries.filter_map(|entry| Some(OsStr::from_bytes(entry.ok()?.file_name().to_bytes()).to_owned()));
        Some(names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "seg")).collect())
    }

    /// Opens a file of one's own: no link, no other owner.
    fn open(&self, name: &OsStr) -> Option<Held> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let folder = self.open.as_ref()?;
        let open = || Ok(File::from(rustix::fs::openat(&**folder, name, flags, Mode::empty())?));
        let file = Held::open(open).ok()?;
        let found = file.metadata().ok()?;
        (found.is_file() && found.uid() == rustix::process::geteuid().as_raw()).then_some(file)
    }

    fn has(&self, name: &OsStr) -> bool {
        let Some(folder) = &self.open else { return false };
        rustix::fs::statat(&**folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn remove(&self, name: &OsStr) -> bool {
        self.open.as_ref().is_some_and(|folder| rustix::fs::unlinkat(&**folder, name, AtFlags::empty()).is_ok())
    }
}

impl Scope {
    fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Own(_, folder) => folder.as_ref(),
        }
    }
}

/// The segments of a folder or of a process, and how far each sink has come in them.
pub struct Source {
    scope: Scope,
    members: Vec<Member>,
    /// Files that are no segments of ours, by name: looked at once.
    ignored: HashSet<OsString>,
    listed: Option<Instant>,
    generation: u32,
    /// Members that the last `read` took records from.
    taken: Vec<usize>,
    pub damaged: u64,
}

impl Source {
    fn with(scope: Scope) -> Self {
        let (members, ignored) = (Vec::new(), HashSet::new());
        Self { scope, members, ignored, listed: None, generation: 0, taken: Vec::new(), damaged: 0 }
    }

    /// All segments of a folder.
    pub fn folder(path: &Path) -> Self {
        Self::with(Scope::Folder(Directory::new(path)))
    }

    /// The segments of one process.
    pub fn own(shared: Arc<Shared>) -> Self {
        let folder = shared.folder.path.as_deref().map(Directory::new);
        Self::with(Scope::Own(shared, folder))
    }

    /// Looks for new segments (if `generation` says that there are some, or it is time) and for new frames.
    pub fn refresh(&mut self, generation: u32) {
        if generation != self.generation || self.listed.is_none_or(|at| at.elapsed() >= RESCAN) {
            self.generation = generation;
            self.listed = Some(Instant::now());
            self.list();
        }
        for member in &mut self.members {
            member.reader.refresh();
        }
    }

    fn list(&mut self) {
        if matches!(self.scope, Scope::Own(..)) {
            // Whoever leads removes the files; here they must not stay open for ever.
            self.members.retain_mut(|member| !member.is_done(false));
        }
        let found = match &self.scope {
            Scope::Own(shared, None) => shared.nameless(),
            scope => {
                let Some(names) = scope.directory().and_then(Directory::list) else { return };
                names.into_iter().map(|name| (name, None)).collect()
            }
        };
        let there: HashSet<&OsString> = found.iter().map(|(name, _)| name).collect();
        self.ignored.retain(|name| there.contains(name));
        let known: HashSet<&OsString> = self.members.iter().map(|member| &member.name).collect();
        let is_new = |name: &OsString| !known.contains(name) && !self.ignored.contains(name);
        let new: Vec<_> = found.into_iter().filter(|(name, _)| is_new(name)).collect();
        for (name, file) in new {
            self.add(name, file);
        }
        self.members.sort_by_key(|member| (member.reader.header.writer, member.reader.ordinal));
    }

    fn add(&mut self, name: OsString, file: Option<File>) {
        let folder = self.scope.directory();
        let Some(file) = file.map(Held::new).or_else(|| folder?.open(&name)) else { return };
        let path = folder.map_or_else(|| PathBuf::from("memory"), |folder| folder.path.join(&name));
        match Reader::open(file, &path) {
            Ok(Some(reader)) => match &self.scope {
                Scope::Own(shared, _) if shared.writer != reader.header.writer => {
                    self.ignored.insert(name);
                }
                _ => self.members.push(Member::new(reader, name)),
            },
            Ok(None) => {}
            Err(_) => {
                self.ignored.insert(name);
            }
        }
    }

    /// Takes up how far a sink has come that somebody else delivers.
    pub fn catch_up(&mut self, identity: u64) {
        for member in &mut self.members {
            if let Some(bit) = member.reader.bit(identity) {
                member.committed[bit] = member.committed[bit].max(member.reader.delivered(bit));
                member.cursors[bit] = member.committed[bit];
            }
        }
    }

    /// Goes on with another writer's segments; what is left of the former one's comes first.
    pub fn follow(&mut self, shared: Arc<Shared>) {
        let folder = shared.folder.path.as_deref().map(Directory::new);
        (self.scope, self.listed) = (Scope::Own(shared, folder), None);
    }

    /// Forgets what a sink has read and not committed.
    pub fn rewind(&mut self, identity: u64) {
        for member in &mut self.members {
            if let Some(bit) = member.reader.bit(identity) {
                member.cursors[bit] = member.committed[bit];
            }
        }
    }

    /// Hands the sink's records to `take`, in order, until it stops or there are no more. Returns true if it stopped.
    pub fn read(&mut self, identity: u64, mut take: impl FnMut(&Record<'_>, Option<&str>) -> Take) -> bool {
        let mut heads = Vec::new();
        let mut at = 0;
        while at < self.members.len() {
            let end = self.chain_end(at);
            heads.extend(self.head(identity, at, end));
            at = end;
        }
        self.taken.clear();
        while let Some(first) = (0..heads.len()).min_by_key(|at| heads[*at].time) {
            let Chain { member, bit, end, .. } = heads[first];
            if !self.taken.contains(&member) {
                if self.taken.len() == MOST_SEGMENTS {
                    return true;
                }
                self.taken.push(member);
            }
            let taken = self.take_one(member, bit, &mut take);
            if taken == Take::Leave {
                return true;
            }
            match self.head(identity, member, end) {
                Some(next) => heads[first] = next,
                None => {
                    heads.swap_remove(first);
                }
            }
            if taken == Take::Last {
                return true;
            }
        }
        false
    }

    fn chain_end(&self, start: usize) -> usize {
        let writer = self.members[start].reader.header.writer;
        start + self.members[start..].iter().take_while(|member| member.reader.header.writer == writer).count()
    }

    /// The next record of a writer whose segments are `start..end`.
    fn head(&mut self, identity: u64, start: usize, end: usize) -> Option<Chain> {
        for at in start..end {
            let member = &mut self.members[at];
            let Some(bit) = member.reader.bit(identity) else { continue };
            if let Some(time) = member.advance(bit, &mut self.damaged) {
                return Some(Chain { member: at, bit, end, time });
            }
            if !member.is_finished(bit) {
                return None;
            }
        }
        None
    }

    fn take_one(&mut self, at: usize, bit: usize, take: &mut impl FnMut(&Record<'_>, Option<&str>) -> Take) -> Take {
        let member = &mut self.members[at];
        let cursor = member.cursors[bit];
        let Step::Frame(_, stride) = member.reader.look(cursor) else { return Take::Next };
        let head = member.reader.frame(cursor).and_then(|frame| Head::read(frame.payload));
        let known = head.and_then(|head| member.learn(&head));
        let taken = if let Some((record, lines)) = known.and_then(|()| member.record(bit)) {
            take(&record, lines.get(bit as u32))
        } else {
            self.damaged += 1;
            Take::Next
        };
        if taken != Take::Leave {
            self.members[at].cursors[bit] = cursor + stride as u64;
        }
        taken
    }

    /// True if there is a record for the sink.
    pub fn has_next(&mut self, identity: u64) -> bool {
        self.read(identity, |_, _| Take::Leave)
    }

    fn moved(&self, identity: u64) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.members.iter().enumerate().filter_map(move |(at, member)| {
            let bit = member.reader.bit(identity)?;
            (member.cursors[bit] != member.committed[bit]).then_some((at, bit))
        })
    }

    /// Where the sink has come in the segments that the last `read` took records from, as (salt, position).
    pub fn positions(&self, identity: u64) -> Vec<(u64, u64)> {
        let taken = self.taken.iter().map(|at| &self.members[*at]);
        let at_bit = taken.filter_map(|member| Some((member, member.reader.bit(identity)?)));
        at_bit.map(|(member, bit)| (member.reader.header.salt(), member.cursors[bit])).collect()
    }

    /// What was read is delivered: says so in each segment.
    pub fn commit(&mut self, identity: u64) -> Result<()> {
        let moved: Vec<_> = self.moved(identity).collect();
        for (at, bit) in moved {
            let member = &mut self.members[at];
            member.reader.deliver(bit, member.cursors[bit])?;
            member.committed[bit] = member.cursors[bit];
        }
        Ok(())
    }

    /// Adopts positions that another leader had reached.
    pub fn adopt(&mut self, identity: u64, positions: &[(u64, u64)]) -> Result<()> {
        for (salt, position) in positions {
            let name = OsString::from(format!("{salt:016x}.seg"));
            let is_known = self.members.iter().any(|member| member.reader.header.salt() == *salt);
            if let (false, false, Some(folder)) = (is_known, self.ignored.contains(&name), self.scope.directory()) {
                if folder.has(&name) {
                    // It could not be opened (too many files are): without it the batch would come twice.
                    self.listed = None;
                    let busy = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
                    return Err(Error::io("open", folder.path.join(&name), busy));
                }
            }
            for member in &mut self.members {
                if let (true, Some(bit)) = (member.reader.header.salt() == *salt, member.reader.bit(identity)) {
                    let position = member.committed[bit].max(*position);
                    member.cursors[bit] = position;
                    member.committed[bit] = position;
                    member.reader.deliver(bit, position)?;
                }
            }
        }
        Ok(())
    }

    /// How many records the sink lacks.
    pub fn count(&mut self, identity: u64) -> u64 {
        self.refresh(self.generation);
        let mut count = 0;
        while self.read(identity, |_, _| {
            count += 1;
            Take::Next
        }) {}
        self.rewind(identity);
        count
    }

    /// Every sink that some segment names, with whether it is local.
    pub fn sinks(&self) -> Vec<(u64, bool)> {
        let mut all: Vec<_> = self
            .members
            .iter()
            .flat_map(|member| member.reader.header.sinks.iter().map(|sink| (sink.identity, sink.local)))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Counts and passes over the oldest segment's records for a sink: it is given up there. None if there is none.
    pub fn give_up_oldest(&mut self, identity: u64) -> Option<u64> {
        let oldest = (0..self.members.len())
            .filter(|at| {
                let member = &self.members[*at];
                member
                    .reader
                    .bit(identity)
                    .is_some_and(|bit| member.sealed.is_some_and(|end| member.committed[bit] < end))
            })
            .min_by_key(|at| self.members[*at].reader.header.created_ns)?;
        let bit = self.members[oldest].reader.bit(identity)?;
        let member = &mut self.members[oldest];
        let mut lost = 0;
        while member.advance(bit, &mut self.damaged).is_some() {
            let Step::Frame(_, stride) = member.reader.look(member.cursors[bit]) else { break };
            member.cursors[bit] += stride as u64;
            lost += 1;
        }
        member.committed[bit] = member.cursors[bit];
        let _ = member.reader.deliver(bit, member.cursors[bit]);
        Some(lost)
    }

    /// Removes segments that every sink is done with. Returns the bytes freed.
    pub fn reap(&mut self) -> u64 {
        let mut freed = 0;
        // Of memory the writer lets go.
        let folder = match &self.scope {
            Scope::Folder(folder) => Some(folder),
            Scope::Own(..) => None,
        };
        self.members.retain_mut(|member| {
            let keep = !member.is_done(folder.is_some());
            if !keep && folder.is_some_and(|folder| folder.remove(&member.name)) {
                freed += member.reader.header.capacity;
            }
            keep
        });
        freed + self.remove_unused()
    }

    /// Prepared segments whose maker died before it used them.
    fn remove_unused(&self) -> u64 {
        let Scope::Folder(folder) = &self.scope else { return 0 };
        if self.listed.is_some_and(|at| at.elapsed() > Duration::from_millis(20)) {
            return 0;
        }
        let known: HashSet<&OsString> = self.members.iter().map(|member| &member.name).collect();
        let mut freed = 0;
        for name in folder.list().unwrap_or_default() {
            if known.contains(&name) || self.ignored.contains(&name) {
                continue;
            }
            let Some(file) = folder.open(&name) else { continue };
            let Ok(found) = file.metadata() else { continue };
            let old =
                found.modified().is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > UNUSED));
            if old && is_unlocked(&file) && matches!(Reader::open(file, &folder.path), Ok(None)) && folder.remove(&name)
            {
                freed += found.len();
            }
        }
        freed
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Bytes of all segments of the folder, prepared ones among them.
    pub fn bytes_on_disk(&self) -> u64 {
        let Some(folder) = self.scope.directory() else { return self.bytes() };
        let names = folder.list().unwrap_or_default();
        names.iter().filter_map(|name| folder.open(name)?.metadata().ok()).map(|found| found.len()).sum()
    }

    /// Bytes of all segments at hand.
    pub fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.reader.header.capacity).sum()
    }

    /// Finds out which writers are dead. A lock that can be had has no owner.
    pub fn find_dead(&mut self) {
        if matches!(self.scope, Scope::Own(..)) {
            return;
        }
        for member in &mut self.members {
            if !member.dead && member.sealed().is_none() {
                member.dead = is_unlocked(&member.reader.file);
                if member.dead {
                    // What was fetched while it lived may be older than its last record.
                    member.reader.refresh();
                }
            }
        }
    }
}

impl Member {
    /// Whether every sink is done with it, or what is left is for a process that has died.
    fn is_done(&mut self, by_folder: bool) -> bool {
        let sinks = self.reader.header.sinks.clone();
        let sealed = self.sealed();
        let dead = by_folder && (self.dead || (sealed.is_some() && is_unlocked(&self.reader.file)));
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
                None => self.reader.look(said) == Step::End,
            }
        })
    }
}

#[derive(Clone, Copy)]
struct Chain {
    member: usize,
    bit: usize,
    end: usize,
    time: i64,
}

fn is_unlocked(file: &File) -> bool {
    if rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return false;
    }
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
    true
}

/// Counts frames that were damage in the folder's own counter.
pub fn count_damage(shared: &Shared, source: &mut Source) {
    let damaged = std::mem::take(&mut source.damaged);
    if damaged > 0 {
        shared.folder.control.dropped(Reason::Damaged).fetch_add(damaged, Ordering::Relaxed);
    }
}

/// A reader of a folder that is not this process's own, for views.
pub fn open_folder(path: &Path) -> Result<Source> {
    if !path.is_dir() {
        return Err(Error::Format { path: path.to_owned(), offset: 0, why: "no spool folder" });
    }
    let mut source = Source::folder(path);
    source.refresh(0);
    Ok(source)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::Message;
    use crate::spec::identity;
    use crate::spool::Folder;
    use crate::trial::{segments, spool_path, Writer, SINK};

    fn texts(source: &mut Source) -> Vec<String> {
        let mut texts = Vec::new();
        while source.read(identity(SINK), |record, _| {
            if let Message::Rendered(text) = record.message {
                texts.push(text.to_owned());
            }
            Take::Next
        }) {}
        texts
    }

    #[test]
    fn writers_are_merged_by_time_and_each_keeps_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (Writer::new(folder.path(), 1 << 24), Writer::new(folder.path(), 1 << 24));
        a.log_at(10, "a1");
        b.log_at(20, "b1");
        a.spool.retire();
        a.log_at(5, "a2, the clock was set back");
        b.log_at(30, "b2");
        let mut source = open_folder(&spool_path(folder.path())).unwrap();
        assert_eq!(texts(&mut source), ["a1", "a2, the clock was set back", "b1", "b2"]);
    }

    #[test]
    fn what_was_read_comes_again_until_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), 1 << 24);
        writer.log("one");
        let mut source = Source::own(Arc::clone(&writer.spool.shared));
        source.refresh(0);
        assert_eq!(texts(&mut source).len(), 1);
        source.rewind(identity(SINK));
        assert_eq!(texts(&mut source).len(), 1);
        source.commit(identity(SINK)).unwrap();
        assert_eq!(Source::own(Arc::clone(&writer.spool.shared)).count(identity(SINK)), 0);
    }

    #[test]
    fn a_record_written_between_the_last_look_and_the_writers_death_keeps_its_segment() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), 1 << 24);
        writer.log("one");
        let mut source = open_folder(&spool_path(folder.path())).unwrap();
        assert_eq!(texts(&mut source), ["one"]);
        source.commit(identity(SINK)).unwrap();
        writer.log("the last one");
        drop(writer);
        source.find_dead();
        assert_eq!(source.reap(), 0);
        source.refresh(0);
        assert_eq!(texts(&mut source), ["the last one"]);
        source.commit(identity(SINK)).unwrap();
        assert!(source.reap() > 0);
        assert!(segments(folder.path()).is_empty());
    }

    #[test]
    fn a_reader_of_its_own_segments_lets_go_of_delivered_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), 1 << 24);
        let mut source = Source::own(Arc::clone(&writer.spool.shared));
        for generation in 1..20 {
            writer.log("line");
            writer.spool.retire();
            source.refresh(generation);
            assert_eq!(texts(&mut source).len(), 1);
            source.commit(identity(SINK)).unwrap();
        }
        source.refresh(100);
        // They are listed again while nobody removes them, and let go of again.
        for path in segments(folder.path()) {
            std::fs::remove_file(path).unwrap();
        }
        source.refresh(101);
        assert_eq!(source.len(), 0);
    }

    #[test]
    fn memory_is_read_and_let_go_of_without_touching_any_file() {
        let mut writer = Writer::with(Folder::anonymous().unwrap(), 1 << 24);
        writer.log("one");
        writer.spool.retire();
        writer.log("two");
        let mut source = Source::own(Arc::clone(&writer.spool.shared));
        source.refresh(1);
        assert_eq!(texts(&mut source), ["one", "two"]);
        source.commit(identity(SINK)).unwrap();
        let before = writer.spool.shared.folder.control.bytes().load(Ordering::Relaxed);
        assert_eq!((source.reap(), source.len()), (0, 1));
        writer.spool.shared.housekeeping();
        assert!(writer.spool.shared.folder.control.bytes().load(Ordering::Relaxed) < before);
        source.refresh(2);
        assert_eq!(source.len(), 1);
    }

    #[test]
    fn more_segments_than_one_batch_may_name_are_all_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut writers: Vec<_> = (0..MOST_SEGMENTS + 6).map(|_| Writer::new(folder.path(), 1 << 26)).collect();
        assert!(writers.iter_mut().all(|writer| writer.log("line")));
        let mut source = open_folder(&spool_path(folder.path())).unwrap();
        assert_eq!(source.count(identity(SINK)), MOST_SEGMENTS as u64 + 6);
    }
}
