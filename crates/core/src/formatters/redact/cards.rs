//! Card numbers: 13 to 19 digits of a known issuer that pass the Luhn check, in one block or in the groups printed on cards.
//!
//! To keep identifiers and times out, a number counts only where no letter, digit, `_`, `.`, `-` or `/` touches its front
//! and no letter, digit or `_` its end, nor a decimal point.
use super::Spans;

/// A shorter run of digits and separators holds no card number, so every run meets a probe at this stride.
pub(super) const SHORTEST: usize = 13;
const LONGEST: usize = 19;
/// The groups that cards and people use; a separator is the same throughout.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

pub(super) fn scan(bytes: &[u8], spans: &mut Spans) {
    let mut probe = SHORTEST - 1;
    while probe < bytes.len() {
        if in_run(bytes, probe) {
            let start = bytes[..probe].iter().rposition(|&b| !is_run(b)).map_or(0, |i| i + 1);
            let end = bytes[probe..].iter().position(|&b| !is_run(b)).map_or(bytes.len(), |i| probe + i);
            if end - start >= SHORTEST {
                scan_run(bytes, start, end, spans);
            }
            probe = end;
        }
        probe += SHORTEST;
    }
}

/// True if a card number stands in the text.
#[inline]
pub(super) fn any(bytes: &[u8]) -> bool {
    if bytes.len() < SHORTEST {
        return false;
    }
    let mut spans = Spans::new();
    scan(bytes, &mut spans);
    !spans.is_empty()
}

/// True if this integer, printed alone, is a card number.
#[inline]
pub(super) fn is_card(n: i64) -> bool {
    if n < 1_000_000_000_000 {
        return false;
    }
    let len = n.ilog10() + 1;
    issuer_lengths((n / 10i64.pow(len - 4)) as u32) >> len & 1 == 1 && {
        let digits: Vec<u8> = n.to_string().into_bytes();
        luhn(digits.into_iter())
    }
}

/// A digit or what may stand between two groups of them.
#[inline]
pub(super) fn is_run(b: u8) -> bool {
    b.is_ascii_digit() || b == b' ' || b == b'-'
}

#[inline]
fn in_run(bytes: &[u8], at: usize) -> bool {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    digit(at) || is_run(bytes[at]) && digit(at + 1) && digit(at - 1)
}

/// Looks at each block of digits of a run, alone and as the first of a group.
fn scan_run(bytes: &[u8], start: usize, end: usize, spans: &mut Spans) {
    let mut at = start;
    while at < end {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let block = digits(bytes, at);
        let touched = at > 0 && (is_word(bytes[at - 1]) || matches!(bytes[at - 1], b'.' | b'-' | b'/'));
        let found = if touched || block - at < 4 { None } else { number_at(bytes, at, block) };
        match found {
            Some(stop) => {
                spans.push((at, stop));
                at = stop;
            }
            None => at = block,
        }
    }
}

/// The end of the card number that begins at `at`, whose first block of digits ends at `block`.
fn number_at(bytes: &[u8], at: usize, block: usize) -> Option<usize> {
    let len = block - at;
    let first = bytes[at..at + 4].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    let lengths = issuer_lengths(first);
    if lengths == 0 {
        return None;
    }
    if (SHORTEST..=LONGEST).contains(&len) {
        return (lengths >> len & 1 == 1 && ends(bytes, block) && luhn(bytes[at..block].iter().copied()))
            .then_some(block);
    }
    let separator = *bytes.get(block).filter(|b| len == 4 && matches!(b, b' ' | b'-'))?;
    // The longest grouping that fits wins: a card of 19 digits must not lose its tail.
    let mut possible = GROUPINGS.iter().rev().filter(|groups| lengths >> groups.iter().sum::<usize>() & 1 == 1);
    possible.find_map(|groups| grouped(bytes, at, separator, groups))
}

fn grouped(bytes: &[u8], at: usize, separator: u8, groups: &[usize]) -> Option<usize> {
    let mut stop = at;
    for (i, &len) in groups.iter().enumerate() {
        if i > 0 {
            if bytes.get(stop) != Some(&separator) {
                return None;
            }
            stop += 1;
        }
        if bytes.get(stop..stop + len)?.iter().any(|b| !b.is_ascii_digit()) {
            return None;
        }
        stop += len;
    }
    let all = bytes[at..stop].iter().copied().filter(u8::is_ascii_digit);
    (ends(bytes, stop) && luhn(all)).then_some(stop)
}

fn ends(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'.') => !bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        Some(&b) => !is_word(b),
        None => true,
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |i| from + i)
}

/// The lengths of the numbers that begin with these four digits, one bit each.
fn issuer_lengths(first: u32) -> u32 {
    match first {
        4000..=4999 => 1 << 13 | 1 << 16 | 1 << 19,
        5100..=5599 | 2221..=2720 | 3528..=3589 => 1 << 16,
        3400..=3499 | 3700..=3799 => 1 << 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => 1 << 14,
        6011 | 6440..=6599 => 1 << 16 | 1 << 19,
        6200..=6299 => 0b1111 << 16,
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => 0b111_1111 << 13,
        _ => 0,
    }
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let twice = u32::from(b - b'0') << (i & 1);
            if twice > 9 {
                twice - 9
            } else {
                twice
            }
        })
        .sum();
    sum % 10 == 0
}
