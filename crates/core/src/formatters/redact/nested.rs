//! Lists and mappings, which capture has encoded as JSON.
//!
//! Strings are redacted decoded, one by one: in the encoded text `\n` would hide where a word begins.
use super::{cards, Redactor, Spans};
use std::borrow::Cow;

/// Where a JSON string begins and ends, quotes included.
type Quoted = (usize, usize);

impl Redactor {
    /// Redacts JSON: the value of each key with a secret name, and what is secret in all other strings and numbers,
    /// becomes the mask as a string. What is no JSON comes back without a panic, redacted as far as it can be read.
    pub fn redact_json<'t>(&self, json: &'t str) -> Cow<'t, str> {
        let mut edits = Vec::new();
        if self.enabled {
            self.find_edits(json, &mut edits);
        }
        if edits.is_empty() {
            return Cow::Borrowed(json);
        }
        let mut out = String::with_capacity(json.len());
        let mut done = 0;
        for (start, end, text) in edits {
            out.push_str(&json[done..start]);
            out.push_str(&serde_json::Value::from(text).to_string());
            done = end;
        }
        out.push_str(&json[done..]);
        Cow::Owned(out)
    }

    /// What to put in place of which bytes.
    fn find_edits(&self, json: &str, edits: &mut Vec<(usize, usize, String)>) {
        let bytes = json.as_bytes();
        let mut at = 0;
        while let Some((start, end)) = next_string(bytes, at) {
            self.find_numbers(bytes, at, start, edits);
            let text = decode(json, (start, end));
            let value = end + bytes[end..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            if bytes.get(value) != Some(&b':') {
                if let Cow::Owned(redacted) = self.redact_text(&text) {
                    edits.push((start, end, redacted));
                }
                at = end;
                continue;
            }
            at = value + 1;
            if self.secret_key(&text) {
                let start = at + bytes[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
                at = value_end(bytes, start);
                if !matches!(&json[start..at], "null" | "true" | "false" | "\"\"" | "") {
                    edits.push((start, at, self.mask.clone()));
                }
            }
        }
        self.find_numbers(bytes, at, bytes.len(), edits);
    }

    fn find_numbers(&self, bytes: &[u8], start: usize, end: usize, edits: &mut Vec<(usize, usize, String)>) {
        let mut spans = Spans::new();
        cards::scan(&bytes[start..end], &mut spans);
        edits.extend(spans.into_iter().map(|(s, e)| (start + s, start + e, self.mask.clone())));
    }
}

fn next_string(bytes: &[u8], from: usize) -> Option<Quoted> {
    let start = from + memchr::memchr(b'"', &bytes[from..])?;
    Some((start, string_end(bytes, start)))
}

/// Past the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(i) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += i + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

fn decode(json: &str, (start, end): Quoted) -> Cow<'_, str> {
    let quoted = &json[start..end];
    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or(quoted);
    if inner.contains('\\') {
        serde_json::from_str(quoted).map_or(inner.into(), Cow::Owned)
    } else {
        inner.into()
    }
}

/// Past the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at) - 1,
            b'[' | b'{' => depth += 1,
            b',' | b']' | b'}' if depth == 0 => return at,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(bytes[at - 1], b'"' | b']' | b'}') {
            return at;
        }
    }
    bytes.len()
}
