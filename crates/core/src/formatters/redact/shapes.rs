//! Values that are secret by their shape, whatever stands before them: tokens of known issuers and private keys.
//!
//! Each shape has an anchor, a literal text that it contains; one vectorised search finds all anchors. A token must not
//! continue a longer word, so each word is looked at once and the scan stays linear.
use super::Spans;
use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::AhoCorasick;

/// Given the text and where an anchor begins and ends, the part to hide, if it is a secret after all.
type Find = fn(&[u8], usize, usize) -> Option<(usize, usize)>;

/// One kind of shape, and the texts it starts with.
struct Shape {
    anchors: &'static [&'static str],
    find: Find,
}

const SHAPES: [Shape; 10] = [
    Shape { anchors: &["eyJ"], find: jwt },
    Shape { anchors: &["AKIA", "ASIA"], find: aws },
    Shape { anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], find: |b, at, end| run(b, at, end, 30, alphanumeric) },
    Shape { anchors: &["github_pat_"], find: |b, at, end| run(b, at, end, 20, word) },
    Shape {
        anchors: &["xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-"],
        find: |b, at, end| run(b, at, end, 10, token),
    },
    Shape { anchors: &["AIza"], find: |b, at, end| run(b, at, end, 35, token) },
    Shape { anchors: &["sk_live_", "rk_live_", "sk_test_"], find: |b, at, end| run(b, at, end, 10, alphanumeric) },
    Shape { anchors: &["sk-"], find: openai },
    Shape { anchors: &["BEGIN"], find: pem },
    Shape { anchors: &["Bearer"], find: bearer },
];

/// Under this many bytes the vectorised search is slower than a look at each byte.
const SHORT: usize = 32;

#[derive(Debug, Clone)]
enum Search {
    Vector(Box<Searcher>),
    /// For processors without the instructions.
    Automaton(Box<AhoCorasick>),
}

#[derive(Debug, Clone)]
pub(super) struct Shapes {
    search: Search,
    kinds: Vec<u8>,
}

/// All anchors, in the order of the patterns.
pub(super) fn anchors() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().flat_map(|shape| shape.anchors.iter().copied())
}

impl Shapes {
    pub(super) fn new() -> Self {
        let kinds = SHAPES.iter().enumerate().flat_map(|(i, s)| s.anchors.iter().map(move |_| i as u8)).collect();
        let vector = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(anchors()).build();
        let search = match vector {
            Some(searcher) => Search::Vector(Box::new(searcher)),
            None => Search::Automaton(Box::new(AhoCorasick::new(anchors()).unwrap_or_else(|_| unreachable!()))),
        };
        Self { search, kinds }
    }

    /// The first anchor at or after `from`: its place, its end and its kind.
    #[inline]
    fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, usize, u8)> {
        let span = aho_corasick::Span { start: from, end: bytes.len() };
        let found = match &self.search {
            Search::Vector(searcher) => searcher.find_in(bytes, span),
            Search::Automaton(automaton) => automaton.find(aho_corasick::Input::new(bytes).span(span)),
        }?;
        Some((found.start(), found.end(), self.kinds[found.pattern().as_usize()]))
    }

    /// True if an anchor stands in the text.
    #[inline]
    pub(super) fn any(&self, bytes: &[u8]) -> bool {
        possible(bytes) && self.next(bytes, 0).is_some()
    }

    #[inline]
    pub(super) fn scan(&self, bytes: &[u8], spans: &mut Spans) {
        if !possible(bytes) {
            return;
        }
        let mut from = 0;
        while let Some((at, end, kind)) = self.next(bytes, from) {
            let found = (SHAPES[usize::from(kind)].find)(bytes, at, end);
            from = found.map_or(end, |(_, stop)| stop);
            spans.extend(found);
        }
    }
}

