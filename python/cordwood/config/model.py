"""The settings: what a user types, with defaults. Every assignment is checked at once.

`None` in a `FileConfig` or `ConsoleConfig` means "as in the `LogConfig`".
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from cordwood.config import values
from cordwood.config.values import Parse, choice, optional
from cordwood.errors import ConfigError, closest
from cordwood.formatters import FORMATS
from cordwood.plain import Field, Plain, dataclass_transform
from cordwood.sinks import SINKS, DatabaseSink, PythonSink
from cordwood.sinks.file import MEGABYTE

SettingsT = TypeVar("SettingsT", bound="Settings")


def setting(parse: Parse, default: object) -> Any:
    """A field with its default and the function that turns what was written into its value."""
    return Field(default, metadata={"parse": parse})


def _setting_of(parse: Parse, make: Callable[[], object]) -> Any:
    return Field(make=make, metadata={"parse": parse})


def _needed(parse: Parse) -> Any:
    return Field(metadata={"parse": parse})


@dataclass_transform(field_specifiers=(_needed,))
class Settings(Plain):
    """A dataclass whose every assignment goes through the field's `parse`."""

    prefix: ClassVar[str] = ""

    def __setattr__(self, name: str, value: object) -> None:
        field = self.plain_fields.get(name)
        if field is None:
            raise unknown(self.prefix + name, type(self))
        vars(self)[name] = field.metadata["parse"](self.prefix + name, value)

    _fill = __setattr__


def unknown(field: str, settings: type[Settings]) -> ConfigError:
    """The error for a setting that does not exist."""
    known = settings.plain_fields
    return ConfigError(field, "there is no such setting", hint=closest(field.rpartition(".")[2], known))


def _format(field: str, value: object) -> object:
    """A format's name."""
    if "%(" in str(value):
        raise ConfigError(field, f"{value!r} is a format string, which goes into format_string", ", ".join(FORMATS))
    return choice(*FORMATS)(field, value)


def _section(cls: type[SettingsT]) -> Callable[[str, object], SettingsT]:
    """A group of settings: an instance, or a mapping of its fields."""

    def parse(field: str, value: object) -> SettingsT:
        if isinstance(value, cls):
            return copy.copy(value)  # the caller's own may change later
        if not isinstance(value, Mapping):
            raise ConfigError(field, f"{value!r} is not a group of settings", f"a mapping or a {cls.__name__}")
        for name in value:
            if name not in cls.plain_fields:
                raise unknown(f"{field}.{name}", cls)
        return cls(**value)

    return parse


class ConsoleConfig(Settings):
    """The console.

    Args:
        level: the least level shown; None shows all that is logged.
        stream: `stderr` or `stdout`.
        colour: `auto` (a terminal, NO_COLOR and FORCE_COLOR decide), `always` or `never`.
        theme: level name to colour words (`{"INFO": "bold green"}`), over the default theme.
        format: as `LogConfig.format`; None is text on a terminal, else what files have.
        format_string: a `%`-style format of its own.
        date_format: a date format of its own.
    """

    prefix: ClassVar[str] = "console."

    level: str | int | None = setting(optional(values.level), None)
    stream: Literal["stderr", "stdout"] = setting(choice("stderr", "stdout"), "stderr")
    colour: Literal["auto", "always", "never"] = setting(choice("auto", "always", "never"), "auto")
    theme: dict[str, str] = _setting_of(values.theme, dict)
    format: str | None = setting(optional(_format), None)
    format_string: str | None = setting(optional(values.format_string), None)
    date_format: str | None = setting(optional(values.text), None)


