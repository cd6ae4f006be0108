//! The file of a chain that is being read.
use std::io;

use crate::query::filter::Filter;
use crate::query::scan::{Record, Records, Sieve};
use crate::query::when::Clock;

pub struct Current {
    pub records: Records,
    pub file: usize,
    pub end: u64,
    /// What is found elsewhere.
    pub copies: Sieve,
}

impl Current {
    /// Calls `take` with each record until it says false, and whether it answers; true at the end.
    ///
    /// `only_answers`: records that cannot answer are passed over unseen.
    pub fn scan(
        &mut self,
        filter: &Filter,
        clock: &mut Clock,
        take: &mut dyn FnMut(&Record<'_>, bool, &mut Clock) -> bool,
        only_answers: bool,
    ) -> io::Result<bool> {
        let needed = filter.needed().filter(|_| only_answers);
        loop {
            // What has no time of its own takes that of the record before, which must then be seen.
            let skips = self.records.is_timed() || !filter.has_range();
            if let Some(needed) = needed.as_ref().filter(|_| skips) {
                if !self.records.skip_to(&mut |bytes| needed(bytes))? {
                    return Ok(true);
                }
            }
            if self.records.position() >= self.end {
                return Ok(true);
            }
            let Some(record) = self.records.next_record()? else { return Ok(true) };
            let answers = filter.matches(&record, clock);
            if !answers && only_answers || self.copies.has(&record) {
                continue;
            }
            if !take(&record, answers, clock) {
                return Ok(false);
            }
        }
    }
}
