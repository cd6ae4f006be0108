//! OpenTelemetry's own JSON (OTLP), as the collector's file exporter writes it: a line holds the records of many resources
//! and scopes. Each becomes a line of its own, in the names of the log data model.
use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{json, Map, Value};

use super::changed::Change;
use super::records::LONGEST;
use crate::query::formats::level;

/// A member that no line of other kinds has.
const MARKS: [&[u8]; 2] = [b"\"resourceLogs\"", b"\"timeUnixNano\""];

/// Whether a text is in this form.
pub fn is_in(sample: &[u8]) -> bool {
    sample.trim_ascii_start().starts_with(b"{") && MARKS.iter().any(|mark| memmem::find(sample, mark).is_some())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    resource_logs: Vec<ResourceLogs<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(default)]
    resource: Resource,
    #[serde(borrow, default)]
    scope_logs: Vec<ScopeLogs<'a>>,
}

#[derive(Deserialize, Default)]
struct Resource {
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(default)]
    scope: Scope,
    #[serde(borrow, default)]
    log_records: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Scope {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    time_unix_nano: Option<Value>,
    observed_time_unix_nano: Option<Value>,
    #[serde(default)]
    severity_number: Value,
    #[serde(borrow, default)]
    severity_text: Cow<'a, str>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    attributes: Vec<Attribute>,
    trace_id: Option<Value>,
    span_id: Option<Value>,
    event_name: Option<Value>,
}

/// A value without the word that says its type.
fn plain(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let list = |mut value: Value| match value.get_mut("values").map(Value::take) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    match object.into_iter().next() {
        None => Value::Null,
        Some((name, value)) => match name.as_str() {
            "intValue" => value.as_str().and_then(|text| text.parse::<i64>().ok()).map_or(value, Value::from),
            "arrayValue" => list(value).into_iter().map(plain).collect(),
            "kvlistValue" => members(list(value).into_iter().filter_map(|pair| serde_json::from_value(pair).ok())),
            _ => value,
        },
    }
}

fn members(attributes: impl IntoIterator<Item = Attribute>) -> Value {
    Value::Object(attributes.into_iter().map(|one| (one.key, plain(one.value))).collect())
}

/// The level's own word where it names one, else that of its number: they come in fours.
fn severity(text: &str, number: i64) -> &str {
    const WORDS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    if level::named(text.as_bytes()) != 0 {
        return text;
    }
    usize::try_from((number - 1).div_euclid(4)).ok().and_then(|place| WORDS.get(place)).copied().unwrap_or(text)
}

/// A record as a line; false where it is none.
fn write(record: &str, resource: &Value, scope: &str, out: &mut Vec<u8>) -> bool {
    let Ok(record) = serde_json::from_str::<LogRecord<'_>>(record) else { return false };
    let is_set = |time: &Value| time.as_str() != Some("0") && time.as_i64() != Some(0);
    let time = record.time_unix_nano.filter(is_set).or(record.observed_time_unix_nano);
    let Some(time) = time else { return false };
    let body = match plain(record.body) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        if !matches!(&value, Value::Null) && value != json!("") && value != json!({}) {
            line.insert(name.to_owned(), value);
        }
    };
    put("Timestamp", time);
    put("SeverityText", severity(&record.severity_text, record.severity_number.as_i64().unwrap_or(0)).into());
    put("Attributes", members(record.attributes));
    put("Resource", resource.clone());
    put("InstrumentationScope", if scope.is_empty() { Value::Null } else { json!({ "Name": scope }) });
    put("TraceId", record.trace_id.unwrap_or_default());
    put("SpanId", record.span_id.unwrap_or_default());
    put("EventName", record.event_name.unwrap_or_default());
    line.insert("Body".to_owned(), body.into());
    out.extend_from_slice(Value::Object(line).to_string().as_bytes());
    out.push(b'\n');
    true
}

