//! A format learnt from one line of it: `2026-11-20 10:00:00,123 | INFO | app.db | connected`.
use std::sync::Arc;

use super::layout::Layout;
use super::{timed, Span};
use crate::error::{Error, Result};
use crate::query::when::{Clock, TimeFormat, Zone};

/// Times that a line may begin with, besides ISO 8601's.
const TIMES: &[&str] = &[
    "%d/%b/%Y:%H:%M:%S %z",
    "%d/%b/%Y %H:%M:%S",
    "%a %b %e %H:%M:%S %Y",
    "%b %e %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%H:%M:%S",
    "%s",
];

/// The layout of an example. Fails where no time is found in it.
pub fn learn(line: &str) -> Result<Layout> {
    let failed = || Error::Setting {
        field: "format",
        why: format!(
            "no time is found in the example {line:?}; a format string such as '%(asctime)s %(message)s' says it"
        ),
    };
    let mut clock = Clock::new(Arc::new(Zone::fixed(0)), 4_000_000_000);
    let bytes = line.as_bytes();
    // The first place at which a time is read; ISO first, the others as listed.
    let (start, length, time) = (0..bytes.len().min(64))
        .find_map(|at| {
            let iso = clock.iso(&bytes[at..]).map(|(_, length)| (at, length, "{time}".to_owned()));
            iso.or_else(|| {
                let mut each = TIMES.iter();
                each.find_map(|format| {
                    let (_, length) =
                        TimeFormat::compile(Some(format)).with_fraction().parse(&bytes[at..], &mut clock)?;
                    let fraction = if length > 8 && bytes[at..at + length].contains(&b'.') && *format == "%H:%M:%S" {
                        ".%f"
                    } else {
                        ""
                    };
                    Some((at, length, format!("{{time:{format}{fraction}}}")))
                })
            })
        })
        .ok_or_else(failed)?;
    let escape = |text: &str| text.replace('{', "{{").replace('}', "}}");
    // What follows is read as if an ISO time stood before it.
    let stand_in = "2026-11-20 10:00:00";
    let rest = &line[start + length..];
    let shown = format!("{stand_in}{rest}");
    let mut pattern = escape(&line[..start]) + &time;
    let mut fields: Vec<(Span, &str)> = Vec::new();
    if let Some(head) = timed::head(shown.as_bytes(), &mut clock) {
        if !head.logger.is_empty() {
            fields.push((head.logger, "{name}"));
        }
        if head.level != 0 {
            if let Some(span) = level_at(shown.as_bytes(), stand_in.len()) {
                fields.push((span, "{level}"));
            }
        }
        fields.extend(numbers(shown.as_bytes(), stand_in.len(), head.message.start as usize));
        fields.sort_by_key(|(span, _)| span.start);
        let mut at = stand_in.len();
        let message = head.message.start as usize;
        for (span, name) in fields {
            let (start, end) = (span.start as usize, span.end as usize);
            if start < at || end > message {
                continue;
            }
            pattern += &escape(&squeeze(shown.get(at..start).ok_or_else(failed)?));
            pattern += name;
            at = end;
        }
        pattern += &escape(&squeeze(shown.get(at..message.max(at)).ok_or_else(failed)?));
    }
    Layout::compile(&(pattern + "{message}"), None)
}

/// Padding differs from line to line: the pattern keeps one space of it.
fn squeeze(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter != ' ' || !out.ends_with(' ') {
            out.push(letter);
        }
    }
    out
}

/// The first word that names a level.
fn level_at(line: &[u8], from: usize) -> Option<Span> {
    let mut at = from;
    while at < line.len() {
        let length = line[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if length > 0 && super::level::named(&line[at..at + length]) != 0 {
            return Some(Span::new(at, at + length));
        }
        at += length.max(1);
    }
    None
}

/// Numbers before the message: process ids and the like, which differ from line to line.
fn numbers(line: &[u8], from: usize, to: usize) -> Vec<(Span, &'static str)> {
    let mut found = Vec::new();
    let mut at = from;
    while at < to {
        let length = line[at..to].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let within = at > from && line[at - 1].is_ascii_alphanumeric();
        if length > 0 && !within && !line.get(at + length).is_some_and(u8::is_ascii_alphanumeric) {
            found.push((Span::new(at, at + length), if found.is_empty() { "{pid}" } else { "{number}" }));
        }
        at += length.max(1);
    }
    found
}
