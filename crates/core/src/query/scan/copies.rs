//! Records of a file that stand in another one too, which is read beside it: they count there.
use std::sync::Arc;

use super::echoes::{Echoes, Log};
use super::{Record, Records};
use crate::query::when::Zone;

/// Which records of a file those are.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    /// From which time on, in nanoseconds, and from which level on another file has them; one pair for each such.
    begins: Arc<[(i64, i32)]>,
    /// The file is a console's copy, and these are the logs beside it.
    logs: Arc<[Log]>,
}

impl Copies {
    pub fn new(begins: &[(i64, i32)], logs: Vec<Log>) -> Self {
        Self { begins: begins.into(), logs: logs.into() }
    }

    /// The time from which on all of the file's records are.
    pub fn until(&self) -> i64 {
        self.begins.iter().filter(|(_, level)| *level <= 0).map(|(time, _)| *time).min().unwrap_or(i64::MAX)
    }

    /// What tells them apart as the file is read, whose begin is in memory; `now` in seconds.
    pub fn sieve(&self, records: &Records, zone: &Arc<Zone>, now: i64) -> Sieve {
        let echoes = (!self.logs.is_empty()).then(|| {
            let mut echoes = Echoes::new(&self.logs, Arc::clone(zone), now);
            echoes.hear(records.sample());
            echoes
        });
        Sieve { begins: Arc::clone(&self.begins), echoes }
    }
}

pub struct Sieve {
    begins: Arc<[(i64, i32)]>,
    echoes: Option<Echoes>,
}

impl Sieve {
    /// Whether a record is one of them. Of one without a time nobody can say so.
    #[inline]
    pub fn has(&mut self, record: &Record<'_>) -> bool {
        self.begins.iter().any(|(time, level)| record.time >= *time && record.level >= *level)
            || self.echoes.as_mut().is_some_and(|echoes| echoes.wrote(record.time, record.level, record.raw))
    }
}
