"""A record read back: what Python-run sinks, `cordwood tail` and tests see of one log call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import TypedDict


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
