//! Python's `%` formatting of positional arguments, byte for byte.
//!
//! Capture asks [`Plan`] once for each template; delivery renders with [`render`].
use crate::number::{self, Notation};
use crate::record::{Value, Values};

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
    /// Whether [`render`] writes this value exactly as Python does.
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

/// What a template wants, worked out once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One kind for each argument, in order.
    pub args: Vec<Kind>,
}

impl Plan {
    /// `None` where only Python can render: `%(name)s`, `*`, `%c`, a width beyond 999, a broken template.
    pub fn new(template: &str) -> Option<Self> {
        let mut args = Vec::new();
        let mut rest = template.as_bytes();
        while let Some((_, after)) = split(rest) {
            rest = if let Some(after) = after.strip_prefix(b"%") {
                after
            } else {
                let (spec, after) = Spec::parse(after)?;
                args.push(spec.kind);
                after
            };
        }
        Some(Self { args })
    }
}

/// Appends `template % args`. Where that is not possible (see [`Plan`], [`Kind::accepts`]) nothing is
/// appended and the answer is false.
pub fn render(template: &str, args: Values<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let done = fill(template.as_bytes(), args, out).is_some();
    if !done {
        out.truncate(start);
    }
    done
}

fn fill(mut rest: &[u8], mut args: Values<'_>, out: &mut Vec<u8>) -> Option<()> {
    while let Some((before, after)) = split(rest) {
        out.extend_from_slice(before);
        rest = if let Some(after) = after.strip_prefix(b"%") {
            out.push(b'%');
            after
        } else {
            let (spec, after) = Spec::parse(after)?;
            spec.write(args.next()?, out).then_some(())?;
            after
        };
    }
    out.extend_from_slice(rest);
    args.next().is_none().then_some(())
}

/// What stands before and after the next `%`.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'%', text)?;
    Some((&text[..at], &text[at + 1..]))
}

const LEFT: u8 = 1;
const PLUS: u8 = 2;
const BLANK: u8 = 4;
const ALTERNATE: u8 = 8;
const ZERO: u8 = 16;

/// Wider fields are left to Python, so that a hostile template cannot ask delivery for gigabytes.
const WIDEST: u16 = 999;

/// One conversion: what stands between `%` and its letter, and the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    flags: u8,
    width: u16,
    precision: Option<u16>,
    letter: u8,
    kind: Kind,
}

