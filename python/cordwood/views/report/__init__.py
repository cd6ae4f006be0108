"""An analysis for people: on a terminal, as Markdown, as one HTML file. Each takes the same `Report`.

What logs hold is never trusted: control characters are escaped, markup stays text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cordwood import _native
from cordwood.analysis.report import LEVELS, Counted, Hour, Report, hour_name, moment, spread

COLUMNS = 24
BARS = "▁▂▃▄▅▆▇█"
_LONGEST = 160
_HALF = 2
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown.

    Args:
        errors_only: only what is wrong.
        stats: counts by level, logger and hour; None: as the view likes.
        most: lines of each list.
    """

    errors_only: bool = False
    stats: bool = True
    most: int = 10


View = Callable[[Report, Choice], str]


def many(count: int, what: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def sparkline(counts: list[int]) -> str:
    """Counts as a row of bars; nothing is a space."""
    top = max(counts, default=0)
    return "".join(" " if not count else BARS[(count * len(BARS) - 1) // top] for count in counts)


def span(report: Report) -> tuple[int, int] | None:
    """The hours of a report, as `spread` takes them; None where no record has a time."""
    hours = [hour for hour, _ in report.hours if hour is not None]
    return (min(hours), max(hours) + 1) if hours else None


def columns(report: Report, hours: list[Hour], levels: tuple[int, ...] | None = None) -> list[int]:
    """Counts of something over the report's whole time."""
    whole = span(report)
    return spread(hours, whole, COLUMNS, levels) if whole else []


def trend(counts: list[int]) -> str:
    """`rising`, `falling`, `steady`, by the halves of the time; empty where there is too little to tell."""
    middle = len(counts) // _HALF
    early, late = sum(counts[:middle]), sum(counts[len(counts) - middle :])
    if early + late < len(BARS):
        return ""
    if late > _HALF * early:
        return "rising"
    return "falling" if early > _HALF * late else "steady"


def clean(text: str, longest: int = _LONGEST) -> str:
    """Text of a log on one line, without anything that would act on a terminal."""
    line = _native.escape(text.replace("\n", " ⏎ "))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def title(report: Report) -> str:
    """What was read, how much of it, from when to when."""
    when = "" if report.now.first is None else f", {moment(report.now.first)} to {moment(report.now.last)}"
    return f"{', '.join(map(clean, report.sources))}: {many(report.now.records, 'record')}{when}"


def by_level(report: Report) -> list[tuple[str, int]]:
    """Levels that there are, the most severe first."""
    named = [(name or "no level", count) for name, count in zip(LEVELS, report.levels, strict=True) if count]
    return [*reversed(named)]


def hours_shown(report: Report) -> tuple[str, str] | None:
    """The names of the first and the last hour."""
    whole = span(report)
    return (hour_name(whole[0]), hour_name(whole[1] - 1)) if whole else None


def when(one: Counted) -> str:
    """First and last seen."""
    if one.first is None:
        return ""
    return moment(one.first) if one.count == 1 else f"{moment(one.first)} … {moment(one.last)}"


def percent(share: float) -> str:
    """A share, with as many digits as it needs."""
    return f"{share * _PERCENT:.1f} %" if share >= 1 / _PERCENT else f"{share * _PERCENT:.2g} %"
