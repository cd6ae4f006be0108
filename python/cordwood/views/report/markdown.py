"""An analysis as Markdown: for an issue, a chat, a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cordwood.analysis.report import ERRORS, Report
from cordwood.views.report import (
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

_MOST = 10


def markdown(report: Report, choice: Choice) -> str:
    """The whole of it."""
    parts = [f"# {_plain(title(report))}"]
    if choice.stats:
        parts += _stats(report, choice)
    parts += [*_issues(report), *_changes(report, choice), *_errors(report, choice)]
    if not choice.errors_only:
        rows = [
            (f"{one.count:,}", _code(one.text), sparkline(columns(report, one.times)))
            for one in report.patterns[: choice.most or _MOST]
        ]
        parts += [f"## Patterns ({len(report.patterns):,})", _table(("records", "pattern", "when"), rows)]
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|~" else c for c in text)


def _code(text: str) -> str:
    """In backticks that end nowhere earlier; a bar would end a table's cell."""
    line = clean(text).replace("|", "\\|")
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in line).split()), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if longest else f"`{line}`"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _stats(report: Report, choice: Choice) -> Iterator[str]:
    yield _table(("level", "records"), [(name, f"{count:,}") for name, count in by_level(report)])
    if (names := times_shown(report)) is not None:
        yield f"`{sparkline(columns(report, report.times))}` {names[0]} … {names[1]}"
    rows = [
        (_code(one.text), f"{one.count:,}", f"{one.errors:,}", sparkline(columns(report, one.times)))
        for one in report.loggers[: choice.most or _MOST]
        if one.text
    ]
    if rows:
        yield _table(("logger", "records", "errors", "when"), rows)


def _issues(report: Report) -> Iterator[str]:
    if report.issues:
        yield "## Known issues"
    for issue in sorted(report.issues, key=lambda one: -one.found.count):
        seen = f"{many(issue.found.count, 'record')}, {when(issue.found)}"
        yield f"**{_plain(issue.title)}**: {seen}\n\n> {_plain(issue.advice)}"


def _changes(report: Report, choice: Choice) -> Iterator[str]:
    if not report.compared:
        return
    yield f"## Compared {_plain(clean(report.compared))}"
    rows = [
        (
            one.kind,
            _code(one.pattern.text),
            f"{one.pattern.count:,}",
            percent(one.before),
            percent(one.now),
            f"{one.p:.1g}",
        )
        for one in report.changes[: (choice.most or _MOST) * 3]
    ]
    yield _table(("", "pattern", "records", "before", "now", "p"), rows) if rows else unchanged(report)


def _errors(report: Report, choice: Choice) -> Iterator[str]:
    if report.errors:
        yield "## Errors by traceback"
    for one in report.errors[: choice.most or _MOST]:
        counts = columns(report, one.times)
        shown = "\n".join(f"    {line}" for line in map(clean, one.example.splitlines()))
        told = f"{many(one.count, 'record')}, {seen(report, one, counts)}"
        yield f"{_code(one.text)} `{sparkline(counts)}` {told}\n\n{shown}"
    if report.failing:
        rows = [
            (f"{one.errors:,}", _code(one.text), when(one), sparkline(columns(report, one.times, ERRORS)))
            for one in report.failing[: choice.most or _MOST]
        ]
        yield "## Errors without a traceback, by pattern"
        yield _table(("records", "pattern", "seen", "when"), rows)
