//! What a process has in a folder that was deleted while in use. It goes on as the same writer in another one, and what
//! nobody has delivered of the former is delivered from its memory, first.
//!
//! Two could deliver that: this process, and the former folder's leader for as long as it has not noticed. The former
//! folder's lock decides, which all its processes have open: the leader holds it alone and gives it up when it has delivered
//! what is there; whoever goes on shares it until its own records are delivered, and nobody leads there meanwhile.
use std::sync::atomic::Ordering;
use std::sync::Arc;

use rustix::fs::{flock, FlockOperation};

use super::{Inner, Shared};
use crate::spool::folder::Folder;

pub(super) struct Former {
    shared: Arc<Shared>,
    /// Nobody else delivers any more what this process has of it.
    is_had: bool,
}

impl Inner {
    /// True while somebody else may deliver what this process has in a former folder.
    pub(super) fn awaits_former(&self) -> bool {
        self.formers.iter().any(|former| !former.is_had)
    }
}

impl Former {
    /// Tries to have it; `fresh` is the folder in its place.
    fn take(&mut self, fresh: &Folder) {
        let folder = &self.shared.folder;
        // Where both have one lock, who leads now leads alone.
        let lock = folder.lock.as_ref().filter(|_| !folder.shares_lock(fresh));
        self.is_had = self.is_had
            || self.shared.threads.load(Ordering::Acquire) == 0
                && lock.is_none_or(|lock| flock(&**lock, FlockOperation::NonBlockingLockShared).is_ok());
        if !self.is_had {
            self.shared.wake();
        }
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        if let (true, Some(lock)) = (self.is_had, &self.shared.folder.lock) {
            lock.unlock();
        }
    }
}

impl Shared {
    /// Takes over what this process has in a former folder; its writer has ended there.
    pub fn succeed(&self, former: &Arc<Self>) {
        let mut old = former.inner();
        let (sealed, lent) = (std::mem::take(&mut old.sealed), std::mem::take(&mut old.lent));
        let mut formers = std::mem::take(&mut old.formers);
        drop(old);
        formers.push(Former { shared: Arc::clone(former), is_had: false });
        let memory = sealed.iter().filter(|segment| segment.is_in_memory()).map(|segment| segment.capacity() as u64);
        self.take_memory(memory.sum());
        let mut inner = self.inner();
        (inner.sealed, inner.lent, inner.formers) = (sealed, lent, formers);
    }

    /// True while somebody else may deliver what this process has in a former folder: nothing may come before it.
    pub fn awaits_former(&self) -> bool {
        self.inner().awaits_former()
    }

    /// Delivery thread: waits for former folders' leaders without stopping, and lets go of what is delivered.
    pub(super) fn look_after_formers(&self) {
        let mut inner = self.inner();
        if inner.formers.is_empty() {
            return;
        }
        let awaited = inner.awaits_former();
        inner.formers.iter_mut().for_each(|former| former.take(&self.folder));
        let awaits = inner.awaits_former();
        drop(inner);
        if !awaits {
            self.lend_nameless();
            if awaited {
                self.folder.control.segments().fetch_add(1, Ordering::Release);
            } else if !self.has_memory() {
                self.inner().formers.clear();
            }
        }
    }
}
