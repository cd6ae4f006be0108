//! Pipes and Python-run sinks of this process that get nowhere while callers wait for room in the spool.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::delivery::terminal::Pipe;
use crate::spool::shared::Shared;
use crate::spool::source::Source;

/// A sink that has not moved for so long is behind: a pipe that is full, or a sink that said that it fails; and any other,
/// which may just be slow.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Where each stands: the oldest full segment that it lacks and how far it is in it; and since when that is so.
#[derive(Default)]
pub(super) struct Behind(HashMap<u64, ((u64, u64), Instant)>);

impl Behind {
    /// While callers wait for room: those that are behind and keep the oldest segment lose it, and no other sink loses
    /// anything by it. Returns how many records that is.
    pub(super) fn give_up(&mut self, source: &mut Source, pipes: &[Pipe], shared: &Shared) -> u64 {
        let mut behind = Vec::new();
        for (sink, _) in source.sinks().into_iter().filter(|(_, local)| *local) {
            let pipe = pipes.iter().find(|pipe| pipe.identity() == sink);
            if pipe.is_none() {
                // Python reads for it.
                source.catch_up(sink);
            }
            let fails = pipe.map_or_else(|| shared.is_failing(sink), Pipe::is_stalled);
            if self.has_stood(source, sink, if fails { PATIENCE.0 } else { PATIENCE.1 }) {
                behind.push(sink);
            }
        }
        let given_up = source.give_up_first(&behind);
        for (sink, _) in &given_up {
            // That it moved is not of its own doing.
            if let (Some((stand, _)), Some(moved)) = (self.0.get_mut(sink), source.oldest_lack(*sink)) {
                *stand = moved;
            }
        }
        given_up.into_iter().map(|(_, lost)| lost).sum()
    }

    fn has_stood(&mut self, source: &mut Source, sink: u64, patience: Duration) -> bool {
        let Some(stand) = source.oldest_lack(sink) else {
            self.0.remove(&sink);
            return false;
        };
        let now = Instant::now();
        let known = self.0.entry(sink).or_insert((stand, now));
        if known.0 != stand {
            *known = (stand, now);
        }
        known.1.elapsed() >= patience
    }
}
