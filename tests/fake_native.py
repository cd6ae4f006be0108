"""A double of the native core: spools in memory, so that Python's side can be tested where the core is not built."""

from __future__ import annotations

import itertools
import json
import logging
import re
import socket
import threading
import types
from typing import Any, ClassVar

from cordwood.record import Record

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Spool:
    """Undelivered records, a list for each sink."""

    made: ClassVar[list[Spool]] = []
    unusable: ClassVar[set[str]] = set()

    def __init__(self, folder: str | None, *, max_bytes: int, max_message_bytes: int, sync: str) -> None:
        if folder in self.unusable or (self.unusable and "*" in self.unusable and folder is not None):
            raise PermissionError(13, "Permission denied", folder)
        self.folder = folder
        self.options = {"max_bytes": max_bytes, "max_message_bytes": max_message_bytes, "sync": sync}
        self.sinks: dict[str, int] = {}
        self.specs: dict[int, dict[str, Any]] = {}
        self.python: set[int] = set()
        self.waiting: dict[int, list[Record]] = {}
        self.delivered: dict[int, list[tuple[Record, str | None]]] = {}
        self.read_last: dict[int, int] = {}
        self.changed = threading.Condition()
        self.closed = False
        self.made.append(self)

    def add_sink(self, identity: str, spec: str, local: bool) -> int:
        bit = self.sinks.setdefault(identity, len(self.sinks))
        self.specs[bit] = json.loads(spec)
        if self.specs[bit]["kind"] == "python":
            assert local
            self.python.add(bit)
        self.delivered.setdefault(bit, [])
        self.waiting.setdefault(bit, [])
        return bit

    def remove_sink(self, bit: int) -> None:
        self.sinks = {name: known for name, known in self.sinks.items() if known != bit}

    def take(self, record: Record, mask: int, text: str | None) -> None:
        with self.changed:
            for bit in self.delivered:
                if mask >> bit & 1:
                    if bit in self.python:
                        self.waiting[bit].append(record)
                    else:
                        self.delivered[bit].append((record, text))

    def flush(self, timeout: float) -> int:
        with self.changed:
            self.changed.wait_for(lambda: not any(self.waiting.values()), timeout)
            return max((len(records) for records in self.waiting.values()), default=0)

    def read(self, bit: int, limit: int) -> list[Record]:
        with self.changed:
            found = self.waiting[bit][:limit]
            self.read_last[bit] = len(found)
            return found

    def commit(self, bit: int) -> None:
        with self.changed:
            done = self.waiting[bit][: self.read_last[bit]]
            del self.waiting[bit][: len(done)]
            self.delivered[bit] += [(record, None) for record in done]
            self.changed.notify_all()

    def stats(self) -> dict[str, object]:
        return {"accepted": sum(len(done) for done in self.delivered.values())}

    def close(self, timeout: float) -> int:
        self.closed = True
        return self.flush(timeout)


_sequence = itertools.count(1)


def capture(record: logging.LogRecord, spool: Spool, mask: int, prerendered: str | None) -> None:
    try:
        message = record.getMessage()
    except Exception as error:
        message = f"{record.msg} [{type(error).__name__}]"
    extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    spool.take(
        Record(
            time=int(record.created * 1_000_000_000),
            level=record.levelno,
            level_name=record.levelname,
            logger=record.name,
            message=message,
            template=str(record.msg),
            pathname=record.pathname,
            filename=record.filename,
            module=record.module,
            line=record.lineno,
            function=record.funcName or "",
            pid=record.process or 0,
            process_name=record.processName or "",
            thread_id=record.thread or 0,
            thread_name=record.threadName or "",
            hostname=socket.gethostname(),
            fields=extra,
            exception=None,
            stack_info=record.stack_info,
            task_name=None,
            segment=1,
            sequence=next(_sequence),
        ),
        mask,
        prerendered,
    )


def compile_text(template: str, date_format: str | None) -> bool:
    return "%(exc_info)" not in template and "%c" not in (date_format or "")


def check_pattern(pattern: str) -> None:
    if "(?=" in pattern:
        raise ValueError("look-around is not supported")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(str(error)) from None


def check_theme(level: str, words: str) -> None:
    for word in words.split():
        if word.removeprefix("bright_") not in {"bold", "dim", "red", "green", "blue"} and not word.isdecimal():
            raise ValueError(f"{level}: {word!r} is neither a colour nor a style")


def install_handler(handler: type[logging.Handler]) -> None:
    """The double has no fast path that would need to know."""


def set_redaction(spec: str) -> None:
    json.loads(spec)


def module() -> types.ModuleType:
    """The double as `cordwood._native`."""
    fake = types.ModuleType("cordwood._native")
    for thing in (Spool, capture, compile_text, check_pattern, check_theme, install_handler, set_redaction):
        setattr(fake, thing.__name__, thing)
    return fake
