use super::*;
use crate::record::value::{pack_field, Fields, Value};
use crate::record::{Process, Site, Thread};

fn process() -> Process {
    crate::proofs::trial::process()
}

#[test]
fn a_text_wider_than_its_column_is_cut_counted_and_kept_whole() {
    let process = process();
    let long = "é".repeat(300);
    let site = Site { level_name: "EXTRAORDINARY", logger: &long, ..crate::proofs::trial::record(&process).site };
    let record = Record { site, ..crate::proofs::trial::record(&process) };
    let mut shaper = Shaper::default();
    let row = shaper.shape(&record);
    assert_eq!(row.level, "EXTRAORDIN");
    assert_eq!(row.logger_name, "é".repeat(255));
    let extra: serde_json::Value = serde_json::from_str(row.extra_data.unwrap()).unwrap();
    assert_eq!(extra, serde_json::json!({WHOLE: {"level": "EXTRAORDINARY", "logger_name": long}}));
    assert_eq!(shaper.cut, 2);
}

#[test]
fn what_no_database_takes_is_escaped_everywhere() {
    let process = process();
    let mut fields = Vec::new();
    pack_field("a\0b", Value::Str("c\0d \\u0000"), &mut fields);
    pack_field("n", Value::Json(r#"{"x": "\u0000\\u0000 \ud83d\ude00 \udc00 \ud800x"}"#), &mut fields);
    let thread = Thread { name: "t\0", ..crate::proofs::trial::record(&process).thread };
    let record = Record {
        message: Message::Rendered("m\0"),
        fields: Fields::new(&fields),
        thread,
        ..crate::proofs::trial::record(&process)
    };
    let mut shaper = Shaper::default();
    let row = shaper.shape(&record);
    assert_eq!((&*row.message, &*row.thread_name), ("m\\x00", "t\\x00"));
    let extra: serde_json::Value = serde_json::from_str(row.extra_data.unwrap()).unwrap();
    assert_eq!(
        extra,
        serde_json::json!({"a\\x00b": "c\\x00d \\u0000", "n": {"x": "\\x00\\u0000 😀 \\udc00 \\ud800x"}})
    );
}

#[test]
fn a_record_with_nothing_besides_has_no_extra_data() {
    let process = process();
    assert!(Shaper::default().shape(&crate::proofs::trial::record(&process)).extra_data.is_none());
}

#[test]
fn stack_and_task_stand_beside_the_fields_with_their_types() {
    let process = process();
    let mut fields = Vec::new();
    pack_field("user_id", Value::Int(7), &mut fields);
    pack_field("ok", Value::Bool(true), &mut fields);
    let plain = crate::proofs::trial::record(&process);
    let record = Record { fields: Fields::new(&fields), task_name: Some("T"), stack_info: Some("S"), ..plain };
    let mut shaper = Shaper::default();
    let row = shaper.shape(&record);
    assert_eq!(row.extra_data.unwrap(), r#"{"user_id":7,"ok":true,"stack_info":"S","task_name":"T"}"#);
}
