//! Which skeletons are one template.
//!
//! Skeletons that are the same but for one place, where each has another word, are merged when that place behaves like a
//! variable: it takes many values, or it is a place where values stand (after `=`, between quotes, after a word that names
//! are expected after), or a variable stands there already in most of the messages. What they say never matters.
mod compounds;
mod covered;
mod phrases;
mod prefixes;

use std::collections::{BTreeMap, HashMap};

use super::miner::{SPACE, VARIABLE};
use super::variable::mix;
use super::words;

/// So many different words at one place are a variable.
const MANY: usize = 5;
/// After a word that names follow.
const NAMES: usize = 3;
/// At the beginning, where the program's own words mostly stand.
const AT_FIRST: usize = 12;
/// Right after `=`, or alone between quotes.
const VALUES: usize = 2;
const ROUNDS: usize = 6;

pub struct Member {
    pub words: Vec<u32>,
    /// For each of them, whether other words were seen there.
    pub varied: Vec<bool>,
    /// The skeletons in it.
    pub numbers: Vec<u32>,
    /// Messages.
    pub weight: u64,
}

/// Merge until nothing more can be: those that remain.
pub fn merge<'a>(members: Vec<Member>, text: &dyn Fn(u32) -> &'a [u8]) -> Vec<Member> {
    let mut all: Vec<Option<Member>> = members.into_iter().map(Some).collect();
    let mut by_words: HashMap<Vec<u32>, usize> = HashMap::new();
    for (at, member) in all.iter().enumerate() {
        if let Some(member) = member {
            by_words.insert(member.words.clone(), at);
        }
    }
    for _ in 0..ROUNDS {
        let mut changed = phrases::merge(&mut all, &mut by_words, text);
        changed |= compounds::merge(&mut all, &mut by_words, text);
        let groups = groups(&all, text);
        let (many, few): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(place, group)| takes_many(&all, *place, group, text));
        for together in connected(&many, all.len()) {
            unite(&mut all, &mut by_words, &together);
            changed = true;
        }
        for (place, group) in few {
            let group: Vec<usize> = group.into_iter().filter(|at| all[*at].is_some()).collect();
            if group.len() > 1 && same_elsewhere(&all, place, &group) && is_variable_already(&all, place, &group, text)
            {
                unite(&mut all, &mut by_words, &group);
                changed = true;
            }
        }
        changed |= covered::merge(&mut all, &mut by_words, text);
        changed |= prefixes::generalise(&mut all, &mut by_words, text);
        if !changed {
            break;
        }
    }
    all.into_iter().flatten().collect()
}

/// Those that differ at one place only, largest group first.
fn groups<'a>(all: &[Option<Member>], text: &dyn Fn(u32) -> &'a [u8]) -> Vec<(usize, Vec<usize>)> {
    let mut groups: HashMap<(u64, usize), Vec<usize>> = HashMap::new();
    for (at, member) in all.iter().enumerate() {
        let Some(member) = member else { continue };
        let of = |place: usize| mix(u64::from(member.words[place]) << 32 | (place as u64 + 1));
        let whole =
            (0..member.words.len()).fold(mix(member.words.len() as u64), |sum, place| sum.wrapping_add(of(place)));
        for place in 0..member.words.len() {
            if is_word(member.words[place], text) || member.words[place] == VARIABLE {
                groups.entry((whole.wrapping_sub(of(place)), place)).or_default().push(at);
            }
        }
    }
    let mut found: Vec<(usize, Vec<usize>)> =
        groups.into_iter().filter(|(_, group)| group.len() > 1).map(|((_, place), group)| (place, group)).collect();
    found.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then_with(|| (&one.1, one.0).cmp(&(&other.1, other.0))));
    found
}

fn is_word<'a>(word: u32, text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    word > SPACE && text(word).first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 128)
}

/// What stands around a place.
struct Around<'a> {
    /// Words elsewhere.
    context: usize,
    /// The separator right before and right after, and the word before a space.
    sign: &'a [u8],
    after: &'a [u8],
    word: &'a [u8],
}

fn around<'a>(words: &[u32], place: usize, text: &dyn Fn(u32) -> &'a [u8]) -> Around<'a> {
    let told = |at: Option<usize>| {
        at.and_then(|at| words.get(at)).filter(|word| **word > SPACE).map_or(&b""[..], |word| text(*word))
    };
    let spaced = place >= 2 && words[place - 1] == SPACE;
    Around {
        context: words.iter().enumerate().filter(|(at, word)| *at != place && is_word(**word, text)).count(),
        sign: told(place.checked_sub(1)),
        after: told(Some(place + 1)),
        word: if spaced { told(Some(place - 2)) } else { b"" },
    }
}

/// Enough different words for what stands around them.
fn takes_many<'a>(all: &[Option<Member>], place: usize, group: &[usize], text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let Some(first) = group.first().and_then(|at| all[*at].as_ref()) else { return false };
    let around = around(&first.words, place, text);
    let enough = match around.sign {
        b"=" => VALUES,
        _ if around.word == b"=" => VALUES,
        b"\"" | b"'" if around.after == around.sign => VALUES,
        b"(" if around.after == b")" => NAMES,
        _ if words::names_follow(around.word) || words::preposition(around.word) => NAMES,
        _ if around.word == b"to" && first.words[..place].iter().any(|word| text(*word) == b"from") => NAMES,
        _ if place == 0 || around.after == b"=" => AT_FIRST,
        _ if verbs(all, place, group, text) => AT_FIRST,
        _ if identifiers(all, place, group, text) => NAMES,
        _ => MANY,
    };
    let variable = || group.iter().any(|at| all[*at].as_ref().is_some_and(|member| member.words[place] == VARIABLE));
    around.context > 0 && (group.len() >= enough || (group.len() + 1 >= enough && enough == MANY && variable()))
}

