//! What holds for any text, template and arguments.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::record::conversion::Kind;
use crate::record::percent;
use crate::record::value::{pack, Value, Values};
use proptest::prelude::*;

/// Pieces that make secrets when they meet.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "password",
        "pass",
        "word",
        "token",
        "api",
        "key",
        "api key",
        "access_",
        "auth",
        "cookie",
        "Cookie",
        "Authorization",
        "Bearer",
        "Bea",
        "rer",
        "=",
        ":",
        ": ",
        " = ",
        "://",
        "//",
        "/",
        "@",
        "http",
        "u:p@h",
        "'",
        "\"",
        "\\\"",
        "]",
        "[",
        "{",
        "}",
        ",",
        ";",
        "&",
        "\n",
        " ",
        "  ",
        "-",
        "_",
        ".",
        "4111",
        "1111",
        "411111111111",
        "1111111",
        "4111 1111",
        "4",
        "1",
        "eyJ",
        "ey",
        "J",
        "A",
        "KIA",
        "AKIAIOSFODNN7EXAMPLE",
        "IOSFODNN7EXAMPLE",
        "sk",
        "sk-",
        "k-abcdefghijklmnopqrstuvw",
        "abcdefghijklmnopqrstuvw1",
        "gh",
        "p_",
        "xox",
        "b-",
        "-----",
        "BEGIN",
        "BE",
        "GIN",
        " RSA PRIVATE KEY-----",
        "é",
        "x",
        "user",
        "None",
        "true",
        "str",
        "***",
        "is ",
        "session_id",
        "4111111111111111",
        "AI",
        "za",
        "ghp_",
        "github_pat_",
        "sk_live_",
        "rk_live_",
        "sk_test_",
        "xoxe-",
        "ASIA",
        "AIza",
    ];
    prop_oneof![8 => proptest::sample::select(PIECES).prop_map(str::to_owned), 1 => "[ -~é]{0,4}"]
}

fn pieces(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..=most).prop_map(|p| p.concat())
}

#[derive(Debug, Clone)]
enum Arg {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    None,
}

impl Arg {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text),
            Self::Int(n) => Value::Int(*n),
            Self::Float(x) => Value::Float(*x),
            Self::Bool(b) => Value::Bool(*b),
            Self::None => Value::None,
        }
    }
}

fn number() -> impl Strategy<Value = Arg> {
    const INTS: &[i64] =
        &[4_111_111_111_111_111, 4111, 1111, 41_111_111, 411_111_111_111, 1, -4111, 11_111_111, 111_111, 0];
    const FLOATS: &[f64] = &[4_111_111_111_111_111.0, 4111.0, 0.5, 4.111e15, 1111.1111, 1e300, 41e20, 411_111.0];
    prop_oneof![
        2 => proptest::sample::select(INTS).prop_map(Arg::Int),
        1 => proptest::sample::select(FLOATS).prop_map(Arg::Float),
        1 => any::<bool>().prop_map(Arg::Bool),
    ]
}

/// A conversion and an argument that it takes.
fn conversion() -> impl Strategy<Value = (&'static str, Arg)> {
    const TEXT: &[&str] = &["%s", "%s", "%s", "%s", "%r", "%5s", "%-6s", "%.4s"];
    const NUMBER: &[&str] = &["%d", "%d", "%f", "%.0f", "%g", "%.16g", "%e", "%04d", "%5d", "%.2f", "%-20d"];
    let text = prop_oneof![3 => piece().boxed(), 2 => pieces(2).boxed(), 1 => pieces(4).boxed()];
    let any = prop_oneof![8 => text.prop_map(Arg::Text), 2 => number(), 1 => Just(Arg::None)];
    prop_oneof![
        3 => (proptest::sample::select(TEXT), any),
        1 => (proptest::sample::select(NUMBER), number()),
    ]
}

