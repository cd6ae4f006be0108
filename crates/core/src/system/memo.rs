//! Values kept by key, the last one found without a look-up: records of one place come one after another.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Keys are positions in files that we wrote, so a multiplication spreads them well enough.
#[derive(Debug, Clone, Default)]
pub struct PositionHasher(u64);

impl Hasher for PositionHasher {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A memory of what was made for a key.
#[derive(Debug, Clone)]
pub struct Memo<K, V> {
    made: Vec<V>,
    places: HashMap<K, usize, BuildHasherDefault<PositionHasher>>,
    last: Option<(K, usize)>,
    most: usize,
}

impl<K: Copy + Eq + Hash, V> Memo<K, V> {
    /// `most`: so many are kept; before one more, all are forgotten.
    pub fn new(most: usize) -> Self {
        Self { made: Vec::new(), places: HashMap::default(), last: None, most }
    }

    /// What was made for `key`, now or before; None where it cannot be made.
    #[inline]
    pub fn recall(&mut self, key: K, make: impl FnOnce() -> Option<V>) -> Option<&mut V> {
        let at = match self.last {
            Some((last, at)) if last == key => at,
            _ => self.look_up(key, make)?,
        };
        self.last = Some((key, at));
        Some(&mut self.made[at])
    }

    #[inline(never)]
    fn look_up(&mut self, key: K, make: impl FnOnce() -> Option<V>) -> Option<usize> {
        if let Some(at) = self.places.get(&key) {
            return Some(*at);
        }
        let value = make()?;
        if self.made.len() >= self.most {
            self.made.clear();
            self.places.clear();
        }
        self.places.insert(key, self.made.len());
        self.made.push(value);
        Some(self.made.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_its_key_until_there_are_too_many() {
        let mut made = Vec::new();
        let mut memo = Memo::new(2);
        for key in [1u32, 1, 2, 1, 2, 2, 3, 1] {
            let value = memo.recall(key, || {
                made.push(key);
                Some(key * 10)
            });
            assert_eq!(value, Some(&mut (key * 10)));
        }
        assert_eq!(made, [1, 2, 3, 1]);
    }

    #[test]
    fn what_cannot_be_made_is_tried_again() {
        let mut memo = Memo::new(2);
        assert_eq!(memo.recall(1u32, || None), None);
        assert_eq!(memo.recall(1u32, || Some('a')), Some(&mut 'a'));
        assert_eq!(memo.recall(2u32, || None), None);
        assert_eq!(memo.recall(1u32, || None), Some(&mut 'a'));
    }
}
