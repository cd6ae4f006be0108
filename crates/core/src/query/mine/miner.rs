//! The miner itself: messages in, skeletons kept; [`templates`] tells what they come to.
mod templates;

use std::collections::HashMap;

use super::merge::{self, Member};
use super::shapes::Shapes;
use super::skeleton::{skeleton, Piece};
use super::variable::Place;
pub use templates::Template;

/// The word's number that stands for a variable, and for a space.
pub const VARIABLE: u32 = 0;
pub const SPACE: u32 = 1;
/// What a template shows for a variable.
pub const WILDCARD: &str = "<*>";

/// Bounds of memory. Nobody needs to change them; tests do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a message that are looked at.
    pub message: usize,
    /// Shapes with a quick way.
    pub shapes: usize,
    /// Skeletons before they are merged.
    pub skeletons: usize,
    /// Skeletons ever, the merged ones too.
    pub ever: usize,
    /// Messages of a skeleton whose values are all looked at; then one of `every`.
    pub values: u64,
    pub every: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 4096, shapes: 16_384, skeletons: 8192, ever: 200_000, values: 256, every: 1024 }
    }
}

struct Skeleton {
    words: Box<[u32]>,
    values: Vec<Place>,
    example: Box<[u8]>,
    first: u64,
}

pub struct Miner {
    limits: Limits,
    shapes: Shapes,
    words: Words,
    skeletons: Vec<Option<Box<Skeleton>>>,
    counts: Vec<u64>,
    /// Where a merged skeleton went.
    parents: Vec<u32>,
    known: HashMap<Box<[u32]>, u32>,
    merged_once: bool,
    /// Merging no longer makes room: what is new is told apart by its first word only.
    full: bool,
    messages: u64,
}

/// Numbers for words.
struct Words {
    numbers: HashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
}

impl Words {
    fn new() -> Self {
        let mut words = Self { numbers: HashMap::new(), texts: Vec::new() };
        // No word of a message is so: they hold no separators.
        for reserved in [WILDCARD.as_bytes(), b" "] {
            words.number(reserved);
        }
        words
    }

    fn number(&mut self, word: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(word.into());
        self.numbers.insert(word.into(), number);
        number
    }
}

