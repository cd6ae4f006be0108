//! Captured values, and how they are packed in a frame.

/// One captured value: a %-argument or a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
    /// A number too wide for `Int`, in decimal digits.
    Number(&'a str),
    /// A list or mapping, encoded as JSON at capture.
    Json(&'a str),
}

/// Packed values, one after another; an iterator that ends at the first byte it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Values<'a> {
    pub(crate) bytes: &'a [u8],
}

/// Packed `(key, value)` pairs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fields<'a> {
    pub(crate) bytes: &'a [u8],
}

const NONE: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
/// Text under 256 bytes: one length byte.
const SHORT: u8 = 5;
/// Text: four length bytes.
const LONG: u8 = 6;
const NUMBER: u8 = 7;
const JSON: u8 = 8;

/// Appends one value in packed form.
#[inline]
pub fn pack(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::None => out.push(NONE),
        Value::Bool(true) => out.push(TRUE),
        Value::Bool(false) => out.push(FALSE),
        Value::Int(n) => put_word(INT, n.to_le_bytes(), out),
        Value::Float(x) => put_word(FLOAT, x.to_le_bytes(), out),
        Value::Str(s) if s.len() < 256 => {
            out.reserve(2 + s.len());
            out.extend_from_slice(&[SHORT, s.len() as u8]);
            out.extend_from_slice(s.as_bytes());
        }
        Value::Str(s) => pack_long(LONG, s, out),
        Value::Number(s) => pack_long(NUMBER, s, out),
        Value::Json(s) => pack_long(JSON, s, out),
    }
}

#[inline]
fn put_word(tag: u8, word: [u8; 8], out: &mut Vec<u8>) {
    let mut bytes = [tag; 9];
    bytes[1..].copy_from_slice(&word);
    out.extend_from_slice(&bytes);
}

fn pack_long(tag: u8, text: &str, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends one field in packed form; a key is text of its own (tag and length before it).
pub fn pack_field(key: &str, value: Value<'_>, out: &mut Vec<u8>) {
    pack(Value::Str(key), out);
    pack(value, out);
}

/// Splits `len` bytes of text off.
#[inline]
fn text(bytes: &[u8], len: usize) -> Option<(&str, &[u8])> {
    let (text, rest) = bytes.split_at_checked(len)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn long(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    text(rest, u32::from_le_bytes(*len) as usize)
}

#[inline]
fn unpack<'a>(bytes: &mut &'a [u8]) -> Option<Value<'a>> {
    let (tag, rest) = bytes.split_first()?;
    let (value, rest) = match *tag {
        NONE => (Value::None, rest),
        TRUE => (Value::Bool(true), rest),
        FALSE => (Value::Bool(false), rest),
        INT => rest.split_first_chunk().map(|(word, rest)| (Value::Int(i64::from_le_bytes(*word)), rest))?,
        FLOAT => rest.split_first_chunk().map(|(word, rest)| (Value::Float(f64::from_le_bytes(*word)), rest))?,
        SHORT => {
            let (len, rest) = rest.split_first()?;
            text(rest, usize::from(*len)).map(|(text, rest)| (Value::Str(text), rest))?
        }
        LONG => long(rest).map(|(text, rest)| (Value::Str(text), rest))?,
        NUMBER => long(rest).map(|(text, rest)| (Value::Number(text), rest))?,
        JSON => long(rest).map(|(text, rest)| (Value::Json(text), rest))?,
        _ => return None,
    };
    *bytes = rest;
    Some(value)
}

impl<'a> Values<'a> {
    /// Reads values packed by [`pack`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

// A copy reads on from where its original stands.
#[allow(clippy::copy_iterator)]
impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        unpack(&mut self.bytes)
    }
}

impl<'a> Fields<'a> {
    /// Reads pairs packed by [`pack_field`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

// As for `Values`.
#[allow(clippy::copy_iterator)]
impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let Value::Str(key) = unpack(&mut self.bytes)? else { return None };
        Some((key, unpack(&mut self.bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_were_packed() {
        let long = "x".repeat(300);
        let given = [
            ("a", Value::Int(-7)),
            ("b", Value::Str("é")),
            ("c", Value::Str(&long)),
            ("d", Value::None),
            ("e", Value::Float(1.5)),
            ("f", Value::Json("[1]")),
        ];
        let mut bytes = Vec::new();
        for (key, value) in given {
            pack_field(key, value, &mut bytes);
        }
        assert_eq!(Fields::new(&bytes).collect::<Vec<_>>(), given);
    }

    #[test]
    fn a_torn_value_ends_the_iteration() {
        let mut bytes = Vec::new();
        pack(Value::Int(1), &mut bytes);
        assert_eq!(Values::new(&bytes[..5]).count(), 0);
    }
}
