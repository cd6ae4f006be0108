"""The templates that the answers to a query were made of: what a page shows as patterns."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cordwood import _native
from cordwood.query.model import Query
from cordwood.query.parts import Part, read
from cordwood.query.times import SECOND, local_zone


@dataclass(frozen=True, slots=True)
class Values:
    """What stands at one place of a template.

    Args:
        kind: `integer`, `duration`, `address`, `path` and others: see `cordwood.analysis.patterns.Variable`.
        distinct: how many different ones, estimated.
        top: the most frequent, with how often they were seen.
    """

    kind: str
    distinct: int
    top: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Messages of one template.

    Args:
        template: with `<*>` for what varies.
        count: answers.
        share: of all answers, 0 to 1.
        times: (begin in nanoseconds since the epoch or None, answers) of each hour that has any: of less where all
            are within some hours, of several where the log is very long.
        first: nanoseconds since the epoch; None where no answer has a time. New is what was first seen after a moment.
        last: the same.
        example: one record.
        logger: of the example.
        values: in the order of the template.
    """

    template: str
    count: int
    share: float
    times: tuple[tuple[int | None, int], ...]
    first: int | None
    last: int | None
    example: str
    logger: str
    values: tuple[Values, ...]


def mined(parts: Iterable[Part], query: Query, most: int, unit: int) -> tuple[list[Pattern], list[str]]:
    """The most frequent patterns of what answers a query, counted by `unit` seconds, and what could not be read."""
    now = time.time_ns()
    analysis = _native.Analysis(query.as_json(), local_zone(), now, [], unit=unit)
    notices: list[str] = []
    for part in parts:
        notices += read(part, analysis)
    told = json.loads(analysis.report())
    offset = time.localtime(now // SECOND).tm_gmtoff
    total = max(1, told["now"]["records"])
    found = [one for one in told["patterns"] if one["count"]]
    return [_pattern(one, total, unit, offset) for one in found[:most]], notices


def _pattern(told: dict[str, Any], total: int, unit: int, offset: int) -> Pattern:
    begin = [None if place is None else (place * unit - offset) * SECOND for place, _ in told["times"]]
    return Pattern(
        template=told["text"],
        count=told["count"],
        share=told["count"] / total,
        times=tuple(zip(begin, (sum(levels) for _, levels in told["times"]), strict=True)),
        first=told["first"],
        last=told["last"],
        example=told["example"],
        logger=told["logger"],
        values=tuple(
            Values(one["kind"], one["distinct"], tuple((text, count) for text, count in one["top"]))
            for one in told["variables"]
        ),
    )
