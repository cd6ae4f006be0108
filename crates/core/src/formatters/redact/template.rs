//! When formatting may be deferred: then arguments are packed as they are, and no text is there yet to be redacted.
//!
//! **Invariant.** Let `plan = redactor.plan(template)`, and let `args'` be the arguments with each one in `plan.secret`,
//! unless it is None or a bool, replaced by the mask. If `!plan.render`, every text argument outside `plan.secret` passes
//! [`Redactor::argument_is_harmless`] and every integer passes [`Redactor::int_is_harmless`] (a float under `%d` counts as
//! the integer it is cut to), then `redact_text(template % args') == template % args'`: what is deferred holds no secret
//! that prompt formatting would have caught.
//!
//! A secret's anchor (a secret name with its sign, a shape's first letters, a URL's `://`, thirteen digits) lies in a
//! literal, in an argument, or across an edge between the two. [`Plan`] answers for the first, the harmless checks for the
//! second; for the third, each edge where a literal could be part of an anchor either makes the template one that is
//! rendered at once, or asks more of the argument there.
use super::cards::{self, is_run, SHORTEST};
use super::keys::{authority_end, is_name, key_before, word_before, Scan};
use super::words::Strength;
use super::{shapes, Redactor};
use crate::record::conversion::{Kind, Spec};

/// What a conversion becomes in a sketch of the message: part of a name, long enough to look like a credential.
const MARKER: &str = "\u{f8ff}\u{f8ff}\u{f8ff}\u{f8ff}\u{f8ff}\u{f8ff}";

/// What is to be known of a template before its arguments are seen; worked out once for a call site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Bit n: argument n follows a secret word, and is replaced by the mask unless it is None or a bool.
    pub secret: u64,
    /// The message must be rendered at once and redacted as a whole.
    pub render: bool,
    /// Bit n: a `=` or `:` follows, so the argument must not be a secret name.
    keys: u64,
    /// Bit n: the argument continues a name that the template begins.
    open: u64,
    /// Fewer digits than this may touch an argument's edge; [`SHORTEST`] where no card could be put together.
    digits: usize,
    /// Nothing is asked of an argument but that it has no anchor in it.
    plain: bool,
}

/// A template's literals and conversions, with markers for the latter.
struct Sketch<'t> {
    text: String,
    /// Where each marker begins in `text`.
    markers: Vec<usize>,
    /// Flags, width and precision of each conversion, and its kind.
    specs: Vec<(&'t [u8], Kind)>,
}

impl<'t> Sketch<'t> {
    /// `None` where only Python can render.
    fn new(template: &'t str) -> Option<Self> {
        let mut sketch = Self { text: String::new(), markers: Vec::new(), specs: Vec::new() };
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('%') {
            sketch.text.push_str(before);
            rest = if let Some(after) = after.strip_prefix('%') {
                sketch.text.push('%');
                after
            } else {
                let mut tail = after.as_bytes();
                let spec = Spec::parse(&mut tail)?;
                let length = after.len() - tail.len();
                sketch.markers.push(sketch.text.len());
                sketch.specs.push((&after.as_bytes()[..length], spec.kind()));
                sketch.text.push_str(MARKER);
                &after[length..]
            };
        }
        sketch.text.push_str(rest);
        Some(sketch)
    }

    /// The literal before marker `index`, or after the last.
    fn literal(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |i| self.markers[i] + MARKER.len());
        &self.text[start..self.markers.get(index).copied().unwrap_or(self.text.len())]
    }

    fn markers_in(&self, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.markers.len()).filter(move |&i| self.markers[i] < end && self.markers[i] + MARKER.len() > start)
    }
}

impl Redactor {
    /// What to do with the arguments of this template, and whether formatting it may be deferred.
    pub fn plan(&self, template: &str) -> Plan {
        let mut plan = Plan { secret: 0, render: false, keys: 0, open: 0, digits: SHORTEST, plain: true };
        if !self.enabled {
            return plan;
        }
        let sketch = Sketch::new(template).filter(|s| s.markers.len() <= 64);
        let Some(sketch) = sketch else {
            plan.render = true;
            return plan;
        };
        self.find_secret(&sketch, &mut plan);
        self.find_keys(&sketch, &mut plan);
        count_digits(&sketch, &mut plan);
        plan.plain = plan.keys == 0 && plan.digits == SHORTEST && !self.emails;
        plan.render |= !self.patterns.is_empty()
            || self.emails && template.contains('@')
            || (0..=sketch.markers.len()).any(|i| edges_are_open(&sketch, i, plan.secret))
            || sketch.specs.iter().enumerate().any(|(i, spec)| alters(*spec, plan.secret >> i & 1 == 1, plan.digits));
        plan
    }