class FileConfig(Settings):
    """One log file. All but the first three are as in `LogConfig` unless given here.

    Args:
        name: the file, below `log_dir`.
        level: the least level written; None writes all that is logged.
        logger: only records of this logger and those below it; the empty text is all.
    """

    prefix: ClassVar[str] = "files."

    name: str = setting(values.file_name, "app.log")
    level: str | int | None = setting(optional(values.level), None)
    logger: str = setting(values.logger_name, "")
    format: str | None = setting(optional(_format), None)
    format_string: str | None = setting(optional(values.format_string), None)
    date_format: str | None = setting(optional(values.text), None)
    max_bytes: int | str | None = setting(optional(values.size), None)
    backup_count: int | None = setting(optional(values.count), None)
    when: str | int | None = setting(optional(values.when), None)
    naming: Literal["number", "date"] | None = setting(optional(choice("number", "date")), None)
    compress: Literal["gzip", "zstd"] | None = setting(optional(choice("gzip", "zstd")), None)
    file_mode: int | str | None = setting(optional(values.mode), None)
    file_group: int | str | None = setting(optional(values.group), None)


class SpoolConfig(Settings):
    """Where records wait until they are delivered.

    Args:
        max_bytes: room for all processes of a log directory together.
        dir: the folder; None is `.cordwood` in the log directory. Never on a network file system.
    """

    prefix: ClassVar[str] = "spool."

    max_bytes: int | str = setting(values.size, 256 * MEGABYTE)
    dir: str | os.PathLike[str] | None = setting(optional(values.path), None)


class RedactionConfig(Settings):
    """What is taken out of records before they reach any disk.

    Args:
        enabled: whether anything is.
        words: words that make a name secret, besides the built-in ones, matched on whole parts of it: `pin`, `tax_id`.
        safe_keys: names that are never secret, although a part of them is such a word: `token_count`.
        emails: whether e-mail addresses are hidden too.
        patterns: regular expressions (linear time: no look-around, no back-references); the whole match is hidden.
        mask: what stands in place of a secret.
    """

    prefix: ClassVar[str] = "redaction."

    enabled: bool = setting(values.boolean, True)
    words: tuple[str, ...] = setting(values.words, ())
    safe_keys: tuple[str, ...] = setting(values.words, ())
    emails: bool = setting(values.boolean, False)
    patterns: tuple[str, ...] = setting(values.patterns, ())
    mask: str = setting(values.text, "***")


def _sink(field: str, value: object) -> PythonSink | DatabaseSink:
    """A sink, or a mapping with its kind and options."""
    if isinstance(value, PythonSink | DatabaseSink):
        return value
    kinds = [name for name, kind in SINKS.items() if hasattr(kind, "write") or hasattr(kind, "store")]
    if not isinstance(value, Mapping) or value.get("kind") not in kinds:
        raise ConfigError(field, f"{value!r} is not a sink", f"a sink, or a mapping with kind: {', '.join(kinds)}")
    options = {name: option for name, option in value.items() if name != "kind"}
    import dataclasses

    made = SINKS[value["kind"]]
    known = [option.name for option in dataclasses.fields(made) if option.init]  # type: ignore[arg-type]  # all are
    for name in options:
        if name not in known:
            raise ConfigError(f"{field}.{name}", "there is no such option", ", ".join(known), closest(name, known))
    try:
        sink = made(**options)
    except ConfigError as error:
        raise ConfigError(f"{field}.{error.field}", error.problem, error.allowed, error.hint) from None
    assert isinstance(sink, PythonSink | DatabaseSink)
    return sink


class SinkConfig(Settings):
    """A sink that is neither console nor file.

    Args:
        sink: the sink itself (`SyslogSink("udp://loghost:514")`), or a mapping of its options and its `kind`.
        level: the least level that goes there; None is all that is logged.
        logger: only records of this logger and those below it; the empty text is all.
    """

    prefix: ClassVar[str] = "sinks."

    sink: PythonSink | DatabaseSink = _needed(_sink)
    level: str | int | None = setting(optional(values.level), None)
    logger: str = setting(values.logger_name, "")


