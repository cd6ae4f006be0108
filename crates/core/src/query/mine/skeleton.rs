//! A message's skeleton: its words, with one variable for all that people take for one value.
//!
//! Every rule here looks at words and separators and at *where* variables stand, never at what a variable says: messages
//! of one shape have one skeleton, so it is worked out once.
use std::ops::Range;

use super::lex::{parts, variable, Part};
use super::{printed, routes, words};

/// More parts than this are not looked at: the rest of the message is one variable.
const MOST_PARTS: usize = 512;
/// A group of parts that comes back this often in a row is a list.
const LIST: usize = 3;
const LONGEST_GROUP: usize = 8;

/// A piece of a skeleton, with the bytes of the message it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    Space,
    Text(Range<usize>),
    Variable(Range<usize>),
}

use Piece::{Space, Text, Variable};

impl Piece {
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Text(range) | Variable(range) => Some(range.clone()),
            Space => None,
        }
    }
}

/// The skeleton of a message.
pub fn skeleton(text: &[u8]) -> Vec<Piece> {
    let mut pieces = read(text);
    if text.contains(&b'?') {
        queries(text, &mut pieces);
    }
    values_by_place(text, &mut pieces);
    if text.contains(&b'*') {
        rows_of_stars(text, &mut pieces);
    }
    if text.contains(&b':') {
        hardware_addresses(text, &mut pieces);
        hexadecimal(text, &mut pieces);
    }
    if text.iter().any(|byte| b"=([{\"'".contains(byte)) {
        printed::values(text, &mut pieces);
    }
    dates_and_units(text, &mut pieces);
    let pieces = joined(text, pieces);
    without_lists(text, pieces)
}

fn read(text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (part, range) in parts(text) {
        if pieces.len() >= MOST_PARTS {
            pieces.push(Variable(range.start..text.len()));
            break;
        }
        if let Some(Text(initial)) = pieces.last_mut().filter(|_| &text[range.clone()] == b".") {
            // `Ann B.`: the dot is the initial's.
            if initial.len() == 1 && text[initial.start].is_ascii_uppercase() {
                initial.end = range.end;
                continue;
            }
        }
        pieces.push(match part {
            Part::Space if pieces.is_empty() => continue,
            Part::Space => Space,
            Part::Word | Part::Separator => Text(range),
            Part::Variable => Variable(range),
        });
        // What follows a route is a value, if only an empty one.
        if let Some(Text(route)) = pieces.last().filter(|_| part == Part::Word) {
            let end = route.end;
            if routes::is_route(&text[route.clone()]) && variable(text, end).is_none() {
                pieces.push(Variable(end..end));
            }
        }
    }
    if pieces.last() == Some(&Space) {
        pieces.pop();
    }
    pieces
}

/// `/items?page=3&size=20`: what is asked of a path is part of it.
fn queries(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 1;
    while at < pieces.len() {
        let ends = |piece: &Piece| *piece == Space || one_of(text, Some(piece), b"\"'<>)]}");
        let path = match &pieces[at - 1] {
            // Of a request's path the first part stands before, and the rest may be empty.
            Variable(path) => {
                text[..path.end].rsplit(|byte| *byte == b' ').next().is_some_and(|word| word.contains(&b'/'))
            }
            _ => false,
        };
        if path && is(text, pieces.get(at), b"?") {
            let end = pieces[at..].iter().position(ends).map_or(pieces.len(), |length| at + length);
            if let (true, Some(first), Some(last)) = (end > at + 1, pieces[at - 1].range(), pieces[end - 1].range()) {
                pieces.splice(at - 1..end, [Variable(first.start..last.end)]);
            }
        }
        at += 1;
    }
}

pub fn is(text: &[u8], piece: Option<&Piece>, wanted: &[u8]) -> bool {
    matches!(piece, Some(Text(range)) if &text[range.clone()] == wanted)
}

