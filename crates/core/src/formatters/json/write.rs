//! Values as JSON. Keys come with their punctuation (`,"level":"`), so that a member is two copies and a quote.
use crate::record::number;
use crate::record::value::Value;
use crate::record::{Exception, Message, Record};

/// A text, escaped as JSON asks and no further: a reader gets the very text. The key has the opening quote.
pub(super) fn text(key: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    push_escaped(value, out);
    out.push(b'"');
}

/// A member that is left out where it is `None`.
pub(super) fn optional(key: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        text(key, value, out);
    }
}

pub(super) fn integer(key: &str, value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A member in quotes, written by `write`, which escapes nothing.
pub(super) fn quoted(key: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(key.as_bytes());
    write(out);
    out.push(b'"');
}

/// The rendered message, and whether it differs from its template.
pub(super) fn message(key: &str, record: &Record<'_>, out: &mut Vec<u8>) -> bool {
    let args = match record.message {
        Message::Rendered(rendered) => {
            text(key, rendered, out);
            return rendered != record.template;
        }
        Message::Deferred(args) => args,
    };
    quoted(key, out, |out| {
        let start = out.len();
        record.render(args, out);
        if first_special(&out[start..]).is_some() {
            let raw = out.split_off(start);
            push_escaped(&String::from_utf8_lossy(&raw), out);
        }
    });
    true
}

/// A field; a name that the format itself uses gets a trailing `_`.
pub(super) fn field(name: &str, value: &Value<'_>, is_reserved: fn(&str) -> bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    push_escaped(name, out);
    if is_reserved(name) {
        out.push(b'_');
    }
    out.extend_from_slice(b"\":");
    self::value(value, out);
}

/// A value by itself. JSON has no NaN and no infinities: these are the strings that Python's `float` reads.
pub(super) fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::None => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(n) => integer("", *n, out),
        Value::Float(x) if x.is_nan() => text("\"", "NaN", out),
        Value::Float(x) if x.is_infinite() => text("\"", if *x > 0.0 { "Infinity" } else { "-Infinity" }, out),
        Value::Float(x) => number::write_repr(*x, out),
        Value::Str(string) => text("\"", string, out),
        Value::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Json(json) => raw("", json, "null", out),
    }
}

/// JSON as it is; `empty` where there is none.
pub(super) fn raw(key: &str, json: &str, empty: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(if json.is_empty() { empty } else { json }.as_bytes());
}

/// The fingerprint in 16 hexadecimal digits; left out where it is unknown.
pub(super) fn fingerprint(key: &str, exception: &Exception<'_>, out: &mut Vec<u8>) {
    if exception.fingerprint != 0 {
        quoted(key, out, |out| {
            for shift in (0..64).step_by(4).rev() {
                out.push(b"0123456789abcdef"[(exception.fingerprint >> shift & 15) as usize]);
            }
        });
    }
}

#[inline]
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    match first_special(text.as_bytes()) {
        None => out.extend_from_slice(text.as_bytes()),
        Some(_) => push_specials(text.as_bytes(), out),
    }
}

#[cold]
fn push_specials(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = first_special(rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => {
                let hex = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// The first byte that JSON wants escaped; eight bytes are looked at together.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    for (i, word) in words.filter_map(<[u8]>::first_chunk).enumerate() {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(i * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let clean = bytes.len() - rest.len();
    // Most text is clean: its last eight bytes are looked at together too.
    if clean > 0 && bytes.last_chunk().is_some_and(|word| specials(u64::from_le_bytes(*word)) == 0) {
        return None;
    }
    rest.iter().position(|b| *b < b' ' || matches!(b, b'"' | b'\\')).map(|i| clean + i)
}

/// The high bit of each byte below a space, and of each `"` and `\`; right up to the first of them.
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')))) & (ONES << 7)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_reads_back_as_it_was(given in "[ -~é\u{0}-\u{1f}\"\\\\\u{7f}\u{2028}]{0,40}") {
            let mut out = Vec::new();
            text("\"", &given, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), given);
            prop_assert!(!out.contains(&b'\n'));
        }
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let cases = [
            (Value::Int(-7), "-7"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(0.1), "0.1"),
            (Value::Float(1e16), "1e+16"),
            (Value::Float(0.000_012), "1.2e-05"),
            (Value::Float(-0.0), "-0.0"),
            (Value::Float(f64::NAN), "\"NaN\""),
            (Value::Float(f64::NEG_INFINITY), "\"-Infinity\""),
            (Value::Number("123456789012345678901234567890"), "123456789012345678901234567890"),
            (Value::Json(r#"{"a": [1]}"#), r#"{"a": [1]}"#),
            (Value::None, "null"),
            (Value::Bool(true), "true"),
        ];
        for (given, want) in cases {
            let mut out = Vec::new();
            value(&given, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