def _sinks(field: str, value: object) -> tuple[SinkConfig, ...]:
    """Sinks: themselves, `SinkConfig`s, or mappings in which `level` and `logger` stand beside the options."""
    if isinstance(value, (SinkConfig, Mapping)) or hasattr(value, "identity"):
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(field, f"{value!r} is not a list of sinks", "sinks, mappings or SinkConfigs")
    made = []
    for entry in value:
        if isinstance(entry, SinkConfig):
            made.append(copy.copy(entry))
        elif isinstance(entry, Mapping):
            own = {name: entry[name] for name in ("level", "logger") if name in entry}
            options = {name: option for name, option in entry.items() if name not in own}
            made.append(SinkConfig(_sink(field, options), **own))
        else:
            made.append(SinkConfig(_sink(field, entry)))
    return tuple(made)


class RetentionConfig(Settings):
    """What becomes of closed log files (rotated ones, and copies of the console) as time goes by.

    Args:
        archive_days: pack those older than this many days; None never.
        delete_days: delete those older than this many days, packed or not; None never.
        compress: how to pack: `gzip` or `zstd`.
    """

    prefix: ClassVar[str] = "retention."

    archive_days: int | None = setting(optional(values.count), None)
    delete_days: int | None = setting(optional(values.count), None)
    compress: Literal["gzip", "zstd"] = setting(choice("gzip", "zstd"), "gzip")


class DatabaseConfig(Settings):
    """The database that records go to.

    Args:
        enabled: whether records go there.
        level: the least level that goes there; None is all that is logged.
        url: the database, such as `postgresql://host/name` or `sqlite:///logs/logs.db`; it wins over `host` and `port`.
            Without it, and without host, username and database, it is the file `logs.db` in the log directory.
        host: the server; None is this machine.
        port: its port.
        username: who logs in.
        password: with what; never shown.
        database: the database's name.
        table_prefix: the table is `{table_prefix}_logs`.
        retention_days: rows older than this are deleted; None keeps all.
        columns: `documented`, or `extended` by template and fingerprint.
        partition: None, or `day`: a partition a day (PostgreSQL).
        batch_size: rows that are written at once without waiting for more; batches grow under load.
        flush_interval: seconds that fewer rows wait for more.
        connect_timeout: seconds.
        query_timeout: seconds that a batch may take; then the connection is given up.
    """

    prefix: ClassVar[str] = "database."

    enabled: bool = setting(values.boolean, False)
    level: str | int | None = setting(optional(values.level), None)
    url: values.Secret | None = setting(optional(values.database_url), None)
    host: str | None = setting(optional(values.text), None)
    port: int = setting(values.count, 5432)
    username: str | None = setting(optional(values.text), None)
    password: values.Secret | None = setting(optional(values.secret), None)
    database: str | None = setting(optional(values.text), None)
    table_prefix: str = setting(values.identifier, "app")
    retention_days: int | None = setting(optional(values.count), None)
    columns: Literal["documented", "extended"] = setting(choice("documented", "extended"), "documented")
    partition: Literal["day"] | None = setting(optional(choice("day")), None)
    batch_size: int = setting(values.positive, 50)
    flush_interval: float = setting(values.seconds, 5.0)
    connect_timeout: float = setting(values.seconds, 10.0)
    query_timeout: float = setting(values.seconds, 30.0)


def _database(field: str, value: object) -> DatabaseConfig:
    """A database's settings; `True` is the embedded one, text its URL, `False` none."""
    if isinstance(value, bool):
        return DatabaseConfig(enabled=value)
    if isinstance(value, (str, values.Secret)):
        return DatabaseConfig(enabled=True, url=value)  # type: ignore[arg-type]  # parsed there
    return _section(DatabaseConfig)(field, value)


def _files(field: str, value: object) -> tuple[FileConfig, ...]:
    """Log files: names, mappings or `FileConfig`s."""
    if isinstance(value, str):
        value = values.words(field, value)
    if isinstance(value, (FileConfig, Mapping)):
        value = (value,)
    if not isinstance(value, Iterable):
        raise ConfigError(field, f"{value!r} is not a list of files", "file names, mappings or FileConfigs")
    parse = _section(FileConfig)
    files = tuple(FileConfig(file) if isinstance(file, str) else parse(field, file) for file in value)
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(field, f"{name!r} is there twice", "one entry a file")
    return files