/// Bytes that every anchor has one of.
pub(super) const RARE: [bool; 256] = {
    let mut table = [false; 256];
    let (bytes, mut i) = (b"JIB_-", 0);
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// False if no anchor stands in the text; of long texts nothing is known.
#[inline]
pub(super) fn possible(bytes: &[u8]) -> bool {
    bytes.len() >= SHORT || bytes.iter().enumerate().any(|(i, b)| RARE[usize::from(*b)] && stands_at(bytes, i))
}

/// Whether an anchor stands around its rare byte.
fn stands_at(bytes: &[u8], at: usize) -> bool {
    let (before, after) = (&bytes[..at], &bytes[at + 1..]);
    match bytes[at] {
        b'J' => before.ends_with(b"ey"),
        b'I' => before.ends_with(b"AK") || before.ends_with(b"AS") || before.ends_with(b"A"),
        b'B' => after.starts_with(b"EGIN") || after.starts_with(b"earer"),
        b'-' => before.ends_with(b"sk") || before[..at.saturating_sub(1)].ends_with(b"xox"),
        _ => {
            before[..at.saturating_sub(1)].ends_with(b"gh")
                || [&b"github_pat"[..], b"sk_live", b"rk_live", b"sk_test"].iter().any(|a| before.ends_with(a))
        }
    }
}

fn alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

/// True if a new word begins here. Bytes of other alphabets count as letters.
fn begins(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(token(bytes[at - 1]) || bytes[at - 1] >= 0x80)
}

fn end_of(bytes: &[u8], from: usize, of: fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|&b| !of(b)).map_or(bytes.len(), |i| from + i)
}

fn run(bytes: &[u8], at: usize, end: usize, least: usize, of: fn(u8) -> bool) -> Option<(usize, usize)> {
    if !begins(bytes, at) {
        return None;
    }
    let stop = end_of(bytes, end, of);
    (stop - end >= least).then_some((at, stop))
}

fn aws(bytes: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let (at, stop) = run(bytes, at, end, 16, word)?;
    let upper = bytes[end..stop].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (stop - end == 16 && upper).then_some((at, stop))
}

/// Package names such as `sk-learn-contrib` have neither digits nor a long block.
fn openai(bytes: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let (at, stop) = run(bytes, at, end, 20, token)?;
    let value = &bytes[end..stop];
    let block = value.split(|&b| b == b'-').any(|block| block.len() >= 16);
    (block || value.iter().any(u8::is_ascii_digit)).then_some((at, stop))
}

fn jwt(bytes: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let (at, header) = run(bytes, at, end, 5, token)?;
    let payload = bytes[header..].strip_prefix(b".eyJ").map(|_| end_of(bytes, header + 4, token))?;
    (bytes.get(payload) == Some(&b'.')).then(|| (at, end_of(bytes, payload + 1, token)))
}

/// `Bearer` and a token; the scheme stays. A word without digits is prose ("Bearer authentication").
fn bearer(bytes: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let start = end + 1;
    if !begins(bytes, at) || bytes.get(end) != Some(&b' ') {
        return None;
    }
    let stop = end_of(bytes, start, |b| token(b) || b"._~+/=".contains(&b));
    (stop - start >= 8 && bytes[start..stop].iter().any(u8::is_ascii_digit)).then_some((start, stop))
}

/// A private key in PEM: to its END line, or to the end of the text.
fn pem(bytes: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let start = at.checked_sub(5).filter(|&s| &bytes[s..at] == b"-----")?;
    let label = &bytes[end..bytes.len().min(end + 48)];
    let label = &label[..memchr::memmem::find(label, b"-----")?];
    if !label.ends_with(b"PRIVATE KEY") && !label.ends_with(b"PRIVATE KEY BLOCK") {
        return None;
    }
    let foot = memchr::memmem::find(&bytes[end..], b"-----END").map(|i| end + i + 8);
    let stop = foot.and_then(|foot| memchr::memmem::find(&bytes[foot..], b"-----").map(|i| foot + i + 5));
    Some((start, stop.unwrap_or(bytes.len())))
}