/// Whether most of the words are what was done: `started`, `stopping`.
fn verbs<'a>(all: &[Option<Member>], place: usize, group: &[usize], text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let verb = |word: &[u8]| word.len() > 4 && (word.ends_with(b"ed") || word.ends_with(b"ing"));
    let words = || group.iter().filter_map(|at| all[*at].as_ref()).map(|member| member.words[place]);
    2 * words().filter(|word| *word > SPACE && verb(text(*word))).count() > words().count()
}

/// Whether two of the words are names in a program: `dark_mode`, `sync_users`. Constants (`IN_USE`) are states.
fn identifiers<'a>(all: &[Option<Member>], place: usize, group: &[usize], text: &dyn Fn(u32) -> &'a [u8]) -> bool {
    let words = group.iter().filter_map(|at| all[*at].as_ref()).map(|member| member.words[place]);
    let identifier = |word: &[u8]| word.contains(&b'_') && word.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    words.filter(|word| *word > SPACE && identifier(text(*word))).count() >= 2
}

/// A variable stands there in most of the messages, or in some of them at a place of values or where words were seen to
/// vary.
fn is_variable_already<'a>(
    all: &[Option<Member>],
    place: usize,
    group: &[usize],
    text: &dyn Fn(u32) -> &'a [u8],
) -> bool {
    let members = || group.iter().filter_map(|at| all[*at].as_ref());
    let Some(first) = members().next() else { return false };
    let around = around(&first.words, place, text);
    let variable: u64 = members().filter(|member| member.words[place] == VARIABLE).map(|member| member.weight).sum();
    let total: u64 = members().map(|member| member.weight).sum();
    let value = matches!(around.sign, b"=" | b":" | b"(" | b"[" | b"/")
        || (around.after == around.sign && !around.after.is_empty());
    let varied = || members().any(|member| member.varied[place] && member.words[place] == VARIABLE);
    variable > 0
        && place > 0
        && around.after != b"="
        && around.context >= 2
        && (value || variable * 3 >= total * 2 || varied())
}

/// Whether the members of a group, found before others were merged, still differ at one place only.
fn same_elsewhere(all: &[Option<Member>], place: usize, group: &[usize]) -> bool {
    let Some(first) = group.first().and_then(|at| all[*at].as_ref()) else { return false };
    group.iter().filter_map(|at| all[*at].as_ref()).all(|member| {
        member.words.len() == first.words.len()
            && member.words.iter().zip(&first.words).enumerate().all(|(at, (one, other))| at == place || one == other)
    })
}

/// Groups that share members are one.
fn connected(groups: &[(usize, Vec<usize>)], members: usize) -> Vec<Vec<usize>> {
    fn root(parents: &mut [usize], mut at: usize) -> usize {
        while parents[at] != at {
            parents[at] = parents[parents[at]];
            at = parents[at];
        }
        at
    }
    let mut parents: Vec<usize> = (0..members).collect();
    for (_, group) in groups {
        for pair in group.windows(2) {
            let (one, other) = (root(&mut parents, pair[0]), root(&mut parents, pair[1]));
            parents[one.max(other)] = one.min(other);
        }
    }
    let mut together: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..members {
        together.entry(root(&mut parents, at)).or_default().push(at);
    }
    together.into_values().filter(|group| group.len() > 1).collect()
}

/// Make one of members of one length: what differs among them is a variable.
fn unite(all: &mut [Option<Member>], by_words: &mut HashMap<Vec<u32>, usize>, group: &[usize]) {
    let mut parts = group.iter().filter_map(|at| all[*at].take());
    let Some(mut one) = parts.next() else { return };
    by_words.remove(&one.words);
    for part in parts {
        by_words.remove(&part.words);
        for (place, other) in part.words.iter().enumerate() {
            one.varied[place] |= part.varied[place] || one.words[place] != *other;
            if one.words[place] != *other {
                one.words[place] = VARIABLE;
            }
        }
        one.numbers.extend(part.numbers);
        one.weight += part.weight;
    }
    put(all, by_words, one, group[0]);
}

/// Count a member in a more general one: whether both are there.
fn absorb(all: &mut [Option<Member>], by_words: &mut HashMap<Vec<u32>, usize>, special: usize, whole: usize) -> bool {
    let (Some(special), Some(whole)) = (all[special].take(), all[whole].as_mut()) else { return false };
    by_words.remove(&special.words);
    whole.numbers.extend(special.numbers);
    whole.weight += special.weight;
    true
}

/// Keep a merged member, with the one of the same words if the general form stands there already.
fn put(all: &mut [Option<Member>], by_words: &mut HashMap<Vec<u32>, usize>, mut one: Member, place: usize) {
    let at = by_words.get(&one.words).copied().unwrap_or(place);
    if let Some(other) = all[at].take() {
        one.varied.iter_mut().zip(other.varied).for_each(|(ours, theirs)| *ours |= theirs);
        one.numbers.extend(other.numbers);
        one.weight += other.weight;
    }
    by_words.insert(one.words.clone(), at);
    all[at] = Some(one);
}
