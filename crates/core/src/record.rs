//! A record as every formatter and store sees it, borrowed from the frame it was read from.
//!
//! All text is UTF-8: capture escapes lone surrogates (`\ud800`) before a frame is written.
pub mod value;
pub mod number;
pub mod conversion;
pub mod percent;
pub mod frame;

use self::percent::Parts;
use self::value::{Fields, Values};

/// The call site: constant for one place in the program, written once a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site<'a> {
    pub logger: &'a str,
    pub level: i32,
    pub level_name: &'a str,
    pub pathname: &'a str,
    pub line: u32,
    pub function: &'a str,
}

impl<'a> Site<'a> {
    /// `pathname` without its folders, as `LogRecord.filename`.
    pub fn filename(&self) -> &'a str {
        self.pathname.rsplit('/').next().unwrap_or(self.pathname)
    }

    /// `filename` without its ending, as `LogRecord.module`.
    pub fn module(&self) -> &'a str {
        let name = self.filename();
        match name.rfind('.') {
            Some(0) | None => name,
            Some(dot) => &name[..dot],
        }
    }
}

/// The thread that logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread<'a> {
    /// `threading.get_ident()`.
    pub ident: u64,
    /// `LogRecord.process`: the segment's own process, unless the record came from elsewhere.
    pub pid: u32,
    pub name: &'a str,
    /// `multiprocessing.current_process().name`, "MainProcess" where it is not in use.
    pub process_name: &'a str,
}

/// What is constant for the process that wrote a segment; stands in the segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub hostname: String,
    /// Seconds east of UTC while this segment was written.
    pub utc_offset: i32,
    /// `%Z` for that offset.
    pub zone: String,
    /// When the program loaded `logging`, nanoseconds since the epoch (`relativeCreated` counts from it).
    pub start_ns: i64,
    /// The segment's random number: with `Record::sequence` the record's identity.
    pub segment: u64,
}

/// The message: text already rendered, or the template with its arguments still apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Message<'a> {
    Rendered(&'a str),
    /// `template % args`, in Python's sense; only templates that `percent::Plan` accepts are deferred.
    Deferred(Values<'a>),
}

/// An exception, redacted at capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception<'a> {
    /// Qualified type name, `json.decoder.JSONDecodeError`; builtins bare.
    pub kind: &'a str,
    pub message: &'a str,
    /// The whole text as Python prints it, chains, groups and notes included, no final newline.
    pub text: &'a str,
    /// Hash of type and own frames, chained exceptions included, without line numbers; 0 if unknown.
    pub fingerprint: u64,
    /// `[{"file": …, "line": …, "function": …}, …]`, outermost first.
    pub frames_json: &'a str,
}

/// Where a record's call site and thread stand: for two records with one place, both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub segment: u64,
    /// Offsets of their frames.
    pub site: u32,
    pub thread: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// Nanoseconds since the epoch.
    pub time_ns: i64,
    /// Place among the records of this process, from 1.
    pub sequence: u64,
    pub site: Site<'a>,
    pub thread: Thread<'a>,
    pub process: &'a Process,
    /// `LogRecord.msg` as text: equals the message where there were no arguments.
    pub template: &'a str,
    /// The template taken apart, where it is its call site's.
    pub parts: Option<&'a Parts>,
    pub message: Message<'a>,
    /// Extra fields in the order they were given.
    pub fields: Fields<'a>,
    pub exception: Option<Exception<'a>>,
    pub stack_info: Option<&'a str>,
    /// The asyncio task's name, where one ran.
    pub task_name: Option<&'a str>,
    /// None where it does not come from a segment.
    pub place: Option<Place>,
}

impl Record<'_> {
    /// Appends the template with these arguments. Capture defers nothing that cannot be rendered, so where it fails the
    /// frame is damaged: what is left is shown.
    pub fn render(&self, args: Values<'_>, out: &mut Vec<u8>) {
        let done = match self.parts {
            Some(parts) => parts.render(args, out),
            None => percent::render(self.template, args, out),
        };
        if !done {
            out.extend_from_slice(self.template.as_bytes());
        }
    }
}
