//! What a deliverer of one sink needs of a folder whose files somebody else delivers: databases.
use super::{Scope, Source};
use crate::error::Result;
use crate::spool::member::Reach;

/// How far a sink had come in a segment when a batch was read.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    salt: u64,
    reach: Reach,
}

impl Source {
    /// How far has been read: `commit_to` takes it, though more is read before that.
    pub fn reached(&self, identity: u64) -> Vec<Reached> {
        let reached = |(at, bit): (usize, usize)| {
            let member = &self.members[at];
            Reached { salt: member.reader.header.salt(), reach: member.reach(bit) }
        };
        self.moved(identity).map(reached).collect()
    }

    /// What was read up to there is delivered: says so in each segment.
    pub fn commit_to(&mut self, identity: u64, reached: &[Reached]) -> Result<()> {
        for Reached { salt, reach } in reached {
            let Some(member) = self.members.iter_mut().find(|member| member.reader.header.salt() == *salt) else {
                continue;
            };
            let Some(bit) = member.reader.bit(identity).filter(|bit| reach.position > member.committed[*bit]) else {
                continue;
            };
            self.damaged += member.commit_to(bit, reach, self.tells)?;
            member.cursors[bit] = member.cursors[bit].max(reach.position);
        }
        Ok(())
    }

    /// Lets go of the segments that this sink is done with, or is not named in; who leads the folder removes them.
    pub fn forget_finished(&mut self, identity: u64) {
        let mut finished = Vec::new();
        self.members.retain_mut(|member| {
            let done = match member.reader.bit(identity) {
                Some(bit) => member.committed[bit] == member.cursors[bit] && member.is_finished(bit),
                None => true,
            };
            if done {
                finished.push(std::mem::take(&mut member.name));
            }
            !done
        });
        if matches!(self.scope, Scope::Folder(..)) {
            self.ignored.extend(finished);
        }
        self.taken.clear();
    }

    /// Passes over what somebody else has delivered to this sink, and never back to what was read.
    pub fn pass_delivered(&mut self, identity: u64) {
        for member in &mut self.members {
            if let Some(bit) = member.reader.bit(identity) {
                member.cursors[bit] = member.cursors[bit].max(member.reader.delivered(bit));
            }
        }
    }
}
