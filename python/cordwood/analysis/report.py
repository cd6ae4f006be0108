"""What an analysis found, as plain data. The core counts; `cordwood.analysis.analyze` adds advice and comparison."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Literal

import msgspec

LEVELS = ("", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")  # "" where a record has none
ERRORS = (4, 5)  # of these counts by level
_HOUR = 3600

Kind = Literal["new", "vanished", "spiking"]
Hour = tuple[int | None, tuple[int, int, int, int, int, int]]
"""Hours since the epoch in local time (None: records without a time), and counts by level."""


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
        levels: records by level, in the order of `LEVELS`.
        hours: records by hour and level; where the log is long, by spans of several hours.
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
    levels: list[int]
    hours: list[Hour]
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
    """A pattern that is not as it was.

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

    records: int
    before: Window
    now: Window
    levels: list[int]
    hours: list[Hour]
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
        hours: records by hour and level.
        loggers: the most frequent first.
        patterns: the most frequent first.
        errors: kinds of tracebacks, the most frequent first.
        issues: known issues, in the order of the rules.
        changes: new, vanished and spiking patterns; errors first.
        notices: what could not be read.
    """

    sources: list[str]
    now: Window
    before: Window
    compared: str
    levels: list[int]
    hours: list[Hour]
    loggers: list[Counted]
    patterns: list[Counted]
    errors: list[Counted]
    issues: list[Issue]
    changes: list[Change]
    notices: list[str]

    @property
    def failing(self) -> list[Counted]:
        """Patterns with records of ERROR and above, by how many."""
        return sorted((one for one in self.patterns if one.errors), key=lambda one: -one.errors)

    def as_json(self) -> bytes:
        """As one JSON object."""
        return msgspec.json.encode(self)


def moment(ns: int | None) -> str:
    """A time in local time, to the second; `-` where there is none."""
    if ns is None:
        return "-"
    return datetime.fromtimestamp(ns // 1_000_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def hour_name(hour: int) -> str:
    """An hour of `hours`, as clocks show it."""
    return datetime.fromtimestamp(hour * _HOUR, timezone.utc).strftime("%Y-%m-%d %H:00")


def spread(hours: list[Hour], span: tuple[int, int], most: int, levels: tuple[int, ...] | None = None) -> list[int]:
    """Counts in columns of a span of hours, as many hours in each: in unequal ones there would be peaks that are none.

    Args:
        hours: what to spread.
        span: the first hour, and the one after the last.
        most: at most so many columns.
        levels: of these levels only.
    """
    first, end = span
    width = math.ceil((end - first) / most)
    counts = [0] * math.ceil((end - first) / width)
    for hour, by_level in hours:
        if hour is not None and first <= hour < end:
            counts[(hour - first) // width] += sum(
                by_level if levels is None else (by_level[level] for level in levels)
            )
    return counts
