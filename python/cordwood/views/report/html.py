"""An analysis as one HTML file: pictures inside, no script, nothing loaded from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from cordwood.analysis.report import ERRORS, LEVELS, Counted, Report, spread, time_name
from cordwood.views.report import (
    Choice,
    by_level,
    clean,
    columns,
    many,
    percent,
    seen,
    span,
    times_shown,
    title,
    unchanged,
    when,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--line:#8886;--dim:#777}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.25rem}h2{font-size:1.05rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td{padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line);width:1%;white-space:nowrap}
td.n{text-align:right}td.w{width:auto;white-space:normal}
code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}pre{overflow:auto;white-space:pre-wrap}
small{color:var(--dim)}svg{display:block}p svg{display:inline}
.l0{fill:#c3cad1}.l1{fill:#8593a1}.l2{fill:#4a90d9}.l3{fill:#d9a514}.l4{fill:#d9483b}.l5{fill:#a3188f}.s{fill:#4a90d9}.e{fill:#d9483b}
"""
_WIDE, _HIGH = 900, 140
_BAR, _ROW = 6, 22
_MOST = 10
_PLACES = 120  # columns of the histogram


def html(report: Report, choice: Choice) -> str:
    """The whole of it."""
    parts = [f"<h1>{_text(title(report))}</h1>"]
    if choice.stats:
        parts += _stats(report, choice)
    parts += [*_issues(report), *_changes(report, choice), *_errors(report, choice)]
    if not choice.errors_only:
        parts += [f"<h2>Patterns ({len(report.patterns):,})</h2>", _table(_pattern_rows(report, choice))]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_text(title(report))}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>"
    )


def _text(text: str, longest: int = 400) -> str:
    return escape(clean(text, longest))


