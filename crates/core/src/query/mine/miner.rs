//! The miner itself: messages in, skeletons kept; [`templates`] tells what they come to.
mod merging;
mod templates;

use std::collections::HashMap;

use super::align::align;
use super::routes;
use super::shapes::Shapes;
use super::skeleton::{skeleton, Piece};
use super::variable::Place;
pub use templates::Template;

/// The word's number that stands for a variable, and for a space.
pub const VARIABLE: u32 = 0;
pub const SPACE: u32 = 1;
const UNKNOWN: u32 = u32::MAX;
/// Words of a message of which each may be a variable's.
pub const MOST_TRIED: usize = 128;
/// Templates that are tried for a message which none has in so many words.
const MOST_COVERING: usize = 2048;
/// Bytes of a pattern's example.
pub const EXAMPLE: usize = 300;
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
    /// Different words.
    pub words: usize,
    /// Messages of a skeleton whose values are all looked at; then one of `every`.
    pub values: u64,
    pub every: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 4096, shapes: 16_384, skeletons: 8192, ever: 200_000, words: 400_000, values: 256, every: 1024 }
    }
}

impl Limits {
    /// Whether the values of a pattern's message are looked at, by its number from 1.
    #[inline]
    pub fn looks(&self, count: u64) -> bool {
        count <= self.values || count % self.every == 0
    }
}

struct Skeleton {
    words: Box<[u32]>,
    /// For each of them, whether other words were seen there.
    varied: Box<[bool]>,
    values: Vec<Place>,
    example: Box<[u8]>,
    first: u64,
}

impl Skeleton {
    /// The places of its variables.
    fn variables(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().filter(|(_, word)| **word == VARIABLE).map(|(place, _)| place)
    }
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
    /// The templates by their first word, after they were asked for.
    by_first: HashMap<u32, Vec<u32>>,
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
            by_first: HashMap::new(),
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
        if self.limits.looks(*count) {
            self.look(number, text);
        }
        number
    }

    /// The skeleton that a message belongs to, if it was taken before. Quick once `templates` was asked.
    pub fn find(&self, message: &[u8]) -> Option<u32> {
        let text = self.cut(message);
        self.shapes.find(text).or_else(|| {
            let words = self.known_words(text, &skeleton(text));
            self.near(&words).or_else(|| self.covering(&words))
        })
    }

    fn cut<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        &message[..message.len().min(self.limits.message)]
    }

    #[cold]
    fn learn(&mut self, text: &[u8]) -> u32 {
        let pieces = skeleton(text);
        let words = if self.full { self.known_words(text, &pieces) } else { self.numbered(text, &pieces) };
        let number = match self.near(&words) {
            Some(number) => number,
            None if self.full => self.coarse(text, &pieces, &words),
            None => self.add_skeleton(text, words),
        };
        self.shapes.learn(text, number);
        if self.known.len() >= self.limits.skeletons && !self.full {
            self.merge();
            self.full = self.known.len() > self.limits.skeletons / 4 * 3 || self.skeletons.len() > self.limits.ever;
        }
        self.full |= self.words.texts.len() > self.limits.words;
        number
    }

    /// The words' numbers; what was never seen has one of its own.
    fn known_words(&self, text: &[u8], pieces: &[Piece]) -> Vec<u32> {
        let number = |piece: &Piece| match piece {
            Piece::Space => SPACE,
            Piece::Variable(_) => VARIABLE,
            Piece::Text(range) => self.words.numbers.get(&text[range.clone()]).copied().unwrap_or(UNKNOWN),
        };
        pieces.iter().map(number).collect()
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
        if let Some(whole) = routes::collapsed(words, &|word| self.text(word)) {
            return self.near(&whole);
        }
        // Each trial takes as long as the message has words.
        let mut trial = words.to_vec();
        for at in 0..if trial.len() > MOST_TRIED { 0 } else { trial.len() } {
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

    /// The template that these words are of, the most particular one, where variables may be several words.
    fn covering(&self, words: &[u32]) -> Option<u32> {
        let first = words.first()?;
        let of = |first: u32| self.by_first.get(&first).into_iter().flatten();
        of(*first)
            .chain(of(VARIABLE).filter(|_| *first != VARIABLE))
            .take(MOST_COVERING)
            .filter_map(|number| Some((*number, self.skeletons[*number as usize].as_ref()?)))
            .filter(|(_, skeleton)| {
                skeleton.words.last().is_some_and(|last| *last == VARIABLE || words.ends_with(&[*last]))
            })
            .filter(|(_, skeleton)| align(&skeleton.words, words).is_some())
            .max_by_key(|(number, skeleton)| (skeleton.words.len() - skeleton.values.len(), std::cmp::Reverse(*number)))
            .map(|(number, _)| number)
    }

    /// When there are too many: the first word stands for all that begin with it.
    fn coarse(&mut self, text: &[u8], pieces: &[Piece], words: &[u32]) -> u32 {
        let has_room = self.known.len() < self.limits.skeletons / 4 * 5;
        let first = match (pieces.first(), words.first()) {
            (Some(Piece::Text(range)), Some(&UNKNOWN)) if has_room => self.words.number(&text[range.clone()]),
            (_, Some(first)) if *first != UNKNOWN => *first,
            _ => VARIABLE,
        };
        let general: Box<[u32]> = Box::new([first, SPACE, VARIABLE]);
        if let Some(number) = self.known.get(&general) {
            return *number;
        }
        let one = if has_room { general.to_vec() } else { vec![VARIABLE] };
        match self.known.get(one.as_slice()) {
            Some(number) => *number,
            None => self.add_skeleton(text, one),
        }
    }

    fn add_skeleton(&mut self, text: &[u8], words: Vec<u32>) -> u32 {
        let variables = words.iter().filter(|word| **word == VARIABLE).count();
        self.insert(Skeleton {
            varied: vec![false; words.len()].into(),
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
        let Some(skeleton) = &self.skeletons[root as usize] else { return };
        let pieces = super::skeleton::skeleton(text);
        let held = if pieces.len() == skeleton.words.len() {
            skeleton.variables().map(|place| place..place + 1).collect()
        } else {
            align(&skeleton.words, &self.known_words(text, &pieces)).unwrap_or_default()
        };
        let Some(skeleton) = self.skeletons[root as usize].as_mut() else { return };
        for (values, run) in skeleton.values.iter_mut().zip(held) {
            if let Some(value) = told(text, &pieces[run]) {
                values.add(value, 1);
            }
        }
    }

    #[cfg(test)]
    pub fn words_kept(&self) -> usize {
        self.words.texts.len()
    }

    fn text(&self, word: u32) -> &[u8] {
        self.words.texts.get(word as usize).map_or(b"", |text| text)
    }
}

/// The text of some pieces in a row.
fn told<'a>(text: &'a [u8], pieces: &[Piece]) -> Option<&'a [u8]> {
    let ranges = || pieces.iter().filter_map(Piece::range);
    Some(&text[ranges().next()?.start..ranges().next_back()?.end])
}