    /// Values after secret names: one that is exactly one text conversion is its argument, all else is rendered.
    fn find_secret(&self, sketch: &Sketch<'_>, plan: &mut Plan) {
        let bytes = sketch.text.as_bytes();
        Scan::new(&self.words, bytes).each(|value| {
            let index = sketch.markers.iter().position(|&m| m == value.start && m + MARKER.len() == value.end);
            match index.filter(|&i| !value.weak && is_text(sketch.specs[i].1)) {
                Some(i) => {
                    plan.secret |= 1 << i;
                    // "Authorization: %s %s": scheme and credential.
                    if sketch.markers.len() > i + 1 && sketch.literal(i + 1) == " " && is_text(sketch.specs[i + 1].1) {
                        plan.secret |= 2 << i;
                    }
                }
                None => plan.render = true,
            }
        });
        for (i, &(_, kind)) in sketch.specs.iter().enumerate() {
            // A number after a word alone ("token %d of %d") is a count.
            if is_text(kind) && self.ends_with_secret_word(sketch.literal(i).as_bytes()) {
                plan.secret |= 1 << i;
            }
        }
    }

    /// `with password `, `the token is '`.
    fn ends_with_secret_word(&self, literal: &[u8]) -> bool {
        let text = literal.strip_suffix(b"'").or_else(|| literal.strip_suffix(b"\"")).unwrap_or(literal);
        let text = text.strip_suffix(b"(").unwrap_or(text);
        let text = text.trim_ascii_end();
        if text.len() == literal.len() {
            return false;
        }
        let text = text.strip_suffix(b" is").unwrap_or(text);
        let start = text.iter().rposition(|&b| !is_name(b)).map_or(0, |i| i + 1);
        let strength = self.words.judge(&text[start..], word_before(text, start));
        matches!(strength, Some(Strength::Strong | Strength::Line))
    }

    /// Conversions that stand where a name does, or in the middle of one.
    fn find_keys(&self, sketch: &Sketch<'_>, plan: &mut Plan) {
        let bytes = sketch.text.as_bytes();
        for at in memchr::memchr2_iter(b'=', b':', bytes) {
            if bytes[at..].starts_with(b"://") {
                plan.render |= sketch.markers_in(at + 3, authority_end(bytes, at) + 1).next().is_some();
            }
            let key = key_before(&self.words, bytes, at);
            let before = word_before(bytes, key.start);
            let marked = sketch.markers_in(key.start, key.end).next();
            match marked {
                Some(i) if key.end - key.start == MARKER.len() => plan.keys |= 1 << i,
                Some(_) => plan.render = true,
                None => plan.render |= !before.is_ascii() && self.words.may_be_tail(&bytes[key.start..key.end]),
            }
        }
        for (i, &marker) in sketch.markers.iter().enumerate() {
            plan.open |= u64::from(marker > 0 && is_name(bytes[marker - 1])) << i;
        }
    }

    /// True if this text, as argument `index` of the planned template, cannot bring a secret into the message.
    #[inline]
    pub fn argument_is_harmless(&self, plan: &Plan, index: usize, text: &str) -> bool {
        let bytes = text.as_bytes();
        if !self.enabled || plan.plain && is_plain(bytes) {
            return true;
        }
        let open = plan.open >> index & 1 == 1;
        memchr::memchr2_iter(b'=', b':', bytes).all(|at| self.separator_is_harmless(bytes, at, open))
            && (plan.keys >> index & 1 == 0 || self.name_is_harmless(bytes, bytes.len(), open))
            && !bytes.starts_with(b"//")
            && !self.shapes.any(bytes)
            && !cards::any(bytes)
            && (plan.digits == SHORTEST || edge_digits(bytes) < plan.digits)
            && !(self.emails && text.contains('@'))
    }

    /// True if this integer, as an argument of the planned template, is no card number and no part of one.
    #[inline]
    pub fn int_is_harmless(&self, plan: &Plan, n: i64) -> bool {
        !self.enabled || !cards::is_card(n) && (plan.digits == SHORTEST || digits_of(n) < plan.digits)
    }

    fn separator_is_harmless(&self, bytes: &[u8], at: usize, open: bool) -> bool {
        let after = &bytes[at + 1..];
        if bytes[at] == b':' {
            if after.starts_with(b"//") {
                let end = authority_end(bytes, at);
                return end < bytes.len() && !bytes[at..end].contains(&b'@');
            }
            if matches!(after, b"" | b"/") {
                return false;
            }
        }
        self.name_is_harmless(bytes, at, open)
    }

    /// Whether what stands before `at` is no secret name, whatever stands before the argument.
    fn name_is_harmless(&self, bytes: &[u8], at: usize, open: bool) -> bool {
        let key = key_before(&self.words, bytes, at);
        if key.start == 0 && (key.end == 0 || open) {
            return false;
        }
        if !key.suspect {
            return true;
        }
        let before = word_before(bytes, key.start);
        let cut = key.start <= before.len() + 1;
        key.strength(&self.words, bytes).is_none() && !(cut && self.words.may_be_tail(&bytes[key.start..key.end]))
    }
}

const SEPARATOR: u8 = 1;
const RARE: u8 = 2;

/// What each byte may belong to.
const MARKS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = if shapes::RARE[b] { RARE } else { 0 };
        b += 1;
    }
    table[b'=' as usize] = SEPARATOR;
    table[b':' as usize] = SEPARATOR;
    table
};

