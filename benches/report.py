"""results.json as docs/figures.md."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from itertools import chain
from typing import Any

from benches.contenders import NAMES, TEXT_FORMAT
from benches.rows import ROWS, Row

PACKAGES = {
    "cordwood": ["cordwood"],
    "loguru": ["loguru"],
    "structlog_orjson": ["structlog", "orjson"],
    "picologging": ["picologging"],
    "logxide": ["logxide"],
    "concurrent_log_handler": ["concurrent-log-handler"],
    "eliot": ["eliot"],
}

HEAD = """\
# Figures

Written by `make bench` on {date}: CPython {python}, {cpus} processors. Ratios to stdlib's `logging` of the same
round, the median of the rounds; contenders take turns within a round, each run in a fresh process. A figure without a
remark means that every line was in the file, once, whole and right; what was not stands beside it.

**Caller** is the time of the calls alone; **in the file** lasts until the flush or shutdown after them has returned.
The text line is `{format}`
with the message `user %s did %d in %.3f ms`. Formatting may be deferred where all arguments are exactly int, float or
str; in the rows "the caller formats" one is of another type. Cordwood runs with its defaults, redaction on.

Versions: {versions}.
"""


def versions() -> dict[str, Any]:
    """Of what was measured, and where."""
    installed = {package.name.lower(): package.version for package in metadata.distributions()}
    names = chain.from_iterable(PACKAGES.values())
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": {name: installed.get(name, "not installed") for name in names},
    }


def number(value: float) -> str:
    """Three digits, no exponent."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def cell(row: Row, found: dict[str, Any] | None, metric: str, *, absolute: bool) -> str:
    """One cell: the figure, then what was wrong."""
    if found is None or found["unsupported"]:
        return "–"
    values = found.get("median" if absolute or not row.ratio else "ratio", {})
    text = (
        number(values[metric] / 1000) + " µs"
        if absolute and metric in values
        else number(values[metric])
        if metric in values
        else ""
    )
    return (
        " ".join(part for part in (text, f"({found['fault'].split(' e.g. ')[0]})" if found["fault"] else "") if part)
        or "–"
    )


LABELS = {"in_file": "in the file", "ready": "ready to configure"}
MICROSECONDS = {"sparse"}  # rows whose nanoseconds are shown as they are, without a ratio


def table(rows: list[Row], results: dict[str, Any]) -> str:
    """The rows that were measured, one line a metric."""
    lines = ["| what | " + " | ".join(name.replace("_", " ") for name in NAMES) + " | to reach |"]
    lines.append("|---|" + "---|" * (len(NAMES) + 1))
    for row in rows:
        found = results["rows"].get(row.name)
        if not found:
            continue
        for metric in row.metrics:
            label = row.title if len(row.metrics) == 1 else f"{row.title}: {LABELS.get(metric, metric)}"
            micro = row.ratio or row.name in MICROSECONDS
            cells = [
                cell(row, found.get(name), metric, absolute=micro and (name == "stdlib" or not row.ratio))
                for name in NAMES
            ]
            lines.append(
                f"| {label} | " + " | ".join(cells) + f" | {row.target if metric == row.metrics[-1] else ''} |"
            )
    return "\n".join(lines) + "\n"


def markdown(results: dict[str, Any]) -> str:
    """The whole page."""
    head = HEAD.format(
        date=results["date"],
        python=results["python"],
        cpus=results["cpus"],
        format=TEXT_FORMAT,
        versions=", ".join(f"{name} {found}" for name, found in results["versions"].items()),
    )
    main = [row for row in ROWS if not row.name.startswith("scaling")]
    scaling = [row for row in ROWS if row.name.startswith("scaling")]
    return f"{head}\n{table(main, results)}\n## From 1 to 16 threads and 1 to 24 processes\n\n{table(scaling, results)}"
