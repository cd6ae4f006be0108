//! What a line holds that is the same for all records of one call site and thread, rendered once.
use std::collections::HashMap;

use super::Slot;
use crate::percent::Parts;
use crate::record::{Place, Record};

/// Places that are remembered before all are forgotten: many more than a program has call sites.
const MOST: usize = 4096;

/// A line of one place without what differs from record to record.
#[derive(Debug, Clone)]
pub(super) struct Constants {
    text: Vec<u8>,
    /// Where the text before each varying slot ends.
    ends: Vec<usize>,
    /// The template that was deferred last, taken apart.
    template: Option<(String, Parts)>,
}

impl Constants {
    fn new(slots: &[Slot], end: &str, record: &Record<'_>) -> Self {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for slot in slots {
            text.extend_from_slice(slot.text.as_bytes());
            if slot.attribute.is_constant() {
                slot.write_value(record, &mut text);
            } else {
                ends.push(text.len());
            }
        }
        text.extend_from_slice(end.as_bytes());
        Self { text, ends, template: None }
    }

    /// The pieces of the line: one before each varying slot, and what stands behind the last.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter().copied().chain([self.text.len()])).map(|(start, end)| &self.text[start..end])
    }

    /// Takes a deferred template apart, or has it as it was taken apart before.
    pub(super) fn learn(&mut self, template: &str) {
        if self.template.as_ref().is_none_or(|(text, _)| text != template) {
            self.template = Parts::new(template).map(|parts| (template.to_owned(), parts));
        }
    }

    /// What [`Constants::learn`] found.
    pub(super) fn template(&self) -> Option<&Parts> {
        self.template.as_ref().map(|(_, parts)| parts)
    }
}

/// The places met so far; the last one is found without a look-up.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    known: Vec<Constants>,
    places: HashMap<Place, usize>,
    last: Option<(Place, usize)>,
}

impl Memory {
    pub(super) fn recall(&mut self, slots: &[Slot], end: &str, place: Place, record: &Record<'_>) -> &mut Constants {
        let at = match self.last {
            Some((last, at)) if last == place => at,
            _ => self.look_up(slots, end, place, record),
        };
        self.last = Some((place, at));
        &mut self.known[at]
    }

    fn look_up(&mut self, slots: &[Slot], end: &str, place: Place, record: &Record<'_>) -> usize {
        if self.known.len() >= MOST {
            self.known.clear();
            self.places.clear();
        }
        *self.places.entry(place).or_insert_with(|| {
            self.known.push(Constants::new(slots, end, record));
            self.known.len() - 1
        })
    }
}