/// What a line comes to: its records; any other line is left as it is.
fn write_line(line: &[u8], out: &mut Vec<u8>) {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let before = out.len();
    if let Ok(request) = serde_json::from_str::<Request<'_>>(text) {
        for ResourceLogs { resource, scope_logs } in request.resource_logs {
            let resource = members(resource.attributes);
            for ScopeLogs { scope, log_records } in scope_logs {
                for record in log_records {
                    write(record.get(), &resource, &scope.name, out);
                }
            }
        }
        if out.len() > before {
            return;
        }
    } else if write(text, &Value::Null, "", out) {
        return;
    }
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// A text that [`is_in`] this form, as lines of one record each.
#[derive(Default)]
pub struct Otlp {
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// It is too long, and goes on as it is.
    passing: bool,
}

impl Change for Otlp {
    fn change(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = part.strip_suffix(b"\n");
            if self.passing {
                out.extend_from_slice(part);
                self.passing = whole.is_none();
                continue;
            }
            self.line.extend_from_slice(whole.unwrap_or(part));
            if whole.is_some() {
                write_line(&self.line, out);
                self.line.clear();
            } else if self.line.len() > LONGEST {
                out.append(&mut self.line);
                self.passing = true;
            }
        }
        if last && !self.line.is_empty() {
            write_line(&std::mem::take(&mut self.line), out);
        }
    }
}

/// As lines of one record each, where the text is in this form.
pub fn expanded(text: &[u8]) -> Option<Vec<u8>> {
    is_in(text).then(|| {
        let mut out = Vec::new();
        Otlp::default().change(text, true, &mut out);
        out
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"scope":{"name":"shop.pay"},"logRecords":[{"timeUnixNano":"1795183387000000001","severityNumber":17,"severityText":"Error","body":{"stringValue":"it \"failed\""},"attributes":[{"key":"user_id","value":{"intValue":"42"}},{"key":"list","value":{"arrayValue":{"values":[{"boolValue":true}]}}},{"key":"map","value":{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":1.5}}]}}}],"traceId":"ab","spanId":""},{"observedTimeUnixNano":"1795183388000000000","severityNumber":9,"body":{"kvlistValue":{"values":[]}}}]}]}]}"#;

    #[test]
    fn each_record_of_a_line_is_a_line() {
        let text = format!("{REQUEST}\n");
        let whole = String::from_utf8(expanded(text.as_bytes()).unwrap()).unwrap();
        let want = concat!(
            r#"{"Timestamp":"1795183387000000001","SeverityText":"Error","Attributes":{"user_id":42,"list":[true],"map":{"a":1.5}},"Resource":{"service.name":"shop"},"InstrumentationScope":{"Name":"shop.pay"},"TraceId":"ab","Body":"it \"failed\""}"#,
            "\n",
            r#"{"Timestamp":"1795183388000000000","SeverityText":"INFO","Resource":{"service.name":"shop"},"InstrumentationScope":{"Name":"shop.pay"},"Body":"{}"}"#,
            "\n"
        );
        assert_eq!(whole, want);
        for cut in [1, 100, 600] {
            let (mut otlp, mut out) = (Otlp::default(), Vec::new());
            otlp.change(&text.as_bytes()[..cut], false, &mut out);
            otlp.change(&text.as_bytes()[cut..], true, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want, "cut at {cut}");
        }
    }

    #[test]
    fn a_record_alone_is_read_and_what_is_no_record_stays() {
        let text = br#"{"timeUnixNano":1795183387000000000,"severityText":"Information","severityNumber":9,"body":{"stringValue":"x"}}
{"resourceLogs":"no"}
no json
"#;
        let told = String::from_utf8(expanded(text).unwrap()).unwrap();
        let want = "{\"Timestamp\":1795183387000000000,\"SeverityText\":\"INFO\",\"Body\":\"x\"}\n{\"resourceLogs\":\"no\"}\nno json\n";
        assert_eq!(told, want);
        assert!(expanded(b"{\"message\":\"x\"}").is_none());
    }
}