/// True for short texts without an anchor.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    if bytes.len() >= SHORTEST || bytes.starts_with(b"//") {
        return false;
    }
    let marks = bytes.iter().fold(0, |marks, b| marks | MARKS[usize::from(*b)]);
    marks == 0 || marks == RARE && !shapes::possible(bytes)
}

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Str | Kind::Repr)
}

/// Counts what a card number could be put together from: conversions with nothing but digits and single separators between
/// them. Of thirteen digits over n arguments, one argument has at least thirteen divided by n.
fn count_digits(sketch: &Sketch<'_>, plan: &mut Plan) {
    let digits = |text: &[u8]| text.iter().filter(|b| b.is_ascii_digit()).count();
    let head = |text: &[u8]| digits(&text[..text.iter().position(|b| !is_run(*b)).unwrap_or(text.len())]);
    let tail = |text: &[u8]| digits(&text[text.iter().rposition(|b| !is_run(*b)).map_or(0, |i| i + 1)..]);
    let count = sketch.markers.len();
    let mut first = 0;
    while first < count {
        let mut known = tail(sketch.literal(first).as_bytes());
        let mut last = first;
        while last + 1 < count && joins(sketch.literal(last + 1).as_bytes()) {
            last += 1;
            known += digits(sketch.literal(last).as_bytes());
        }
        known += head(sketch.literal(last + 1).as_bytes());
        let limit = SHORTEST.saturating_sub(known).div_ceil(last + 1 - first);
        // Exponents of floats have up to three digits.
        plan.render |= limit < 4;
        plan.digits = plan.digits.min(limit);
        first = last + 1;
    }
}

/// True if groups of one number may stand on both sides of this literal.
fn joins(literal: &[u8]) -> bool {
    literal.iter().all(|b| is_run(*b)) && !literal.windows(2).any(|w| !w[0].is_ascii_digit() && !w[1].is_ascii_digit())
}

/// True if the literal before conversion `index` (after the last) and an argument beside it can make an anchor together.
fn edges_are_open(sketch: &Sketch<'_>, index: usize, secret: u64) -> bool {
    let literal = sketch.literal(index);
    let (follows, precedes) = (index > 0, index < sketch.markers.len());
    let begins_anchor = || {
        shapes::anchors().any(|anchor| {
            (1..anchor.len()).any(|n| {
                literal
                    .strip_suffix(&anchor[..n])
                    .is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric()))
            })
        })
    };
    let ends_anchor = || shapes::anchors().any(|anchor| (1..anchor.len()).any(|n| literal.starts_with(&anchor[n..])));
    // The argument after "Bearer" is secret, so nothing is left to find.
    let shown = literal
        .strip_suffix("Bearer ")
        .filter(|_| secret.checked_shr(index as u32).unwrap_or(0) & 1 == 1)
        .unwrap_or(literal);
    cards::any(literal.as_bytes())
        || shapes::anchors().any(|anchor| shown.contains(anchor))
        || precedes && (begins_anchor() || literal.ends_with(":/"))
        || follows && (ends_anchor() || literal.starts_with("//"))
        || follows && precedes && shapes::anchors().any(|anchor| anchor.contains(literal))
        || follows && literal.starts_with('/') && sketch.literal(index - 1).ends_with(':')
}

/// True if the conversion does more to a value than to print it: cuts text, prints digits that the value has not.
fn alters((spec, kind): (&[u8], Kind), secret: bool, digits: usize) -> bool {
    let precision = spec.iter().position(|b| *b == b'.');
    let places = precision.map_or(6, |dot| {
        let count = spec[dot + 1..].iter().take_while(|b| b.is_ascii_digit());
        count.fold(0, |n: usize, b| n * 10 + usize::from(b - b'0'))
    });
    let size = &spec[..precision.unwrap_or(spec.len())];
    let zeros = size.iter().find(|b| b.is_ascii_digit()) == Some(&b'0');
    match kind {
        Kind::Str | Kind::Repr => precision.is_some() || secret && size.iter().any(u8::is_ascii_digit),
        Kind::Int => (zeros || precision.is_some()) && digits < SHORTEST,
        Kind::Index => true,
        Kind::Float => match spec.last() {
            Some(b'g' | b'G') => places >= digits || zeros && digits < SHORTEST,
            Some(b'f' | b'F') => places == 0 || zeros && digits < SHORTEST,
            _ => zeros && digits < SHORTEST,
        },
    }
}

/// The most digits that touch either end of the text, separators between them allowed.
fn edge_digits(bytes: &[u8]) -> usize {
    let count = |run: &[u8]| run.iter().filter(|b| b.is_ascii_digit()).count();
    let head = bytes.iter().position(|b| !is_run(*b)).unwrap_or(bytes.len());
    let tail = bytes.iter().rposition(|b| !is_run(*b)).map_or(0, |i| i + 1);
    count(&bytes[..head]).max(count(&bytes[tail..]))
}

fn digits_of(n: i64) -> usize {
    n.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1
}
