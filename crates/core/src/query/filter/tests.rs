use std::sync::Arc;

use super::*;
use crate::query::scan::{Input, Records};
use crate::query::when::Zone;

/// Whether the query finds each of these lines.
fn found(query: &str, text: &str) -> Vec<bool> {
    let filter = Filter::compile(query).unwrap();
    let mut clock = Clock::new(Arc::new(Zone::fixed(0)), 0);
    let mut records = Records::new(Input::memory(text.into()), &[], Arc::new(Zone::fixed(0)), 0).unwrap();
    let mut found = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        found.push(filter.matches(&record, &mut clock));
    }
    found
}

const TEXT: &str = "2026-11-20 14:03:07,000 - app.db - ERROR - Connection timed out\n\
    Traceback (most recent call last):\n  File\nTimeoutError: no reply\n\
    2026-11-20 14:03:08,000 - app - INFO - ok\n";

#[test]
fn texts_are_looked_for_in_message_and_traceback() {
    for (query, want) in [
        ("{}", [true, true]),
        (r#"{"where":{"text":"connection"}}"#, [true, false]),
        (r#"{"where":{"text":"Connection"}}"#, [true, false]),
        (r#"{"where":{"text":"CONNECTION"}}"#, [false, false]),
        (r#"{"where":{"text":"timeouterror"}}"#, [true, false]),
        (r#"{"where":{"text":"app"}}"#, [false, false]),
        (r#"{"where":{"regex":"no (reply|answer)$"}}"#, [true, false]),
        (r#"{"where":{"not":{"text":"ok"}}}"#, [true, false]),
        (r#"{"where":{"any":[{"text":"ok"},{"text":"timed"}]}}"#, [true, true]),
        (r#"{"where":{"field":{"name":"level","op":">=","value":"40"}}}"#, [true, false]),
        (r#"{"where":{"field":{"name":"level","op":"=","value":"20"}}}"#, [false, true]),
        (r#"{"where":{"field":{"name":"logger","op":"~","value":"app.*"}}}"#, [true, false]),
        (r#"{"where":{"field":{"name":"logger","op":"=","value":"app"}}}"#, [false, true]),
        (r#"{"since":1795183388000000000}"#, [false, true]),
        (r#"{"until":1795183388000000000}"#, [true, false]),
    ] {
        assert_eq!(found(query, TEXT), want, "{query}");
    }
}

#[test]
fn fields_are_compared_as_text_or_number() {
    let text = "{\"message\":\"x\",\"user_id\":42,\"path\":\"/health\"}\n{\"message\":\"y\"}\n";
    for (query, want) in [
        (r#"{"where":{"field":{"name":"user_id","op":"=","value":"42"}}}"#, [true, false]),
        (r#"{"where":{"field":{"name":"user_id","op":">","value":"9"}}}"#, [true, false]),
        (r#"{"where":{"field":{"name":"user_id","op":"<","value":"42"}}}"#, [false, false]),
        (r#"{"where":{"field":{"name":"path","op":"~","value":"/h*h"}}}"#, [true, false]),
        (r#"{"where":{"field":{"name":"path","op":"?","value":""}}}"#, [true, false]),
        (r#"{"where":{"not":{"field":{"name":"path","op":"=","value":"/health"}}}}"#, [false, true]),
    ] {
        assert_eq!(found(query, text), want, "{query}");
    }
}

#[test]
fn only_what_no_encoding_changes_is_looked_for_in_bytes() {
    let needed = |query: &str| Filter::compile(query).unwrap().needed_text().map(<[u8]>::to_vec);
    assert_eq!(needed(r#"{"where":{"text":"timed out"}}"#), Some(b"timed out".to_vec()));
    for changed in [r#"say \"hi\""#, "über", "a/b"] {
        assert_eq!(needed(&format!(r#"{{"where":{{"text":"{changed}"}}}}"#)), None, "{changed}");
    }
}

#[test]
fn a_record_without_a_time_is_in_no_range() {
    let in_range = |query| Filter::compile(query).unwrap().in_range(NO_TIME);
    assert!(in_range("{}"));
    assert!(!in_range(r#"{"since":1}"#) && !in_range(r#"{"until":1}"#));
}

#[test]
fn what_is_no_level_or_number_is_neither_above_nor_below_one() {
    let text = "{\"message\":\"x\",\"ms\":\"inf\"}\n";
    for (name, op, value) in [("level", "<", "40"), ("level", ">", "-1"), ("ms", ">", "1"), ("ms", "<", "1")] {
        let query = format!(r#"{{"where":{{"field":{{"name":"{name}","op":"{op}","value":"{value}"}}}}}}"#);
        assert_eq!(found(&query, text), [false], "{query}");
    }
    let highest = r#"{"where":{"field":{"name":"level","op":">","value":"2147483647"}}}"#;
    assert_eq!(Filter::compile(highest).unwrap().levels(), Some((i32::MAX, i32::MAX)));
}

#[test]
fn a_wrong_query_is_refused() {
    for query in
        ["", "{\"x\":1}", r#"{"where":{"regex":"("}}"#, r#"{"where":{"field":{"name":"level","op":"=","value":"x"}}}"#]
    {
        assert!(Filter::compile(query).is_err(), "{query}");
    }
}