pub fn one_of(text: &[u8], piece: Option<&Piece>, wanted: &[u8]) -> bool {
    matches!(piece, Some(Text(range)) if range.len() == 1 && wanted.contains(&text[range.start]))
}

pub fn before(pieces: &[Piece], at: usize, steps: usize) -> Option<&Piece> {
    at.checked_sub(steps).and_then(|index| pieces.get(index))
}

/// Words that are values because of what stands beside them.
fn values_by_place(text: &[u8], pieces: &mut [Piece]) {
    for at in 0..pieces.len() {
        let Text(range) = pieces[at].clone() else { continue };
        let word = &text[range.clone()];
        if word.len() == 1 {
            continue;
        }
        let colon_after = is(text, pieces.get(at + 1), b":");
        let value_after = matches!(pieces.get(at + 2), Some(Variable(_)));
        let after_sign = one_of(text, before(pieces, at, 1), b"=:");
        let is_value = (after_sign && words::nothing(word))
            || (at > 0 && words::null(word) && !is(text, pieces.get(at + 2), b"of"))
            // host.domain:80
            || (colon_after && value_after && word.contains(&b'.') && word[0].is_ascii_alphanumeric())
            // Between brackets or other such states.
            || (words::state(word) && bounded(text, pieces, at));
        if is_value {
            pieces[at] = Variable(range);
        }
    }
}

/// A row of stars where numbers stand in other messages.
fn rows_of_stars(text: &[u8], pieces: &mut [Piece]) {
    for at in (0..pieces.len()).rev().chain(0..pieces.len()) {
        let Text(range) = pieces[at].clone() else { continue };
        let stars = text[range.clone()].iter().all(|b| *b == b'*');
        if stars && range.len() > 1 && beside_a_variable(pieces, at) {
            pieces[at] = Variable(range);
        }
    }
}

/// Hexadecimal pairs and groups: `FF:E4:1A`, `fe80::1`. A pass backwards too, for what stands before the digits.
fn hexadecimal(text: &[u8], pieces: &mut [Piece]) {
    for at in (0..pieces.len()).rev().chain(0..pieces.len()) {
        let Text(range) = pieces[at].clone() else { continue };
        let word = &text[range.clone()];
        if word.len() <= 4 && word.iter().all(u8::is_ascii_hexdigit) {
            let after = is(text, pieces.get(at + 1), b":") && matches!(pieces.get(at + 2), Some(Variable(_)));
            let behind = is(text, before(pieces, at, 1), b":") && matches!(before(pieces, at, 2), Some(Variable(_)));
            let ipv6 = is(text, before(pieces, at, 1), b":") && is(text, before(pieces, at, 2), b":");
            if (word.len() == 2 && (after || behind)) || (after && ipv6) {
                pieces[at] = Variable(range);
            }
        }
    }
}

/// Three hexadecimal pairs with colons between, and more, even if all are letters.
fn hardware_addresses(text: &[u8], pieces: &mut [Piece]) {
    let pair = |piece: Option<&Piece>| matches!(piece, Some(Text(range)) if range.len() == 2 && text[range.clone()].iter().all(u8::is_ascii_hexdigit));
    for at in 0..pieces.len() {
        let colons = is(text, pieces.get(at + 1), b":") && is(text, pieces.get(at + 3), b":");
        if colons && pair(pieces.get(at)) && pair(pieces.get(at + 2)) && pair(pieces.get(at + 4)) {
            if let Text(range) = pieces[at].clone() {
                pieces[at] = Variable(range);
            }
        }
    }
}

