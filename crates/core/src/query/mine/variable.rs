//! What a variable's values are: their kinds, how many different ones, the most frequent, the span of numbers.

use super::lex::{parts, variable, Part};

/// Different values that are kept with their counts; those that come when the table is full count as others.
const KEPT: usize = 12;
const LONGEST: usize = 80;
const REGISTERS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Integer,
    Number,
    Size,
    Duration,
    Time,
    Hex,
    Uuid,
    Address,
    Url,
    Path,
    Truth,
    Name,
    Word,
    Nothing,
    Mixed,
}

/// In the order of `Kind`.
pub const KINDS: [&str; 15] = [
    "integer", "number", "size", "duration", "time", "hex", "uuid", "address", "url", "path", "boolean", "name",
    "word", "nothing", "mixed",
];

impl Kind {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        KINDS[self as usize]
    }

    /// The kind of one value.
    pub fn of(value: &[u8]) -> Self {
        let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
        let has = |wanted: u8| value.contains(&wanted);
        if value.is_empty() || value.iter().all(|b| *b == b'*') {
            return Self::Nothing;
        }
        if let Some(kind) = quantity(value) {
            return kind;
        }
        let hex = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_hexdigit);
        if value.len() == 36 && value.iter().enumerate().all(|(n, b)| matches!(n, 8 | 13 | 18 | 23) == (*b == b'-')) {
            return Self::Uuid;
        }
        if value.starts_with(b"0x") && hex(&value[2..]) || (value.len() >= 6 && hex(value)) {
            return Self::Hex;
        }
        if value.windows(3).any(|three| three == b"://") {
            return Self::Url;
        }
        if value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false") {
            return Self::Truth;
        }
        if is_address(value) {
            return Self::Address;
        }
        if digits >= 4 && (has(b':') || has(b'-') || has(b'/')) && value.iter().all(|b| is_of_time(*b)) {
            return Self::Time;
        }
        if has(b'/') || has(b'\\') {
            return Self::Path;
        }
        if digits == 0 && value.iter().all(|b| b.is_ascii_alphabetic()) {
            return Self::Word;
        }
        if value.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.@$+%".contains(b) || *b >= 128) {
            return Self::Name;
        }
        Self::Mixed
    }
}

fn is_of_time(byte: u8) -> bool {
    byte.is_ascii_digit() || b":-/.,+ TZ".contains(&byte)
}

/// A number, alone or with its unit.
fn quantity(value: &[u8]) -> Option<Kind> {
    let value = value.strip_prefix(b"<").unwrap_or(value);
    let end = value.iter().position(|b| !(b.is_ascii_digit() || b"+-.".contains(b))).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    parsed(number)?;
    let unit = unit.strip_prefix(b" ").unwrap_or(unit);
    Some(match unit {
        b"" if number.contains(&b'.') => Kind::Number,
        b"" => Kind::Integer,
        b"%" => Kind::Number,
        unit if super::words::size(unit) => Kind::Size,
        unit if super::words::unit(unit) => Kind::Duration,
        _ => return None,
    })
}

fn parsed(number: &[u8]) -> Option<f64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// IPv4 and IPv6 addresses, hardware addresses and host names, with a port or without.
fn is_address(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"/").unwrap_or(value);
    let dots = memchr::memchr_iter(b'.', value).count();
    let colons = memchr::memchr_iter(b':', value).count();
    let four = dots == 3 && value.iter().all(|b| b.is_ascii_digit() || b".:".contains(b));
    let pairs = colons >= 2 && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b':' || *b == b'.');
    let clock = colons == 2 && value.len() == 8;
    let host = dots >= 1
        && colons <= 1
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(b))
        && value.rsplit(|b| *b == b'.').next().is_some_and(|last| last.first().is_some_and(u8::is_ascii_alphabetic));
    four || (pairs && !clock) || host
}

/// The values a variable took, among those that were looked at.
#[derive(Clone, Debug)]
pub struct Values {
    pub seen: u64,
    kinds: [u32; KINDS.len()],
    pub least: f64,
    pub greatest: f64,
    pub top: Vec<(Box<[u8]>, u64)>,
    registers: [u8; REGISTERS],
}

impl Default for Values {
    fn default() -> Self {
        Self {
            seen: 0,
            kinds: [0; KINDS.len()],
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            top: Vec::new(),
            registers: [0; REGISTERS],
        }
    }
}

impl Values {
    pub fn add(&mut self, value: &[u8], times: u64) {
        let kind = Kind::of(value);
        self.seen += times;
        self.kinds[kind as usize] = self.kinds[kind as usize].saturating_add(times as u32);
        let digits = value.iter().position(|b| !(b.is_ascii_digit() || b"+-.".contains(b))).unwrap_or(value.len());
        if let (Kind::Integer | Kind::Number | Kind::Duration | Kind::Size, Some(n)) = (kind, parsed(&value[..digits]))
        {
            self.least = self.least.min(n);
            self.greatest = self.greatest.max(n);
        }
        let hash = hash(value);
        let register = (hash as usize) % REGISTERS;
        self.registers[register] = self.registers[register].max((hash | 1 << 63 >> 6).leading_zeros() as u8 + 1);
        self.keep(&value[..value.len().min(LONGEST)], times);
    }

