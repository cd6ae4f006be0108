//! Delivery although no process of a folder runs: `cordwood recover`.
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::delivery::leader::{Leader, Lock};
use crate::spool::shared::Shared;

/// Whoever leads is asked again after so long.
const AGAIN: Duration = Duration::from_millis(10);

/// Delivers a folder's records, unless another process leads it: that one does.
pub fn recover(shared: &Arc<Shared>, patience: Duration) -> Recovered {
    let until = Instant::now() + patience;
    let mut result = Recovered::default();
    let lock = loop {
        match Lock::take(shared) {
            Some(lock) => break lock,
            None if Instant::now() >= until => return result,
            None => std::thread::sleep(AGAIN),
        }
    };
    result.led = true;
    let mut leader = Leader::new(Arc::clone(shared), lock);
    loop {
        let delivered = leader.round();
        result.delivered += delivered;
        if delivered == 0 && (leader.next_retry().is_none() || Instant::now() >= until) {
            break;
        }
        if delivered == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // Segments of dead writers are removed in a round of their own.
    leader.round();
    leader.tidy();
    result.sinks = leader.sinks();
    result.notices = leader.take_notices();
    result
}

/// What [`recover`] did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// False: another process leads the folder.
    pub led: bool,
    pub delivered: u64,
    pub sinks: Vec<(String, bool, u64)>,
    pub notices: Vec<String>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::proofs::trial::Writer;

    #[test]
    fn what_a_crash_left_beside_a_file_is_put_right_though_no_record_waits() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(folder.path(), 1 << 24);
        let names = ["app.log", "app.log.1f.gz.tmp"].map(|name| folder.path().join(name));
        for name in &names {
            std::fs::write(name, "").unwrap();
        }
        let result = recover(&writer.spool.shared, Duration::ZERO);
        assert!(result.led && result.delivered == 0 && result.notices.is_empty());
        assert_eq!(names.map(|name| name.exists()), [true, false]);
    }
}