/// Whether a state word stands alone: separators, brackets, other states or nothing at both sides.
fn bounded(text: &[u8], pieces: &[Piece], at: usize) -> bool {
    let skip = |index: Option<usize>, forward: bool| {
        let index = index?;
        if pieces.get(index) == Some(&Space) {
            return if forward { Some(index + 1) } else { index.checked_sub(1) };
        }
        Some(index)
    };
    let state = |piece: &Piece| matches!(piece, Text(range) if words::state(&text[range.clone()]));
    let left = skip(at.checked_sub(1), false).and_then(|index| pieces.get(index));
    let right = skip(Some(at + 1), true).and_then(|index| pieces.get(index));
    let open =
        left.is_some_and(|piece| one_of(text, Some(piece), b"([=:,{") || state(piece) || matches!(piece, Variable(_)));
    let close = right.is_none_or(|piece| one_of(text, Some(piece), b")],;}") || state(piece));
    open && close
}

fn beside_a_variable(pieces: &[Piece], at: usize) -> bool {
    let left = if before(pieces, at, 1) == Some(&Space) { before(pieces, at, 2) } else { None };
    let right = if pieces.get(at + 1) == Some(&Space) { pieces.get(at + 2) } else { None };
    matches!(left, Some(Variable(_))) || matches!(right, Some(Variable(_)))
}

pub fn start(piece: &Piece, text: &[u8]) -> usize {
    match piece {
        Text(range) | Variable(range) => range.start,
        Space => text.len(),
    }
}

/// Days, months and zones beside numbers are parts of a date; units after a number are part of it.
fn dates_and_units(text: &[u8], pieces: &mut Vec<Piece>) {
    let number = |pieces: &[Piece], mut at: usize, forward: bool| loop {
        let Some(index) = (if forward { Some(at + 1) } else { at.checked_sub(1) }) else { return false };
        at = index;
        match pieces.get(at) {
            Some(Variable(_)) => return true,
            Some(Space) => {}
            piece if one_of(text, piece, b",:") => {}
            _ => return false,
        }
    };
    for _ in 0..3 {
        for at in 0..pieces.len() {
            let Text(range) = pieces[at].clone() else { continue };
            if (number(pieces, at, true) || number(pieces, at, false)) && words::calendar(&text[range.clone()]) {
                pieces[at] = Variable(range);
            }
        }
    }
    let mut at = 1;
    while at < pieces.len() {
        let Text(range) = pieces[at].clone() else {
            at += 1;
            continue;
        };
        let gap = usize::from(pieces[at - 1] == Space);
        // `bytes=17` and `bytes:17` are names.
        let is_key = is(text, pieces.get(at + 1), b"=")
            || is(text, pieces.get(at + 1), b":") && !matches!(pieces.get(at + 2), None | Some(Space));
        let is_unit = || words::unit(&text[range.clone()]) && !is_key;
        if let Some(Variable(value)) =
            before(pieces, at, 1 + gap).cloned().filter(|piece| matches!(piece, Variable(_)) && is_unit())
        {
            pieces.splice(at - 1 - gap..=at, [Variable(value.start..range.end)]);
            at -= gap;
            at = without_repeated_size(text, pieces, at - 1, words::size(&text[range])) + 1;
            continue;
        }
        at += 1;
    }
}

/// `2048 bytes (2.0 kB)`: the brackets say the number again. Where the size before `at` and the one at it are such a pair.
fn without_repeated_size(text: &[u8], pieces: &mut Vec<Piece>, at: usize, is_size: bool) -> usize {
    let brackets = is_size
        && at >= 3
        && one_of(text, pieces.get(at - 1), b"(")
        && one_of(text, pieces.get(at + 1), b")")
        && pieces[at - 2] == Space;
    if let (true, Some(Variable(first))) = (brackets, before(pieces, at, 3).cloned()) {
        let end = start(&pieces[at + 1], text) + 1;
        pieces.splice(at - 3..=at + 1, [Variable(first.start..end)]);
        return at - 3;
    }
    at
}

/// Variables that only a separator parts are one: addresses, versions, times, lists.
fn joined(text: &[u8], pieces: Vec<Piece>) -> Vec<Piece> {
    let mut done: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        done.push(piece);
        while join_last(text, &mut done) {}
    }
    done
}

