"""`cordwood tail`: the last records of several files and processes in order of time, and what comes after them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cordwood.errors import NoLogsError
from cordwood.query.entries import SECOND, Entry
from cordwood.spool import file_sinks
from cordwood.views.follow import LogFile
from cordwood.views.spooled import as_entries, spools_of, undelivered

PAUSE = 0.1  # seconds between two looks at the files
_LATE = 1.0  # seconds: what is still only in the spool after that is shown from there
_ENDINGS = (".log", ".jsonl")
_TRIES = 20


class Tail:
    """Several log files as one.

    Args:
        paths: files, or folders of files.

    Raises:
        NoLogsError: a path is not there, or a folder holds no logs.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._folders: list[str] = []
        self._spools: dict[str, None] = {}
        self._files: dict[str, LogFile] = {}
        self._shown: set[str] = set()  # first lines shown from a spool, until they come out of the file
        self._next_look = 0.0
        for path in paths:
            self._add(path)
        self._spools.update(dict.fromkeys(self._spools_of_files()))

    def _spools_of_files(self) -> Iterator[str]:
        """Spools whose files are all shown: their records do not say for which file they are."""
        shown = {str(Path(path).resolve()) for path in self._files}
        for folder in dict.fromkeys(str(Path(path).absolute().parent) for path in self._files):
            for spool in spools_of(folder):
                known = {str(spec.get("path")) for spec in file_sinks(spool).values()}
                if known and known <= shown:
                    yield spool

    def _add(self, path: str) -> None:
        if Path(path).is_dir():
            self._folders.append(path)
            spools = spools_of(path)
            self._spools.update(dict.fromkeys(spools))
            names = _logs_in(path)
            if not names and not spools:
                raise NoLogsError(f"{path}: there are no logs in this folder (*.log, *.jsonl)")
            self._files.update({name: LogFile(name) for name in names})
        elif Path(path).exists():
            self._files[path] = LogFile(path)
        else:
            raise NoLogsError(f"{path}: there is no such file or folder")

    def last(self, count: int, *, complete: bool = False) -> list[Entry]:
        """The last `count` entries of all together.

        Args:
            count: how many.
            complete: take a last line without a newline as it is: nothing will follow.

        Raises:
            NoLogsError: a file cannot be read.
        """
        for _ in range(_TRIES):
            before = self._identities()
            entries = [entry for file in self._files.values() for entry in _last(file, count, complete=complete)]
            waiting = [(spool, undelivered(spool)) for spool in self._spools]
            after = {(r.segment, r.sequence) for _, records in waiting for r in records}
            if before <= after:  # nothing was delivered while the files were read: no record is missing or twice
                break
        spooled = [entry for spool, records in waiting for entry in as_entries(records, spool)]
        self._shown.update(_first_line(entry) for entry in spooled)
        entries = sorted(entries + spooled, key=lambda entry: entry.time)
        return entries[-count:] if count else []

    def _identities(self) -> set[tuple[int, int]]:
        return {(record.segment, record.sequence) for spool in self._spools for record in undelivered(spool)}

    def new(self) -> list[Entry]:
        """What came since the last call, in order of time."""
        entries = [entry for file in self._files.values() for entry in file.new() if not self._was_shown(entry)]
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LATE
            entries += [*self._late(), *self._new_files()]
        return sorted(entries, key=lambda entry: entry.time)

    def _was_shown(self, entry: Entry) -> bool:
        line = _first_line(entry)
        shown = line in self._shown
        self._shown.discard(line)
        return shown

    def _late(self) -> Iterator[Entry]:
        """What nobody delivers: it is shown now, and not again when it is delivered after all."""
        before = time.time_ns() - int(_LATE * SECOND)
        for spool in self._spools:
            for entry in as_entries(undelivered(spool), spool):
                if entry.time < before and _first_line(entry) not in self._shown:
                    self._shown.add(_first_line(entry))
                    yield entry

    def _new_files(self) -> Iterator[Entry]:
        for folder in self._folders:
            for name in _logs_in(folder):
                if name not in self._files:
                    self._files[name] = LogFile(name, whole=True)
                    yield from self._files[name].new()

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.close()


def _last(file: LogFile, count: int, *, complete: bool) -> list[Entry]:
    try:
        return file.last(count, complete=complete)
    except OSError as error:
        raise NoLogsError(f"{file.path}: {error.strerror}") from None


def _first_line(entry: Entry) -> str:
    return entry.text.partition("\n")[0]


def _logs_in(folder: str) -> list[str]:
    try:
        return sorted(str(path) for path in Path(folder).iterdir() if path.suffix in _ENDINGS and path.is_file())
    except OSError as error:
        raise NoLogsError(f"{folder}: {error.strerror}") from None


def tail(
    paths: Iterable[str], count: int, write: Callable[[Entry], None], *, follow: bool, stop: Callable[[], bool]
) -> None:
    """Write the last entries and, where `follow` is set, those that come until `stop()`.

    Raises:
        NoLogsError: as `Tail`.
    """
    tail = Tail(paths)
    try:
        for entry in tail.last(count, complete=not follow):
            write(entry)
        while follow and not stop():
            for entry in tail.new():
                write(entry)
            time.sleep(PAUSE)
    finally:
        tail.close()
