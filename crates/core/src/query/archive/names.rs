//! Numbers for texts that come again and again.

/// Slots before the first text; always a power of two.
const SLOTS: usize = 1 << 10;
/// A text's number and length, before its bytes: who looks for it has it all in one place.
const HEAD: usize = 8;
/// What a text takes beside its bytes: its head and place, and its slots.
pub const ENTRY: usize = HEAD + 4 + 16;

/// Each different text once, by its number.
pub struct Names {
    /// A text's place and one, and the upper half of its hash; 0: free. Looked for from the lower half on.
    slots: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    places: Vec<u32>,
}

impl Default for Names {
    fn default() -> Self {
        Self { slots: vec![(0, 0); SLOTS], bytes: Vec::new(), places: Vec::new() }
    }
}

/// Eight bytes at a time: texts are short, and their places need not be the same tomorrow.
fn hash(text: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15;
        product as u64 ^ (product >> 64) as u64
    };
    let mut words = text.chunks_exact(8);
    let mut hash = 0x2545_f491_4f6c_dd1d ^ text.len() as u64;
    for word in &mut words {
        hash = mix(hash, word.try_into().map_or(0, u64::from_le_bytes));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(hash, u64::from_le_bytes(last))
}

impl Names {
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Bytes of memory, about.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.places.len() * (ENTRY - HEAD)
    }

    #[inline]
    pub fn number(&mut self, text: &[u8]) -> u32 {
        let hash = hash(text);
        let (mask, tag) = (self.slots.len() - 1, (hash >> 32) as u32);
        let mut slot = hash as usize & mask;
        while self.slots[slot].0 != 0 {
            if self.slots[slot].1 == tag {
                let (number, known) = self.at(self.slots[slot].0 - 1);
                if known == text {
                    return number;
                }
            }
            slot = (slot + 1) & mask;
        }
        let number = self.places.len() as u32;
        let place = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text);
        self.places.push(place);
        self.slots[slot] = (place + 1, tag);
        if self.places.len() * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    /// The text at a place, and its number.
    #[inline]
    fn at(&self, place: u32) -> (u32, &[u8]) {
        let (head, rest) = self.bytes[place as usize..].split_at(HEAD);
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        (word(0), &rest[..word(4) as usize])
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let mut slots = vec![(0, 0); mask + 1];
        for place in &self.places {
            let hash = hash(self.at(*place).1);
            let mut slot = hash as usize & mask;
            while slots[slot].0 != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = (place + 1, (hash >> 32) as u32);
        }
        self.slots = slots;
    }

    #[inline]
    pub fn text(&self, number: u32) -> &[u8] {
        self.at(self.places[number as usize]).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_number_however_many_there_are() {
        let mut names = Names::default();
        let texts: Vec<String> = (0..5000).map(|n| format!("user{n}")).chain([String::new()]).collect();
        for _ in 0..2 {
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(names.number(text.as_bytes()) as usize, number);
            }
        }
        assert!(texts.iter().enumerate().all(|(number, text)| names.text(number as u32) == text.as_bytes()));
        assert_eq!(names.count(), texts.len());
    }
}
