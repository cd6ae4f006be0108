//! Redaction: secrets are taken out of a record before it reaches the spool, in linear time.
//!
//! | what | example | rule |
//! |---|---|---|
//! | field or key with a secret name | `db_password="x"`, `authToken` | the tables in `words.rs`; the value becomes `***` |
//! | value after a secret name | `password=x`, `"token": "x"`, `?api_key=x&y=1`, `Authorization: Bearer x` | to the closing quote or bracket, else to a space, `,`, `;`, `&`; `Cookie:` to the end of the line; an authorization scheme stays |
//! | %-argument after a secret name | `("password=%s", x)`, `("login with password %s", x)` | the argument becomes `***` |
//! | password in a URL | `postgres://user:x@host/db` | between `:` and `@` |
//! | tokens by their shape | JWT, AWS, GitHub, Slack, Google, Stripe, `sk-…`, `Bearer …`, private keys in PEM | `shapes.rs` |
//! | card numbers | `4111 1111 1111 1111` | known issuer, right length, Luhn check (`cards.rs`) |
//! | e-mail addresses | `a@b.example` | only if asked for |
//!
//! Not caught: a secret as a bare word of an f-string ("logged in with password hunter2"), one that contains a space and has
//! no quotes (its first word is hidden), names and values in separate items of a list. Words alone, "Failed password for root", are no secrets, and `None`,
//! `null`, `true` and `false` are shown.
mod cards;
mod keys;
mod nested;
mod shapes;
mod template;
mod words;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use regex::Regex;
use std::borrow::Cow;

pub use template::Plan;

/// What replaces a secret.
pub const MASK: &str = "***";

/// Byte ranges to hide.
type Spans = Vec<(usize, usize)>;

/// What to look for besides the defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Off: nothing is hidden at all.
    pub enabled: bool,
    /// Further secret words, matched on whole parts of a name: `pin`, `tax_id`.
    pub words: Vec<String>,
    /// Names that are never secret, although a part of them is a secret word: `token_count`.
    pub safe_keys: Vec<String>,
    /// Hide e-mail addresses too.
    pub emails: bool,
    /// Regular expressions (linear: neither look-around nor back-references); the whole match is hidden.
    pub patterns: Vec<String>,
    /// What stands in place of a secret.
    pub mask: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { enabled: true, words: vec![], safe_keys: vec![], emails: false, patterns: vec![], mask: MASK.into() }
    }
}

/// Takes secrets out of texts; made once for a configuration.
#[derive(Debug, Clone)]
pub struct Redactor {
    enabled: bool,
    emails: bool,
    patterns: Vec<Regex>,
    mask: String,
    words: words::Words,
    shapes: shapes::Shapes,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::build(Options::default(), Vec::new())
    }
}

impl Redactor {
    /// Fails with [`Error::Setting`] for a pattern that is no regular expression, a word without letters, and a mask that
    /// would be taken for more than one value.
    pub fn new(options: Options) -> Result<Self> {
        let setting = |field, why| Error::Setting { field, why };
        for word in options.words.iter().chain(&options.safe_keys) {
            if !word.bytes().any(|b| b.is_ascii_alphanumeric() || b >= 0x80) {
                return Err(setting("redact.words", format!("{word:?} has neither a letter nor a digit")));
            }
        }
        let compile = |p: &String| Regex::new(p).map_err(|e| setting("redact.patterns", format!("{p:?}: {e}")));
        let patterns = options.patterns.iter().map(compile).collect::<Result<_>>()?;
        let redactor = Self::build(options, patterns);
        let masked = format!("password={0} 'token': '{0}' {0}", redactor.mask);
        if redactor.redact_text(&masked) != masked {
            return Err(setting("redact.mask", format!("{:?} does not stay as it is; take one word", redactor.mask)));
        }
        Ok(redactor)
    }

    fn build(options: Options, patterns: Vec<Regex>) -> Self {
        Self {
            enabled: options.enabled,
            emails: options.emails,
            patterns,
            words: words::Words::new(&options.words, &options.safe_keys),
            mask: options.mask,
            shapes: shapes::Shapes::new(),
        }
    }

    /// What stands in place of a secret.
    pub fn mask(&self) -> &str {
        &self.mask
    }

    /// True if the value of a field or dictionary key of this name is secret.
    pub fn secret_key(&self, key: &str) -> bool {
        self.enabled && self.words.possible(key.as_bytes()) && self.words.judge(key.as_bytes(), &[]).is_some()
    }

    /// The text with each secret replaced; borrowed if there is none.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let spans = self.spans(text);
        if spans.is_empty() {
            Cow::Borrowed(text)
        } else {
            self.replace(text, spans)
        }
    }

    fn spans(&self, text: &str) -> Spans {
        let mut spans = Spans::new();
        if !self.enabled {
            return spans;
        }
        let bytes = text.as_bytes();
        keys::Scan::new(&self.words, bytes).run(&mut spans);
        self.shapes.scan(bytes, &mut spans);
        cards::scan(bytes, &mut spans);
        if self.emails {
            scan_emails(bytes, &mut spans);
        }
        for pattern in &self.patterns {
            spans.extend(pattern.find_iter(text).filter(|m| !m.is_empty()).map(|m| (m.start(), m.end())));
        }
        spans.retain(|&(start, end)| text[start..end] != self.mask);
        spans
    }

    /// Writes the text anew; ranges that overlap become one.
    #[cold]
    fn replace<'t>(&self, text: &'t str, mut spans: Spans) -> Cow<'t, str> {
        spans.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut rest = spans.into_iter().peekable();
        while let Some((start, mut end)) = rest.next() {
            while let Some((_, next)) = rest.next_if(|next| next.0 < end) {
                end = end.max(next);
            }
            out.push_str(&text[done..start]);
            out.push_str(&self.mask);
            done = end;
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

/// `local@domain.tld`; each address is looked at once, around its `@`.
fn scan_emails(bytes: &[u8], spans: &mut Spans) {
    let local = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b) || *b >= 0x80;
    let domain = |b: &u8| b.is_ascii_alphanumeric() || b".-".contains(b) || *b >= 0x80;
    for at in memchr::memchr_iter(b'@', bytes) {
        let start = at - bytes[..at].iter().rev().take_while(|b| local(b)).count();
        let end = at + 1 + bytes[at + 1..].iter().take_while(|b| domain(b)).count();
        let host = bytes[at + 1..end].strip_suffix(b".").unwrap_or(&bytes[at + 1..end]);
        if start < at && host.iter().skip(1).any(|b| *b == b'.') {
            spans.push((start, at + 1 + host.len()));
        }
    }
}
