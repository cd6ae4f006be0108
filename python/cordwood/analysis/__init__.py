"""ANALYSE: what a log says as a whole.

In come log files, read by the core; out goes an account: counts, patterns, errors by fingerprint, known issues, what is
new. Nothing here prints: `cordwood.views` shows it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from cordwood import _native
from cordwood.analysis.comparison import changes
from cordwood.analysis.report import Found, Issue, Report
from cordwood.analysis.rules import Rule, load
from cordwood.analysis.window import Comparison
from cordwood.query import Source, open_source
from cordwood.query.model import Query
from cordwood.query.parts import Part, read
from cordwood.query.source import unit_of
from cordwood.query.times import local_zone

Format = tuple[str, str | None]
Progress = Callable[[int, int], None]
_EVERY = 0.1  # seconds between two words of progress


def analyze(
    paths: Iterable[str],
    query: Query | None = None,
    *,
    level: int = 0,
    rules: Sequence[Rule] | None = None,
    compare: Comparison | None = None,
    formats: Sequence[Format] = (),
    progress: Progress | None = None,
) -> Report:
    """Count everything in logs, and say what is wrong.

    Args:
        paths: files, with their rotated and packed siblings; folders; spools; `-` for standard input; a database's URL.
        query: which records; all of them where there is none.
        level: records of this level and above only, as `logging` numbers levels.
        rules: the known issues; the built-in ones unless given.
        compare: what the records are compared with.
        formats: of lines that are not recognised, as for `cordwood.query.open_source`.
        progress: called now and then with the bytes read and those there are, packed files as they lie on the disk.

    Raises:
        NoLogsError: there is nothing to read at the paths.
        ConfigError: a format or a URL cannot be used.
        MissingExtraError: the database's driver is not installed.
    """
    rules = load() if rules is None else rules
    paths = list(paths)
    asked = compare.widened(query or Query()) if compare else query or Query()
    with contextlib.ExitStack() as opened:
        notices: list[str] = []
        source = _opened(opened, paths, formats, notices)
        parts = source.parts(asked)
        before: Sequence[Part] = []
        if compare and compare.path:
            before = _opened(opened, [compare.path], formats, notices).parts(Query())
        shown = asked.within(compare.boundary, None) if compare else asked
        analysis = _analysis(asked, rules, level, compare, unit_of(source.span(shown)))
        _watched(lambda done: _read(analysis, before, parts, notices, done), analysis, [*before, *parts], progress)
    found = msgspec.json.decode(analysis.report(), type=Found)
    return Report(
        sources=paths,
        now=found.now,
        before=found.before,
        compared=compare.words if compare else "",
        levels=found.levels,
        unit=found.unit,
        times=found.times,
        loggers=[one for one in found.loggers if one.count],
        patterns=[one for one in found.patterns if one.count],
        errors=[one for one in found.errors if one.count],
        issues=[
            Issue(rule.id, rule.title, rule.advice, one)
            for rule, one in zip(rules, found.issues, strict=True)
            if one.count
        ],
        changes=changes([*found.patterns, *found.errors], found.before.records, found.now.records) if compare else [],
        notices=notices,
    )


def _opened(
    opened: contextlib.ExitStack, paths: Iterable[str], formats: Sequence[Format], notices: list[str]
) -> Source:
    source = open_source(paths, formats)
    opened.callback(source.close)
    notices += source.notices()
    return source


def _analysis(
    query: Query, rules: Sequence[Rule], level: int, compare: Comparison | None, unit: int
) -> _native.Analysis:
    return _native.Analysis(
        query.as_json(),
        local_zone(),
        time.time_ns(),
        [rule.pattern for rule in rules],
        level=level,
        boundary=compare.boundary if compare else None,
        unit=unit,
    )


def _read(
    analysis: _native.Analysis, before: Sequence[Part], parts: Sequence[Part], notices: list[str], done: list[int]
) -> None:
    for was, part in [*((True, part) for part in before), *((False, part) for part in parts)]:
        notices += read(part, analysis, before=was)
        done[0] += part.size


def _watched(
    work: Callable[[list[int]], None],
    analysis: _native.Analysis,
    sources: Sequence[Part],
    progress: Progress | None,
) -> None:
    """Do it on a thread of its own, and tell how far it is."""
    done, total = [0], sum(source.size for source in sources)
    if progress is None:
        work(done)
        return
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(done)
        except BaseException as error:  # noqa: BLE001 raised again on the caller's thread
            failed.append(error)

    worker = threading.Thread(target=run, name="cordwood-analyze", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(_EVERY)
        progress(min(done[0] + analysis.done, total), total)
    if failed:
        raise failed[0]


__all__ = ["Comparison", "Report", "analyze"]
