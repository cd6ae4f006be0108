//! Which names are secret: the tables, and the judgement of one name.
//!
//! A name is cut into parts at every character that is no letter or digit and at camelCase humps, in lower case and without
//! trailing digits: `X-Auth-Token2`, `authToken` → `auth`, `token`. Up to three neighbouring parts are looked up together.

/// Secret in fields and in text, alone or as one part of a longer name (`db_password`).
#[rustfmt::skip]
const SECRET: &[&str] = &[
    // passwords
    "password", "passwords", "passwd", "pwd", "passphrase", "passcode", "db_pass", "user_pass", "smtp_pass", "ftp_pass",
    "mysql_pass", "postgres_pass", "redis_pass", "admin_pass", "root_pass", "login_pass", "otp", "totp",
    // tokens; the plural `tokens` is a count far more often than a secret, so only these plurals count
    "token", "access_tokens", "api_tokens", "auth_tokens", "refresh_tokens", "jwt", "bearer",
    // keys
    "secret", "secrets", "api_key", "api_keys", "apikeys", "access_key", "access_keys", "accesskey", "private_key",
    "private_keys", "privatekey", "secretkey", "signing_key", "encryption_key", "account_key", "accountkey", "auth_key",
    "authkey", "master_key", "session_key", "shared_access_key",
    // HTTP
    "authorization", "credential", "credentials", "creds", "cookie", "cookies", "phpsessid", "jsessionid", "connect_sid",
    // cards and persons
    "card_number", "cardnumber", "credit_card", "creditcard", "cvv", "cvc", "ssn",
    "social_security_number",
];

/// As the end of one part: `PGPASSWORD`, `accesstoken`, `clientsecret`.
const ENDINGS: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "apikey"];

/// Secret as a field; in text only if the value looks like a credential (`auth: ok` and `auth=SIMPLE` are none).
const WEAK: &[&str] = &["auth", "signature", "sig", "csrf", "xsrf"];

/// As the last part these say that the value describes a secret and is none: `token_count`, `InvalidTokenError`, `token.py`.
#[rustfmt::skip]
const DESCRIBING: &[&str] = &[
    "age", "algorithm", "algo", "at", "attempts", "backend", "bytes", "cache", "changed", "class", "client", "config", "count",
    "created", "days", "dir", "enabled", "endpoint", "error", "errors", "exception", "exists", "expired", "expires",
    "expiration", "expiry", "factory", "failure", "failures", "field", "file", "filename", "filter", "folder", "format", "go",
    "handler", "hours", "html", "in", "index", "issuer", "java", "js", "json", "kind", "len", "length", "lifetime", "limit",
    "log", "logger", "manager", "max", "method", "middleware", "min", "minutes", "module", "name", "names", "parser", "path",
    "php", "policy", "position", "present", "provider", "py", "rb", "repository", "required", "reset", "rotation", "rs",
    "scope", "scopes", "seconds", "service", "size", "state", "status", "store", "strength", "timeout", "toml", "total", "ts",
    "ttl", "txt", "type", "updated", "uri", "url", "usage", "used", "util", "utils", "valid", "validator", "view", "warning",
    "yaml", "yml",
];

/// Whole names that are never secret; [`Options::safe_keys`](super::Options) adds to them.
#[rustfmt::skip]
const SAFE: &[&str] = &[
    "session_id", "sessionid", "token_id", "tokenid", "next_page_token", "page_token", "continuation_token", "next_token",
    "auth_user", "auth_time", "cookie_consent",
];

/// The longest name that is looked at; of longer ones the end counts.
const LONGEST: usize = 64;

/// How surely a name says that its value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Only a value that looks like a credential.
    Weak,
    /// Any value.
    Strong,
    /// Any value, and without quotes it goes on to the end of the line (`Cookie: a=b; c=d`).
    Line,
}

/// The words of one redactor.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// Sorted; parts joined by `_`.
    secret: Vec<Box<str>>,
    safe: Vec<Box<str>>,
    /// Second parts of words of two, which a name broken by a space may begin with (`API key: x`).
    tails: Vec<Box<str>>,
    trigrams: Trigrams,
}

impl Words {
    pub(super) fn new(extra: &[String], safe: &[String]) -> Self {
        let sorted = |words: &[&str], more: &[String]| {
            let mut all: Vec<Box<str>> = words.iter().map(|w| (*w).into()).collect();
            all.extend(more.iter().map(|w| Name::new(w.as_bytes()).joined().into()));
            all.sort_unstable();
            all
        };
        let secret = sorted(SECRET, extra);
        let tails = secret.iter().filter_map(|w| w.split_once('_')).map(|(_, tail)| tail.into()).collect();
        // A name broken by a space has only the last part of a word.
        let lasts = secret.iter().filter_map(|w| w.rsplit('_').next());
        let trigrams = Trigrams::new(lasts.chain(ENDINGS.iter().chain(WEAK).copied()));
        Self { secret, safe: sorted(SAFE, safe), tails, trigrams }
    }

    /// False if this trigram of a name, a code of [`prepend`], is in no secret word.
    #[inline]
    pub(super) fn has_trigram(&self, code: u16) -> bool {
        self.trigrams.bits[usize::from(code >> 6)] >> (code & 63) & 1 == 1
    }

    /// False if the letters of a name rule out that it is secret.
    #[inline]
    pub(super) fn possible(&self, name: &[u8]) -> bool {
        let (mut code, mut hit) = (0, false);
        for &b in name.iter().rev() {
            code = prepend(code, b);
            hit |= self.has_trigram(code);
        }
        hit
    }

