//! Values behind a secret name (`password=x`, `"token": "x"`, `Authorization: Bearer x`) and passwords in URLs.
//!
//! The search goes from one `=` or `:` to the next and looks back for a name. A name holds neither sign and a value that
//! was hidden is not looked into again, so the scan is linear; brackets are searched to the end of the text once at most.
use super::words::{prepend, Strength, Words};
use super::Spans;

/// Schemes of an Authorization header whose credential is one word: the scheme stays.
const SCHEMES: &[&str] = &["bearer", "basic", "token", "apikey", "negotiate", "ntlm"];
/// Schemes whose credential is a list to the end of the line.
const LIST_SCHEMES: &[&str] = &["digest", "oauth", "hawk", "signature", "aws4-hmac-sha256"];
/// Values that hide nothing; the types are those of annotations.
const PLAIN: &[&str] = &["none", "null", "nil", "true", "false", "undefined", "str", "bytes", "string", "int", "bool"];

/// Letters, digits, `_`, `-`, `.`, `$` and every byte of other alphabets.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        table[b] = c.is_ascii_alphanumeric() || c == b'_' || c == b'-' || c == b'.' || c == b'$' || b >= 0x80;
        b += 1;
    }
    table
};

#[inline]
pub(super) fn is_name(b: u8) -> bool {
    NAME[usize::from(b)]
}

/// The name before a separator.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its letters do not rule out that it is secret.
    pub(super) suspect: bool,
}

/// Looks back from `at` over spaces, a bracket and a quote, as in `"password" :` and `['password'] =`, for a name.
#[inline]
pub(super) fn key_before(words: &Words, bytes: &[u8], at: usize) -> Key {
    let mut end = at;
    while end > 0 && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    if end > 0 && !is_name(bytes[end - 1]) {
        end -= usize::from(bytes[end - 1] == b']');
        if end > 0 && is_quote(bytes[end - 1]) {
            end -= 1;
            while end > 0 && bytes[end - 1] == b'\\' {
                end -= 1;
            }
        }
    }
    let (mut length, mut code, mut suspect) = (0, 0, false);
    for &b in bytes[..end].iter().rev().take_while(|b| is_name(**b)) {
        length += 1;
        code = prepend(code, b);
        suspect |= words.has_trigram(code);
    }
    Key { start: end - length, end, suspect }
}

impl Key {
    pub(super) fn strength(&self, words: &Words, bytes: &[u8]) -> Option<Strength> {
        words.judge(&bytes[self.start..self.end], word_before(bytes, self.start))
    }
}

/// The word one space before `at`; a bounded look.
pub(super) fn word_before(bytes: &[u8], at: usize) -> &[u8] {
    if at < 2 || bytes[at - 1] != b' ' {
        return &[];
    }
    let end = at - 1;
    let floor = end.saturating_sub(24);
    let start = bytes[floor..end].iter().rposition(|&b| !is_name(b)).map_or(floor, |i| floor + i + 1);
    &bytes[start..end]
}

fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// A value to hide.
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Hidden only because it looks like a credential.
    pub(super) weak: bool,
}

