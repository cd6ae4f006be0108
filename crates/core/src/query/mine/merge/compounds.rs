//! Values that hold a variable and more: `Disconnected from cache:80` beside `Disconnected from db1:80`.
use std::collections::HashMap;
use std::ops::Range;

use super::{absorb, is_word, Member};
use crate::query::mine::miner::{SPACE, VARIABLE};

/// Words elsewhere, and where the value stands first.
const CONTEXT: usize = 2;
const CONTEXT_OF_FIRST: usize = 4;

/// What is one variable here, and between brackets or in one piece words and a variable there, is the same.
pub fn merge<'a>(
    all: &mut [Option<Member>],
    by_words: &mut HashMap<Vec<u32>, usize>,
    text: &dyn Fn(u32) -> &'a [u8],
) -> bool {
    let mut changed = false;
    for at in 0..all.len() {
        let Some(Member { words, .. }) = &all[at] else { continue };
        let other = compounds(words, text).into_iter().find_map(|run| {
            let enough = if run.start == 0 { CONTEXT_OF_FIRST } else { CONTEXT };
            let mut general = words.clone();
            general.splice(run, [VARIABLE]);
            let context = general.iter().filter(|word| is_word(**word, text)).count();
            by_words.get(&general).copied().filter(|other| context >= enough && *other != at)
        });
        if let Some(other) = other {
            changed |= absorb(all, by_words, at, other);
        }
    }
    changed
}

/// Runs of more than one word with a variable among them: what brackets hold, the brackets too, and what has no space in it.
fn compounds<'a>(words: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> Vec<Range<usize>> {
    let sign = |place: usize, signs: &[u8]| {
        words[place] > SPACE && text(words[place]).len() == 1 && signs.contains(&text(words[place])[0])
    };
    let mut runs = Vec::new();
    for from in 0..words.len() {
        if from > 0 && sign(from - 1, b"([") {
            runs.extend((from..words.len()).find(|to| sign(*to, b")]")).map(|to| from..to));
        }
        if from == 0 || words[from - 1] == SPACE || sign(from - 1, b"=:(|") {
            let end = (from..words.len()).find(|to| words[*to] == SPACE).unwrap_or(words.len());
            let last = (from..end).rev().find(|to| !sign(*to, b",.;:)")).map_or(from, |last| last + 1);
            runs.push(from..last);
            if last < end {
                runs.push(from..end);
            }
        }
    }
    runs.retain(|run| run.len() > 1 && words[run.clone()].contains(&VARIABLE) && !run.clone().any(|at| sign(at, b"=")));
    runs
}
