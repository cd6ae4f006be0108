//! Python's `%` formatting of positional arguments, byte for byte.
//!
//! Capture asks [`Plan`] once for each template; delivery renders with [`render`].
use crate::record::value::Values;

pub use crate::record::conversion::{Kind, Spec};

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
            rest = after;
            if let Some(after) = rest.strip_prefix(b"%") {
                rest = after;
            } else {
                args.push(Spec::parse(&mut rest)?.kind());
            }
        }
        Some(Self { args })
    }
}

/// A template taken apart, for many records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What stands before a conversion, and the conversion.
    slots: Vec<(Vec<u8>, Spec)>,
    end: Vec<u8>,
}

impl Parts {
    /// `None` where [`Plan`] has none.
    pub fn new(template: &str) -> Option<Self> {
        let (mut slots, mut text) = (Vec::new(), Vec::new());
        let mut rest = template.as_bytes();
        while let Some((before, after)) = split(rest) {
            text.extend_from_slice(before);
            rest = after;
            if let Some(after) = rest.strip_prefix(b"%") {
                text.push(b'%');
                rest = after;
            } else {
                slots.push((std::mem::take(&mut text), Spec::parse(&mut rest)?));
            }
        }
        text.extend_from_slice(rest);
        Some(Self { slots, end: text })
    }

    /// As [`render`].
    pub fn render(&self, mut args: Values<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for (text, spec) in &self.slots {
            out.extend_from_slice(text);
            if !args.next().is_some_and(|value| spec.write(&value, out)) {
                out.truncate(start);
                return false;
            }
        }
        out.extend_from_slice(&self.end);
        let done = args.next().is_none();
        if !done {
            out.truncate(start);
        }
        done
    }
}

/// Appends `template % args`. Where that is not possible (see [`Plan`], [`Kind::accepts`]) nothing is
/// appended and the answer is false.
pub fn render(template: &str, args: Values<'_>, out: &mut Vec<u8>) -> bool {
    Parts::new(template).is_some_and(|parts| parts.render(args, out))
}

/// What stands before and after the next `%`.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'%')?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::value::{pack, Value};
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
