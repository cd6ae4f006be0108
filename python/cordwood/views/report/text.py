"""An analysis on one screen of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

import click

from cordwood.analysis.report import ERRORS, Counted, Report
from cordwood.views.report import (
    COLUMNS,
    Choice,
    by_level,
    clean,
    columns,
    many,
    percent,
    seen,
    sparkline,
    times_shown,
    title,
    unchanged,
    when,
)

_FRAMES = 3
_MOST = 5
_INDENT = " " * 11
_COLOURS = {"CRITICAL": "magenta", "ERROR": "red", "WARNING": "yellow", "INFO": "green", "DEBUG": "cyan"}


def text(report: Report, choice: Choice) -> str:
    """The whole of it."""
    parts = [[title(report)]]
    if choice.stats:
        parts.append([*_stats(report, choice)])
    parts += [[*_issues(report, choice)], [*_changes(report, choice)], [*_errors(report, choice)]]
    parts.append([*_failing(report, choice)])
    if not choice.errors_only:
        parts.append([*_patterns(report, choice)])
    elif not (report.issues or report.errors or report.failing):
        parts.append(["No errors."])
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _style(choice: Choice) -> Callable[..., str]:
    """Colours a text where there is a colour for it."""
    return lambda text, **how: click.style(text, **how) if choice.coloured and any(how.values()) else str(text)


def _shown(found: Sequence[Counted], choice: Choice) -> Sequence[Counted]:
    return found[: choice.most or _MOST]


def _rest(found: Sequence[object], choice: Choice, what: str = "") -> Iterator[str]:
    if (left := len(found) - (choice.most or _MOST)) > 0:
        yield f"{_INDENT}and {left} more{what}"


def _stats(report: Report, choice: Choice) -> Iterator[str]:
    style = _style(choice)
    levels = "   ".join(style(f"{name} {count:,}", fg=_COLOURS.get(name)) for name, count in by_level(report))
    yield f"Levels   {levels or 'none'}"
    if (names := times_shown(report)) is not None:
        yield f"Times    {sparkline(columns(report, report.times))}  {names[0]} … {names[1]}"
        if any(wrong := columns(report, report.times, ERRORS)):
            yield f"Errors   {style(sparkline(wrong), fg='red')}"
    loggers = [one for one in report.loggers if one.text]
    for place, one in enumerate(_shown(loggers, choice)):
        errors = style(f"  {many(one.errors, 'error')}", fg="red") if one.errors else ""
        bars = sparkline(columns(report, one.times))
        yield f"{'Loggers' if not place else '':<9}{clean(one.text, 32):<32} {one.count:>9,}  {bars}{errors}"
    yield from _rest(loggers, choice)


def _issues(report: Report, choice: Choice) -> Iterator[str]:
    if not report.issues:
        return
    style = _style(choice)
    yield style("Known issues", bold=True)
    issues = sorted(report.issues, key=lambda one: -one.found.count)
    for issue in issues[: choice.most or _MOST]:
        seen = when(issue.found)
        yield f"{issue.found.count:>9,}  {style(issue.title, fg='red')}" + (f"  ({seen})" if seen else "")
        yield from textwrap.wrap(
            issue.advice, choice.width, initial_indent=f"{_INDENT}→ ", subsequent_indent=f"{_INDENT}  "
        )
    yield from _rest(issues, choice)


def _changes(report: Report, choice: Choice) -> Iterator[str]:
    if not report.compared:
        return
    yield _style(choice)(f"Compared {clean(report.compared)} ({many(report.before.records, 'record')})", bold=True)
    if not report.changes:
        yield f"{_INDENT}{unchanged(report)}"
    for kind in ("new", "spiking", "vanished"):
        found = [one for one in report.changes if one.kind == kind]
        for change in found[: choice.most or _MOST]:
            shares = f"{percent(change.before)} → {percent(change.now)}, p={change.p:.1g}" if kind != "new" else ""
            told = shares or many(change.pattern.count, "record")
            room = choice.width - len(_INDENT) - len(told) - 2
            yield f"{kind:>9}  {clean(change.pattern.text, room)}  {told}"
        yield from _rest(found, choice, f" {kind}")


def _errors(report: Report, choice: Choice) -> Iterator[str]:
    if not report.errors:
        return
    yield _style(choice)("Errors by traceback", bold=True)
    for one in _shown(report.errors, choice):
        counts = columns(report, one.times)
        yield _row(one.count, counts, one.text, choice)
        frames = " → ".join(clean(frame) for frame in one.frames[-_FRAMES:])
        yield _below(filter(None, (seen(report, one, counts), frames)), choice)
        yield _below([one.example.partition("\n")[0]], choice)
    yield from _rest(report.errors, choice)


def _failing(report: Report, choice: Choice) -> Iterator[str]:
    if not report.failing:
        return
    yield _style(choice)("Errors without a traceback, by pattern", bold=True)
    for one in _shown(report.failing, choice):
        counts = columns(report, one.times, ERRORS)
        yield _row(one.errors, counts, one.text, choice)
        example = f"such as: {one.example}" if one.variables else ""
        yield _below(filter(None, (seen(report, one, counts), example)), choice)
    yield from _rest(report.failing, choice)


def _patterns(report: Report, choice: Choice) -> Iterator[str]:
    yield _style(choice)(f"Patterns ({len(report.patterns):,})", bold=True)
    shown = _shown(report.patterns, choice)
    for one in shown:
        yield _row(one.count, columns(report, one.times), one.text, choice, colour=None)
    if rest := report.patterns[len(shown) :]:
        yield f"{sum(one.count for one in rest):>9,}  in {len(rest)} more"


def _row(count: int, counts: list[int], what: str, choice: Choice, colour: str | None = "red") -> str:
    bars = f"{sparkline(counts):<{min(COLUMNS, len(counts))}}  " if counts else ""
    return f"{count:>9,}  {bars}{_style(choice)(clean(what, choice.width - len(_INDENT) - len(bars)), fg=colour)}"


def _below(parts: Iterable[str], choice: Choice) -> str:
    return _INDENT + clean("  ".join(parts), choice.width - len(_INDENT))
