//! Skeletons that are one template become one.
use std::collections::HashMap;

use super::{told, Miner, Skeleton, VARIABLE};
use crate::query::mine::align::align;
use crate::query::mine::merge::{self, Member};
use crate::query::mine::routes;
use crate::query::mine::skeleton::skeleton;
use crate::query::mine::variable::Place;

impl Miner {
    /// What is left of the skeletons when paths of requests are values.
    fn members(&self) -> Vec<Member> {
        let mut routed: HashMap<Vec<u32>, Vec<u32>> = HashMap::new();
        for (number, skeleton) in self.skeletons.iter().enumerate() {
            let words =
                skeleton.as_ref().and_then(|skeleton| routes::collapsed(&skeleton.words, &|word| self.text(word)));
            if let Some(words) = words {
                routed.entry(words).or_default().push(number as u32);
            }
        }
        let variables = |number: u32| match &self.skeletons[number as usize] {
            Some(skeleton) => (&skeleton.values[..], routes::rest(&skeleton.words, &|word| self.text(word))),
            None => (&[][..], 0),
        };
        let apart = routes::apart(&routed, &variables);
        let mut members: Vec<Member> = Vec::new();
        let mut places: HashMap<Vec<u32>, usize> = HashMap::new();
        for (number, skeleton) in self.skeletons.iter().enumerate() {
            let Some(skeleton) = skeleton else { continue };
            let numbers = vec![number as u32];
            let whole =
                routes::collapsed(&skeleton.words, &|word| self.text(word)).filter(|_| !apart.contains(&numbers[0]));
            let (words, varied) = match whole {
                Some(words) => (words.clone(), vec![false; words.len()]),
                None => (skeleton.words.to_vec(), skeleton.varied.to_vec()),
            };
            let weight = self.weight(number);
            if let Some(member) = places.get(&words).map(|at| &mut members[*at]) {
                member.numbers.extend(numbers);
                member.weight += weight;
                continue;
            }
            places.insert(words.clone(), members.len());
            members.push(Member { words, varied, numbers, weight });
        }
        members
    }

    /// Make one of those that are one template.
    pub fn merge(&mut self) {
        let members = self.members();
        for merged in merge::merge(members, &|word| self.text(word)) {
            let changed = |skeleton: &Skeleton| *skeleton.words != *merged.words;
            let alone = self.skeletons[merged.numbers[0] as usize].as_deref();
            if merged.numbers.len() > 1 || alone.is_some_and(changed) {
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
        let root =
            self.insert(Skeleton { words: merged.words.into(), varied: merged.varied.into(), values, example, first });
        self.counts[root as usize] = count;
        for (number, _) in olds {
            self.parents[number as usize] = root;
            self.counts[number as usize] = 0;
        }
    }

    /// A member's values into those of what it is merged to: variables to variables, its words as values. Of several words
    /// that are one value, the example's stand for all.
    fn gather(&self, words: &[u32], old: &Skeleton, times: u64, values: &mut [Place]) {
        let Some(held) = align(words, &old.words) else { return };
        let pieces = if words.len() == old.words.len() { Vec::new() } else { skeleton(&old.example) };
        for (ours, run) in values.iter_mut().zip(held) {
            match (old.words[run.start], run.len()) {
                (VARIABLE, 1) => {
                    let before = old.words[..run.start].iter().filter(|word| **word == VARIABLE).count();
                    if let Some(theirs) = old.values.get(before) {
                        ours.merge(theirs);
                    }
                }
                (word, 1) => ours.add(&self.words.texts[word as usize], times.max(1)),
                (word, 2) if routes::is_route(self.text(word)) && old.words[run.end - 1] == VARIABLE => {
                    let before = old.words[..run.start].iter().filter(|word| **word == VARIABLE).count();
                    if let Some(theirs) = old.values.get(before) {
                        ours.merge(&theirs.after(self.text(word)));
                    }
                }
                _ => {
                    if let Some(value) = pieces.get(run).and_then(|pieces| told(&old.example, pieces)) {
                        ours.add(value, times.max(1));
                    }
                }
            }
        }
    }
}
