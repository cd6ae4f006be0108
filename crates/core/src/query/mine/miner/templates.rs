//! What the skeletons come to: templates, with what varies in them.
use std::collections::HashMap;

use super::{Miner, Skeleton, VARIABLE, WILDCARD};
use crate::query::mine::variable::{Inner, Parts, Place, Values};

/// A pattern of messages.
#[derive(Clone, Debug)]
pub struct Template {
    /// The text, with `<*>` for what varies.
    pub text: String,
    pub count: u64,
    /// The place of its first message among all, from 0.
    pub first: u64,
    pub example: String,
    pub variables: Vec<Values>,
}

impl Miner {
    /// Merge, and tell the templates by frequency, with the numbers of the skeletons that `add` gave for each.
    pub fn templates(&mut self) -> (Vec<Template>, Vec<u32>) {
        self.merge();
        self.by_first.clear();
        for (number, skeleton) in self.skeletons.iter().enumerate() {
            if let Some(first) = skeleton.as_ref().and_then(|skeleton| skeleton.words.first()) {
                self.by_first.entry(*first).or_default().push(number as u32);
            }
        }
        let mut roots: Vec<u32> =
            (0..self.skeletons.len() as u32).filter(|n| self.skeletons[*n as usize].is_some()).collect();
        let total = self.totals();
        roots.sort_by_key(|root| (std::cmp::Reverse(total[*root as usize]), self.first(*root)));
        let mut places = vec![0; self.skeletons.len()];
        for (place, root) in roots.iter().enumerate() {
            places[*root as usize] = place as u32;
        }
        let of: Vec<u32> = (0..self.skeletons.len() as u32).map(|n| places[self.root(n) as usize]).collect();
        let mut templates: Vec<Template> = roots
            .iter()
            .filter_map(|root| Some(self.template(self.skeletons[*root as usize].as_ref()?, total[*root as usize])))
            .collect();
        self.keep_apart(&roots, &mut templates);
        (templates, of)
    }

    fn totals(&self) -> Vec<u64> {
        let mut total = vec![0; self.counts.len()];
        for (number, count) in self.counts.iter().enumerate() {
            total[self.root(number as u32) as usize] += count;
        }
        total
    }

    fn first(&self, root: u32) -> u64 {
        self.skeletons[root as usize].as_ref().map_or(0, |skeleton| skeleton.first)
    }

    fn template(&self, skeleton: &Skeleton, count: u64) -> Template {
        let mut text = Vec::new();
        let mut variables = Vec::new();
        let mut values = skeleton.values.iter();
        for word in &*skeleton.words {
            match if *word == VARIABLE { values.next() } else { None } {
                Some(place) => tell(place, count, &mut text, &mut variables),
                None => text.extend_from_slice(&self.words.texts[*word as usize]),
            }
        }
        Template {
            text: String::from_utf8_lossy(&text).into_owned(),
            count,
            first: skeleton.first,
            example: String::from_utf8_lossy(&skeleton.example).into_owned(),
            variables,
        }
    }

    /// Two templates may read alike once constants are put back: those show their variables again.
    fn keep_apart(&self, roots: &[u32], templates: &mut [Template]) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for at in 0..templates.len() {
            while let Some(other) = seen.get(&templates[at].text).copied() {
                let bare = self.bare(roots[at]);
                if bare == templates[at].text || seen.contains_key(&bare) {
                    let number = at - other + 1;
                    templates[at].text = format!("{} #{number}", templates[at].text);
                } else {
                    templates[at].text = bare;
                }
            }
            seen.insert(templates[at].text.clone(), at);
        }
    }

    fn bare(&self, root: u32) -> String {
        let words = self.skeletons[root as usize].as_ref().map_or(&[][..], |skeleton| &skeleton.words);
        let text: Vec<u8> = words.iter().flat_map(|word| self.words.texts[*word as usize].iter().copied()).collect();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Write a place into a template: what never varied is put back as it is.
fn tell(place: &Place, count: u64, text: &mut Vec<u8>, variables: &mut Vec<Values>) {
    let mut one = |values: &Values, text: &mut Vec<u8>| match values.constant() {
        Some(constant) if count > 1 => text.extend_from_slice(constant),
        _ => {
            text.extend_from_slice(WILDCARD.as_bytes());
            variables.push(values.clone());
        }
    };
    match &place.parts {
        Parts::Alike(inner) => {
            for part in inner {
                match part {
                    Inner::Text(literal) => text.extend_from_slice(literal),
                    Inner::Variable(values) => one(values, text),
                }
            }
        }
        Parts::Unknown | Parts::Differ => one(&place.whole, text),
    }
}