def _table(rows: Iterable[Iterable[str]]) -> str:
    lines = ("".join(row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _number(count: int) -> str:
    return f'<td class="n">{count:,}</td>'


def _cell(markup: str) -> str:
    return f"<td>{markup}</td>"


def _wide(markup: str) -> str:
    """The cell of a row that takes what room there is."""
    return f'<td class="w">{markup}</td>'


def _code(text: str) -> str:
    return _wide(f"<code>{_text(text)}</code>")


def _bars(counts: list[int], kind: str = "s") -> str:
    """A sparkline."""
    top = max(counts, default=0)
    if not top:
        return "<td></td>"
    bars = "".join(
        f'<rect class="{kind}" x="{place * _BAR}" y="{_ROW - high}" width="{_BAR - 1}" height="{high}"/>'
        for place, count in enumerate(counts)
        if (high := max(1, count * _ROW // top) if count else 0)
    )
    words = f"{many(sum(counts), 'record')}, at most {top:,} at a time"
    picture = f'<svg width="{len(counts) * _BAR}" height="{_ROW}" role="img" aria-label="{words}">'
    return _cell(f"{picture}<title>{words}</title>{bars}</svg>")


def _histogram(report: Report) -> Iterator[str]:
    """All records over time, by level."""
    whole, names = span(report), times_shown(report)
    if whole is None or names is None:
        return
    by_place = [spread(report.times, whole, _PLACES, (level,)) for level in range(len(LEVELS))]
    places = len(by_place[0])
    top = max(map(sum, zip(*by_place, strict=True)), default=0) or 1
    wide, bars = _WIDE / places, []
    width = math.ceil((whole[1] - whole[0]) / _PLACES)  # units in a bar, as `spread` has them

    def begins(place: int) -> str:
        return time_name(whole[0] + place * width, report.unit)

    for place in range(places):
        foot = float(_HIGH)
        for level in reversed(range(len(LEVELS))):
            if count := by_place[level][place]:
                high = count * _HIGH / top
                foot -= high
                bars.append(
                    f'<rect class="l{level}" x="{place * wide:.1f}" y="{foot:.1f}" '
                    f'width="{max(wide - 1, 0.5):.1f}" height="{high:.1f}">'
                    f"<title>{begins(place)}: {LEVELS[level] or 'no level'} {count:,}</title></rect>"
                )
    yield f'<svg viewBox="0 0 {_WIDE} {_HIGH}" width="100%" role="img" aria-label="Records by time and level">'
    yield f"{''.join(bars)}</svg><small>{names[0]} … {names[1]}, at most {many(top, 'record')} a bar</small>"


def _stats(report: Report, choice: Choice) -> Iterator[str]:
    yield from _histogram(report)
    yield f"<p>{' · '.join(f'{_swatch(name)} {name} <b>{count:,}</b>' for name, count in by_level(report))}</p>"
    rows = [
        (_code(one.text), _number(one.count), _bars(columns(report, one.times)), _cell(_errors_of(one)))
        for one in report.loggers[: choice.most or _MOST]
        if one.text
    ]
    if rows:
        yield "<h2>Loggers</h2>"
        yield _table(rows)


def _swatch(name: str) -> str:
    """The colour of a level in the histogram."""
    level = LEVELS.index(name) if name in LEVELS else 0
    return f'<svg width="10" height="10"><rect class="l{level}" width="10" height="10"/></svg>'


def _errors_of(one: Counted) -> str:
    return many(one.errors, "error") if one.errors else ""


def _issues(report: Report) -> Iterator[str]:
    if report.issues:
        yield "<h2>Known issues</h2>"
    rows = [
        (
            _number(issue.found.count),
            _wide(f"<b>{_text(issue.title)}</b><br>{_text(issue.advice, 1000)}<br><small>{when(issue.found)}</small>"),
            _bars(columns(report, issue.found.times), "e"),
        )
        for issue in sorted(report.issues, key=lambda one: -one.found.count)
    ]
    if rows:
        yield _table(rows)


def _changes(report: Report, choice: Choice) -> Iterator[str]:
    if not report.compared:
        return
    yield f"<h2>Compared {_text(report.compared)}</h2>"
    yield (
        _table(
            (
                _cell(one.kind),
                _number(one.pattern.count),
                _code(one.pattern.text),
                _cell(f"{percent(one.before)} → {percent(one.now)}<br><small>p={one.p:.1g}</small>"),
            )
            for one in report.changes[: (choice.most or _MOST) * 3]
        )
        if report.changes
        else f"<p>{unchanged(report)}</p>"
    )


def _errors(report: Report, choice: Choice) -> Iterator[str]:
    for name, found in (("by traceback", report.errors), ("without a traceback, by pattern", report.failing)):
        if found:
            yield f"<h2>Errors {name}</h2>"
            yield _table(_error_row(report, one) for one in found[: choice.most or _MOST])


def _error_row(report: Report, one: Counted) -> tuple[str, ...]:
    counts = columns(report, one.times, None if one.frames else ERRORS)
    example = "\n".join(_text(line) for line in one.example.splitlines())
    frames = "".join(f"<br><small>{_text(frame)}</small>" for frame in one.frames)
    shown = (
        f"<details><summary><code>{_text(one.text)}</code></summary><pre>{example}</pre></details>"
        f"<small>{seen(report, one, counts)}</small>{frames}"
    )
    return _number(one.count if one.frames else one.errors), _wide(shown), _bars(counts, "e")


def _pattern_rows(report: Report, choice: Choice) -> Iterator[tuple[str, ...]]:
    for one in report.patterns[: (choice.most or _MOST) * 5]:
        values = "; ".join(
            f"{variable.kind}, {variable.distinct:,} values: {', '.join(value for value, _ in variable.top[:3])}"
            for variable in one.variables
        )
        shown = f"<code>{_text(one.text)}</code>" + (f"<br><small>{_text(values)}</small>" if values else "")
        yield _number(one.count), _wide(shown), _bars(columns(report, one.times))