    /// Judges one name; `before` is the word that stands before it, one space apart, if any.
    pub(super) fn judge(&self, name: &[u8], before: &[u8]) -> Option<Strength> {
        let name = Name::new(name);
        let strength = self.judge_parts(&name);
        if strength.is_some() || before.is_empty() || name.count == 0 || !self.has_tail(&name) {
            return strength;
        }
        let mut both = [0; 2 * LONGEST + 1];
        let first = Name::new(before);
        let pair = [first.part(first.count.checked_sub(1)?), name.part(0)];
        let len = pair[0].len() + 1 + pair[1].len();
        both[..pair[0].len()].copy_from_slice(pair[0].as_bytes());
        both[pair[0].len()] = b'_';
        both[pair[0].len() + 1..len].copy_from_slice(pair[1].as_bytes());
        let hit = self.is_secret(std::str::from_utf8(&both[..len]).ok()?) && !describes(&name);
        hit.then_some(Strength::Strong)
    }

    /// Whether a word before this name could make it secret.
    pub(super) fn may_be_tail(&self, name: &[u8]) -> bool {
        let name = Name::new(name);
        name.count > 0 && self.has_tail(&name)
    }

    fn has_tail(&self, name: &Name) -> bool {
        self.tails.iter().any(|t| &**t == name.part(0))
    }

    fn is_secret(&self, word: &str) -> bool {
        self.secret.binary_search_by(|w| (**w).cmp(word)).is_ok()
    }

    fn judge_parts(&self, name: &Name) -> Option<Strength> {
        let mut found = None;
        for first in 0..name.count {
            let part = name.part(first);
            if !self.possible(name.parts(first, name.count.min(first + 3) - 1).as_bytes()) {
                continue;
            }
            if ENDINGS.iter().any(|end| part.ends_with(end))
                || (first..name.count.min(first + 3)).any(|last| self.is_secret(name.parts(first, last)))
            {
                found = Some(Strength::Strong);
            } else if WEAK.contains(&part) {
                found = found.or(Some(Strength::Weak));
            }
        }
        found?;
        if describes(name) || self.safe.binary_search_by(|w| (**w).cmp(name.joined())).is_ok() {
            return None;
        }
        let line = matches!(name.part(name.count - 1), "cookie" | "cookies");
        if line {
            Some(Strength::Line)
        } else {
            found
        }
    }
}

fn describes(name: &Name) -> bool {
    DESCRIBING.contains(&name.part(name.count - 1))
}

/// Three neighbouring letters of each word, the rarest in English, as a set of 15-bit numbers: a name with none of them is
/// no secret. One look-up a byte rules out almost all names.
#[derive(Debug, Clone)]
struct Trigrams {
    bits: Box<[u64; 512]>,
}

impl Trigrams {
    fn new<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let mut bits = Box::new([0; 512]);
        for word in words {
            let (rarest, filled) = Self::of(word.as_bytes());
            // A word of one or two letters stands for all that begin with it.
            for code in rarest..rarest + (1 << (5 * (3 - filled))) {
                bits[usize::from(code >> 6)] |= 1 << (code & 63);
            }
        }
        Self { bits }
    }

    /// The code of the rarest trigram and how many letters it has.
    fn of(word: &[u8]) -> (u16, u16) {
        let rareness = |b: &u8| b"etaoinsrhldcumfpgwybvkxjqz".iter().position(|e| e == b).unwrap_or(26);
        let rarest = word.windows(word.len().min(3)).rev().max_by_key(|w| w.iter().map(rareness).sum::<usize>());
        let letters = rarest.unwrap_or(word);
        let code = letters.iter().rev().fold(0, |code, &b| prepend(code, b));
        (code, letters.len() as u16)
    }
}

/// The code of the trigram that begins with this byte, whatever its case, given the code of the one after it.
#[inline]
pub(super) fn prepend(code: u16, byte: u8) -> u16 {
    code >> 5 | u16::from(byte & 31) << 10
}

/// A name's parts, in lower case, joined by `_`; on the stack.
struct Name {
    text: [u8; 2 * LONGEST],
    len: usize,
    /// Where each part begins and ends; names have few parts, of more the last are left out.
    bounds: [(u8, u8); 16],
    count: usize,
}

impl Name {
    fn new(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(LONGEST)..];
        let mut parts = Self { text: [0; 2 * LONGEST], len: 0, bounds: [(0, 0); 16], count: 0 };
        let mut start = 0;
        for (i, &b) in name.iter().enumerate() {
            let before = if i == 0 { b'_' } else { name[i - 1] };
            let hump = b.is_ascii_uppercase()
                && (before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || before.is_ascii_uppercase() && name.get(i + 1).is_some_and(u8::is_ascii_lowercase));
            let outside = b.is_ascii() && !b.is_ascii_alphanumeric();
            if hump || outside {
                parts.end(&name[start..i]);
                start = i + usize::from(outside);
            }
        }
        parts.end(&name[start..]);
        parts
    }

    fn end(&mut self, part: &[u8]) {
        let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let part = if digits == part.len() { part } else { &part[..part.len() - digits] };
        if part.is_empty() || self.count == self.bounds.len() {
            return;
        }
        if self.len > 0 {
            self.text[self.len] = b'_';
            self.len += 1;
        }
        let start = self.len;
        self.len += part.len();
        self.text[start..self.len].copy_from_slice(part);
        self.text[start..self.len].make_ascii_lowercase();
        self.bounds[self.count] = (start as u8, self.len as u8);
        self.count += 1;
    }

    fn part(&self, index: usize) -> &str {
        self.parts(index, index)
    }

    /// Parts `first..=last`; empty where a name longer than the limit was cut inside a character.
    fn parts(&self, first: usize, last: usize) -> &str {
        let range = self.bounds[first].0.into()..self.bounds[last].1.into();
        std::str::from_utf8(&self.text[range]).unwrap_or("")
    }

    fn joined(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).unwrap_or("")
    }
}
