//! The text formats that are known by name: one line each, the stricter before the looser.
use std::sync::OnceLock;

use super::layout::Layout;
use super::Format;

/// (name, pattern). A format is added with one line here and its sample in `tests.rs`.
pub const PATTERNS: &[(&str, &str)] = &[
    // Python's own, and the five documents'.
    ("detailed", "{time} - {name} - {level} - {filename}:{line} - {message}"),
    ("services", "{time} - {name} - {level} - {function}:{line} - {message}"),
    ("default", "{time} - {name} - {level} - {message}"),
    ("level-first", "{time} - {level} - {@name} - {message}"),
    ("simple", "{time} - {level} - {message}"),
    ("process", "{time} [{pid}] [{level}] {message}"),
    ("process-console", "[{time:%H:%M:%S}] [{pid}] [{level}] {message}"),
    ("clock-console", "{time:%H:%M:%S} - {level} - {message}"),
    ("celery", "[{time}: {level}/{processName}] {message}"),
    ("django-server", "[{time:%d/%b/%Y %H:%M:%S}] \"{@request}\" {status} {bytes}"),
    ("django", "[{time:%d/%b/%Y %H:%M:%S}] {message}"),
    ("loguru", "{time} | {level} | {name}:{function}:{line} - {message}"),
    ("pipes", "{time} | {level} | {name} | {message}"),
    ("nginx-error", "{time} [{level}] {pid}#{tid}: {message}"),
    ("structlog-console", "{time} [{@lowerlevel} ] {@event}"),
    ("level-colon", "{time} [{level}] {@name}: {message}"),
    ("level-dash", "{time} [{level}] {@name} - {message}"),
    ("structlog", "{time} [{level}] {message}"),
    ("brackets", "[{time}] [{level}] [{name}] {message}"),
    ("gunicorn", "[{time}] [{pid}] [{level}] {message}"),
    ("flask", "[{time}] {level} in {module}: {message}"),
    ("postgresql", "{time} [{pid}] {level}:  {message}"),
    ("postgresql-user", "{time} [{pid}] {user}@{database} {level}:  {message}"),
    ("postgresql-zone", "{time} {zone} [{pid}] {level}:  {message}"),
    ("postgresql-zone-user", "{time} {zone} [{pid}] {user}@{database} {level}:  {message}"),
    ("named", "{time} {level} [{name}] {message}"),
    ("spring", "{time}  {level} {pid} --- [{threadName}] {name} : {message}"),
    ("colon", "{time} {level} {name}: {message}"),
    // Web servers and system logs.
    (
        "vhost-combined",
        "{vhost}:{@port} {ip} - {user} [{time:%d/%b/%Y:%H:%M:%S %z}] \"{@request}\" {status} {bytes} \"{referer}\" \"{agent}\"",
    ),
    (
        "combined",
        "{ip} - {user} [{time:%d/%b/%Y:%H:%M:%S %z}] \"{@request}\" {status} {bytes} \"{referer}\" \"{agent}\"",
    ),
    ("common", "{ip} - {user} [{time:%d/%b/%Y:%H:%M:%S %z}] \"{@request}\" {status} {bytes}"),
    ("werkzeug", "{ip} - {user} [{time:%d/%b/%Y %H:%M:%S}] \"{@request}\" {status} {bytes}"),
    ("http.server", "{ip} - {user} [{time:%d/%b/%Y %H:%M:%S}] {message}"),
    ("apache-error-thread", "[{time:%a %b %d %H:%M:%S.%f %Y}] [{module}:{level}] [pid {pid}:tid {thread}] {message}"),
    ("apache-error", "[{time:%a %b %d %H:%M:%S.%f %Y}] [{module}:{level}] [pid {process_id}] {message}"),
    ("apache-error-2.2", "[{time:%a %b %d %H:%M:%S %Y}] [{level}] {message}"),
    ("syslog-5424", "<{priority}>1 {time} {host} {@tag} {process_id} {message_id} {@structured}{message}"),
    ("syslog-priority", "<{priority}>{time:%b %e %H:%M:%S} {host} {@tag}: {message}"),
    ("syslog-iso", "{time} {host} {name}[{pid}]: {message}"),
    // rsyslog's own time to the letter (%e keeps it from being any ISO time): `word word: text` is too common else.
    ("syslog-rfc3339", "{time:%Y-%m-%eT%H:%M:%S.%f%z} {host} {@tag}: {message}"),
    ("syslog", "{time:%b %e %H:%M:%S} {host} {@tag}: {message}"),
    // Without a time.
    ("uvicorn-access", "{level}:     {client} - \"{@request}\" {status} {phrase}"),
    ("console", "{level}: {message}"),
    ("basic", "{level}:{name}:{message}"),
    ("bracketed-console", "[{level}] {message}"),
];

/// Formats whose logger may as well be the message's first word, each with the format that has it so.
const DOUBTFUL: &[(&str, &str)] =
    &[("level-first", "simple"), ("level-colon", "structlog"), ("level-dash", "structlog")];

/// The format that a doubtful one stands in doubt of.
pub(super) fn looser(name: &str) -> Option<Format> {
    DOUBTFUL.iter().find(|(doubtful, _)| *doubtful == name).and_then(|(_, looser)| named(looser))
}

/// Every format that recognises itself, JSON and logfmt among them.
pub fn all() -> &'static [Format] {
    static ALL: OnceLock<Vec<Format>> = OnceLock::new();
    ALL.get_or_init(|| {
        let layouts = PATTERNS.iter().filter_map(|(name, pattern)| Layout::of_table(name, pattern));
        [Format::Json].into_iter().chain(layouts.map(Format::Layout)).chain([Format::Logfmt]).collect()
    })
}

/// The format of this name.
pub fn named(name: &str) -> Option<Format> {
    match name {
        "timed" => Some(Format::Timed),
        "plain" => Some(Format::Plain),
        _ => all().iter().find(|format| format.name() == name).cloned(),
    }
}
