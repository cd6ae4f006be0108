"""An analysis on one screen of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from cordwood.analysis.report import ERRORS, Counted, Report
from cordwood.views.report import (
    Choice,
    by_level,
    clean,
    columns,
    hours_shown,
    many,
    percent,
    sparkline,
    title,
    trend,
    when,
)

_WIDTH = 110
_FRAMES = 3


def text(report: Report, choice: Choice) -> str:
    """The whole of it."""
    parts = [[title(report)]]
    if choice.stats:
        parts.append([*_stats(report, choice)])
    parts += [[*_issues(report)], [*_changes(report, choice)], [*_errors(report, choice)], [*_failing(report, choice)]]
    if not choice.errors_only:
        parts.append([*_patterns(report, choice)])
    elif not any(parts[1:]):
        parts.append(["No errors."])
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _stats(report: Report, choice: Choice) -> Iterator[str]:
    levels = "   ".join(f"{name} {count:,}" for name, count in by_level(report))
    yield f"Levels   {levels or 'none'}"
    if (names := hours_shown(report)) is not None:
        yield f"Hours    {sparkline(columns(report, report.hours))}  {names[0]} … {names[1]}"
        if any(wrong := columns(report, report.hours, ERRORS)):
            yield f"Errors   {sparkline(wrong)}"
    loggers = [one for one in report.loggers if one.text]
    for place, one in enumerate(loggers[: choice.most]):
        errors = f"  {many(one.errors, 'error')}" if one.errors else ""
        name = clean(one.text, 32)
        bars = sparkline(columns(report, one.hours))
        yield f"{'Loggers' if not place else '':<9}{name:<32} {one.count:>9,}  {bars}{errors}"
    if len(loggers) > choice.most:
        yield f"{'':<9}and {len(loggers) - choice.most} more"


def _issues(report: Report) -> Iterator[str]:
    if not report.issues:
        return
    yield "Known issues"
    for issue in sorted(report.issues, key=lambda one: -one.found.count):
        seen = when(issue.found)
        yield f"{issue.found.count:>9,}  {issue.title}" + (f"  ({seen})" if seen else "")
        yield from textwrap.wrap(issue.advice, _WIDTH, initial_indent=" " * 11 + "→ ", subsequent_indent=" " * 13)


def _changes(report: Report, choice: Choice) -> Iterator[str]:
    if not report.compared:
        return
    yield f"Compared {clean(report.compared)} ({many(report.before.records, 'record')})"
    if not report.changes:
        yield "           nothing new, nothing gone, nothing that grew"
    for kind in ("new", "spiking", "vanished"):
        found = [one for one in report.changes if one.kind == kind]
        for change in found[: choice.most]:
            shares = f"{percent(change.before)} → {percent(change.now)}, p={change.p:.1g}" if kind != "new" else ""
            yield f"{kind:>9}  {clean(change.pattern.text)}  {shares or many(change.pattern.count, 'record')}"
        if len(found) > choice.most:
            yield f"{'':>9}  and {len(found) - choice.most} more {kind}"


def _errors(report: Report, choice: Choice) -> Iterator[str]:
    if not report.errors:
        return
    yield "Errors by traceback"
    for one in report.errors[: choice.most]:
        yield _counted(report, one)
        for frame in one.frames[-_FRAMES:]:
            yield f"{'':>13}{clean(frame)}"
        yield f"{'':>13}{clean(one.example.partition(chr(10))[0], _WIDTH)}"
    if len(report.errors) > choice.most:
        yield f"{'':>11}and {len(report.errors) - choice.most} more"


def _failing(report: Report, choice: Choice) -> Iterator[str]:
    if not report.failing:
        return
    yield "Errors by pattern"
    for one in report.failing[: choice.most]:
        yield _counted(report, one, errors=True)
        yield f"{'':>13}{clean(one.example, _WIDTH)}"
    if len(report.failing) > choice.most:
        yield f"{'':>11}and {len(report.failing) - choice.most} more"


def _patterns(report: Report, choice: Choice) -> Iterator[str]:
    yield f"Patterns ({len(report.patterns):,})"
    for one in report.patterns[: choice.most]:
        yield f"{one.count:>9,}  {sparkline(columns(report, one.hours))}  {clean(one.text, _WIDTH)}".rstrip()
    if len(report.patterns) > choice.most:
        rest = sum(one.count for one in report.patterns[choice.most :])
        yield f"{rest:>9,}  in {len(report.patterns) - choice.most} more"


def _counted(report: Report, one: Counted, *, errors: bool = False) -> str:
    counts = columns(report, one.hours, ERRORS if errors else None)
    seen = ", ".join(filter(None, (when(one), trend(counts))))
    line = f"{one.errors if errors else one.count:>9,}  {clean(one.text, _WIDTH)}"
    return f"{line}  {sparkline(counts)}  ({seen})" if seen else line
