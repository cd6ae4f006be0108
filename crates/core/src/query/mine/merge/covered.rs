//! Rare messages that a frequent template covers: `Review by Farid Costa (3 stars)` where the template has
//! `Review by <*> (<*> stars)`, and words were seen to vary after `by`.
use std::collections::HashMap;
use std::ops::Range;

use super::{absorb, is_word, Member};
use crate::query::mine::align::align;
use crate::query::mine::miner::{SPACE, VARIABLE};
use crate::query::mine::words;

/// The template has so many times the messages.
pub const TIMES: u64 = 2;
/// Words that both have.
const CONTEXT: usize = 2;
/// Templates of one first word that are tried, the most frequent first.
const TRIED: usize = 64;
const MOST_WORDS: usize = 4;

/// Give each member to the template that covers it: whether there were any.
pub fn merge<'a>(
    all: &mut [Option<Member>],
    by_words: &mut HashMap<Vec<u32>, usize>,
    text: &dyn Fn(u32) -> &'a [u8],
) -> bool {
    let mut templates: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, member) in all.iter().enumerate() {
        if let Some(member) = member.as_ref().filter(|member| member.varied.contains(&true)) {
            templates.entry(member.words[0]).or_default().push(at);
        }
    }
    for tried in templates.values_mut() {
        tried.sort_by_key(|at| std::cmp::Reverse(all[*at].as_ref().map_or(0, |member| member.weight)));
        tried.truncate(TRIED);
    }
    let mut changed = false;
    for at in 0..all.len() {
        let Some(member) = &all[at] else { continue };
        let tried = member.words.first().and_then(|first| templates.get(first));
        let cover =
            tried.into_iter().flatten().copied().find(|other| {
                *other != at && all[*other].as_ref().is_some_and(|template| covers(template, member, text))
            });
        if let Some(cover) = cover {
            changed |= absorb(all, by_words, at, cover);
        }
    }
    changed
}

fn covers<'a>(template: &Member, member: &Member, text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    if template.weight < member.weight.saturating_mul(TIMES) {
        return false;
    }
    let Some(held) = align(&template.words, &member.words) else { return false };
    let mut taken = 0;
    let places = template.words.iter().enumerate().filter(|(_, word)| **word == VARIABLE).map(|(place, _)| place);
    for (place, run) in places.zip(held) {
        if member.words[run.clone()] == [VARIABLE] {
            continue;
        }
        taken += 1;
        let at_end = place + 1 == template.words.len() && after_sign(&template.words, place, text);
        // `cache:80` is a value wherever a variable stands.
        let whole = member.words[run.clone()].contains(&VARIABLE) && !member.words[run.clone()].contains(&SPACE);
        if !whole && !(template.varied[place] && (at_end || is_value(&member.words, run, text))) {
            return false;
        }
    }
    let context = template.words.iter().filter(|word| is_word(**word, text)).count();
    context >= CONTEXT.max(taken)
}

fn after_sign<'a>(words: &[u32], place: usize, text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let before = words[..place].iter().rev().find(|word| **word != SPACE);
    before.is_some_and(|word| matches!(text(*word), b":" | b"="))
}

/// One word, words with a variable and without a space, or a name of several words.
pub fn is_value<'a>(words: &[u32], run: Range<usize>, text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let run = &words[run];
    if !run.contains(&SPACE) {
        return run.len() == 1 && is_word(run[0], text) || run.contains(&VARIABLE);
    }
    let capital = |word: u32| word > SPACE && text(word)[0].is_ascii_uppercase();
    let parts = || run.iter().filter(|word| **word != SPACE);
    capital(run[0])
        && capital(run[run.len() - 1])
        && parts().count() <= MOST_WORDS
        && parts().all(|word| *word != VARIABLE && !words::joins(text(*word)))
}
