"""An analysis for people: on a terminal, as Markdown, as one HTML file. Each takes the same `Report`.

What logs hold is never trusted: control characters are escaped, markup stays text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cordwood import _native
from cordwood.analysis.report import LEVELS, Counted, Report, Time, moment, spread, time_name

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
        stats: counts by level, logger and time.
        most: lines of each list; None: as the view likes.
        coloured: for a terminal that shows colours.
        width: letters that a line may have, where the view is of lines.
    """

    errors_only: bool = False
    stats: bool = True
    most: int | None = None
    coloured: bool = False
    width: int = 150


View = Callable[[Report, Choice], str]


def many(count: int, what: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def sparkline(counts: list[int]) -> str:
    """Counts as a row of bars; nothing is a space."""
    top = max(counts, default=0)
    return "".join(" " if not count else BARS[(count * len(BARS) - 1) // top] for count in counts)


def span(report: Report) -> tuple[int, int] | None:
    """The time of a report, as `spread` takes it; None where no record has one."""
    places = [place for place, _ in report.times if place is not None]
    return (min(places), max(places) + 1) if places else None


def columns(report: Report, times: list[Time], levels: tuple[int, ...] | None = None) -> list[int]:
    """Counts of something over the report's whole time."""
    whole = span(report)
    return spread(times, whole, COLUMNS, levels) if whole else []


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
    sources = ", ".join("standard input" if one == "-" else clean(one) for one in report.sources)
    return f"{sources}: {many(report.now.records, 'record')}{when}"


def by_level(report: Report) -> list[tuple[str, int]]:
    """Levels that there are, the most severe first."""
    named = [(name or "no level", count) for name, count in zip(LEVELS, report.levels, strict=True) if count]
    return [*reversed(named)]


def times_shown(report: Report) -> tuple[str, str] | None:
    """The names of the first and the last unit of time."""
    whole = span(report)
    return (time_name(whole[0], report.unit), time_name(whole[1] - 1, report.unit)) if whole else None


def when(one: Counted) -> str:
    """First and last seen."""
    if one.first is None:
        return ""
    first, last = moment(one.first), moment(one.last)
    if first == last:
        return first
    day, _, clock = last.partition(" ")
    return f"{first} … {clock if first.startswith(day) else last}"


def seen(report: Report, one: Counted, counts: list[int]) -> str:
    """When, whether it is rising, and whether it was never there before."""
    is_new = bool(report.before.records) and not one.before
    return ", ".join(filter(None, ("new" if is_new else "", when(one), trend(counts))))


def unchanged(report: Report) -> str:
    """Why no change is told."""
    if not report.before.records:
        return "There is nothing to compare with: no records from before."
    return "Nothing new, gone or grown." if report.now.records else "There are no records to compare."


def percent(share: float) -> str:
    """A share, with as many digits as it needs."""
    return f"{share * _PERCENT:.1f} %" if share >= 1 / _PERCENT else f"{share * _PERCENT:.2g} %"
