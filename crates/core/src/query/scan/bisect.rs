//! Where a time begins in a file, found by halving: a gigabyte takes some thirty reads.
//!
//! A file whose times go back by more than [`SLACK`] somewhere is not bisected. Small files are read from end to end; in
//! others [`PROBES`] places are looked at, and where their times are in order, the file is taken to be. A record without a
//! time has that of the record before it, so all that is begun at is a record with one.
use std::io;

use memchr::memchr;

use super::Records;

/// Processes that share a file write within the delivery window of each other, so times may go back a little.
const SLACK: i64 = 60 * 1_000_000_000;
/// Files up to this size are scanned whole.
const SMALL: u64 = 4 << 20;
const PROBES: u64 = 256;
/// Places at which no time may be found.
const BLIND: u64 = 8;
/// Bytes read at a place to find a line with a time; a longer traceback doubles it.
const LOOK: usize = 4 << 10;
const LOOK_MOST: usize = 1 << 20;

/// The part of a source that holds all records of a range of times: from the first position to the second.
///
/// The whole source where it is small, a stream, without times, or out of order. `since` and `until` are nanoseconds.
pub fn range(records: &mut Records, since: i64, until: i64) -> io::Result<(u64, u64)> {
    let whole = (records.position(), u64::MAX);
    let size = match records.input().size() {
        Some(size) if size > SMALL && records.may_be_timed() => size,
        _ => return Ok(whole),
    };
    if since == i64::MIN && until == i64::MAX {
        return Ok(whole);
    }
    let mut probe = Probe { buffer: vec![0; LOOK], records };
    let mut marks = Vec::with_capacity(PROBES as usize);
    let mut latest = i64::MIN;
    for i in 0..PROBES {
        let at = size / PROBES * i;
        let Some((start, time)) = probe.after(at, size)? else {
            if i >= marks.len() as u64 + BLIND {
                return Ok(whole);
            }
            continue;
        };
        if time < latest.saturating_sub(SLACK) {
            return Ok(whole);
        }
        latest = latest.max(time);
        marks.push((start, time));
    }
    let from = since.saturating_sub(SLACK);
    let begin = match marks.partition_point(|mark| mark.1 < from) {
        0 => whole.0,
        after => probe.halve(marks[after - 1].0, marks.get(after).map_or(size, |mark| mark.0), from, size)?,
    };
    let to = until.saturating_add(SLACK);
    let end = match marks.partition_point(|mark| mark.1 <= to) {
        after if after == marks.len() => u64::MAX,
        after => marks[after].0,
    };
    Ok((begin, end))
}

struct Probe<'a> {
    records: &'a mut Records,
    buffer: Vec<u8>,
}

impl Probe<'_> {
    /// The first record that begins behind `at`: its place and time.
    fn after(&mut self, at: u64, size: u64) -> io::Result<Option<(u64, i64)>> {
        let mut look = LOOK;
        loop {
            self.buffer.resize(look, 0);
            let read = self.records.input().read_at(&mut self.buffer, at)?;
            // The line at `at` is cut unless it is the first.
            let mut start =
                if at == 0 { 0 } else { memchr(b'\n', &self.buffer[..read]).map_or(read, |found| found + 1) };
            while start < read {
                let Some(length) = memchr(b'\n', &self.buffer[start..read]) else { break };
                let line = self.buffer[start..start + length].to_vec();
                if let Some(time) = self.records.time_of(&line) {
                    return Ok(Some((at + start as u64, time)));
                }
                start += length + 1;
            }
            if at + read as u64 >= size || look >= LOOK_MOST {
                return Ok(None);
            }
            look *= 4;
        }
    }

    /// A record's beginning before which no record is as late as `from`. `low` is one that is earlier.
    fn halve(&mut self, mut low: u64, mut high: u64, from: i64, size: u64) -> io::Result<u64> {
        while high - low > 2 * LOOK as u64 {
            let middle = low + (high - low) / 2;
            match self.after(middle, size)? {
                Some((start, time)) if start < high && time < from => low = start,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
