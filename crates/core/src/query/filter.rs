//! A query as plain data (JSON, as `cordwood.query` writes it), and whether a record answers it.
//!
//! The meaning is the same for every source of records; `tests/contract/test_query.py` compares them:
//!
//! * a text stands in the message or in the traceback; all in lower case it matches any case (ASCII), else exactly;
//! * a regular expression is searched for there too, case counting;
//! * a field equals a value as text, or matches it with `*` and `?`; `<` and its like compare numbers;
//! * `level` compares as `logging`'s number.
mod text;

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::query::formats::{level, NO_TIME};
use crate::query::scan::Record;
use crate::query::when::Clock;
use text::Text;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    All(Vec<Written>),
    Any(Vec<Written>),
    Not(Box<Written>),
    Text(String),
    Regex(String),
    Field { name: String, op: String, value: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuery {
    #[serde(default)]
    since: Option<i64>,
    #[serde(default)]
    until: Option<i64>,
    #[serde(default, rename = "where")]
    node: Option<Written>,
}

#[derive(Debug)]
enum Test {
    /// Equal as text.
    Equal(Vec<u8>),
    /// With `*` and `?`.
    Like(Regex),
    Exists,
    Number(Comparison, f64),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
        }
    }
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Text(Text),
    Regex(Regex),
    Level(Comparison, i32),
    LevelIs(i32),
    Field(String, Test),
}

/// A compiled query.
#[derive(Debug)]
pub struct Filter {
    /// Nanoseconds: records from this time on, and before that one.
    pub since: i64,
    pub until: i64,
    node: Node,
    /// A text without which no record's bytes can answer.
    needed: Option<(String, Text)>,
    level_only: bool,
}

fn refused(field: &'static str, why: &impl ToString) -> Error {
    Error::Setting { field, why: why.to_string() }
}

impl Filter {
    /// From the JSON of `cordwood.query.Query`.
    pub fn compile(json: &str) -> Result<Self> {
        let query: WrittenQuery = serde_json::from_str(json).map_err(|error| refused("query", &error))?;
        let written = query.node.unwrap_or(Written::All(Vec::new()));
        let needed = needed(&written).map(|text| (text.to_owned(), Text::new(text)));
        let node = compile(written)?;
        let level_only = matches!(&node, Node::All(nodes) if nodes.is_empty());
        Ok(Self {
            since: query.since.unwrap_or(i64::MIN),
            until: query.until.unwrap_or(i64::MAX),
            node,
            needed,
            level_only,
        })
    }

    /// Whether it asks for a range of times.
    pub fn has_range(&self) -> bool {
        self.since != i64::MIN || self.until != i64::MAX
    }

    /// Where in `bytes` a text stands that every answer holds; `None` in the outer place where there is no such text.
    pub fn needed(&self) -> Option<impl Fn(&[u8]) -> Option<usize> + '_> {
        self.needed.as_ref().map(|(_, text)| move |bytes: &[u8]| text.find(bytes))
    }

    /// That text itself: ASCII, printable; its case may not count.
    pub fn needed_text(&self) -> Option<&[u8]> {
        self.needed.as_ref().map(|(text, _)| text.as_bytes())
    }

    /// Levels, both included, between which that of every answer lies; None where any may, or none.
    pub fn levels(&self) -> Option<(i32, i32)> {
        let (from, to) = levels(&self.node);
        (from > i32::MIN || to < i32::MAX).then_some((from, to))
    }

    #[inline]
    pub fn matches(&self, record: &Record<'_>, clock: &mut Clock) -> bool {
        self.in_range(record.time) && (self.level_only || holds(&self.node, record, clock))
    }

    /// A record without any time answers only queries without a range.
    #[inline]
    pub fn in_range(&self, time: i64) -> bool {
        if time == NO_TIME {
            return !self.has_range();
        }
        self.since <= time && time < self.until || !self.has_range()
    }
}

/// A text that stands in the bytes of whatever answers, however those are encoded.
fn needed(written: &Written) -> Option<&str> {
    // JSON escapes quotes, backslashes, sometimes slashes, and what is not ASCII.
    let plain =
        |text: &str| text.len() > 1 && text.bytes().all(|b| (b' '..=b'~').contains(&b) && !b"\"\\/".contains(&b));
    match written {
        Written::Text(text) if plain(text) => Some(text),
        Written::Field { name, op, value } if op == "=" && name != "level" && plain(value) => {
            // Texts in lower case match any case, which is wider than equal: no answer is missed.
            Some(value)
        }
        Written::All(nodes) => nodes.iter().filter_map(needed).max_by_key(|text| text.len()),
        _ => None,
    }
}

