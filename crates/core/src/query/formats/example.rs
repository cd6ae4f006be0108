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
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%H:%M:%S",
    "%s",
];

/// The first place at which a time is read, its length, and the field that reads it; ISO first, the others as listed.
fn time_in(bytes: &[u8], clock: &mut Clock) -> Option<(usize, usize, String)> {
    (0..bytes.len().min(64)).filter(|at| bytes[*at] != b' ').find_map(|at| {
        if let Some((_, length)) = clock.iso(&bytes[at..]) {
            return Some((at, length, "{time}".to_owned()));
        }
        TIMES.iter().find_map(|format| {
            let (_, length) = TimeFormat::compile(Some(format)).with_fraction().parse(&bytes[at..], clock)?;
            // A process's number is no second since 1970.
            (*format != "%s" || length >= 9).then_some(())?;
            let is_finer = length > 8 && bytes[at..at + length].contains(&b'.') && *format == "%H:%M:%S";
            Some((at, length, format!("{{time:{format}{}}}", if is_finer { ".%f" } else { "" })))
        })
    })
}

/// The layout of lines nobody described, learnt from their first one, if half of them have it: tracebacks stand between.
pub fn guess(lines: &[&[u8]], clock: &mut Clock) -> Option<Layout> {
    let first = std::str::from_utf8(lines.first()?).ok()?;
    let (start, length, time) = time_in(first.as_bytes(), clock).filter(|(start, ..)| *start <= 1)?;
    let apart =
        first.as_bytes()[start + length..].iter().take_while(|byte| byte.is_ascii_punctuation() || **byte == b' ');
    let (behind, before) = (start + length, with_fields(first, 0, start, Vec::new())?);
    let simple = before + &time + &with_fields(first, behind, behind + apart.count(), Vec::new())? + "{message}";
    let mut layouts = [learn(first).ok()?, Layout::compile(&simple, None).ok()?].into_iter();
    layouts.find(|layout| 2 * lines.iter().filter(|line| layout.head(line, clock).is_some()).count() > lines.len())
}

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
    let (start, length, time) = time_in(bytes, &mut clock).ok_or_else(failed)?;
    // What follows is read as if an ISO time stood before it.
    let stand_in = "2026-11-20 10:00:00";
    let rest = &line[start + length..];
    let shown = format!("{stand_in}{rest}");
    let early = level_at(&bytes[..start], 0);
    let mut fields = numbers(bytes, 0, start);
    fields.extend(early.map(|span| (span, "{level}")));
    let mut pattern = with_fields(line, 0, start, fields).ok_or_else(failed)? + &time;
    if let Some(head) = timed::head(shown.as_bytes(), &mut clock) {
        let message = head.message.start as usize;
        let mut fields = numbers(shown.as_bytes(), stand_in.len(), message);
        if !head.logger.is_empty() {
            fields.push((head.logger, "{name}"));
        }
        if head.level != 0 && early.is_none() {
            fields.extend(level_at(shown.as_bytes(), stand_in.len()).map(|span| (span, "{level}")));
        }
        pattern += &with_fields(&shown, stand_in.len(), message, fields).ok_or_else(failed)?;
    }
    Layout::compile(&(pattern + "{message}"), None)
}

/// A part of an example as a pattern: what differs from line to line is a field there.
fn with_fields(line: &str, from: usize, to: usize, mut fields: Vec<(Span, &str)>) -> Option<String> {
    let escape = |text: &str| squeeze(text).replace('{', "{{").replace('}', "}}");
    fields.sort_by_key(|(span, _)| span.start);
    let mut pattern = String::new();
    let mut at = from;
    for (span, name) in fields {
        let (start, end) = (span.start as usize, span.end as usize);
        if start < at || end > to {
            continue;
        }
        pattern += &escape(line.get(at..start)?);
        pattern += name;
        at = end;
    }
    Some(pattern + &escape(line.get(at..to.max(at))?))
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
