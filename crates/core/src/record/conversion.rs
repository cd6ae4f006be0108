//! One `%` conversion as Python makes it: flags, width, precision, letter, and the value's text.
use crate::record::number::{self, Notation};
use crate::record::value::Value;

/// What a conversion takes, so that capture can tell by an argument's exact type whether to defer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `%s`: everything but lists and mappings.
    Str,
    /// `%d %i %u`: integers of any size, bools and finite floats.
    Int,
    /// `%o %x %X`: integers within 64 bits and bools.
    Index,
    /// `%e %f %g` and capitals: floats, integers within 64 bits, bools.
    Float,
    /// `%r %a`: as `Str`, but text must be ASCII: what else is printable depends on Python's Unicode version.
    Repr,
}

impl Kind {
    /// Whether [`Spec::write`] writes this value exactly as Python does.
    pub fn accepts(self, value: &Value<'_>) -> bool {
        match (self, value) {
            (_, Value::Json(_))
            | (Self::Int | Self::Index | Self::Float, Value::None | Value::Str(_))
            | (Self::Index, Value::Float(_))
            | (Self::Index | Self::Float, Value::Number(_)) => false,
            (Self::Int, Value::Float(x)) => x.is_finite(),
            (Self::Repr, Value::Str(text)) => text.is_ascii(),
            _ => true,
        }
    }
}

const LEFT: u8 = 1;
const PLUS: u8 = 2;
const BLANK: u8 = 4;
const ALTERNATE: u8 = 8;
const ZERO: u8 = 16;

/// Wider fields are left to Python, so that a hostile template cannot ask delivery for gigabytes.
const WIDEST: u16 = 999;
const UNLIMITED: u16 = u16::MAX;

/// One conversion: what stands between `%` and its letter, and the letter. Small enough for a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    kind: Kind,
    letter: u8,
    flags: u8,
    width: u16,
    /// `UNLIMITED` where none is given.
    precision: u16,
}

impl Spec {
    /// Reads a conversion from behind its `%` and leaves in `text` what follows it.
    pub fn parse(text: &mut &[u8]) -> Option<Self> {
        let mut rest = *text;
        let mut flags = 0;
        while let [byte, after @ ..] = rest {
            flags |= match byte {
                b'-' => LEFT,
                b'+' => PLUS,
                b' ' => BLANK,
                b'#' => ALTERNATE,
                b'0' => ZERO,
                _ => break,
            };
            rest = after;
        }
        let width = parse_count(&mut rest)?;
        let mut precision = UNLIMITED;
        if let Some(after) = rest.strip_prefix(b".") {
            rest = after;
            precision = parse_count(&mut rest)?;
        }
        // C's length letters mean nothing, to Python too.
        if let [b'h' | b'l' | b'L', after @ ..] = rest {
            rest = after;
        }
        let (&letter, rest) = rest.split_first()?;
        let kind = match letter {
            b's' => Kind::Str,
            b'd' | b'i' | b'u' => Kind::Int,
            b'o' | b'x' | b'X' => Kind::Index,
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => Kind::Float,
            b'r' | b'a' => Kind::Repr,
            _ => return None,
        };
        *text = rest;
        Some(Self { kind, letter, flags, width, precision })
    }

    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Whether it is `%s` and leaves text as it is.
    pub fn is_plain(self) -> bool {
        self.kind == Kind::Str && self.width == 0 && self.precision == UNLIMITED
    }

    /// `%s` in a field as wide, for a value that the conversion itself does not take.
    #[must_use]
    pub fn as_text(self) -> Self {
        Self { precision: UNLIMITED, letter: b's', kind: Kind::Str, ..self }
    }

