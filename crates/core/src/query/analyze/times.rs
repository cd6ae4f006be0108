//! Counts by time and level.

/// Not known, DEBUG, INFO, WARNING, ERROR, CRITICAL.
pub const LEVELS: usize = 6;
/// Units of time that are kept apart; where there are more, spans are doubled.
const MOST: usize = 400;

/// Counts by span of time, in order of time but for what came late.
#[derive(Clone, Debug)]
pub struct Times {
    spans: Vec<(i64, [u64; LEVELS])>,
    /// Units in a span: a power of two.
    width: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self { spans: Vec::new(), width: 1 }
    }
}

impl Times {
    #[inline]
    pub fn add(&mut self, unit: i64, level: usize) {
        match self.spans.last_mut() {
            Some((last, counts)) if *last == unit => counts[level] += 1,
            _ => self.add_elsewhere(unit, level, 1),
        }
    }

    #[cold]
    fn add_elsewhere(&mut self, unit: i64, level: usize, count: u64) {
        let unit = if unit == i64::MIN { unit } else { unit.div_euclid(self.width) * self.width };
        match self.spans.binary_search_by_key(&unit, |(unit, _)| *unit) {
            Ok(place) => self.spans[place].1[level] += count,
            Err(place) => {
                let mut counts = [0; LEVELS];
                counts[level] = count;
                self.spans.insert(place, (unit, counts));
                if self.spans.len() > MOST {
                    self.coarsen();
                }
            }
        }
    }

    fn coarsen(&mut self) {
        self.width *= 2;
        for (unit, counts) in std::mem::take(&mut self.spans) {
            for (level, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                self.add_elsewhere(unit, level, count);
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (unit, counts) in &other.spans {
            for (level, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                self.add_elsewhere(*unit, level, *count);
            }
        }
    }

    /// By level, over all of it.
    pub fn levels(&self) -> [u64; LEVELS] {
        let mut levels = [0; LEVELS];
        for (_, counts) in &self.spans {
            for (level, count) in levels.iter_mut().zip(counts) {
                *level += count;
            }
        }
        levels
    }

    pub fn total(&self) -> u64 {
        self.levels().iter().sum()
    }

    /// (unit since the epoch in local time; `i64::MIN` where records had no time, counts by level).
    pub fn spans(&self) -> &[(i64, [u64; LEVELS])] {
        &self.spans
    }
}
