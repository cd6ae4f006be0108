"""Queries answered by the core's scan: of folders, files with their rotated siblings, spools, standard input."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cordwood import _native
from cordwood.errors import ConfigError, NoLogsError
from cordwood.query.copies import Copies, also_in, by_path, first_time
from cordwood.query.entries import Entry, entries
from cordwood.query.logs import COMPRESSED, chain, logs_in
from cordwood.query.model import Query
from cordwood.query.parts import Part
from cordwood.query.source import Group, unit_of
from cordwood.query.spooled import as_lines, spools_of, undelivered
from cordwood.query.times import SECOND, local_zone
from cordwood.retention import is_console
from cordwood.spool import Format, file_sinks, format_of

if TYPE_CHECKING:
    from cordwood.query.patterns import Pattern
    from cordwood.query.tail import Tail
    from cordwood.record import Record

STDIN = "-"
STDIN_NAME = "standard input"
_BATCH = 256  # answers fetched from the core at once
_NEAR = 600 * SECOND
_TRIES = 20  # to find a moment without a rotation


class Files:
    """Logs as one source. Each question opens the files anew, all at one moment: rotation meanwhile changes nothing.

    Args:
        paths: files, folders of files, spools, `-` for standard input.
        formats: how lines are written where they are not recognised: a `logging` format string, a format's name or an
            example line, each with its date format or None.

    Raises:
        NoLogsError: none of the paths is there, or holds logs. One of several that is missing is a notice.
        ConfigError: a format cannot be used.
    """

    def __init__(self, paths: Iterable[str], formats: Sequence[Format] = ()) -> None:
        check_formats(formats)
        self.formats = list(formats)
        self.folders: list[str] = []
        self.files: list[str] = []
        self.spools: dict[str, None] = {}
        self.stdin = False
        self._notices: list[str] = []
        missing = [error for path in dict.fromkeys(paths) if (error := self._add(path))]
        if missing and not (self.stdin or self.folders or self.files):
            raise missing[0]
        self._notices += map(str, missing)
        self.spools.update(dict.fromkeys(self._spools_of_files()))

    def _add(self, path: str) -> NoLogsError | None:
        """Take a path, or say what is wrong with it."""
        if path == STDIN:
            self.stdin = True
        elif Path(path).is_dir():
            return self._add_folder(path)
        elif chain(path):
            self.files.append(path)
        else:
            return NoLogsError(f"{path}: there is no such file or folder")
        return None

    def _add_folder(self, path: str) -> NoLogsError | None:
        spools = spools_of(path)
        self.spools.update(dict.fromkeys(spools))
        try:
            logs = logs_in(path)
        except NoLogsError as error:
            return error
        if not logs and not spools:
            return NoLogsError(f"{path}: there are no logs in this folder (*.log, *.jsonl)")
        self.folders.append(path)
        return None

    def _spools_of_files(self) -> Iterator[str]:
        """Spools whose files are all among ours: their records do not say for which file they are."""
        ours = {str(Path(path).resolve()) for path in self.files}
        for folder in dict.fromkeys(str(Path(path).absolute().parent) for path in self.files):
            for spool in spools_of(folder):
                known = {str(spec.get("path")) for spec in file_sinks(spool).values()}
                if known and known <= ours:
                    yield spool

    def live(self) -> list[str]:
        """The live files, by name."""
        return list(dict.fromkeys([*self.files, *(log for folder in self.folders for log in logs_in(folder))]))

    def known(self, path: str) -> list[Format]:
        """The formats given, and the one by which this file is written, if Cordwood writes it."""
        return [*self.formats, *filter(None, map(format_of, _options(path)))]

    def copies(self, path: str, empty: int | None = None) -> Copies:
        """Which of a file's records are in another of the files too; none where the file was named.

        Args:
            path: a live file.
            empty: from when on they are in one that has no record yet; None: they are not.
        """
        if path in self.files:
            return Copies()
        told = list(also_in(_options(path)))
        lives = by_path(self.live()) if told else {}
        found = [(first_time(lives[other], self.known(lives[other])), level) for other, level in told if other in lives]
        begins = ((empty if first is None else first, level) for first, level in found)
        return Copies([(first, level) for first, level in begins if first is not None], self._beside(path))

    def _beside(self, path: str) -> list[tuple[list[str], list[Format]]]:
        """The logs in the folder of a console's copy, whose records it echoes."""
        folder, name = Path(path).parent, Path(path).name
        if not is_console(name):
            return []
        logs = [log for log in self.live() if Path(log).parent == folder and not is_console(Path(log).name)]
        return [(chain(log), self.known(log)) for log in logs]

    # -- questions ---------------------------------------------------------------------------------------------------

    def select(self, query: Query, *, before: int = 0, after: int = 0) -> Iterator[Entry]:
        """The answers, merged by time, with so many entries around each (`answers` is False on those)."""
        search = self._open(query, before=before, after=after)
        # What comes through a pipe is shown when it comes.
        while found := search.next(1 if self.stdin else _BATCH):
            yield from entries(found)
        self._notices += search.notices()

    def last(self, query: Query, count: int) -> list[Entry]:
        """The last answers, in order of time. Large files are read from their end."""
        search = self._open(query)
        found = entries(search.last(count)) if count else []
        self._notices += search.notices()
        return found

    def count(self, query: Query) -> int:
        """How many answers there are."""
        search = self._open(query)
        found = search.count()
        self._notices += search.notices()
        return found

    def group(self, query: Query, by: Sequence[str], per: int = 0) -> list[Group]:
        """Answers counted by values of fields and spans of `per` nanoseconds of local time (0: not by time)."""
        search = self._open(query)
        found = [
            Group(tuple(values), begin if per else None, count) for values, begin, count in search.group(list(by), per)
        ]
        self._notices += search.notices()
        return found

    def context(self, entry: Entry, before: int, after: int, among: Query | None = None) -> list[Entry]:
        """What stands around an entry in its own log, over rotations, itself included.

        Args:
            entry: as it was found; it may have been rotated meanwhile.
            before: how many entries before it.
            after: and after it.
            among: only what answers this, such as `pid:7`; the entry must.
        """
        found: list[Entry] = []
        wanted = among or Query()
        # Near in time first: a large file is not read from its begin.
        for span in (_NEAR, None):
            near = wanted if span is None or entry.time is None else wanted.within(entry.time - span, entry.time + span)
            found = self._around(entry, near, before, after)
            if len(found) == before + after + 1:
                break
        return found

    def _around(self, entry: Entry, near: Query, before: int, after: int) -> list[Entry]:
        live = next((live for live in self.live() if entry.source in chain(live)), entry.source)
        search = self._search(near, before=0, after=0)
        try:
            search.add_chain(chain(live) or [entry.source], self.known(live), Copies())
        except FileNotFoundError:
            self._notices.append(f"{entry.source}: it is not there any more")
            return []
        found: list[Entry] = []
        at = None
        while batch := search.next(_BATCH):
            found += entries(batch)
            same = ((e.place, e.time) == (entry.place, entry.time) for e in found)
            at = at if at is not None else next((i for i, is_it in enumerate(same) if is_it), None)
            if at is None:
                del found[: max(0, len(found) - before)]
            elif len(found) > at + after:
                break
        return [] if at is None else found[max(0, at - before) : at + after + 1]

    def patterns(self, query: Query, most: int = 50) -> list[Pattern]:
        """The templates that the answers' messages were made of, the most frequent first."""
        from cordwood.query.patterns import mined

        found, notices = mined(self.parts(query), query, most, unit_of(self.span(query)))
        self._notices += notices
        return found

    def span(self, query: Query) -> tuple[int | None, int | None]:
        """From when to when answers may be: the first and the last time that stands in the files."""
        if self.stdin:
            return query.since, query.until
        lives = self.live()
        firsts = [time for live in lives if (time := first_time(live, self.known(live))) is not None]
        lasts = [time for live in lives if (time := self._last_time(live)) is not None]
        first = None if not firsts else max(min(firsts), query.since or 0)
        last = None if not lasts else min(max(lasts), query.until or max(lasts))
        return first, last

    def _last_time(self, live: str) -> int | None:
        paths = chain(live)
        if not paths:
            return None
        if paths[-1] != live or live.endswith(COMPRESSED):  # it would be unpacked from its begin
            return Path(paths[-1]).stat().st_mtime_ns
        search = self._search(Query(), before=0, after=0)
        try:
            search.add_chain([live], self.known(live), Copies())
        except FileNotFoundError:
            return None
        return max((entry.time or 0 for entry in entries(search.last(1))), default=None)

    def follow(self, query: Query) -> Tail:
        """What comes from now on, through rotation and truncation."""
        from cordwood.query.tail import Tail

        tail = Tail([*self.folders, *self.files], query, self.formats)
        tail.last(0)
        return tail

    def parts(self, query: Query) -> list[Part]:  # noqa: ARG002 what need not be read of a log, the core leaves out
        """Each log, spool and stream."""
        found: list[Part] = []
        for live in self.live():
            size = sum(Path(path).stat().st_size for path in chain(live))
            found.append(Part(live, size, functools.partial(_read_log, live, self.known(live), self.copies(live))))
        for spool in self.spools:
            if records := undelivered(spool):
                data, own = as_lines(records, spool)
                found.append(Part(spool, len(data), functools.partial(_read_input, spool, data, own)))
        if self.stdin:
            found.append(Part(STDIN_NAME, 0, functools.partial(_read_input, STDIN_NAME, None, self.formats)))
        return found

    def notices(self) -> list[str]:
        """What went wrong since the last call, a line each: the answers are without it."""
        found, self._notices = self._notices, []
        return found

    def close(self) -> None:
        """Nothing is held between two questions."""

    # -- opening -----------------------------------------------------------------------------------------------------

    def _search(self, query: Query, *, before: int, after: int) -> _native.Search:
        return _native.Search(query.as_json(), local_zone(), time.time_ns(), before=before, after=after, fields=True)

    def _open(self, query: Query, *, before: int = 0, after: int = 0) -> _native.Search:
        """All files opened at a moment at which none was rotated, deleted or delivered to."""
        for _ in range(_TRIES):
            waiting = {spool: undelivered(spool) for spool in self.spools}
            chains = {live: chain(live) for live in self.live()}
            identities = _identities(chains.values())
            search = self._search(query, before=before, after=after)
            try:
                for live, paths in chains.items():
                    search.add_chain(paths, self.known(live), self.copies(live))
            except FileNotFoundError:
                continue
            same = identities == _identities(chain(live) for live in self.live())
            if same and all(_ids(undelivered(spool)) >= _ids(records) for spool, records in waiting.items()):
                break
        else:
            self._notices.append("the logs were rotated all the time: what was deleted meanwhile is missing")
        for spool, records in waiting.items():
            if records:
                search.add_input(spool, *as_lines(records, spool))
        if self.stdin:
            search.add_input(STDIN_NAME, None, self.formats)
        return search


