"""What is in a spool and not yet in its files, as the views show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cordwood import _native
from cordwood.formatters.text import DEFAULT_FORMAT
from cordwood.spool import FOLDER, Format, file_sinks, format_of, spool_folder, spools

if TYPE_CHECKING:
    from cordwood.record import Record


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


def as_text(record: Record, spec: object) -> str:
    """One record in a file's format; formats of JSON as the plain default."""
    import logging

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


def as_lines(records: list[Record], spool: str) -> tuple[bytes, list[Format]]:
    """Spooled records as they will stand in their file, if that is text whose lines say all, else as JSON."""
    plain: dict[str, object] = {"format": {"kind": "text", "format": DEFAULT_FORMAT}}
    specs = [*file_sinks(spool).values(), plain]
    form = format_of(specs[0])
    if form is not None:
        lines = [as_text(record, specs[0].get("format")) for record in records]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), [form]
    return "".join(f"{_json(record)}\n" for record in records).encode("utf-8", "replace"), []


def _json(record: Record) -> str:
    line = {
        **record.fields, "timestamp": record.timestamp.isoformat(), "level": record.level_name, "logger": record.logger,
        "message": record.message, "pid": record.pid, "process": record.process_name, "thread": record.thread_name,
        "function": record.function, "file": record.pathname, "line": record.line, "host": record.hostname,
    }  # fmt: skip
    if record.exception is not None:
        line["exception"] = {"text": record.exception["text"]}
    return json.dumps(line, ensure_ascii=False, default=str)
