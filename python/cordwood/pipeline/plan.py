"""LogConfig → sinks: what a configuration asks for, before anything is opened."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cordwood import _native
from cordwood.capture.handler import tells_usual_time
from cordwood.config import ConsoleConfig, FileConfig, LogConfig
from cordwood.config.model import DatabaseConfig
from cordwood.formatters import FORMATS
from cordwood.formatters.text import DEFAULT_FORMAT, TextFormatter
from cordwood.level import level_number
from cordwood.plain import Frozen
from cordwood.sinks import DatabaseSink, Sink, is_database
from cordwood.sinks.console import ConsoleSink, wants_colour
from cordwood.sinks.file import FileSink, absolute
from cordwood.spool import SpoolOptions, spool_folder, state_folder

if TYPE_CHECKING:
    from cordwood.sinks.postgres import PostgresSink
    from cordwood.sinks.sqlite import SqliteSink

DATABASE_FILE = "logs.db"  # in the log directory: what `database=True` means


class Planned(Frozen):
    """One handler to be made.

    Args:
        sink: where it leads.
        level: the handler's level.
        logger: the logger it belongs to; the empty text is the root.
        formatter: for a format that the core cannot express.
    """

    sink: Sink
    level: int
    logger: str
    formatter: logging.Formatter | None


def spool_options(config: LogConfig, sink: Sink | None = None) -> SpoolOptions:
    """Where the records of a configuration wait, or those for one sink.

    With files, beside them. With a database alone, in the platform's state directory, in one folder for all processes
    that log to that database. With neither nobody else could deliver them: in memory.
    """
    folder = None
    shared = None if config.file_output else _shared(config, sink)
    if config.file_output or shared is not None:
        given = config.spool.dir
        if given is not None:
            folder = os.path.realpath(given)
        else:
            folder = spool_folder(config.log_dir) if shared is None else state_folder(shared.identity)
    log_dir = None if folder is None else os.path.realpath(config.log_dir)
    return SpoolOptions(folder, int(config.spool.max_bytes), int(config.max_message_bytes), config.sync, log_dir)


def plan(config: LogConfig, environ: Mapping[str, str] = os.environ) -> Iterator[Planned]:
    """The handlers a configuration asks for, the console first."""
    if config.console_output:
        yield _console(config, config.console, environ)
    if config.file_output:
        for file in config.files:
            yield _file(config, file)
    if config.database.enabled:
        yield Planned(database(config), _level(config.database.level), "", None)
    for entry in config.sinks:
        yield Planned(entry.sink, _level(entry.level), entry.logger, None)


def _shared(config: LogConfig, sink: Sink | None) -> DatabaseSink | None:
    """A database among the sinks."""
    if config.database.enabled:
        return database(config)
    sinks = [sink, *(entry.sink for entry in config.sinks)]
    return next((each for each in sinks if is_database(each)), None)


def database(config: LogConfig) -> PostgresSink | SqliteSink:
    """The database that a configuration means: its URL's, else a server's that it names a part of, else a file's."""
    from cordwood.sinks.postgres import PostgresSink
    from cordwood.sinks.sqlite import SqliteSink

    wanted = config.database
    own: dict[str, Any] = {}
    for name in ("table_prefix", "columns", "batch_size", "flush_interval", "retention_days"):
        own[name] = getattr(wanted, name)
    url = _database_url(wanted) or f"sqlite:///{os.path.abspath(os.path.join(config.log_dir, DATABASE_FILE))}"
    if url.startswith("sqlite"):
        return SqliteSink(url, **own)
    limits: dict[str, Any] = {"connect_timeout": wanted.connect_timeout, "query_timeout": wanted.query_timeout}
    return PostgresSink(url, **own, **limits, partition=wanted.partition)


def _database_url(wanted: DatabaseConfig) -> str | None:
    from urllib.parse import quote

    if wanted.url is not None:
        return wanted.url.reveal()
    if wanted.host is None and wanted.username is None and wanted.database is None:
        return None
    password = "" if wanted.password is None else f":{quote(wanted.password.reveal(), safe='')}"
    user = f"{quote(wanted.username or '', safe='')}{password}@" if wanted.username else ""
    # A directory of sockets goes into the query: it has slashes.
    host, query = (wanted.host or "localhost"), ""
    if host.startswith("/"):
        host, query = "", f"?host={quote(host, safe='/')}&port={wanted.port}"
    at = f"{f'[{host}]' if ':' in host else host}:{wanted.port}" if host else ""
    return f"postgresql://{user}{at}/{quote(wanted.database or '', safe='')}{query}"


def _file(config: LogConfig, file: FileConfig) -> Planned:
    spec, formatter = _format(config, file, config.format)
    own: dict[str, Any] = {}
    for name in ("max_bytes", "backup_count", "when", "naming", "compress", "file_mode", "file_group"):
        value = getattr(file, name)
        own[name.removeprefix("file_")] = getattr(config, name) if value is None else value
    also_in = tuple(_also_in(config, file))
    sink = FileSink(os.path.join(config.log_dir, file.name), spec, sync=config.sync, also_in=also_in, **own)
    return Planned(sink, _level(file.level), file.logger, formatter)


def _also_in(config: LogConfig, file: FileConfig) -> Iterator[tuple[str, int]]:
    """The files that get a file's records too, and the least level of those that they get; 0: all of them.

    Of two files the one for more loggers, then for more levels, then the first has the other's, never each the other's.
    """
    own = _level(file.level)
    for place, other in enumerate(config.files):
        least = _level(other.level)
        if other.logger == file.logger:
            wider = (least, place) < (own, config.files.index(file))
        else:
            wider = not other.logger or file.logger.startswith(f"{other.logger}.")
        if wider:
            yield absolute(os.path.join(config.log_dir, other.name)), 0 if least <= own else least


def _console(config: LogConfig, console: ConsoleConfig, environ: Mapping[str, str]) -> Planned:
    terminal = _is_terminal(console.stream)
    spec, formatter = _format(config, console, "text" if terminal else config.format)
    coloured = spec["kind"] == "text" and wants_colour(console.colour, terminal=terminal, environ=environ)
    sink = ConsoleSink(spec, console.stream, console.theme if coloured else None)
    return Planned(sink, _level(console.level), "", formatter)


def _format(
    config: LogConfig, own: FileConfig | ConsoleConfig, usual: str
) -> tuple[dict[str, object], logging.Formatter | None]:
    """The core's spec, and a formatter where the core cannot express what is asked."""
    name = own.format or ("text" if own.format_string else usual)
    if name != "text":
        return FORMATS[name]().spec(), None
    template = own.format_string or config.format_string or DEFAULT_FORMAT
    date_format = own.date_format or config.date_format
    if tells_usual_time(logging.Formatter) and _native.compile_text(template, date_format):
        return TextFormatter(template, date_format).spec(), None
    from cordwood.capture.text import TextInPython

    return TextFormatter().spec(), TextInPython(template, date_format)


def _level(level: str | int | None) -> int:
    return logging.NOTSET if level is None else level_number(level)


def _is_terminal(stream: str) -> bool:
    try:
        return bool(getattr(sys, stream).isatty())
    except (AttributeError, ValueError, OSError):  # no such stream, or closed
        return False