    fn keep(&mut self, value: &[u8], times: u64) {
        if let Some((_, count)) = self.top.iter_mut().find(|(known, _)| &**known == value) {
            *count += times;
        } else if self.top.len() < KEPT {
            self.top.push((value.into(), times));
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        for (ours, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            *ours = ours.saturating_add(theirs);
        }
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        for (ours, theirs) in self.registers.iter_mut().zip(other.registers) {
            *ours = (*ours).max(theirs);
        }
        for (value, count) in &other.top {
            self.keep(value, *count);
        }
    }

    /// How many different values, estimated (within some 13 % when there are many).
    pub fn distinct(&self) -> u64 {
        if self.top.len() < KEPT {
            return self.top.len() as u64;
        }
        let m = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
        let raw = 0.709 * m * m / sum;
        let empty = memchr::memchr_iter(0, &self.registers).count();
        let estimate = if raw < 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
        (estimate.round() as u64).clamp(KEPT as u64, self.seen.max(KEPT as u64))
    }

    /// The kinds seen, with how often.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        KINDS.iter().copied().zip(self.kinds).filter(|(_, count)| *count > 0)
    }

    /// The most frequent kind.
    pub fn kind(&self) -> Kind {
        const ALL: [Kind; KINDS.len()] = [
            Kind::Integer,
            Kind::Number,
            Kind::Size,
            Kind::Duration,
            Kind::Time,
            Kind::Hex,
            Kind::Uuid,
            Kind::Address,
            Kind::Url,
            Kind::Path,
            Kind::Truth,
            Kind::Name,
            Kind::Word,
            Kind::Nothing,
            Kind::Mixed,
        ];
        let best = (0..KINDS.len()).max_by_key(|index| (self.kinds[*index], KINDS.len() - index));
        best.map_or(Kind::Mixed, |index| ALL[index])
    }

    /// The one value that was ever seen, if it was seen more than once.
    pub fn constant(&self) -> Option<&[u8]> {
        match self.top.as_slice() {
            [(value, _)] if self.seen > 1 && value.len() < LONGEST => Some(value),
            _ => None,
        }
    }
}

/// A place of a template where messages differ: the values, whole and, while all of them are built alike, part by part.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub whole: Values,
    pub parts: Parts,
}

/// `10.0.0.1:80` and `10.0.0.2:81` are built alike: a variable, a colon, a variable.
#[derive(Clone, Debug, Default)]
pub enum Parts {
    /// No value yet.
    #[default]
    Unknown,
    Alike(Vec<Inner>),
    /// Lists of differing length, or words.
    Differ,
}

#[derive(Clone, Debug)]
pub enum Inner {
    Text(Box<[u8]>),
    Variable(Values),
}

impl Inner {
    pub fn values(&self) -> Option<&Values> {
        match self {
            Self::Variable(values) => Some(values),
            Self::Text(_) => None,
        }
    }
}

impl Place {
    /// A value of so many messages.
    pub fn add(&mut self, value: &[u8], times: u64) {
        self.whole.add(value, times);
        if matches!(self.parts, Parts::Unknown) {
            self.parts = Parts::new(value);
        }
        self.parts.add(value, times);
    }

    /// The values with the same text before each, as far as they are kept.
    pub fn after(&self, text: &[u8]) -> Self {
        let mut place = Self::default();
        for (value, times) in &self.whole.top {
            place.add(&[text, value].concat(), *times);
        }
        place
    }

    pub fn merge(&mut self, other: &Self) {
        self.whole.merge(&other.whole);
        match (&mut self.parts, &other.parts) {
            (_, Parts::Unknown) => {}
            (Parts::Unknown, theirs) => self.parts = theirs.clone(),
            (Parts::Alike(ours), Parts::Alike(theirs)) if alike(ours, theirs) => {
                for (one, other) in ours.iter_mut().zip(theirs) {
                    if let (Inner::Variable(one), Inner::Variable(other)) = (one, other) {
                        one.merge(other);
                    }
                }
            }
            (ours, _) => *ours = Parts::Differ,
        }
    }
}

fn alike(ours: &[Inner], theirs: &[Inner]) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|pair| match pair {
            (Inner::Text(one), Inner::Text(other)) => one == other,
            (Inner::Variable(_), Inner::Variable(_)) => true,
            _ => false,
        })
}

impl Parts {
    const MOST: usize = 16;

    fn new(value: &[u8]) -> Self {
        let mut inner: Vec<Inner> = Vec::new();
        for (part, range) in parts(value) {
            match (part, inner.last_mut()) {
                (Part::Variable, _) => inner.push(Inner::Variable(Values::default())),
                (_, Some(Inner::Text(text))) => *text = [text, &value[range]].concat().into(),
                _ => inner.push(Inner::Text(value[range].into())),
            }
        }
        let some = inner.iter().any(|part| matches!(part, Inner::Variable(_)));
        if some && inner.len() <= Self::MOST {
            Self::Alike(inner)
        } else {
            Self::Differ
        }
    }

    fn add(&mut self, value: &[u8], times: u64) {
        let Self::Alike(inner) = self else { return };
        let mut at = 0;
        for part in inner {
            let end = match part {
                Inner::Text(text) if value[at..].starts_with(text) => at + text.len(),
                Inner::Variable(values) => match variable(value, at) {
                    Some(end) => {
                        values.add(&value[at..end], times);
                        end
                    }
                    None => break,
                },
                Inner::Text(_) => break,
            };
            at = end;
        }
        if at != value.len() {
            *self = Self::Differ;
        }
    }
}

/// FNV-1a, then mixed: the same on every machine, so reports are reproducible.
pub fn hash(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let folded = bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mix(folded)
}

pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
