//! Places that take several words: `by Anna Berg, total`, `by Bo, total`.
//!
//! Skeletons that are the same before and after a run of words are one template when both the first and the last words of
//! these runs are many: `cron started` and `cron stopped` end alike, names and titles do not.
use std::collections::{HashMap, HashSet};

use super::{is_word, Member, MANY};
use crate::query::mine::miner::{MOST_TRIED, SPACE, VARIABLE};
use crate::query::mine::variable::mix;
use crate::query::mine::words;

/// Words of one value.
const MOST_WORDS: usize = 4;
/// Different first and last words of the runs of more than one.
const SOME: usize = 3;
const SOME_NAMES: usize = 2;
/// Words elsewhere, with a variable elsewhere or without.
const CONTEXT: usize = 2;
const LONG_CONTEXT: usize = 4;

/// A run of words in a member.
#[derive(Clone, Copy)]
struct Run {
    around: u64,
    at: u32,
    from: u16,
    to: u16,
}

/// Make one of those that are one template: whether there were any.
pub fn merge<'a>(
    all: &mut [Option<Member>],
    by_words: &mut HashMap<Vec<u32>, usize>,
    text: &dyn Fn(u32) -> &'a [u8],
) -> bool {
    let mut runs = runs(all, text);
    runs.sort_unstable_by_key(|run| (run.around, run.at));
    let mut groups: Vec<&[Run]> =
        runs.chunk_by(|one, other| one.around == other.around).filter(|group| is_variable(all, group, text)).collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0].at, group[0].from));
    let mut changed = false;
    for group in groups {
        // Those that another group took are gone.
        if group.iter().all(|run| all[run.at as usize].is_some()) {
            unite(all, by_words, group);
            changed = true;
        }
    }
    changed
}

/// All runs of up to so many words, but none at the beginning, where the program's own words stand.
fn runs<'a>(all: &[Option<Member>], text: &dyn Fn(u32) -> &'a [u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (at, member) in all.iter().enumerate() {
        let Some(Member { words, .. }) = member.as_ref().filter(|member| member.words.len() <= MOST_TRIED) else {
            continue;
        };
        let mut before = vec![1];
        let mut after = vec![2; words.len() + 1];
        for (place, word) in words.iter().enumerate() {
            before.push(mix(before[place] ^ u64::from(*word)));
        }
        for (place, word) in words.iter().enumerate().rev() {
            after[place] = mix(after[place + 1] ^ u64::from(*word));
        }
        for from in 1..words.len().min(usize::from(u16::MAX)) {
            for to in ends(&words[from..], text) {
                let around = mix(before[from] ^ after[from + to].rotate_left(32));
                runs.push(Run { around, at: at as u32, from: from as u16, to: (from + to) as u16 });
            }
        }
    }
    runs
}

fn ends<'a>(words: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if *word == VARIABLE || is_word(*word, text) {
            if words::joins(text(*word)) {
                break;
            }
            ends.push(place + 1);
            if ends.len() == MOST_WORDS {
                break;
            }
        } else if place == 0 || !(*word == SPACE || matches!(text(*word), b"," | b"'" | b"-" | b"&")) {
            break;
        }
    }
    ends
}

fn is_variable<'a>(all: &[Option<Member>], group: &[Run], text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    if group.len() < SOME_NAMES {
        return false;
    }
    let held = |run: &Run| {
        let words = all[run.at as usize].as_ref().map_or(&[][..], |member| &member.words);
        &words[usize::from(run.from)..usize::from(run.to)]
    };
    let varied = |run: &&[u32]| run.iter().any(|word| *word > SPACE);
    let long: HashSet<&[u32]> = group.iter().map(held).filter(|run| run.len() > 1).filter(varied).collect();
    let firsts: HashSet<u32> = long.iter().map(|run| run[0]).collect();
    let lasts: HashSet<u32> = long.iter().map(|run| run[run.len() - 1]).collect();
    let short: HashSet<u32> = group.iter().map(held).filter(|run| run.len() == 1).map(|run| run[0]).collect();
    let names = long.iter().all(|run| is_name(run, text));
    let some = firsts.len().min(lasts.len()) >= if names { SOME_NAMES } else { SOME };
    let many = firsts.union(&short).count() >= MANY && lasts.union(&short).count() >= MANY;
    some && (many || short.contains(&VARIABLE)) && has_context(all, group[0], names, text)
}

/// Words that begin with capital letters.
fn is_name<'a>(run: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let capital = |word: u32| word <= SPACE || text(word)[0].is_ascii_uppercase();
    capital(run[0]) && capital(run[run.len() - 1])
}

/// Enough words elsewhere: fewer where a variable stands elsewhere too, or where names are held.
fn has_context<'a>(all: &[Option<Member>], run: Run, names: bool, text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let Some(Member { words, .. }) = &all[run.at as usize] else { return false };
    let elsewhere = || words[..usize::from(run.from)].iter().chain(&words[usize::from(run.to)..]);
    let context = elsewhere().filter(|word| is_word(**word, text)).count();
    context >= LONG_CONTEXT || (context >= CONTEXT && (names || elsewhere().any(|word| *word == VARIABLE)))
}

fn unite(all: &mut [Option<Member>], by_words: &mut HashMap<Vec<u32>, usize>, group: &[Run]) {
    let first = group[0];
    let mut one = Member { words: Vec::new(), varied: Vec::new(), numbers: Vec::new(), weight: 0 };
    for run in group {
        let Some(part) = all[run.at as usize].take() else { continue };
        by_words.remove(&part.words);
        if one.words.is_empty() {
            one.words = part.words;
            one.varied = part.varied;
            one.words.splice(usize::from(first.from)..usize::from(first.to), [VARIABLE]);
            one.varied.splice(usize::from(first.from)..usize::from(first.to), [true]);
        }
        one.numbers.extend(part.numbers);
        one.weight += part.weight;
    }
    super::put(all, by_words, one, first.at as usize);
}