fn levels(node: &Node) -> (i32, i32) {
    match node {
        Node::All(nodes) => {
            nodes.iter().map(levels).fold((i32::MIN, i32::MAX), |(from, to), (low, high)| (from.max(low), to.min(high)))
        }
        Node::Level(Comparison::GreaterEqual, level) => (*level, i32::MAX),
        Node::Level(Comparison::Greater, level) => (level.saturating_add(1), i32::MAX),
        Node::Level(Comparison::LessEqual, level) => (i32::MIN + 1, *level),
        Node::Level(Comparison::Less, level) => (i32::MIN + 1, level.saturating_sub(1)),
        Node::LevelIs(level) if *level != 0 => (*level, *level),
        _ => (i32::MIN, i32::MAX),
    }
}

fn compile(written: Written) -> Result<Node> {
    let each = |nodes: Vec<Written>| nodes.into_iter().map(compile).collect::<Result<Vec<_>>>();
    Ok(match written {
        Written::All(nodes) => Node::All(each(nodes)?),
        Written::Any(nodes) => Node::Any(each(nodes)?),
        Written::Not(node) => Node::Not(Box::new(compile(*node)?)),
        Written::Text(text) => Node::Text(Text::new(&text)),
        Written::Regex(pattern) => Node::Regex(Regex::new(&pattern).map_err(|error| refused("regex", &error))?),
        Written::Field { name, op, value } => field(name, &op, value)?,
    })
}

fn field(name: String, op: &str, value: String) -> Result<Node> {
    let comparison = match op {
        "<" => Some(Comparison::Less),
        "<=" => Some(Comparison::LessEqual),
        ">" => Some(Comparison::Greater),
        ">=" => Some(Comparison::GreaterEqual),
        _ => None,
    };
    if name == "level" && op != "?" {
        let level = value.parse().map_err(|error| refused("level", &error))?;
        return Ok(comparison.map_or(Node::LevelIs(level), |comparison| Node::Level(comparison, level)));
    }
    let test = match (comparison, op) {
        (Some(comparison), _) => Test::Number(comparison, value.parse().map_err(|error| refused("value", &error))?),
        (_, "?") => Test::Exists,
        (_, "~") => Test::Like(like(&value)?),
        _ => Test::Equal(value.into_bytes()),
    };
    Ok(Node::Field(name, test))
}

/// `services.*`: `*` is any text, `?` one character.
fn like(pattern: &str) -> Result<Regex> {
    let escaped = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    RegexBuilder::new(&format!("^(?:{escaped})$"))
        .dot_matches_new_line(true)
        .build()
        .map_err(|error| refused("value", &error))
}

fn holds(node: &Node, record: &Record<'_>, clock: &mut Clock) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| holds(node, record, clock)),
        Node::Any(nodes) => nodes.iter().any(|node| holds(node, record, clock)),
        Node::Not(node) => !holds(node, record, clock),
        Node::Text(text) => text.find(record.message).or_else(|| text.find(record.exception)).is_some(),
        Node::Regex(regex) => regex.is_match(record.message) || regex.is_match(record.exception),
        // What has no level is neither above nor below one.
        Node::Level(comparison, level) => record.level != 0 && comparison.holds(&record.level, level),
        Node::LevelIs(level) => record.level == *level,
        Node::Field(name, test) => value(record, name, clock).is_some_and(|value| test.holds(&value)),
    }
}

impl Test {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::Like(pattern) => pattern.is_match(value),
            Self::Exists => true,
            Self::Number(comparison, wanted) => {
                // Words that are numbers to Rust (inf, nan) are none here.
                let digits = |byte: &u8| byte.is_ascii_digit() || b"+-.eE \t".contains(byte);
                let number = Some(value).filter(|value| value.iter().all(digits));
                let number = number.and_then(|value| std::str::from_utf8(value).ok()?.trim().parse::<f64>().ok());
                number.is_some_and(|number| comparison.holds(&number, wanted))
            }
        }
    }
}

/// A field of a record by its name; None where it has none, or an empty one.
pub fn value<'a>(record: &Record<'a>, name: &str, clock: &mut Clock) -> Option<Cow<'a, [u8]>> {
    let given = |text: &'a [u8]| (!text.is_empty()).then_some(Cow::Borrowed(text));
    match name {
        "level" => (record.level > 0).then(|| match level::name(record.level) {
            Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
            Cow::Owned(name) => Cow::Owned(name.into_bytes()),
        }),
        "logger" => given(record.logger),
        "message" => given(record.message),
        "exception" => given(record.exception),
        _ => {
            let mut found = None;
            record.fields(clock, &mut |field, value| {
                if field == name && found.is_none() {
                    found = Some(value);
                }
            });
            found.filter(|value| !value.is_empty())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
