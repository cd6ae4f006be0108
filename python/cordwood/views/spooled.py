"""What is in a spool and not yet in its files, as the views show it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from cordwood import _native
from cordwood.formatters.text import DEFAULT_FORMAT
from cordwood.query.entries import Entry
from cordwood.record import Record
from cordwood.spool import FOLDER, file_sinks, spool_folder, spools


def spools_of(folder: str) -> list[str]:
    """The spools of a log directory, or the spool's own folder given as it is.

    There are two where the directory could not be used at times; this user's own come first.
    """
    given = Path(folder).resolve()
    if given.name == FOLDER or (given / "leader.lock").exists():
        return [str(given)] if given.is_dir() else []
    return spools(spool_folder(folder))


def undelivered(spool: str) -> list[Record]:
    """The records of all processes that some file of this spool has not got yet, oldest first."""
    return sorted(_native.read_spool(spool), key=lambda record: record.time)


def as_entries(records: Iterable[Record], spool: str) -> list[Entry]:
    """Spooled records as the lines that will stand in the file."""
    specs = list(file_sinks(spool).values())
    spec = specs[0].get("format") if specs else None
    return [Entry(record.time, as_text(record, spec), spool) for record in records]


def as_text(record: Record, spec: object) -> str:
    """One record in a file's format; formats of JSON as the plain default."""
    template, date_format = DEFAULT_FORMAT, None
    if isinstance(spec, dict) and spec.get("kind") == "text":
        template, date_format = spec.get("format", DEFAULT_FORMAT), spec.get("date_format")
    line = {
        **record.fields, "name": record.logger, "msg": record.message.replace("\n", "\n  "), "args": (),
        "levelno": record.level, "levelname": record.level_name, "pathname": record.pathname,
        "filename": record.filename, "module": record.module, "lineno": record.line, "funcName": record.function,
        "process": record.pid, "processName": record.process_name, "thread": record.thread_id,
        "threadName": record.thread_name, "created": record.time / 1e9, "msecs": record.time // 1_000_000 % 1000,
        "taskName": record.task_name, "stack_info": record.stack_info,
        "exc_text": record.exception and record.exception["text"],
    }  # fmt: skip
    made = logging.makeLogRecord(line)
    try:
        return logging.Formatter(template, date_format).format(made)
    except (ValueError, KeyError, TypeError):
        return logging.Formatter(DEFAULT_FORMAT).format(made)
