//! What a line holds that is the same for all records of one call site and thread, rendered once.
use super::Slot;
use crate::record::Record;

/// A line of one place without what differs from record to record.
#[derive(Debug, Clone)]
pub(super) struct Constants {
    text: Vec<u8>,
    /// The slots that vary, and where the text before each of them ends.
    varying: Vec<(usize, usize)>,
}

impl Constants {
    pub(super) fn new(slots: &[Slot], end: &str, record: &Record<'_>) -> Self {
        let (mut text, mut varying) = (Vec::new(), Vec::new());
        for (number, slot) in slots.iter().enumerate() {
            text.extend_from_slice(slot.text.as_bytes());
            if slot.attribute.is_constant() {
                slot.write_value(record, &mut text);
            } else {
                varying.push((number, text.len()));
            }
        }
        text.extend_from_slice(end.as_bytes());
        Self { text, varying }
    }

    /// Appends the line; `write` appends the value of a slot that varies.
    #[inline]
    pub(super) fn fill(&self, out: &mut Vec<u8>, mut write: impl FnMut(usize, &mut Vec<u8>)) {
        let mut done = 0;
        for (slot, end) in &self.varying {
            out.extend_from_slice(&self.text[done..*end]);
            write(*slot, out);
            done = *end;
        }
        out.extend_from_slice(&self.text[done..]);
    }
}
