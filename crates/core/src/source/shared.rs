//! What a deliverer of one sink needs of a folder whose files somebody else delivers: databases.
use super::{Scope, Source};

impl Source {
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
                member.committed[bit] = member.committed[bit].max(member.reader.delivered(bit));
                member.cursors[bit] = member.cursors[bit].max(member.committed[bit]);
            }
        }
    }
}
