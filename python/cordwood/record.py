"""A record read back: what Python-run sinks, `cordwood tail` and tests see of one log call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import TypedDict

from cordwood.errors import ConfigError, closest

LEVELS: Mapping[str, int] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}
_ALIASES: Mapping[str, int] = {"WARN": logging.WARNING, "FATAL": logging.CRITICAL, "NOTSET": logging.NOTSET}


class Frame(TypedDict):
    """One line of a traceback."""

    file: str
    line: int
    function: str


class ExceptionInfo(TypedDict):
    """An exception as it was logged, redacted."""

    type: str
    message: str
    text: str
    fingerprint: str
    frames: list[Frame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One log call.

    `(segment, sequence)` is its identity: a sink that promises "at least once" may see the same pair again.
    """

    time: int  # nanoseconds since the epoch
    level: int
    level_name: str
    logger: str
    message: str
    template: str  # `LogRecord.msg`: equals the message where there were no arguments
    pathname: str
    filename: str
    module: str
    line: int
    function: str
    pid: int
    process_name: str
    thread_id: int
    thread_name: str
    hostname: str
    fields: Mapping[str, object]
    exception: ExceptionInfo | None
    stack_info: str | None
    task_name: str | None
    segment: int
    sequence: int

    @property
    def timestamp(self) -> datetime:
        """The time as an aware datetime in UTC, cut to microseconds."""
        return datetime.fromtimestamp(self.time // 1_000_000_000, timezone.utc).replace(
            microsecond=self.time // 1_000 % 1_000_000
        )


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Record))


def level_number(level: int | str) -> int:
    """The number of a level given by name (any case; WARN and FATAL too), number, or number as text.

    Names made with `logging.addLevelName` count.

    Raises:
        ConfigError: the level is none of these.
    """
    if isinstance(level, int) and not isinstance(level, bool):
        if level >= 0:
            return level
    elif isinstance(level, str):
        text = level.strip()
        if text.isdecimal():
            return int(text)
        for name in (text.upper(), text):
            number = _ALIASES.get(name, logging.getLevelName(name))
            if isinstance(number, int):
                return number
    hint = closest(level, LEVELS) if isinstance(level, str) else ""
    raise ConfigError("level", f"{level!r} is not a level", f"{', '.join(LEVELS)} or a number from 0", hint)


def level_name(number: int) -> str:
    """The name of a level number, as `logging` prints it (`Level 25` where it has none)."""
    return logging.getLevelName(number)
