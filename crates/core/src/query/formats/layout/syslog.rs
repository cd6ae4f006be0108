//! What only syslog's lines hold: a tag, structured data.
use std::borrow::Cow;

use super::Span;
use crate::query::formats::strings::string_end;

/// The logger and the process of `app[123]`, or of `app` alone; None where it stands for nothing.
pub(super) fn tag(field: &[u8]) -> Option<(Span, Option<Span>)> {
    if field == b"-" {
        return None;
    }
    let whole = (Span::new(0, field.len()), None);
    let Some(inner) = field.strip_suffix(b"]") else { return Some(whole) };
    let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = inner.len() - digits;
    if digits == 0 || start < 2 || inner[start - 1] != b'[' {
        return Some(whole);
    }
    Some((Span::new(0, start - 1), Some(Span::new(start, inner.len()))))
}

/// How long the structured data at the head of a text is (`-`, or `[id name="value"][…]`), with the space and the byte order
/// mark before the message; 0 where there is none.
pub(super) fn structured(text: &[u8]) -> usize {
    let end = if text.first() == Some(&b'-') { 1 } else { elements(text, &mut |_, _| {}) };
    if end == 0 || !matches!(text.get(end), None | Some(b' ')) {
        return 0;
    }
    let rest = text.get(end + 1..).unwrap_or_default();
    let mark = if rest.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    (end + 1 + mark).min(text.len())
}

/// Each named value. The names of elements leave no trace: they only gather.
pub(super) fn parameters<'a>(text: &'a [u8], take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
    elements(text, &mut |name, value| {
        if let Ok(name) = std::str::from_utf8(name) {
            take(name, unescaped(value));
        }
    });
}

/// Walks elements; where they end. 0 where the text is no such thing.
fn elements<'a>(text: &'a [u8], take: &mut dyn FnMut(&'a [u8], &'a [u8])) -> usize {
    let mut at = 0;
    while text.get(at) == Some(&b'[') {
        match element(text, at + 1, take) {
            Some(end) => at = end,
            None => return 0,
        }
    }
    at
}

/// Walks one element behind its bracket; where it ends.
fn element<'a>(text: &'a [u8], start: usize, take: &mut dyn FnMut(&'a [u8], &'a [u8])) -> Option<usize> {
    let word = |from: usize, ends: &[u8]| {
        let length = text.get(from..)?.iter().take_while(|byte| !ends.contains(byte) && **byte != b' ').count();
        (length > 0).then_some(from + length)
    };
    let mut at = word(start, b"]=\"")?;
    loop {
        match text.get(at)? {
            b']' => return Some(at + 1),
            b' ' => at += 1,
            _ => {
                let name = at;
                let equals = word(name, b"]=\"")?;
                text.get(equals..)?.starts_with(b"=\"").then_some(())?;
                let value = equals + 2;
                let end = value + string_end(text.get(value..)?)?;
                take(&text[name..equals], &text[value..end]);
                at = end + 1;
            }
        }
    }
}

/// A value, of which `"`, `\` and `]` are escaped.
fn unescaped(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(next @ (b'"' | b'\\' | b']')) if byte == b'\\' => {
                out.push(*next);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_logger_and_perhaps_a_process() {
        let told = |text: &'static str| {
            let (name, pid) = tag(text.as_bytes()).unwrap();
            let text = |span: Span| std::str::from_utf8(span.of(text.as_bytes())).unwrap();
            (text(name), pid.map(text))
        };
        assert_eq!(told("postfix/smtpd[12]"), ("postfix/smtpd", Some("12")));
        assert_eq!(told("kernel"), ("kernel", None));
        assert_eq!(told("a[b]"), ("a[b]", None));
        assert_eq!(told("[1]"), ("[1]", None));
        assert_eq!(tag(b"-"), None);
    }

    #[test]
    fn structured_data_ends_where_its_last_element_does() {
        for (text, length) in [
            ("- it", 2),
            ("-", 1),
            ("- \u{feff}it", 5),
            (r#"[a@1 b="c"] it"#, 12),
            (r#"[a@1 b="] \" ]"][x] it"#, 20),
            ("[a@1]", 5),
            ("[not closed it", 0),
            ("it", 0),
            ("-it", 0),
        ] {
            assert_eq!(structured(text.as_bytes()), length, "{text}");
        }
    }

    #[test]
    fn parameters_are_fields_whatever_they_hold() {
        let mut found = Vec::new();
        let text = br#"[a@1 user_id="42" path="C:\\x \"y\" \]"][b n=""] "#;
        parameters(text, &mut |name, value| {
            found.push((name.to_owned(), String::from_utf8(value.to_vec()).unwrap()));
        });
        let want = [("user_id", "42"), ("path", r#"C:\x "y" ]"#), ("n", "")];
        assert_eq!(found, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