def _options(path: str) -> list[dict[str, object]]:
    """The options of a file that Cordwood writes; two where it was written from two spools."""
    whole = str(Path(path).resolve())
    specs = (spec for spool in spools_of(str(Path(whole).parent)) for spec in file_sinks(spool).values())
    return [spec for spec in specs if spec.get("path") == whole]


def _read_log(live: str, formats: list[Format], copies: Copies, analysis: _native.Analysis, before: bool) -> list[str]:
    for _ in range(_TRIES):
        paths = chain(live)
        try:
            return analysis.read_chain(paths, formats, copies, before=before)
        except FileNotFoundError:  # it was rotated meanwhile
            continue
    return [f"{live}: it was rotated all the time; it is left out"]


def _read_input(
    name: str,
    data: bytes | None,
    formats: list[Format],
    analysis: _native.Analysis,
    before: bool,
) -> list[str]:
    return analysis.read_input(name, data, formats, before=before)


def check_formats(formats: Sequence[Format]) -> None:
    """Refuse a format that cannot be used.

    Raises:
        ConfigError: it has no time and no level, or is an example without a time.
    """
    try:
        for text, date_format in formats:
            _native.check_format(text, date_format)
    except ValueError as error:
        raise ConfigError("--format", str(error)) from None


def _ids(records: list[Record]) -> set[tuple[int, int]]:
    return {(record.segment, record.sequence) for record in records}


def _identities(chains: Iterable[list[str]]) -> list[tuple[str, int, int]]:
    found = []
    for path in (path for paths in chains for path in paths):
        try:
            status = os.stat(path)  # noqa: PTH116 called for each file
        except OSError:
            continue
        found.append((path, status.st_dev, status.st_ino))
    return found
