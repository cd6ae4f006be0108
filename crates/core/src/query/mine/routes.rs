//! The first part of a request's path: `/api` of `GET /api/items/7`.
//!
//! A path is a value, and so is its first part, unless what is always said beside it is told apart by it: where `GET /api…`
//! always has 200 and `GET /static…` always 304, they are two templates.
use std::collections::{HashMap, HashSet};

use super::miner::VARIABLE;
use super::variable::{Inner, Parts, Place, Values};

const METHODS: [&[u8]; 7] = [b"GET ", b"POST ", b"PUT ", b"DELETE ", b"PATCH ", b"HEAD ", b"OPTIONS "];
/// Messages before it is believed that something is always said.
const ENOUGH: u64 = 10;

/// Where the first part of a request's path ends that begins at `start`, if it is of letters only.
#[inline]
pub fn route(text: &[u8], start: usize) -> Option<usize> {
    if text[start] != b'/' || !METHODS.iter().any(|method| text[..start].ends_with(method)) {
        return None;
    }
    let letters =
        text[start + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic() || b"-_".contains(byte)).count();
    let end = start + 1 + letters;
    (letters > 0 && text.get(end).is_none_or(|byte| b"/ ?\"".contains(byte))).then_some(end)
}

/// No other word begins so.
pub fn is_route(word: &[u8]) -> bool {
    word.len() > 1 && word[0] == b'/'
}

/// The words with the whole path as one variable, if they have a route.
pub fn collapsed<'a>(words: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> Option<Vec<u32>> {
    let at = words.iter().position(|word| *word > VARIABLE && is_route(text(*word)))?;
    let mut whole = words.to_vec();
    whole.splice(at..(at + 2).min(words.len()), [VARIABLE]);
    Some(whole)
}

/// The number of the variable that is the rest of the path.
pub fn rest<'a>(words: &[u32], text: &dyn Fn(u32) -> &'a [u8]) -> usize {
    let before = words.iter().take_while(|word| !is_route(text(**word)));
    before.filter(|word| **word == VARIABLE).count()
}

/// Of skeletons that are the same but for their routes (numbers, by their collapsed words), those that stay apart. Of each
/// are asked its variables, and which of them is the rest of the path.
pub fn apart<'a>(same: &HashMap<Vec<u32>, Vec<u32>>, variables: &dyn Fn(u32) -> (&'a [Place], usize)) -> HashSet<u32> {
    let tell = |numbers: &[u32]| {
        let each: Vec<Vec<Option<&[u8]>>> = numbers.iter().map(|number| said(variables(*number))).collect();
        (0..each[0].len()).any(|place| {
            let all: Option<HashSet<&[u8]>> = each.iter().map(|said| *said.get(place)?).collect();
            all.is_some_and(|all| all.len() == numbers.len())
        })
    };
    same.values().filter(|numbers| numbers.len() > 1 && tell(numbers)).flatten().copied().collect()
}

/// What is always said at each place but the path's. A place may be several values in a row: `/items/7 200 3ms`.
fn said((places, rest): (&[Place], usize)) -> Vec<Option<&[u8]>> {
    let mut said = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let inner: Vec<&Values> = match &place.parts {
            Parts::Alike(inner) => inner.iter().filter_map(Inner::values).collect(),
            Parts::Unknown | Parts::Differ => vec![&place.whole],
        };
        let path = usize::from(number == rest);
        said.extend(inner.into_iter().skip(path).map(|values| values.constant().filter(|_| values.seen >= ENOUGH)));
    }
    said
}
