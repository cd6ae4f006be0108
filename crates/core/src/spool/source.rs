//! Where a sink's records come from: all segments of a folder, or one process's own, merged by time.
//!
//! Order is strict within a writer: a segment is finished before the next one of the same writer is looked at. Between
//! writers the earliest record at hand goes first.
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::spool::account::Loss;
use crate::spool::control::Reason;
use crate::spool::directory::Directory;
use crate::spool::member::Member;
pub use crate::spool::member::Take;
use crate::spool::shared::Shared;
use crate::system::fork::Held;

/// How often a folder is listed although nothing said that it changed.
const RESCAN: Duration = Duration::from_secs(1);
/// Segments that one call reads from, so that their positions fit an outbox.
pub const MOST_SEGMENTS: usize = 64;

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
    /// What is counted is said with each position: another process removes the segments.
    pub tells: bool,
    /// Some segment is of a newer version, and left to it.
    pub has_newer: bool,
    /// Some segment could not be read for some time, and what is after it goes first.
    pub has_unread: bool,
    /// The segment that the disk does not show, and since when.
    unread: Option<(OsString, Instant)>,
    /// Records that damage took, of what was committed since somebody last asked.
    pub damaged: u64,
}

impl Source {
    fn with(scope: Scope) -> Self {
        let (members, ignored) = (Vec::new(), HashSet::new());
        let taken = Vec::new();
        let (listed, generation, damaged) = (None, 0, 0);
        let (tells, has_newer, has_unread, unread) = (true, false, false, None);
        Self { scope, members, ignored, listed, generation, taken, tells, has_newer, has_unread, unread, damaged }
    }

    /// All segments of a folder.
    pub fn folder(path: &Path) -> Self {
        Self::with(Scope::Folder(Directory::new(path), None))
    }

    /// All segments that the leader of a folder delivers.
    pub fn leading(shared: Arc<Shared>) -> Self {
        // Another folder may stand in the place of one that is gone.
        match shared.folder.path.as_deref().filter(|_| shared.folder.is_there()).map(Directory::new) {
            Some(folder) => Self::with(Scope::Folder(folder, Some(shared))),
            None => Self::with(Scope::Own(shared, None)),
        }
    }

    /// The folder is another's now: what it names is left to who leads it, what nobody else can find is read to its end.
    pub fn keep_nameless(&mut self, shared: Arc<Shared>) {
        self.members.retain(|member| member.reader.is_nameless());
        (self.scope, self.listed) = (Scope::Own(shared, None), None);
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

    /// Takes up how far a sink has come that somebody else delivers.
    pub fn catch_up(&mut self, identity: u64) {
        for member in &mut self.members {
            if let Some(bit) = member.reader.bit(identity) {
                member.catch_up(bit);
            }
        }
    }

    /// Goes on in another folder, if it is another; what is left of the former one's comes first.
    pub fn follow(&mut self, shared: &Arc<Shared>) {
        if !matches!(&self.scope, Scope::Own(known, _) if Arc::ptr_eq(known, shared)) {
            let folder = shared.folder.path.as_deref().map(Directory::new);
            (self.scope, self.listed) = (Scope::Own(Arc::clone(shared), folder), None);
        }
    }

    /// Forgets what a sink has read and not committed.
    pub fn rewind(&mut self, identity: u64) {
        for member in &mut self.members {
            if let Some(bit) = member.reader.bit(identity) {
                member.rewind(bit);
            }
        }
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

    /// Of the records read and not committed so many, the last ones, did not reach the sink.
    pub fn drop_taken(&mut self, identity: u64, loss: Loss, count: u64) {
        let mut left = count;
        for member in self.members.iter_mut().rev() {
            let Some(bit) = member.reader.bit(identity) else { continue };
            left = member.drop_taken(bit, loss, left);
        }
    }

    /// What was read is delivered: says so in each segment.
    pub fn commit(&mut self, identity: u64) -> Result<()> {
        let moved: Vec<_> = self.moved(identity).collect();
        for (at, bit) in moved {
            self.damaged += self.members[at].commit(bit, self.tells)?;
        }
        Ok(())
    }

    /// Forces to the disk how far the sinks have come; where one segment fails, the others all the same.
    pub fn sync(&mut self, sync: &dyn Fn(&Held) -> std::io::Result<()>) -> Result<()> {
        let mut all = Ok(());
        for member in &mut self.members {
            all = all.and(member.sync(sync));
        }
        all
    }

    /// Adopts positions that another leader had reached; returns those in segments of a newer version, which only a leader
    /// of that version can adopt.
    pub fn adopt(&mut self, identity: u64, positions: &[(u64, u64)]) -> Result<Vec<(u64, u64)>> {
        let mut left = Vec::new();
        for (salt, position) in positions {
            let name = OsString::from(format!("{salt:016x}.seg"));
            let is_known = self.members.iter().any(|member| member.reader.header.salt() == *salt);
            if self.ignored.contains(&name) {
                left.push((*salt, *position));
            } else if let (false, Some(folder)) = (is_known, self.scope.directory()) {
                if folder.has(&name) && !folder.is_abandoned(&name) {
                    // It could not be opened (too many files are): without it the batch would come twice.
                    self.listed = None;
                    let busy = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
                    return Err(Error::io("open", folder.path.join(&name), busy));
                }
            }
            for member in &mut self.members {
                if let (true, Some(bit)) = (member.reader.header.salt() == *salt, member.reader.bit(identity)) {
                    member.adopt(bit, *position);
                    self.damaged += member.commit(bit, self.tells)?;
                }
            }
        }
        Ok(left)
    }

    /// Whether all that is there could be looked at; not where this process can open no more files, or the disk shows none.
    pub fn is_whole(&self) -> bool {
        self.listed.is_some() && !self.has_unread
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

    /// The folder, held open once more; None for memory, and where it cannot be opened.
    pub fn folder_again(&self) -> Option<Held> {
        self.scope.directory().and_then(Directory::again)
    }

    /// Every segment at hand.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// True if the folder could not be opened: nothing is seen of it.
    pub fn is_blind(&self) -> bool {
        self.scope.directory().is_some_and(Directory::is_blind)
    }

    /// True if a process lives that wrote records for this sink.
    pub fn has_living_writer(&self, identity: u64) -> bool {
        let mut named = self.members.iter().filter(|member| member.reader.bit(identity).is_some());
        named.any(|member| !member.reader.is_unlocked())
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
        folder.bytes()
    }

    /// Bytes of all segments at hand.
    pub fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.reader.header.capacity).sum()
    }

    /// Finds out which writers are dead.
    pub fn find_dead(&mut self) {
        if matches!(self.scope, Scope::Own(..)) {
            return;
        }
        self.members.iter_mut().for_each(Member::find_dead);
    }
}

/// Counts records that damage took in the folder's own counter; returns how many more there are.
pub fn count_damage(shared: &Shared, source: &mut Source) -> u64 {
    let damaged = std::mem::take(&mut source.damaged);
    shared.folder.control.dropped(Reason::Damaged).fetch_add(damaged, Ordering::Relaxed);
    damaged
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

mod merge;
mod room;
mod scope;
mod shared;
use scope::Scope;
pub use shared::Reached;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