/// Texts between conversions, as programs have them, and pieces of secrets.
fn literal() -> impl Strategy<Value = String> {
    const USUAL: &[&str] = &[
        "",
        " ",
        " - ",
        " of ",
        "job ",
        ", ",
        ": ",
        "=",
        " = ",
        "/",
        "'",
        "\"",
        " (",
        ")",
        "[",
        "]",
        "-",
        "_",
        ".",
        "x",
        " user ",
        "\n",
        " 4",
        "1 ",
        "-1111-",
        " key ",
        " password ",
        " token=",
        "': '",
        "; ",
        " at ",
    ];
    prop_oneof![
        4 => proptest::sample::select(USUAL).prop_map(str::to_owned),
        1 => piece(),
        1 => pieces(2),
    ]
}

/// A template and arguments that fit it.
fn call() -> impl Strategy<Value = (String, Vec<Arg>)> {
    (proptest::collection::vec((literal(), conversion()), 1..5), literal()).prop_map(|(parts, end)| {
        let escaped = |text: &str| text.replace('%', "%%");
        let text = parts.iter().fold(String::new(), |text, (literal, (c, _))| text + &escaped(literal) + c);
        (text + &escaped(&end), parts.into_iter().map(|(_, (_, arg))| arg).collect())
    })
}

fn render(template: &str, args: &[Value<'_>]) -> Option<String> {
    let (mut packed, mut out) = (Vec::new(), Vec::new());
    for arg in args {
        pack(*arg, &mut packed);
    }
    percent::render(template, Values::new(&packed), &mut out).then(|| String::from_utf8(out).unwrap())
}

/// The arguments as they are packed, or `None` where the message is rendered at once.
fn deferred<'a>(redactor: &'a Redactor, plan: &Plan, kinds: &[Kind], args: &'a [Arg]) -> Option<Vec<Value<'a>>> {
    let harmless = |(i, arg): (usize, &'a Arg)| {
        let value = arg.value();
        let secret = plan.secret >> i & 1 == 1;
        match value {
            Value::None | Value::Bool(_) => Some(value),
            _ if secret => Some(Value::Str(redactor.mask())),
            Value::Str(text) => redactor.argument_is_harmless(plan, i, text).then_some(value),
            Value::Int(n) => redactor.int_is_harmless(plan, n).then_some(value),
            Value::Float(x) if kinds.get(i) == Some(&Kind::Int) => {
                redactor.int_is_harmless(plan, x as i64).then_some(value)
            }
            other => Some(other),
        }
    };
    if plan.render {
        None
    } else {
        args.iter().enumerate().map(harmless).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_is_deferred_needs_no_redaction((template, args) in call()) {
        let redactor = Redactor::default();
        let plan = redactor.plan(&template);
        let Some(kinds) = percent::Plan::new(&template) else { return Ok(()) };
        let Some(packed) = deferred(&redactor, &plan, &kinds.args, &args) else { return Ok(()) };
        if let Some(message) = render(&template, &packed) {
            prop_assert_eq!(redactor.redact_text(&message), message.as_str());
        }
    }

    #[test]
    fn redaction_never_fails_and_leaves_nothing_to_redact(text in pieces(14)) {
        let redactor = Redactor::default();
        let once = redactor.redact_text(&text);
        prop_assert!(once.len() <= text.len() + 3 * text.len());
        let _ = redactor.secret_key(&text);
    }
}

proptest! {
    #[test]
    fn the_quick_look_at_short_texts_misses_no_anchor(text in pieces(3)) {
        let stands = shapes::anchors().any(|anchor| text.contains(anchor));
        prop_assert!(!stands || shapes::possible(text.as_bytes()));
    }
}

proptest! {
    #[test]
    fn what_is_no_json_does_not_panic(text in pieces(12)) {
        let redactor = Redactor::default();
        let _ = redactor.redact_json(&text);
        let encoded = serde_json::json!({"a": text, "token": text}).to_string();
        let redacted: serde_json::Value = serde_json::from_str(&redactor.redact_json(&encoded)).unwrap();
        prop_assert_eq!(redacted["a"].as_str().unwrap(), redactor.redact_text(&text));
    }
}
