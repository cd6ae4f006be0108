//! A sink's options, `sinks/*.json`, spoilt as text and changed as values: refused by the field's name, or used.
use serde_json::{json, Value};

use super::{run, Chance};
use crate::delivery::spec::{Kind, Spec};
use crate::proofs::trial::{process, record};
use crate::sinks::file::FileOptions;

const SPECS: &[&str] = &[
    r#"{"kind":"file","path":"/l/app.log","format":{"kind":"text","format":"%(asctime)s [%(levelname)-8s] %(message)s","date_format":"%H:%M:%S"},"max_bytes":1000,"backup_count":3,"when":"midnight","naming":"date","compress":"zstd","mode":384,"group":null,"sync":"level"}"#,
    r#"{"kind":"console","stream":"stdout","theme":{"INFO":"bold green","ERROR":"red"},"format":{"kind":"text","format":"%(levelname)s %(name)20s %(msecs)03d %(message).5s"}}"#,
    r#"{"kind":"file","path":"/l/app.json","format":{"kind":"json","names":"ecs"},"when":30}"#,
    r#"{"kind":"python"}"#,
];

fn value(chance: &mut Chance) -> Value {
    let word =
        *chance.pick(&["file", "console", "json", "%(", "%%(message)s", "%(asctime)999999999s", "a\0b", "é", ""]);
    match chance.below(6) {
        0 => json!(chance.number()),
        1 => json!(word),
        2 => json!([word, {"format": null}]),
        3 => json!({word: word}),
        4 => json!(-1.5e300),
        _ => Value::Null,
    }
}

/// Changes one value, or one field of one field.
fn change(chance: &mut Chance, spec: &mut Value) {
    let Some(fields) = spec.as_object_mut().filter(|fields| !fields.is_empty()) else { return };
    let at = chance.below(fields.len());
    let Some((_, field)) = fields.iter_mut().nth(at) else { return };
    if field.is_object() && chance.below(4) > 0 {
        change(chance, field);
    } else {
        *field = value(chance);
    }
}

/// What a leader does with a sink's options, and one record in that form.
fn use_it(text: &str) {
    let Ok(spec) = Spec::parse(text) else { return };
    if spec.kind == Kind::File {
        let _ = FileOptions::from_spec(&spec.json);
    }
    let Ok(mut format) = spec.format() else { return };
    let mut out = Vec::new();
    format.write(&record(&process()), None, &mut out);
    assert_eq!(out.last(), Some(&b'\n'));
}

#[test]
fn fuzz_options_of_any_content_are_used_or_refused() {
    assert!(SPECS.iter().all(|spec| Spec::parse(spec).unwrap().format().is_ok()));
    run(|chance| {
        let text = *chance.pick(SPECS);
        if chance.below(2) == 0 {
            let mut spec = serde_json::from_str(text).unwrap();
            for _ in 0..=chance.below(3) {
                change(chance, &mut spec);
            }
            return use_it(&spec.to_string());
        }
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=chance.below(3) {
            chance.spoil(&mut bytes);
        }
        bytes.truncate(if chance.below(4) == 0 { chance.below(bytes.len()) } else { bytes.len() });
        use_it(&String::from_utf8_lossy(&bytes));
    });
}
