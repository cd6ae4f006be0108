//! What is known of a message's beginning: after `Customer`, before `(`, a name was seen to stand.
//!
//! A message where several words vary rarely shares all but one of them with another. Where a frequent template has the
//! same words up to a place at which words vary, and the same after it, the word there is a value too, whatever follows.
use std::collections::HashMap;

use super::covered::{is_value, TIMES};
use super::{is_word, put, Member};
use crate::query::mine::miner::VARIABLE;
use crate::query::mine::variable::mix;

/// Words, spaces and signs after the place that must be the same.
const AFTER: usize = 2;
/// Of a value.
const LONGEST: usize = 7;
/// Words before the place, where nothing or little comes after it.
const CONTEXT: usize = 2;
const TRIED: usize = 16;

/// A place of a template at which words vary: where, in which, how often seen.
struct Known {
    of: usize,
    weight: u64,
}

/// Put variables where they are known to stand: whether there were any.
pub fn generalise<'a>(
    all: &mut [Option<Member>],
    by_words: &mut HashMap<Vec<u32>, usize>,
    text: &dyn Fn(u32) -> &'a [u8],
) -> bool {
    let known = known(all, text);
    let mut changed = false;
    for at in 0..all.len() {
        let Some(member) = &all[at] else { continue };
        if let Some((words, varied)) = generalised(all, member, &known, text) {
            let Some(mut member) = all[at].take() else { continue };
            by_words.remove(&member.words);
            (member.words, member.varied) = (words, varied);
            put(all, by_words, member, at);
            changed = true;
        }
    }
    changed
}

fn further(before: u64, word: u32) -> u64 {
    mix(before ^ u64::from(word))
}

/// By the words before it, each place at which words vary.
fn known<'a>(all: &[Option<Member>], text: &dyn Fn(u32) -> &'a [u8]) -> HashMap<u64, Vec<Known>> {
    let mut known: HashMap<u64, Vec<Known>> = HashMap::new();
    for (of, member) in all.iter().enumerate() {
        let Some(Member { words, varied, weight, .. }) = member else { continue };
        let mut before = 1;
        for (place, word) in words.iter().enumerate() {
            let context = words[..place].iter().filter(|word| is_word(**word, text)).count();
            let enough = if words.len() - place > AFTER { 1 } else { CONTEXT };
            if place > 0 && varied[place] && *word == VARIABLE && context >= enough {
                known.entry(before).or_default().push(Known { of, weight: *weight });
            }
            before = further(before, *word);
        }
    }
    for places in known.values_mut() {
        places.sort_by_key(|place| (std::cmp::Reverse(place.weight), place.of));
        places.truncate(TRIED);
    }
    known
}

/// A member's words with variables where they are known to stand, if there are such places.
fn generalised<'a>(
    all: &[Option<Member>],
    member: &Member,
    known: &HashMap<u64, Vec<Known>>,
    text: &dyn Fn(u32) -> &'a [u8],
) -> Option<(Vec<u32>, Vec<bool>)> {
    let (mut words, mut varied) = (member.words.clone(), member.varied.clone());
    let (mut before, mut place) = (1, 0);
    while place < words.len() {
        if words[place] != VARIABLE {
            let places = known.get(&before).into_iter().flatten();
            let ends = places.filter(|known| known.weight >= member.weight.saturating_mul(TIMES)).find_map(|known| {
                let template = &all[known.of].as_ref()?.words;
                // The template may have changed since.
                (template.get(..place) == Some(&words[..place])).then(|| end(&words, place, template, text)).flatten()
            });
            if let Some(end) = ends {
                words.splice(place..end, [VARIABLE]);
                varied.splice(place..end, [true]);
            }
        }
        before = further(before, words[place]);
        place += 1;
    }
    (words != member.words).then_some((words, varied))
}

/// Where the value at a place ends, if what follows is as in the template.
fn end<'a>(words: &[u32], place: usize, template: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> Option<usize> {
    let after = |words: &[u32], from: usize| words[from.min(words.len())..words.len().min(from + AFTER)].to_vec();
    let wanted = after(template, place + 1);
    (place + 1..=words.len().min(place + LONGEST))
        .find(|end| after(words, *end) == wanted && is_value(words, place..*end, text))
}
