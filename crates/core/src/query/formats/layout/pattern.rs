//! A pattern cut into fields and the text between them.
use crate::query::when::TimeFormat;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Time(TimeFormat),
    Level,
    /// syslog's `<13>`: facility and severity in one number.
    Priority,
    Logger,
    /// The same where other text may stand: a name as programs have them.
    Name,
    Message,
    /// The request line of an access log, which is its message.
    Request,
    /// syslog's `app[123]`: a logger and a process.
    Tag,
    /// RFC 5424's structured data, with the space behind it.
    Structured,
    /// structlog's message, logger and fields; see [`event`](super::event).
    Event,
    /// A level in lower case.
    LowerLevel,
    /// Digits, or `-`.
    Number(String),
    /// No space within.
    Word(String),
    Text(String),
}

/// Whether a text holds fields of a format string.
pub fn is_pattern(text: &str) -> bool {
    text.contains("%(")
        || (text.contains('{') && text.contains('}'))
        || text.contains("$message")
        || text.contains("${")
}

/// One field of a pattern, and what is around it.
pub(super) struct Token<'a> {
    pub before: String,
    pub name: &'a str,
    pub argument: &'a str,
}

/// Cuts a pattern into fields and the text between; the last text is the rest.
pub(super) fn tokens(pattern: &str) -> Option<(Vec<Token<'_>>, String)> {
    let percent = pattern.contains("%(");
    let braces = !percent && pattern.contains('{') && !pattern.contains("${");
    let mut found = Vec::new();
    let mut before = String::new();
    let mut rest = pattern;
    while let Some(byte) = rest.chars().next() {
        let (name, argument, length) = if percent && rest.starts_with("%(") {
            let close = rest.find(')')?;
            let end = rest[close..].find(|c: char| c.is_ascii_alphabetic())? + close + 1;
            (&rest[2..close], "", end)
        } else if percent && rest.starts_with("%%") || braces && (rest.starts_with("{{") || rest.starts_with("}}")) {
            before.push(byte);
            rest = &rest[2..];
            continue;
        } else if braces && byte == '{' {
            let close = rest.find('}')?;
            let (name, argument) = rest[1..close].split_once(':').unwrap_or((&rest[1..close], ""));
            (name.split('!').next()?, argument, close + 1)
        } else if !percent && !braces && byte == '$' {
            let closed = usize::from(rest.starts_with("${"));
            let start = 1 + closed;
            let length =
                rest[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len() - start);
            (&rest[start..start + length], "", start + length + closed)
        } else {
            before.push(byte);
            rest = &rest[byte.len_utf8()..];
            continue;
        };
        found.push(Token { before: std::mem::take(&mut before), name, argument });
        rest = rest.get(length..)?;
    }
    Some((found, before))
}

/// What a field of this name holds; names with an `@` are the table's own.
pub(super) fn what(token: &Token<'_>, date_format: Option<&str>) -> What {
    let own = |name: &str| name.to_owned();
    match token.name {
        "asctime" => What::Time(TimeFormat::compile(date_format)),
        "time" | "timestamp" => What::Time(TimeFormat::compile(Some(token.argument))),
        "created" => What::Time(TimeFormat::compile(Some("%s")).with_fraction()),
        "levelname" | "level" | "levelno" | "levelprefix" => What::Level,
        "priority" => What::Priority,
        "@lowerlevel" => What::LowerLevel,
        "@port" => What::Number(own("port")),
        "@tag" => What::Tag,
        "@structured" => What::Structured,
        "@event" => What::Event,
        "@name" => What::Name,
        "@request" => What::Request,
        "name" | "logger" => What::Logger,
        "message" => What::Message,
        "process" | "pid" => What::Number(own("pid")),
        "lineno" | "line" => What::Number(own("line")),
        "thread" => What::Number(own("thread_id")),
        "process_id" => What::Text(own("pid")),
        "threadName" => What::Text(own("thread")),
        "processName" => What::Text(own("process")),
        "taskName" => What::Text(own("task")),
        "status" | "bytes" | "msecs" | "relativeCreated" => What::Number(own(token.name)),
        "funcName" | "function" => What::Word(own("function")),
        "filename" => What::Word(own("filename")),
        "module" | "host" | "ip" | "user" | "method" | "client" => What::Word(own(token.name)),
        "pathname" | "file" => What::Text(own("file")),
        name => What::Text(own(name)),
    }
}
