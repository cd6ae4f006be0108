//! What became of one segment's records for one sink: the ledger's entries, before they are summed up.
//!
//! The writer counts what it accepts for each sink, in the segment's header. Whoever delivers a sink counts what it takes,
//! and what it drops and why: its account. Both are counted where it happens and by different processes, so that a record
//! that is passed over by mistake makes a difference.

/// Why an accepted record came to no sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Loss {
    /// The spool was full and the sink had failed for some time.
    Behind = 0,
    /// The sink's options are gone.
    Removed = 1,
    /// A pipe that nobody reads any more.
    Stopped = 2,
    /// Only a process that has died could have delivered it.
    Ended = 3,
    /// Bytes that no longer were a frame.
    Damaged = 4,
}

pub const LOSSES: [&str; 5] = ["sink_behind", "sink_removed", "stream_stopped", "process_ended", "damaged"];

/// What a deliverer has counted of a segment up to a position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    pub position: u64,
    pub delivered: u32,
    /// By reason. Of damage at most so many: how many of the records that are gone were for this sink is not known here.
    pub dropped: [u32; LOSSES.len()],
}

impl Account {
    pub const SIZE: usize = 32;

    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..8].copy_from_slice(&self.position.to_le_bytes());
        for (at, count) in std::iter::once(&self.delivered).chain(&self.dropped).enumerate() {
            out[8 + at * 4..12 + at * 4].copy_from_slice(&count.to_le_bytes());
        }
        out
    }

    pub fn parse(bytes: &[u8; Self::SIZE]) -> Self {
        let count = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + at * 4 + i]));
        Self {
            position: u64::from_le_bytes(std::array::from_fn(|i| bytes[i])),
            delivered: count(0),
            dropped: std::array::from_fn(|reason| count(1 + reason)),
        }
    }
}

/// Accepted = delivered + spooled + dropped by reason, for one sink, in one segment or many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    pub segments: u64,
    /// Segments of those whose writer was of a version that did not count: nothing more is said of them here.
    pub uncounted: u64,
    pub accepted: u64,
    pub delivered: u64,
    pub spooled: u64,
    pub dropped: [u64; LOSSES.len()],
    /// Accepted, and nobody knows what became of it.
    pub missing: u64,
    /// Delivered or dropped, and never accepted.
    pub surplus: u64,
}

/// What a segment's end tells of its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The writer closed it: its counts are exact.
    Sealed,
    /// The writer counts a record once it stands: a moment later it may stand uncounted.
    Open,
    /// The writer is dead. What it counted and is not there was lost with the power.
    Dead,
}

impl Balance {
    /// Of a segment whose writer did not count.
    pub const UNCOUNTED: Self = Self {
        segments: 1,
        uncounted: 1,
        accepted: 0,
        delivered: 0,
        spooled: 0,
        dropped: [0; LOSSES.len()],
        missing: 0,
        surplus: 0,
    };

    /// Of a segment: what its writer accepted, what its deliverer says, and what waits.
    pub fn of(accepted: u64, end: End, account: &Account, spooled: u64) -> Self {
        let mut dropped = account.dropped.map(u64::from);
        let gap = std::mem::take(&mut dropped[Loss::Damaged as usize]);
        let found = u64::from(account.delivered) + spooled + dropped.iter().sum::<u64>();
        let accepted = if end == End::Sealed { accepted } else { accepted.max(found) };
        let short = accepted.saturating_sub(found);
        let damaged = if end == End::Dead { short } else { short.min(gap) };
        dropped[Loss::Damaged as usize] = damaged;
        Self {
            segments: 1,
            uncounted: 0,
            accepted,
            delivered: account.delivered.into(),
            spooled,
            dropped,
            missing: short - damaged,
            surplus: found.saturating_sub(accepted),
        }
    }

    /// The segment is removed: what still waits was for a process that has died.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.dropped[Loss::Ended as usize] += std::mem::take(&mut self.spooled);
        self
    }

    pub fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.uncounted += other.uncounted;
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.spooled += other.spooled;
        self.dropped.iter_mut().zip(other.dropped).for_each(|(sum, count)| *sum += count);
        self.missing += other.missing;
        self.surplus += other.surplus;
    }

    /// True if every accepted record is accounted for, and nothing else is.
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.surplus == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(delivered: u32, damaged: u32) -> Account {
        Account { position: 4096, delivered, dropped: [0, 0, 0, 0, damaged] }
    }

    #[test]
    fn an_account_comes_back_from_its_bytes() {
        let account = Account { position: 1 << 40, delivered: 2, dropped: [3, 4, 5, 6, u32::MAX] };
        assert_eq!(Account::parse(&account.bytes()), account);
    }

    #[test]
    fn a_record_that_nobody_took_is_missing_and_one_that_nobody_gave_is_surplus() {
        assert!(Balance::of(5, End::Sealed, &account(3, 0), 2).holds());
        assert_eq!(Balance::of(5, End::Sealed, &account(4, 0), 0).missing, 1);
        assert_eq!(Balance::of(5, End::Open, &account(4, 0), 0).missing, 1);
        assert_eq!(Balance::of(5, End::Sealed, &account(6, 0), 0).surplus, 1);
    }

    #[test]
    fn damage_explains_no_more_than_the_records_that_it_took() {
        let balance = Balance::of(5, End::Sealed, &account(3, 1), 0);
        assert_eq!((balance.dropped[Loss::Damaged as usize], balance.missing), (1, 1));
        let for_another_sink = Balance::of(5, End::Sealed, &account(5, 1), 0);
        assert_eq!((for_another_sink.dropped[Loss::Damaged as usize], for_another_sink.holds()), (0, true));
    }

    #[test]
    fn a_writer_killed_between_a_record_and_its_count_makes_no_difference() {
        let balance = Balance::of(4, End::Dead, &account(5, 0), 0);
        assert_eq!((balance.accepted, balance.holds()), (5, true));
    }
}
