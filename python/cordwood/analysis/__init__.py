"""ANALYSE: what a log says as a whole.

In come log files, read by the core; out goes an account: counts, patterns, errors by fingerprint, known issues, what is
new. Nothing here prints: `cordwood.views` shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cordwood import _native
from cordwood.analysis.comparison import changes
from cordwood.analysis.report import Found, Issue, Report
from cordwood.analysis.rules import Rule, load
from cordwood.analysis.window import Comparison
from cordwood.query.files import Files
from cordwood.query.logs import chain
from cordwood.query.model import Query
from cordwood.query.spooled import as_lines, undelivered
from cordwood.query.times import local_zone

Format = tuple[str, str | None]
Progress = Callable[[int, int], None]
_DAY = 26 * 3600  # a file's last change may be of a machine whose clock and zone are others
_EVERY = 0.1  # seconds between two words of progress


@dataclass(frozen=True, slots=True)
class _Source:
    """One thing to read, with its size in bytes."""

    name: str
    data: bytes | None
    formats: Sequence[Format]
    size: int
    before: bool
    is_file: bool


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
        paths: files, with their rotated and packed siblings; folders; spools; `-` for standard input.
        query: which records; all of them where there is none.
        level: records of this level and above only, as `logging` numbers levels.
        rules: the known issues; the built-in ones unless given.
        compare: what the records are compared with.
        formats: of lines that are not recognised, as for `cordwood.query.open_source`.
        progress: called now and then with the bytes read and those there are, packed files as they lie on the disk.

    Raises:
        NoLogsError: there is nothing to read at one of the paths.
        ConfigError: a format cannot be used.
    """
    rules = load() if rules is None else rules
    paths = list(paths)
    asked = compare.widened(query or Query()) if compare else query or Query()
    sources = list(_sources(paths, formats, asked.since, before=False))
    if compare and compare.path:
        sources = [*_sources([compare.path], formats, None, before=True), *sources]
    analysis = _native.Analysis(
        asked.as_json(),
        local_zone(),
        time.time_ns(),
        [rule.pattern for rule in rules],
        level=level,
        boundary=compare.boundary if compare else None,
    )
    notices: list[str] = []
    _watched(lambda done: _read(analysis, sources, notices, done), analysis, sources, progress)
    found = msgspec.json.decode(analysis.report(), type=Found)
    return Report(
        sources=paths,
        now=found.now,
        before=found.before,
        compared=compare.words if compare else "",
        levels=found.levels,
        hours=found.hours,
        loggers=[one for one in found.loggers if one.count],
        patterns=[one for one in found.patterns if one.count],
        errors=[one for one in found.errors if one.count],
        issues=[
            Issue(rule.id, rule.title, rule.advice, one)
            for rule, one in zip(rules, found.issues, strict=True)
            if one.count
        ],
        changes=changes(found.patterns, found.before.records, found.now.records) if compare else [],
        notices=notices,
    )


def _sources(paths: Iterable[str], formats: Sequence[Format], since: int | None, *, before: bool) -> Iterable[_Source]:
    files = Files(paths, formats)
    for live in files.live():
        known = files.known(live)
        for path in chain(live):
            status = Path(path).stat()
            if since is None or status.st_mtime + _DAY >= since / 1e9:  # else all of it is older
                yield _Source(path, None, known, status.st_size, before=before, is_file=True)
    for spool in files.spools:
        if records := undelivered(spool):
            data, known = as_lines(records, spool)
            yield _Source(spool, data, known, len(data), before=before, is_file=False)
    if files.stdin:
        yield _Source("standard input", None, list(formats), 0, before=before, is_file=False)


def _read(analysis: _native.Analysis, sources: Iterable[_Source], notices: list[str], done: list[int]) -> None:
    for source in sources:
        known = list(source.formats)
        try:
            if source.is_file:
                notices += analysis.read_file(source.name, known, before=source.before)
            else:
                notices += analysis.read_input(source.name, source.data, known, before=source.before)
        except OSError as error:
            notices.append(f"{source.name}: {error.strerror or error}; what is left of it is missing")
        done[0] += source.size


def _watched(
    work: Callable[[list[int]], None],
    analysis: _native.Analysis,
    sources: Sequence[_Source],
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
