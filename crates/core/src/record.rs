//! A record as every formatter and store sees it, borrowed from the frame it was read from.
//!
//! All text is UTF-8: capture escapes lone surrogates (`\ud800`) before a frame is written.

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

/// The call site: constant for one place in the program, written once a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site<'a> {
    pub logger: &'a str,
    pub level: i32,
    pub level_name: &'a str,
    pub pathname: &'a str,
    pub line: u32,
    pub function: &'a str,
}

impl<'a> Site<'a> {
    /// `pathname` without its folders, as `LogRecord.filename`.
    pub fn filename(&self) -> &'a str {
        self.pathname.rsplit('/').next().unwrap_or(self.pathname)
    }

    /// `filename` without its ending, as `LogRecord.module`.
    pub fn module(&self) -> &'a str {
        let name = self.filename();
        match name.rfind('.') {
            Some(0) | None => name,
            Some(dot) => &name[..dot],
        }
    }
}

/// The thread that logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread<'a> {
    /// `threading.get_ident()`.
    pub ident: u64,
    /// `LogRecord.process`: the segment's own process, unless the record came from elsewhere.
    pub pid: u32,
    pub name: &'a str,
    /// `multiprocessing.current_process().name`, "MainProcess" where it is not in use.
    pub process_name: &'a str,
}

/// What is constant for the process that wrote a segment; stands in the segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub hostname: String,
    /// Seconds east of UTC while this segment was written.
    pub utc_offset: i32,
    /// `%Z` for that offset.
    pub zone: String,
    /// When the program loaded `logging`, nanoseconds since the epoch (`relativeCreated` counts from it).
    pub start_ns: i64,
    /// The segment's random number: with `Record::sequence` the record's identity.
    pub segment: u64,
}

/// The message: text already rendered, or the template with its arguments still apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Message<'a> {
    Rendered(&'a str),
    /// `template % args`, in Python's sense; only templates that `percent::Plan` accepts are deferred.
    Deferred(Values<'a>),
}

/// An exception, redacted at capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception<'a> {
    /// Qualified type name, `json.decoder.JSONDecodeError`; builtins bare.
    pub kind: &'a str,
    pub message: &'a str,
    /// The whole text as Python prints it, chains, groups and notes included, no final newline.
    pub text: &'a str,
    /// Hash of type and own frames, chained exceptions included, without line numbers; 0 if unknown.
    pub fingerprint: u64,
    /// `[{"file": …, "line": …, "function": …}, …]`, outermost first.
    pub frames_json: &'a str,
}

/// Where a record's call site and thread stand: for two records with one place, both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub segment: u64,
    /// Offsets of their frames.
    pub site: u32,
    pub thread: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// Nanoseconds since the epoch.
    pub time_ns: i64,
    /// Place among the records of this process, from 1.
    pub sequence: u64,
    pub site: Site<'a>,
    pub thread: Thread<'a>,
    pub process: &'a Process,
    /// `LogRecord.msg` as text: equals the message where there were no arguments.
    pub template: &'a str,
    pub message: Message<'a>,
    /// Extra fields in the order they were given.
    pub fields: Fields<'a>,
    pub exception: Option<Exception<'a>>,
    pub stack_info: Option<&'a str>,
    /// The asyncio task's name, where one ran.
    pub task_name: Option<&'a str>,
    /// None where it does not come from a segment.
    pub place: Option<Place>,
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
