//! Records of a file that stand in another one too, which is read beside it: they count there.
use std::sync::Arc;

use super::Record;

/// From which time on, in nanoseconds, and from which level on another file has a file's records; one pair for each such.
#[derive(Debug, Clone, Default)]
pub struct Copies(Arc<[(i64, i32)]>);

impl Copies {
    pub fn new(copies: &[(i64, i32)]) -> Self {
        Self(copies.into())
    }

    /// Whether a record is one of them. Of one without a time nobody can say so.
    #[inline]
    pub fn has(&self, record: &Record<'_>) -> bool {
        self.0.iter().any(|(time, level)| record.time >= *time && record.level >= *level)
    }

    /// The time from which on all of the file's records are.
    pub fn until(&self) -> i64 {
        self.0.iter().filter(|(_, level)| *level <= 0).map(|(time, _)| *time).min().unwrap_or(i64::MAX)
    }
}
