//! What is counted while a segment is delivered (see `account`).
//!
//! A file's leader keeps its accounts to itself until the segment is done: whoever takes over from one that died counts,
//! once, the records that it moved past. A deliverer of its own (a database, a pipe, a sink in Python) says its account
//! with each position, because another process removes the segment. Whatever is dropped is said at once.
use super::{Member, UNKNOWN};
use crate::error::Result;
use crate::record::frame::Kind;
use crate::spool::account::{Account, Balance, End, Loss};
use crate::spool::reader::{Reader, Step};

/// How far a sink had come, and what was counted up to there since the segment was opened.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub position: u64,
    taken: u32,
    lost: u64,
}

/// What is known for one sink.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Book {
    /// Of what is committed; behind the position where another deliverer moved it and did not say more.
    account: Account,
    /// Since the segment was opened, and of these committed.
    taken: u32,
    done: u32,
    /// Lost to damage, of what is committed.
    lost: u64,
    /// Taken, not committed and not delivered, by reason.
    dropped: [u32; crate::spool::account::LOSSES.len()],
}

impl Book {
    fn at(account: Account) -> Self {
        Self { account, ..Self::default() }
    }

    pub(super) fn forget(&mut self) {
        (self.taken, self.dropped) = (self.done, Default::default());
    }

    pub(super) fn settle(&mut self, account: Account, reach: &Reach) {
        (self.account, self.done, self.lost) = (account, reach.taken, reach.lost);
        (self.taken, self.dropped) = (self.taken.max(reach.taken), Default::default());
    }
}

/// An account that speaks of what the position does not say is of a deliverer that died before it moved it: it is of no use.
fn last_account(reader: &Reader, bit: usize, position: u64) -> Account {
    let told = reader.account(bit);
    if told.position <= position {
        told
    } else {
        Account { position: crate::spool::segment::HEADER as u64, ..Account::default() }
    }
}

pub(super) fn open(reader: &Reader, committed: &[u64]) -> Vec<Book> {
    let bits = 0..reader.header.sinks.len();
    bits.map(|bit| Book::at(last_account(reader, bit, committed[bit]))).collect()
}

impl Member {
    /// One more record was taken for a sink.
    #[inline]
    pub fn count(&mut self, bit: usize) {
        self.books[bit].taken += 1;
    }

    /// For tests: as if a record had been passed over.
    #[cfg(test)]
    pub fn uncount(&mut self, bit: usize) {
        self.books[bit].account.delivered -= 1;
    }

    /// Of the records taken and not committed so many did not reach the sink, the last ones first. Returns how many more
    /// there were.
    pub fn drop_taken(&mut self, bit: usize, loss: Loss, count: u64) -> u64 {
        let book = &mut self.books[bit];
        let here = count.min(u64::from(book.taken - book.done - book.dropped.iter().sum::<u32>()));
        book.dropped[loss as usize] += here as u32;
        count - here
    }

    /// Takes up how far a sink has come that somebody else delivers.
    pub fn catch_up(&mut self, bit: usize) {
        self.committed[bit] = self.committed[bit].max(self.reader.delivered(bit));
        self.rewind(bit);
        let told = last_account(&self.reader, bit, self.committed[bit]);
        if told.position > self.books[bit].account.position {
            self.books[bit].account = told;
        }
    }

    /// How far the sink has come in reading.
    pub fn reach(&self, bit: usize) -> Reach {
        let book = &self.books[bit];
        Reach { position: self.cursors[bit], taken: book.taken, lost: book.lost + self.lost[bit] }
    }

    /// The account as it is once what was read is committed, and how many records of that damage took. It is said, where
    /// that is needed.
    pub(super) fn account_after(&mut self, bit: usize, reach: &Reach, tells: bool) -> Result<(Account, u64)> {
        let Book { mut account, done, lost, dropped, .. } = self.books[bit];
        let lost = reach.lost.saturating_sub(lost);
        let dropped_now: u32 = dropped.iter().sum();
        let says = tells || dropped_now > 0;
        if says && account.position != self.committed[bit] {
            account = self.walked(bit, self.committed[bit]).0;
        }
        if account.position != self.committed[bit] {
            return Ok((account, lost));
        }
        account.position = reach.position;
        account.delivered += reach.taken.saturating_sub(done + dropped_now);
        account.dropped.iter_mut().zip(dropped).for_each(|(sum, count)| *sum += count);
        account.dropped[Loss::Damaged as usize] += lost as u32;
        if says {
            self.reader.tell(bit, &account)?;
        }
        Ok((account, lost))
    }

    /// The account brought up to a position, all between counted as delivered, and how many records stand after it.
    fn walked(&mut self, bit: usize, position: u64) -> (Account, u64) {
        let mut account = self.books[bit].account;
        let kept = (self.cursors[bit], self.lost[bit], self.gap[bit], self.met[bit]);
        (self.lost[bit], self.gap[bit], self.met[bit]) = (0, false, UNKNOWN);
        self.cursors[bit] = account.position;
        let (mut before, mut after) = (0, 0);
        while self.advance(bit).is_some() {
            let at = self.cursors[bit];
            let Step::Frame(Kind::Record, stride) = self.reader.look(at) else { break };
            *(if at < position { &mut before } else { &mut after }) += 1;
            self.cursors[bit] = at + stride as u64;
        }
        if self.cursors[bit] >= position {
            (account.position, account.delivered) = (position, account.delivered + before);
            account.dropped[Loss::Damaged as usize] += self.lost[bit] as u32;
        }
        (self.cursors[bit], self.lost[bit], self.gap[bit], self.met[bit]) = kept;
        (account, after.into())
    }

    /// What became of its records for a sink, as far as it has come; None for one that nobody reads it for.
    pub fn balance(&mut self, bit: usize) -> Option<Balance> {
        if self.reader.is_passed_over(bit) {
            return None;
        }
        // In this order: what is appended meanwhile is found uncounted, which is no difference while the segment is open.
        let end = self.reader.end(self.dead);
        let Some(accepted) = self.reader.accepted(bit) else { return Some(Balance::UNCOUNTED) };
        let position = self.reader.delivered(bit);
        let told = last_account(&self.reader, bit, position);
        if told.position > self.books[bit].account.position {
            self.books[bit].account = told;
        }
        let (mut account, mut spooled) = (self.books[bit].account, 0);
        if account.position != position || !self.ends_at(end, position) {
            (account, spooled) = self.walked(bit, position);
        }
        Some(Balance::of(accepted, end, &account, spooled))
    }

    fn ends_at(&mut self, end: End, position: u64) -> bool {
        match end {
            End::Sealed => self.sealed().is_some_and(|end| position >= end),
            _ => self.reader.look(position) == Step::End,
        }
    }
}
