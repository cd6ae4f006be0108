//! Room in a spool: segments that everybody is done with are removed, and of a full spool the oldest is given up.
use std::collections::HashSet;
use std::ffi::OsString;
use std::time::Duration;

use super::{Scope, Source};
use crate::failpoint;
use crate::spool::member::Member;

impl Source {
    /// The oldest full segment that one of these sinks lacks is given up for those of them that do. Returns how many records
    /// each loses.
    pub fn give_up_oldest(&mut self, sinks: &[u64]) -> Vec<(u64, u64)> {
        let lacking = self.oldest(|member| sinks.iter().any(|sink| member.lacks(*sink)));
        lacking.map_or_else(Vec::new, |at| self.give_up(at, sinks))
    }

    /// The same of the oldest full segment that anybody lacks, or of none: what a sink lacks beyond that keeps no room.
    pub fn give_up_first(&mut self, sinks: &[u64]) -> Vec<(u64, u64)> {
        let first = self.oldest(|member| member.sealed().is_some() && !member.is_done(false));
        first.map_or_else(Vec::new, |at| self.give_up(at, sinks))
    }

    /// The oldest full segment that a sink lacks, and how far it is in it.
    pub fn oldest_lack(&mut self, sink: u64) -> Option<(u64, u64)> {
        let oldest = self.oldest(|member| member.lacks(sink))?;
        let member = &self.members[oldest];
        Some((member.reader.header.salt(), member.committed[member.reader.bit(sink)?]))
    }

    fn oldest(&mut self, mut is_meant: impl FnMut(&mut Member) -> bool) -> Option<usize> {
        let all =
            self.members.iter_mut().enumerate().filter_map(|(at, member)| is_meant(member).then_some((at, member)));
        all.min_by_key(|(_, member)| member.reader.header.created_ns).map(|(at, _)| at)
    }

    fn give_up(&mut self, at: usize, sinks: &[u64]) -> Vec<(u64, u64)> {
        let mut given_up = Vec::new();
        for sink in sinks {
            let member = &mut self.members[at];
            if let (true, Some(bit)) = (member.lacks(*sink), member.reader.bit(*sink)) {
                let (lost, damaged) = member.give_up(bit, self.tells);
                given_up.push((*sink, lost));
                self.damaged += damaged;
            }
        }
        given_up
    }

    /// Removes segments that every sink is done with; before, `settle` takes up what became of each one's records. Returns
    /// the bytes freed.
    ///
    /// The one that was `counted` last goes first: whoever counted it may have died before it was removed, and only as
    /// long as it is the last is that known.
    pub fn reap(&mut self, counted: u64, mut settle: impl FnMut(&mut Member)) -> u64 {
        let mut freed = 0;
        // Of memory the writer lets go.
        let folder = match &self.scope {
            Scope::Folder(folder, _) => Some(folder),
            Scope::Own(..) => None,
        };
        let mut keep = |member: &mut Member| {
            if !member.is_done(folder.is_some()) {
                return true;
            }
            let Some(folder) = folder else { return false };
            settle(member);
            if folder.remove(&member.name) {
                freed += member.reader.header.capacity;
                let _ = failpoint!("segment.removed");
            } else {
                // Memory, of which the writer lets go, or a folder that does not let go of it.
                member.reader.mark_settled();
            }
            false
        };
        self.members.retain_mut(|member| member.reader.header.salt() != counted || keep(member));
        self.members.retain_mut(keep);
        freed + self.remove_unused()
    }

    /// Prepared segments whose maker died before it used them.
    fn remove_unused(&self) -> u64 {
        let Scope::Folder(folder, _) = &self.scope else { return 0 };
        if self.listed.is_some_and(|at| at.elapsed() > Duration::from_millis(20)) {
            return 0;
        }
        let known: HashSet<&OsString> = self.members.iter().map(|member| &member.name).collect();
        folder.remove_unused(|name| known.contains(name) || self.ignored.contains(name))
    }
}
