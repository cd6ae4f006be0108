"""What an analysis found, as plain data. The core counts; `cordwood.analysis.analyze` adds advice and comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Literal

import msgspec

from cordwood.query.times import SECOND

LEVELS = ("", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")  # "" where a record has none
ERRORS = (4, 5)  # of these counts by level

Kind = Literal["new", "vanished", "spiking"]
Time = tuple[int | None, tuple[int, int, int, int, int, int]]
"""Units of time since the epoch in local time (None: records without a time), and counts by level."""


class Variable(msgspec.Struct, frozen=True):
    """See `cordwood.analysis.patterns.Variable`."""

    kind: str
    kinds: list[tuple[str, int]]
    distinct: int
    least: float | None
    greatest: float | None
    top: list[tuple[str, int]]


class Counted(msgspec.Struct, frozen=True):
    """A pattern, a logger, a kind of traceback or an issue.

    Attributes:
        text: the pattern, the logger's name, the exception's line.
        count: records.
        before: records of what is compared with.
        raised: records with a traceback, of a pattern.
        levels: records by level, in the order of `LEVELS`.
        times: records by time and level, in the report's unit; where the log is very long, by spans of several.
        first: nanoseconds since the epoch; None where no record has a time.
        last: the same.
        example: one record, its traceback included.
        logger: of the example.
        frames: the application's own, of a traceback.
        variables: of a pattern.
    """

    text: str
    count: int
    before: int
    raised: int
    levels: list[int]
    times: list[Time]
    first: int | None
    last: int | None
    example: str
    logger: str
    frames: list[str]
    variables: list[Variable]

    @property
    def errors(self) -> int:
        """Records of ERROR and above."""
        return sum(self.levels[level] for level in ERRORS)


class Issue(msgspec.Struct, frozen=True):
    """A known issue that was found.

    Attributes:
        id: the rule's.
        title: what it is.
        advice: what to do.
        found: how often, when, an example.
    """

    id: str
    title: str
    advice: str
    found: Counted


class Change(msgspec.Struct, frozen=True):
    """A pattern, or a kind of traceback, that is not as it was.

    Attributes:
        kind: `new` was not there before, `vanished` is no more, `spiking` has a greater share of all records.
        pattern: which.
        before: its share of all records then, 0 to 1.
        now: its share now.
        p: how likely a difference like this is by chance, adjusted for the number of patterns.
    """

    kind: Kind
    pattern: Counted
    before: float
    now: float
    p: float


class Window(msgspec.Struct, frozen=True):
    """Records and the time of the first and last, in nanoseconds since the epoch."""

    records: int
    first: int | None
    last: int | None


class Found(msgspec.Struct, frozen=True):
    """What the core counted."""

    before: Window
    now: Window
    unit: int
    levels: list[int]
    times: list[Time]
    loggers: list[Counted]
    patterns: list[Counted]
    errors: list[Counted]
    issues: list[Counted]


class Report(msgspec.Struct, frozen=True):
    """All of it.

    Attributes:
        sources: what was read.
        now: how many records, from when to when.
        before: the same of what is compared with; without records where nothing is.
        compared: what with, in words; empty where nothing is.
        levels: records by level, in the order of `LEVELS`.
        unit: seconds in the unit of `times`: an hour, or less where the log is short.
        times: records by time and level.
        loggers: the most frequent first.
        patterns: the most frequent first.
        errors: kinds of tracebacks, the most frequent first.
        issues: known issues, in the order of the rules.
        changes: new, vanished and spiking patterns and kinds of tracebacks; errors first.
        notices: what could not be read.
    """

    sources: list[str]
    now: Window
    before: Window
    compared: str
    unit: int
    levels: list[int]
    times: list[Time]
    loggers: list[Counted]
    patterns: list[Counted]
    errors: list[Counted]
    issues: list[Issue]
    changes: list[Change]
    notices: list[str]

    @property
    def failing(self) -> list[Counted]:
        """Patterns of errors (ERROR and above) without a traceback, by how many; the others are among `errors`."""
        return sorted((one for one in self.patterns if one.errors > one.raised), key=lambda one: -one.errors)

    def as_json(self) -> bytes:
        """As one JSON object: levels by name, times in seconds since the epoch, begins of spans in local time."""
        told: bytes = msgspec.json.encode(_told(msgspec.to_builtins(self), self.unit))
        return told


def _told(value: Any, unit: int, name: str = "") -> Any:
    """A part of a report with words in the place of what only its classes know."""
    if name in ("levels", "times", "first", "last"):
        if name == "levels":
            return _by_name(value)
        if name == "times":
            return [
                {"begin": None if place is None else time_name(place, unit), "levels": _by_name(levels)}
                for place, levels in value
            ]
        return None if value is None else value / SECOND
    if isinstance(value, dict):
        return {key: _told(one, unit, key) for key, one in value.items()}
    return [_told(one, unit) for one in value] if isinstance(value, (list, tuple)) else value


def _by_name(levels: Sequence[int]) -> dict[str, int]:
    return {name or "none": count for name, count in zip(LEVELS, levels, strict=True) if count}


def moment(ns: int | None) -> str:
    """A time in local time, to the second; `-` where there is none."""
    if ns is None:
        return "-"
    return datetime.fromtimestamp(ns // 1_000_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def time_name(place: int, unit: int) -> str:
    """The begin of a unit of `times`, as clocks show it."""
    return datetime.fromtimestamp(place * unit, timezone.utc).strftime("%Y-%m-%d %H:%M")


def spread(times: list[Time], span: tuple[int, int], most: int, levels: tuple[int, ...] | None = None) -> list[int]:
    """Counts in columns of a span of time, equally wide: in unequal ones there would be peaks that are none.

    Args:
        times: what to spread.
        span: the first unit, and the one after the last.
        most: at most so many columns.
        levels: of these levels only.
    """
    first, end = span
    width = math.ceil((end - first) / most)
    counts = [0] * math.ceil((end - first) / width)
    for place, by_level in times:
        if place is not None and first <= place < end:
            counts[(place - first) // width] += sum(
                by_level if levels is None else (by_level[level] for level in levels)
            )
    return counts