/// The scan of one text.
pub(super) struct Scan<'a> {
    words: &'a Words,
    bytes: &'a [u8],
    /// A bracket was left open: no further one is searched for its end.
    open_bracket: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(words: &'a Words, bytes: &'a [u8]) -> Self {
        Self { words, bytes, open_bracket: false }
    }

    #[inline]
    pub(super) fn run(&mut self, spans: &mut Spans) {
        self.each(|value| spans.push((value.start, value.end)));
    }

    /// Calls `found` for each value to hide, from left to right.
    #[inline]
    pub(super) fn each(&mut self, mut found: impl FnMut(&Value)) {
        let mut resume = 0;
        for at in memchr::memchr2_iter(b'=', b':', self.bytes) {
            if at < resume {
                continue;
            }
            if self.bytes[at] == b':' && self.bytes[at + 1..].starts_with(b"//") {
                if let Some((start, end)) = url_password(self.bytes, at) {
                    found(&Value { start, end, weak: false });
                    resume = end;
                }
                continue;
            }
            let key = key_before(self.words, self.bytes, at);
            if key.suspect {
                resume = self.after(at, key, &mut found);
            }
        }
    }

    /// Handles a separator whose name may be secret; returns where to go on.
    #[cold]
    fn after(&mut self, at: usize, key: Key, found: &mut impl FnMut(&Value)) -> usize {
        let bytes = self.bytes;
        // `auth::token` is a path in a program, `/etc/passwd: no such file` one in a file system.
        let path = key.start > 0 && matches!(bytes[key.start - 1], b'/' | b'\\');
        if bytes[at] == b':' && (path || bytes.get(at + 1) == Some(&b':')) {
            return at + 1;
        }
        let Some(strength) = key.strength(self.words, bytes) else { return at + 1 };
        let mut at = at;
        loop {
            let value = self.value(at, strength);
            let shown = self.shows_nothing(&value, key);
            if !shown {
                found(&value);
            }
            // An annotated default, `password: str = "x"`.
            let next = value.end + bytes[value.end..].iter().take_while(|b| **b == b' ').count();
            if bytes[at] != b':' || bytes.get(next) != Some(&b'=') {
                return if shown { at + 1 } else { value.end };
            }
            at = next;
        }
    }

    /// Empty and plain values; a weak name's value that is no credential; `Token: Token { … }`, a type's own name.
    fn shows_nothing(&self, value: &Value, key: Key) -> bool {
        let text = &self.bytes[value.start..value.end];
        let body = &self.bytes[key.start..key.end];
        text.is_empty()
            || PLAIN.iter().any(|p| p.as_bytes().eq_ignore_ascii_case(text.trim_ascii_end()))
            || value.weak && !looks_like_credential(text)
            || text.strip_prefix(body).is_some_and(|rest| rest.starts_with(b" {"))
    }

    /// The value behind the separator at `at`.
    fn value(&mut self, at: usize, strength: Strength) -> Value {
        let bytes = self.bytes;
        let mut start = at + 1;
        start += bytes[start..].iter().take_while(|b| matches!(b, b'=' | b':' | b'>')).count();
        start += bytes[start..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let (start, limit) = match opening_quote(&bytes[start..]) {
            Some((skip, quote, escapes)) => {
                let start = start + skip;
                let close = closing_quote(&bytes[start..], quote, escapes).map(|i| start + i);
                (start, Some(close.unwrap_or_else(|| line_end(bytes, start))))
            }
            None => (start, None),
        };
        let (start, end) = self.extent(start, limit, strength == Strength::Line && bytes[at] == b':');
        Value { start, end, weak: strength == Strength::Weak }
    }

    /// Where a value that begins at `start` lies; `limit` is the closing quote of a quoted one.
    fn extent(&mut self, start: usize, limit: Option<usize>, to_line_end: bool) -> (usize, usize) {
        let bytes = self.bytes;
        let word = start + bytes[start..].iter().take_while(|&&b| b.is_ascii_alphanumeric() || b == b'-').count();
        let spaced = bytes.get(word) == Some(&b' ') && limit.is_none_or(|limit| word < limit);
        let is =
            |names: &[&str]| spaced && names.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(&bytes[start..word]));
        // A type's name and its members, `Secret { … }`.
        let object = spaced && limit.is_none() && bytes.get(word + 1) == Some(&b'{');
        let list = is(LIST_SCHEMES) && !object;
        let start = if list || is(SCHEMES) && !object {
            word + bytes[word..].iter().take_while(|b| **b == b' ').count()
        } else {
            start
        };
        let end = match limit {
            Some(limit) => limit.max(start),
            None if to_line_end || list => line_end(bytes, start),
            None if (object || matches!(bytes.get(start), Some(b'{' | b'[' | b'('))) && !self.open_bracket => {
                closing_bracket(bytes, if object { word + 1 } else { start }).unwrap_or_else(|| {
                    self.open_bracket = true;
                    line_end(bytes, start)
                })
            }
            None => word_end(bytes, start),
        };
        (start, end)
    }
}

/// Letters with digits, or a long text, as no word of prose is.
fn looks_like_credential(text: &[u8]) -> bool {
    text.len() >= 16
        || text.len() >= 6 && text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic)
}

/// Skips `b`, `r`, `u`, `f` and backslashes before a quote: how much to skip, the quote, how many backslashes it has.
fn opening_quote(bytes: &[u8]) -> Option<(usize, u8, usize)> {
    let letters = bytes.iter().take(2).take_while(|b| b"bBrRuUfF".contains(b)).count();
    let escapes = bytes[letters..].iter().take(4).take_while(|b| **b == b'\\').count();
    let quote = *bytes.get(letters + escapes).filter(|b| is_quote(**b))?;
    // Quotes inside text that was itself quoted once or twice have one or three backslashes.
    matches!(escapes, 0 | 1 | 3).then_some((letters + escapes + 1, quote, escapes))
}

/// The quote that ends a text whose opening quote had `escapes` backslashes; before its backslashes.
fn closing_quote(bytes: &[u8], quote: u8, escapes: usize) -> Option<usize> {
    memchr::memchr_iter(quote, bytes).find_map(|at| {
        let slashes = bytes[..at].iter().rev().take_while(|b| **b == b'\\').count();
        (slashes % (2 * (escapes + 1)) == escapes).then(|| at - escapes)
    })
}

/// The end of a list or mapping, past its bracket; brackets in quotes do not count.
fn closing_bracket(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut at) = (0usize, start);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            quote @ (b'"' | b'\'') => at += 1 + closing_quote(&bytes[at + 1..], quote, 0)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The end of a value without quotes; brackets that it opens itself belong to it.
fn word_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    for (i, &b) in bytes[start..].iter().enumerate() {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b')' | b']' | b'}' | b',' | b';' | b'&' | b'"' | b'\'' | b'`' => return start + i,
            _ if b.is_ascii_whitespace() || b == 0x0b => return start + i,
            _ => {}
        }
    }
    bytes.len()
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr2(b'\n', b'\r', &bytes[start..]).map_or(bytes.len(), |i| start + i)
}

/// Where the authority of a URL ends whose `://` stands at `at`.
pub(super) fn authority_end(bytes: &[u8], at: usize) -> usize {
    let stop = |b: &u8| b.is_ascii_whitespace() || b"/?#\"'`<>\\".contains(b);
    bytes[at + 3..].iter().position(stop).map_or(bytes.len(), |i| at + 3 + i)
}

/// The password of `scheme://user:password@host`.
fn url_password(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let authority = &bytes[at + 3..authority_end(bytes, at)];
    let end = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', &authority[..end])?;
    (colon + 1 < end).then_some((at + 4 + colon, at + 3 + end))
}
