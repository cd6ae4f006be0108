//! A source that goes on in another format: what its first lines did not show is found out where it begins.
use memchr::memchr;

use super::{Records, LONGEST, SAMPLE};
use crate::query::formats::{detect, Format, NO_TIME};

/// Nanoseconds by which times of another format may be earlier, for one may have a zone and the other none.
const DAY: i64 = 26 * 3600 * 1_000_000_000;

impl Records {
    /// Whether a record that is `length` bytes long so far, from `at`, is rather many of formats that were not known. Its last
    /// lines tell.
    ///
    /// Looking takes as long as the scan of a megabyte. Whenever it was in vain, only a record twice as long is looked at.
    #[inline]
    pub(super) fn look_again(&mut self, length: usize) -> bool {
        length > self.strange && length <= LONGEST && self.learn(length)
    }

    #[cold]
    fn learn(&mut self, length: usize) -> bool {
        let first = memchr(b'\n', &self.buffer[self.at..self.filled]).unwrap_or(length);
        let own = self.headed(first).head.map_or(NO_TIME, |head| head.time).max(self.last_time);
        let from = self.at + length - SAMPLE;
        let lines = &self.buffer[from..self.at + length];
        let flush: Vec<&[u8]> = lines
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !matches!(line.first(), None | Some(b' ' | b'\t')))
            .collect();
        let known = self.formats.len();
        for format in detect(lines, &[], &mut self.clock) {
            let times: Vec<i64> =
                flush.iter().filter_map(|line| format.head(line, &mut self.clock)).map(|head| head.time).collect();
            // A table of dates is no log, nor is what somebody quotes from another day.
            let is_later = times.iter().all(|time| *time == NO_TIME || *time >= own.saturating_sub(DAY));
            let is_log = format.may_be_timed() && format != Format::Timed && is_later;
            if is_log && 2 * times.len() > flush.len() && !self.formats.contains(&format) {
                self.formats.push(format);
            }
        }
        let learned = self.formats.len() > known;
        self.strange = if learned { SAMPLE } else { self.strange * 2 };
        learned
    }
}