impl Default for Miner {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Miner {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            shapes: Shapes::new(limits.shapes),
            words: Words::new(),
            skeletons: Vec::new(),
            counts: Vec::new(),
            parents: Vec::new(),
            known: HashMap::new(),
            merged_once: false,
            full: false,
            messages: 0,
        }
    }

    /// Take a message; the number of its skeleton, for `template`.
    #[inline]
    pub fn add(&mut self, message: &[u8]) -> u32 {
        let text = self.cut(message);
        let found = self.shapes.find(text);
        let number = match found {
            Some(number) => number,
            None => self.learn(text),
        };
        let count = &mut self.counts[number as usize];
        *count += 1;
        self.messages += 1;
        if *count <= self.limits.values || *count % self.limits.every == 0 {
            self.look(number, text);
        }
        number
    }

    /// The skeleton that a message belongs to, if it was taken before.
    pub fn find(&self, message: &[u8]) -> Option<u32> {
        let text = self.cut(message);
        self.shapes.find(text).or_else(|| {
            let words: Option<Vec<u32>> = skeleton(text)
                .iter()
                .map(|piece| match piece {
                    Piece::Space => Some(SPACE),
                    Piece::Variable(_) => Some(VARIABLE),
                    Piece::Text(range) => self.words.numbers.get(&text[range.clone()]).copied(),
                })
                .collect();
            words.and_then(|words| self.near(&words))
        })
    }

    fn cut<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        &message[..message.len().min(self.limits.message)]
    }

    #[cold]
    fn learn(&mut self, text: &[u8]) -> u32 {
        let pieces = skeleton(text);
        let words = self.numbered(text, &pieces);
        let number = match self.near(&words) {
            Some(number) => number,
            None if self.full => self.coarse(text, &words),
            None => self.add_skeleton(text, words),
        };
        self.shapes.learn(text, number);
        if self.known.len() >= self.limits.skeletons && !self.full {
            self.merge();
            self.full = self.known.len() > self.limits.skeletons / 4 * 3 || self.skeletons.len() > self.limits.ever;
        }
        number
    }

    fn numbered(&mut self, text: &[u8], pieces: &[Piece]) -> Vec<u32> {
        let number = |piece: &Piece| match piece {
            Piece::Space => SPACE,
            Piece::Variable(_) => VARIABLE,
            Piece::Text(range) => self.words.number(&text[range.clone()]),
        };
        pieces.iter().map(number).collect()
    }

    /// The skeleton of these words, or a merged one that has a variable where they have one word.
    fn near(&self, words: &[u32]) -> Option<u32> {
        if let Some(number) = self.known.get(words) {
            return Some(*number);
        }
        if !self.merged_once {
            return None;
        }
        let mut trial = words.to_vec();
        for at in 0..trial.len() {
            let word = std::mem::replace(&mut trial[at], VARIABLE);
            if word > SPACE {
                if let Some(number) = self.known.get(trial.as_slice()) {
                    return Some(*number);
                }
            }
            trial[at] = word;
        }
        None
    }

    /// When there are too many: the first word stands for all that begin with it.
    fn coarse(&mut self, text: &[u8], words: &[u32]) -> u32 {
        let general: Box<[u32]> = Box::new([words.first().copied().unwrap_or(VARIABLE), SPACE, VARIABLE]);
        if let Some(number) = self.known.get(&general) {
            return *number;
        }
        let one = if self.known.len() < self.limits.skeletons / 4 * 5 { general.to_vec() } else { vec![VARIABLE] };
        match self.known.get(one.as_slice()) {
            Some(number) => *number,
            None => self.add_skeleton(text, one),
        }
    }

    fn add_skeleton(&mut self, text: &[u8], words: Vec<u32>) -> u32 {
        const EXAMPLE: usize = 300;
        let variables = words.iter().filter(|word| **word == VARIABLE).count();
        self.insert(Skeleton {
            words: words.into(),
            values: vec![Place::default(); variables],
            example: text[..text.len().min(EXAMPLE)].into(),
            first: self.messages,
        })
    }

    fn insert(&mut self, skeleton: Skeleton) -> u32 {
        let number = self.skeletons.len() as u32;
        self.known.insert(skeleton.words.clone(), number);
        self.skeletons.push(Some(Box::new(skeleton)));
        self.counts.push(0);
        self.parents.push(number);
        number
    }

    /// The skeleton's number after merges.
    pub fn root(&self, mut number: u32) -> u32 {
        while self.parents[number as usize] != number {
            number = self.parents[number as usize];
        }
        number
    }

    /// Keep a message's values.
    fn look(&mut self, number: u32, text: &[u8]) {
        let root = self.root(number);
        let Some(skeleton) = self.skeletons[root as usize].as_mut() else { return };
        let pieces = super::skeleton::skeleton(text);
        if pieces.len() != skeleton.words.len() {
            return; // A coarse one.
        }
        let mut values = skeleton.values.iter_mut();
        for (piece, word) in pieces.iter().zip(&*skeleton.words) {
            if *word == VARIABLE {
                if let (Some(values), Piece::Variable(range) | Piece::Text(range)) = (values.next(), piece) {
                    values.add(&text[range.clone()], 1);
                }
            }
        }
    }

    /// Make one of those that are one template.
    pub fn merge(&mut self) {
        let members: Vec<Member> = self
            .skeletons
            .iter()
            .enumerate()
            .filter_map(|(number, skeleton)| {
                let skeleton = skeleton.as_ref()?;
                Some(Member {
                    words: skeleton.words.to_vec(),
                    numbers: vec![number as u32],
                    weight: self.weight(number),
                })
            })
            .collect();
        for merged in merge::merge(members, &|word| &self.words.texts[word as usize]) {
            if merged.numbers.len() > 1 {
                self.unite(merged);
            }
        }
        self.merged_once = true;
    }

    fn weight(&self, number: usize) -> u64 {
        self.counts[number].max(1)
    }

    fn unite(&mut self, merged: Member) {
        let olds: Vec<(u32, Box<Skeleton>)> = merged
            .numbers
            .iter()
            .filter_map(|number| Some((*number, self.skeletons[*number as usize].take()?)))
            .collect();
        let variables = merged.words.iter().filter(|word| **word == VARIABLE).count();
        let mut values = vec![Place::default(); variables];
        let mut first: Option<(u64, Box<[u8]>)> = None;
        let mut count = 0;
        for (number, old) in &olds {
            let times = self.counts[*number as usize];
            count += times;
            self.known.remove(&old.words);
            self.gather(&merged.words, old, times, &mut values);
            if first.as_ref().is_none_or(|(place, _)| old.first < *place) {
                first = Some((old.first, old.example.clone()));
            }
        }
        let (first, example) = first.unwrap_or_default();
        let root = self.insert(Skeleton { words: merged.words.into(), values, example, first });
        self.counts[root as usize] = count;
        for (number, _) in olds {
            self.parents[number as usize] = root;
            self.counts[number as usize] = 0;
        }
    }

    /// A member's values into those of what it is merged to: variables to variables, its words as values.
    fn gather(&self, words: &[u32], old: &Skeleton, times: u64, values: &mut [Place]) {
        if old.words.len() != words.len() {
            return; // A value of several words became one.
        }
        let (mut theirs, mut ours) = (old.values.iter(), values.iter_mut());
        for (now, then) in words.iter().zip(&*old.words) {
            let their = if *then == VARIABLE { theirs.next() } else { None };
            if *now == VARIABLE {
                match (ours.next(), their) {
                    (Some(ours), Some(their)) => ours.merge(their),
                    (Some(ours), None) => ours.add(&self.words.texts[*then as usize], times.max(1)),
                    (None, _) => {}
                }
            }
        }
    }
}
