//! A source that goes on in another format: what its first lines did not show is found out where it begins.
use super::{Records, BLOCK, SAMPLE};
use crate::query::formats::detect;

impl Records {
    /// Whether the lines between two places, from `at`, are records of formats that were not known.
    ///
    /// To be asked once of a record, when it is so long that this is likely: looking takes as long as a megabyte's scan.
    #[cold]
    pub(super) fn look_again(&mut self, from: usize, to: usize) -> bool {
        if !(SAMPLE..SAMPLE + BLOCK).contains(&(to - from)) {
            return false;
        }
        let from = to - SAMPLE;
        let lines = self.buffer.get(self.at + from..self.at + to).unwrap_or_default();
        let flush: Vec<&[u8]> = lines
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !matches!(line.first(), None | Some(b' ' | b'\t')))
            .collect();
        let known = self.formats.len();
        for format in detect(lines, &[], &mut self.clock) {
            let taken = flush.iter().filter(|line| format.head(line, &mut self.clock).is_some()).count();
            if format.may_be_timed() && 2 * taken > flush.len() && !self.formats.contains(&format) {
                self.formats.push(format);
            }
        }
        self.formats.len() > known
    }
}