    /// Appends the value as Python does; false, with nothing of use appended, where it cannot.
    #[inline]
    pub fn write(self, value: &Value<'_>, out: &mut Vec<u8>) -> bool {
        if self.flags == 0 && self.width == 0 {
            match (self.letter, self.precision, value) {
                (b's', UNLIMITED, Value::Str(text)) => out.extend_from_slice(text.as_bytes()),
                (b's' | b'd', UNLIMITED, Value::Int(n)) => {
                    out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes());
                }
                (b'f', 0..=WIDEST, Value::Float(x)) => {
                    number::write_float(*x, Notation::Fixed, self.precision, false, out);
                }
                _ => return self.write_any(value, out),
            }
            return true;
        }
        self.write_any(value, out)
    }

    fn write_any(self, value: &Value<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let body = match self.kind {
            Kind::Str => write_str(value, out).map(|()| self.cut(start, out)),
            Kind::Repr => write_repr(value, out).map(|()| self.cut(start, out)),
            Kind::Int | Kind::Index => self.write_int(value, out),
            Kind::Float => self.write_float(value, out),
        };
        if let Some(body) = body {
            self.pad(start, body, out);
        }
        body.is_some()
    }

    /// The precision of text: its greatest length in characters. Text is padded in front.
    fn cut(self, start: usize, out: &mut Vec<u8>) -> usize {
        if self.precision != UNLIMITED {
            let mut ends = out[start..].iter().enumerate().filter(|(_, byte)| is_boundary(**byte)).map(|(at, _)| at);
            if let Some(end) = ends.nth(self.precision.into()) {
                out.truncate(start + end);
            }
        }
        start
    }

    /// Fills `out[start..]` up to the width; zeros go behind the sign, at `body`.
    fn pad(self, start: usize, body: usize, out: &mut Vec<u8>) {
        let width = usize::from(self.width);
        if width == 0 {
            return;
        }
        let length = out[start..].iter().filter(|byte| is_boundary(**byte)).count();
        if length >= width {
            return;
        }
        let is_text = matches!(self.kind, Kind::Str | Kind::Repr);
        let end = out.len();
        let (at, fill) = match self.flags {
            flags if flags & LEFT != 0 => (end, b' '),
            flags if flags & ZERO != 0 && !is_text => (body, b'0'),
            _ => (start, b' '),
        };
        out.resize(end + width - length, fill);
        out.copy_within(at..end, at + width - length);
        out[at..at + width - length].fill(fill);
    }

    fn write_sign(self, negative: bool, out: &mut Vec<u8>) {
        if negative {
            out.push(b'-');
        } else if self.flags & PLUS != 0 {
            out.push(b'+');
        } else if self.flags & BLANK != 0 {
            out.push(b' ');
        }
    }

    /// Gives the place where zeros would go.
    fn write_int(self, value: &Value<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let n = match *value {
            Value::Int(n) => n,
            Value::Bool(b) => i64::from(b),
            Value::Float(x) if self.kind == Kind::Int && x.is_finite() => {
                if x.abs() >= 9e18 {
                    return Some(self.write_digits(x < 0.0, format!("{:.0}", x.abs()).as_bytes(), out));
                }
                x as i64
            }
            Value::Number(text) if self.kind == Kind::Int => {
                let digits = text.strip_prefix('-');
                return Some(self.write_digits(digits.is_some(), digits.unwrap_or(text).as_bytes(), out));
            }
            _ => return None,
        };
        let magnitude = n.unsigned_abs();
        Some(match self.letter {
            b'o' => self.write_radix::<3>(n < 0, magnitude, out),
            b'x' | b'X' => self.write_radix::<4>(n < 0, magnitude, out),
            _ => self.write_digits(n < 0, itoa::Buffer::new().format(magnitude).as_bytes(), out),
        })
    }

    fn write_radix<const BITS: u32>(self, negative: bool, mut n: u64, out: &mut Vec<u8>) -> usize {
        let table = if self.letter == b'X' { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let mut digits = [0; 22];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = table[(n & ((1 << BITS) - 1)) as usize];
            n >>= BITS;
            if n == 0 {
                return self.write_digits(negative, &digits[at..], out);
            }
        }
    }

    fn write_digits(self, negative: bool, digits: &[u8], out: &mut Vec<u8>) -> usize {
        self.write_sign(negative, out);
        if self.flags & ALTERNATE != 0 && self.kind == Kind::Index {
            out.extend_from_slice(&[b'0', self.letter]);
        }
        let body = out.len();
        if self.precision != UNLIMITED {
            out.resize(body + usize::from(self.precision).saturating_sub(digits.len()), b'0');
        }
        out.extend_from_slice(digits);
        body
    }

    fn write_float(self, value: &Value<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let x = match *value {
            Value::Float(x) => x,
            Value::Int(n) => n as f64,
            Value::Bool(b) => f64::from(u8::from(b)),
            _ => return None,
        };
        let negative = x.is_sign_negative() && !x.is_nan();
        self.write_sign(negative, out);
        let body = out.len();
        let notation = match self.letter | 0x20 {
            b'e' => Notation::Exponent,
            b'f' => Notation::Fixed,
            _ => Notation::General,
        };
        let precision = if self.precision == UNLIMITED { 6 } else { self.precision };
        number::write_float(x.abs(), notation, precision, self.flags & ALTERNATE != 0, out);
        if self.letter.is_ascii_uppercase() {
            out[body..].make_ascii_uppercase();
        }
        Some(body)
    }
}

fn is_boundary(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

fn parse_count(text: &mut &[u8]) -> Option<u16> {
    let mut count = 0;
    while let [digit @ b'0'..=b'9', after @ ..] = *text {
        count = count * 10 + u16::from(digit - b'0');
        if count > WIDEST {
            return None;
        }
        *text = after;
    }
    Some(count)
}

/// `str(value)`.
fn write_str(value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match *value {
        Value::Str(text) | Value::Number(text) => out.extend_from_slice(text.as_bytes()),
        Value::Int(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        Value::Float(x) => number::write_repr(x, out),
        Value::None => out.extend_from_slice(b"None"),
        Value::Bool(true) => out.extend_from_slice(b"True"),
        Value::Bool(false) => out.extend_from_slice(b"False"),
        Value::Json(_) => return None,
    }
    Some(())
}

/// `repr(value)`, which for ASCII text is `ascii(value)` too.
fn write_repr(value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let Value::Str(text) = *value else { return write_str(value, out) };
    if !text.is_ascii() {
        return None;
    }
    let quote = if text.contains('\'') && !text.contains('"') { b'"' } else { b'\'' };
    out.push(quote);
    for byte in text.bytes() {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 | 0x7f => {
                let hex = b"0123456789abcdef";
                out.extend_from_slice(&[b'\\', b'x', hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
            }
            _ => {
                if byte == quote || byte == b'\\' {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        }
    }
    out.push(quote);
    Some(())
}
