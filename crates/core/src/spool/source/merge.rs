//! Records of several writers in one order: strict within each, by time between them.
use super::{Source, MOST_SEGMENTS};
use crate::record::Record;
use crate::spool::member::Take;

/// A writer's next record, and where its segments end among the members.
#[derive(Clone, Copy)]
struct Chain {
    member: usize,
    bit: usize,
    end: usize,
    time: i64,
}

impl Source {
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
            let Some(taken) = self.members[member].take(bit, &mut take) else {
                heads.swap_remove(first);
                continue;
            };
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
            if let Some(time) = member.advance(bit) {
                return Some(Chain { member: at, bit, end, time });
            }
            if !member.is_finished(bit) {
                return None;
            }
        }
        None
    }

    /// True if there is a record for the sink.
    pub fn has_next(&mut self, identity: u64) -> bool {
        self.read(identity, |_, _| Take::Leave)
    }
}