impl Spec {
    /// Reads a conversion from behind its `%`, and gives what follows it.
    pub fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = text;
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
        let mut precision = None;
        if let Some(after) = rest.strip_prefix(b".") {
            rest = after;
            precision = Some(parse_count(&mut rest)?);
        }
        // C's length letters mean nothing, to Python too.
        if let [b'h' | b'l' | b'L', after @ ..] = rest {
            rest = after;
        }
        let (letter, rest) = rest.split_first()?;
        let kind = match letter {
            b's' => Kind::Str,
            b'd' | b'i' | b'u' => Kind::Int,
            b'o' | b'x' | b'X' => Kind::Index,
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => Kind::Float,
            b'r' | b'a' => Kind::Repr,
            _ => return None,
        };
        Some((Self { flags, width, precision, letter: *letter, kind }, rest))
    }

    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Appends the value as Python does; false, with nothing of use appended, where it cannot.
    pub fn write(self, value: Value<'_>, out: &mut Vec<u8>) -> bool {
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
        if let Some(precision) = self.precision {
            let mut ends = out[start..].iter().enumerate().filter(|(_, byte)| is_boundary(**byte)).map(|(at, _)| at);
            if let Some(end) = ends.nth(precision.into()) {
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
    fn write_int(self, value: Value<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let n = match value {
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
        let precision = usize::from(self.precision.unwrap_or(0));
        out.resize(body + precision.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(digits);
        body
    }

    fn write_float(self, value: Value<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let x = match value {
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
        number::write_float(x.abs(), notation, self.precision.unwrap_or(6), self.flags & ALTERNATE != 0, out);
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
fn write_str(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match value {
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
fn write_repr(value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let Value::Str(text) = value else { return write_str(value, out) };
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::pack;
    use proptest::prelude::*;

    fn rendered(template: &str, args: &[Value<'_>]) -> Option<String> {
        let mut bytes = Vec::new();
        for arg in args {
            pack(*arg, &mut bytes);
        }
        let mut out = b"> ".to_vec();
        let done = render(template, Values::new(&bytes), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(done || text == "> ", "a refused render leaves nothing");
        done.then(|| text[2..].to_owned())
    }

    #[test]
    fn every_conversion_writes_what_python_writes() {
        use Value::{Bool, Float, Int, None, Number, Str};
        let cases = [
            ("user %s did %d in %.3f ms", vec![Str("alice"), Int(7), Float(1.5)], "user alice did 7 in 1.500 ms"),
            ("100%% of %s", vec![None], "100% of None"),
            (
                "%s %s %s",
                vec![Bool(true), Float(1e16), Number("-99999999999999999999")],
                "True 1e+16 -99999999999999999999",
            ),
            (
                "[%5s] [%-5s] [%.2s] [%05s]",
                vec![Str("é"), Str("é"), Str("éèê"), Str("a")],
                "[    é] [é    ] [éè] [    a]",
            ),
            ("%d %d %d", vec![Float(-2.9), Bool(true), Int(i64::MIN)], "-2 1 -9223372036854775808"),
            ("%d", vec![Float(1e20)], "100000000000000000000"),
            (
                "%+d % d %05d %-5d| %.3d %010.5d",
                vec![Int(5), Int(5), Int(-5), Int(5), Int(-5), Int(42)],
                "+5  5 -0005 5    | -005 0000000042",
            ),
            (
                "%#o %#x %#X %#08x %x",
                vec![Int(8), Int(0), Int(-255), Int(255), Int(-255)],
                "0o10 0x0 -0XFF 0x0000ff -ff",
            ),
            (
                "%f %05f %+f %F",
                vec![Int(1), Float(f64::NEG_INFINITY), Float(f64::NAN), Float(f64::INFINITY)],
                "1.000000 -0inf +nan INF",
            ),
            ("%e %G %#.0f %g", vec![Float(12345.678), Float(1e-10), Float(3.0), Bool(true)], "1.234568e+04 1E-10 3. 1"),
            (
                "%r %a %r %r",
                vec![Str("it's"), Str("a\n\x7f\\"), Str("'\""), Float(-0.0)],
                "\"it's\" 'a\\n\\x7f\\\\' '\\'\"' -0.0",
            ),
            ("%ld|%.3r", vec![Int(1), Str("abcd")], "1|'ab"),
        ];
        for (template, args, want) in cases {
            assert_eq!(rendered(template, &args).as_deref(), Some(want), "{template}");
        }
    }

    #[test]
    fn templates_that_only_python_can_render_have_no_plan() {
        for template in ["%(name)s", "%*d", "%.*f", "%c", "%5%", "%", "50% yes", "%1000d", "%.1000f", "%é", "%lld"] {
            assert_eq!(Plan::new(template), None, "{template}");
        }
        let plan = Plan::new("%s %% %5d %#x %.2f %r").unwrap();
        assert_eq!(plan.args, [Kind::Str, Kind::Int, Kind::Index, Kind::Float, Kind::Repr]);
    }

    #[test]
    fn too_few_or_too_many_arguments_are_refused() {
        assert_eq!(rendered("%s %s", &[Value::Int(1)]), None);
        assert_eq!(rendered("%s", &[Value::Int(1), Value::Int(2)]), None);
    }

    fn value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            prop::sample::select(vec!["", "a", "é", "'"]).prop_map(Value::Str),
            Just(Value::Number("123456789012345678901234567890")),
            Just(Value::Json("[]")),
        ]
    }

    proptest! {
        #[test]
        fn what_a_kind_accepts_is_what_renders(value in value(), letter in prop::sample::select(b"diuoxXeEfFgGsra".to_vec())) {
            let template = format!("%{}", char::from(letter));
            let kind = Plan::new(&template).unwrap().args[0];
            prop_assert_eq!(rendered(&template, &[value]).is_some(), kind.accepts(&value));
        }

        #[test]
        fn a_template_renders_only_if_it_has_a_plan(template in "(%[-+ #0]{0,2}[0-9]{0,2}(\\.[0-9]?)?[a-zA-Z%(*]|x){0,3}") {
            if let Some(plan) = Plan::new(&template) {
                let args = vec![Value::Int(1); plan.args.len()];
                prop_assert!(rendered(&template, &args).is_some());
            } else {
                prop_assert!((0..4).all(|n| rendered(&template, &vec![Value::Int(1); n]).is_none()));
            }
        }
    }
}