class LogConfig(Settings):
    """How a program logs.

    Args:
        level: the least level logged: DEBUG, INFO, WARNING, ERROR, CRITICAL (any case, WARN and FATAL too) or a number.
        log_dir: the directory of log files; made when needed.
        console_output: whether to write to the console.
        file_output: whether to write files.
        max_bytes: rotate a file before it grows past this many bytes (`"10 MB"` is understood); 0 never.
        backup_count: closed files to keep; 0: never rotate (named by number), or keep all (named by date).
        format_string: a `%`-style format for files and console; None is
            `%(asctime)s - %(name)s - %(levelname)s - %(message)s`.
        date_format: `strftime` directives for `%(asctime)s`; None is stdlib's, with milliseconds.
        component_levels: levels of single loggers and those below them.
        format: of files: `text`, or one JSON object a line with Cordwood's own names (`json`) or those of `ecs`,
            `otel`, `gcp`.
        files: the log files: names, mappings or `FileConfig`s.
        when: rotate by time too: `midnight`, `day`, `hour`, `minute`, or a number of seconds.
        naming: closed files are `app.log.1`, `app.log.2`, … (`number`) or carry the date (`date`).
        compress: pack closed files with `gzip` or `zstd`.
        file_mode: permission bits of new files; new folders get 0700, existing ones stay as they are.
        file_group: group of new files, by name or number.
        sync: force bytes to the disk at an `interval`, at once for ERROR and up (`level`), or `always`.
        max_message_bytes: longer messages are cut, with a mark that says so.
        sinks: what else records go to: `SyslogSink`, `JournaldSink`, …, mappings with their `kind`, or `SinkConfig`s.
        console: a `ConsoleConfig`, or a mapping of its fields.
        spool: a `SpoolConfig`, or a mapping of its fields.
        redaction: a `RedactionConfig`, or a mapping of its fields.
        retention: a `RetentionConfig`, or a mapping of its fields.
        database: a `DatabaseConfig`, or a mapping of its fields; a URL; `True` for one in the log directory.

    Raises:
        ConfigError: a value cannot be used; it names the field and what is allowed.
    """

    level: str | int = setting(values.level, "INFO")
    log_dir: str | os.PathLike[str] = setting(values.path, "./logs")
    console_output: bool = setting(values.boolean, True)
    file_output: bool = setting(values.boolean, True)
    max_bytes: int | str = setting(values.size, 10 * MEGABYTE)
    backup_count: int = setting(values.count, 5)
    format_string: str | None = setting(optional(values.format_string), None)
    date_format: str | None = setting(optional(values.text), "%Y-%m-%d %H:%M:%S")
    component_levels: dict[str, str | int] = _setting_of(values.component_levels, dict)
    format: str = setting(_format, "text")
    files: tuple[FileConfig, ...] = _setting_of(_files, lambda: (FileConfig(),))
    when: str | int | None = setting(optional(values.when), None)
    naming: Literal["number", "date"] = setting(choice("number", "date"), "number")
    compress: Literal["gzip", "zstd"] | None = setting(optional(choice("gzip", "zstd")), None)
    file_mode: int | str = setting(values.mode, 0o600)
    file_group: int | str | None = setting(optional(values.group), None)
    sync: Literal["interval", "level", "always"] = setting(choice("interval", "level", "always"), "interval")
    max_message_bytes: int | str = setting(values.message_size, MEGABYTE)
    sinks: tuple[SinkConfig, ...] = _setting_of(_sinks, tuple)
    console: ConsoleConfig = _setting_of(_section(ConsoleConfig), ConsoleConfig)
    spool: SpoolConfig = _setting_of(_section(SpoolConfig), SpoolConfig)
    redaction: RedactionConfig = _setting_of(_section(RedactionConfig), RedactionConfig)
    retention: RetentionConfig = _setting_of(_section(RetentionConfig), RetentionConfig)
    database: DatabaseConfig = _setting_of(_database, DatabaseConfig)
