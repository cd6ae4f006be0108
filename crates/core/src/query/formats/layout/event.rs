//! structlog's console: a message padded to thirty columns, then perhaps `[logger]`, then `key=value` as Python shows values.
use std::borrow::Cow;

use super::Span;

/// Nothing but the message stands before this column.
const PADDED: usize = 30;

#[derive(Default)]
pub(super) struct Parts {
    pub message: Span,
    pub logger: Span,
    /// Where the pairs begin.
    pairs: usize,
}

/// Where `[logger]` ends that stands apart.
fn bracket(text: &[u8], at: usize) -> Option<usize> {
    let inner = text.get(at..)?.strip_prefix(b"[")?;
    let length = inner.iter().position(|byte| matches!(byte, b']' | b' '))?;
    let end = at + length + 2;
    (length > 0 && inner[length] == b']' && matches!(text.get(end), None | Some(b' '))).then_some(end)
}

/// Where a value ends: at its closing quote or bracket, else before the next space.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (place, byte) in text.iter().enumerate().skip(at) {
        match (quote, byte) {
            (Some(_), b'\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), close) if open == close && !escaped => quote = None,
            (None, b'\'' | b'"') if depth > 0 || place == at => quote = Some(byte),
            (None, b'[' | b'{' | b'(') => depth += 1,
            (None, b']' | b'}' | b')') => depth = depth.saturating_sub(1),
            (None, b' ') if depth == 0 => return Some(place),
            _ => {}
        }
        escaped = false;
    }
    (depth == 0 && quote.is_none()).then_some(text.len())
}

/// Where the name ends of the pair that begins at `at`.
fn name_end(text: &[u8], at: usize) -> Option<usize> {
    let inner = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let equals = at + text[at..].iter().take_while(inner).count();
    (equals > at && text.get(equals) == Some(&b'=')).then_some(equals)
}

/// Cuts what stands behind the level. The pairs are those that nothing but pairs follows.
pub(super) fn split(text: &[u8]) -> Parts {
    let mut tail: Option<(usize, Parts)> = None;
    let mut at = 0;
    while at < text.len() {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        if let Some(end) = bracket(text, at).filter(|_| at >= PADDED) {
            let logger = Span::new(at + 1, end - 1);
            tail = Some((at, Parts { logger, pairs: end, ..Parts::default() }));
            at = end;
        } else if let Some(equals) = name_end(text, at).filter(|_| at >= PADDED) {
            tail.get_or_insert((at, Parts { pairs: at, ..Parts::default() }));
            let Some(end) = value_end(text, equals + 1) else {
                tail = None;
                break;
            };
            at = end;
        } else {
            tail = None;
            at += text[at..].iter().take_while(|byte| **byte != b' ').count();
        }
    }
    let (end, parts) = tail.unwrap_or((text.len(), Parts { pairs: text.len(), ..Parts::default() }));
    Parts { message: Span::new(0, text[..end].trim_ascii_end().len()), ..parts }
}

/// Each pair; a text without its quotes.
pub(super) fn fields<'a>(text: &'a [u8], take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
    let mut at = split(text).pairs;
    while at < text.len() {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let Some(equals) = name_end(text, at) else { return };
        let Some(end) = value_end(text, equals + 1) else { return };
        if let Ok(name) = std::str::from_utf8(&text[at..equals]) {
            take(name, Cow::Borrowed(unquoted(&text[equals + 1..end])));
        }
        at = end;
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(text: &str) -> (String, String, Vec<(String, String)>) {
        let parts = split(text.as_bytes());
        let of = |span: Span| String::from_utf8(span.of(text.as_bytes()).to_vec()).unwrap();
        let mut found = Vec::new();
        fields(text.as_bytes(), &mut |name, value| {
            found.push((name.to_owned(), String::from_utf8(value.to_vec()).unwrap()));
        });
        (of(parts.message), of(parts.logger), found)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_message_its_logger_and_its_fields_are_told_apart() {
        let text = "order paid                     [shop.orders] order_id=7 by='a \\'b\\' c' items=[1, 'x y'] ok=True";
        let fields = [("order_id", "7"), ("by", "a \\'b\\' c"), ("items", "[1, 'x y']"), ("ok", "True")];
        assert_eq!(told(text), ("order paid".into(), "shop.orders".into(), pairs(&fields)));
        let text = "a message that is longer than thirty columns user_id=42";
        let want = "a message that is longer than thirty columns";
        assert_eq!(told(text), (want.into(), String::new(), pairs(&[("user_id", "42")])));
    }

    #[test]
    fn what_something_else_follows_is_message() {
        for text in [
            "a=1 b=2",
            "it is a=1 and that is all there is to say",
            "no pairs",
            "",
            "[x] y",
            "not closed, and therefore no value: a=( b=1",
        ] {
            assert_eq!(told(text), (text.to_owned(), String::new(), Vec::new()), "{text}");
        }
    }
}