fn join_last(text: &[u8], done: &mut Vec<Piece>) -> bool {
    let n = done.len();
    if let Some(from) = host_list(text, done) {
        let end = start(&done[n - 1], text) + 1;
        let first = start(&done[from], text);
        done.splice(from.., [Variable(first..end)]);
        return true;
    }
    let Some(Variable(last)) = done.last().cloned() else { return false };
    // `<1 s` of a duration: the sign is part of the number. Also the colons before an address: `::1`.
    if n >= 2 && is(text, done.get(n - 2), b"<") && (n == 2 || done[n - 3] == Space) {
        done.splice(n - 2.., [Variable(last.start - 1..last.end)]);
        return true;
    }
    if n >= 3
        && is(text, done.get(n - 2), b":")
        && is(text, done.get(n - 3), b":")
        && (n == 3 || starts_value(text, &done[n - 4]))
    {
        done.splice(n - 3.., [Variable(last.start - 2..last.end)]);
        return true;
    }
    // What may stand between: one separator, a run of one, or one and a space.
    let mut at = n - 1;
    let mut gap: &[u8] = &[];
    while at > 0 && n - at <= 3 {
        at -= 1;
        match &done[at] {
            // `3 ms, 7 rows` are two values, `3, 7` is a list.
            Variable(first) if !gap.is_empty() && done[n - 2] == Space && two_values(&text[first.clone()]) => {
                return false
            }
            Variable(first) => {
                let whole = first.start..last.end;
                done.splice(at.., [Variable(whole)]);
                return true;
            }
            Space if n - at == 2 => {}
            Text(range) if range.len() == 1 => {
                let sign = &text[range.clone()];
                let joins: &[u8] = if done[at + 1] == Space { b",;" } else { b":,+-/.#&|;" };
                if !joins.contains(&sign[0]) || (!gap.is_empty() && gap != sign) {
                    return false;
                }
                gap = sign;
            }
            _ => return false,
        }
    }
    false
}

fn starts_value(text: &[u8], piece: &Piece) -> bool {
    *piece == Space || one_of(text, Some(piece), b"=([/,<")
}

/// Whether what follows a comma is another value: not after the days of `1 day, 2:03:04`.
fn two_values(first: &[u8]) -> bool {
    first.contains(&b' ') && !first.ends_with(b" day") && !first.ends_with(b" days")
}

/// Whether the last pieces are `name-[1-3,7]`, and where that begins.
fn host_list(text: &[u8], done: &[Piece]) -> Option<usize> {
    let n = done.len();
    let fits = n >= 5
        && is(text, done.get(n - 1), b"]")
        && matches!(done[n - 2], Variable(_))
        && is(text, done.get(n - 3), b"[")
        && is(text, done.get(n - 4), b"-")
        && matches!(&done[n - 5], Text(range) if text[range.start].is_ascii_alphabetic());
    fits.then(|| n - 5)
}

/// A group of pieces with a variable in it that comes back at once, and again, is a list: one of them is kept.
fn without_lists(text: &[u8], mut pieces: Vec<Piece>) -> Vec<Piece> {
    let same = |one: &Piece, other: &Piece| match (one, other) {
        (Text(one), Text(other)) => text[one.clone()] == text[other.clone()],
        (Variable(_), Variable(_)) | (Space, Space) => true,
        _ => false,
    };
    let mut at = 0;
    while at < pieces.len() {
        for size in 2..=LONGEST_GROUP.min((pieces.len() - at) / LIST) {
            let group = at..at + size;
            if !pieces[group.clone()].iter().any(|piece| matches!(piece, Variable(_))) {
                continue;
            }
            let repeats = (1..).take_while(|n| {
                let from = at + n * size;
                pieces
                    .get(from..from + size)
                    .is_some_and(|other| pieces[group.clone()].iter().zip(other).all(|(one, other)| same(one, other)))
            });
            let count = 1 + repeats.count();
            if count >= LIST {
                pieces.drain(at + size..at + size * count);
                break;
            }
        }
        at += 1;
    }
    pieces
}
