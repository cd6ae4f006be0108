"""One log file read from its end, and on through rotation and truncation without losing or repeating a line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from glob import escape
from io import FileIO
from pathlib import Path

from cordwood.query.entries import Entry, Grouper

_BLOCK = 1 << 16
_COMPRESSED = (".gz", ".zst")
_FINGERPRINT = 64  # bytes before the position: if they change, the file was truncated and has grown again
_ATTEMPTS = 50  # to find a moment between two rotations; then the next look tries again
_PATIENCE = 20  # looks at a renamed file that bring nothing before it is let go: its writer may still hold it
_DATED = re.compile(r"(\d{4}-\d\d-[\d_-]+)(?:\.(\d+))?")  # 2026-11-20, and 2026-11-20.2 for the third of that day


def _date_and_number(end: str) -> tuple[str, int]:
    date, _, number = end.partition(".")
    return date, int(number or 0)


def backups(path: str) -> list[str]:
    """The readable backups of a log file, newest first: `app.log.1`, `app.log.2`, or by date."""
    folder, name = Path(path).parent, Path(path).name
    try:
        names = [p.name for p in folder.glob(f"{escape(name)}.*") if p.suffix not in _COMPRESSED]
    except OSError:
        return []
    ends = [n[len(name) + 1 :] for n in names]
    numbered = sorted((end for end in ends if end.isdecimal()), key=int)
    dated = sorted((end for end in ends if _DATED.fullmatch(end)), key=_date_and_number, reverse=True)
    return [f"{path}.{end}" for end in (*numbered, *dated)]


class _Open:
    """An open file and how far it has been read."""

    def __init__(self, file: FileIO, position: int = 0) -> None:
        self.file = file
        self.status = os.fstat(file.fileno())
        self.position = position
        self.partial = b""
        self.before = b""
        self.idle = 0

    @property
    def identity(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino

    def read(self) -> list[str]:
        """The whole lines that came since the last time."""
        self.status = os.fstat(self.file.fileno())
        if self.status.st_size < self.position or not self._continues():
            self.position, self.partial, self.before = 0, b"", b""
        self.file.seek(self.position)
        data = self.file.read()  # unbuffered: what stood there before a truncation is not seen again
        self.position += len(data)
        self.idle = 0 if data else self.idle + 1
        self.before = (self.before + data)[-_FINGERPRINT:]
        *whole, self.partial = (self.partial + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def _continues(self) -> bool:
        if not self.before or self.status.st_size == self.position:
            return True
        self.file.seek(self.position - len(self.before))
        return self.file.read(len(self.before)) == self.before

    def rest(self) -> list[str]:
        """The last line, where no newline ends it."""
        partial, self.partial = self.partial, b""
        return [partial.decode("utf-8", "replace")] if partial else []


class LogFile:
    """A log file by its path, whichever file that is over time.

    Args:
        path: the file; it may be missing, and come later.
        whole: begin at its start. Otherwise `last` says where.
    """

    def __init__(self, path: str, *, whole: bool = False) -> None:
        self.path = path
        self._grouper = Grouper(path)
        self._current: _Open | None = None
        self._retired: list[_Open] = []
        if whole:
            self._current = self._open(path)

    @staticmethod
    def _open(path: str) -> _Open | None:
        try:
            return _Open(Path(path).open("rb", buffering=0))
        except OSError:
            return None

    def last(self, count: int, *, complete: bool = False) -> list[Entry]:
        """The last entries, from backups too where the file has not as many; reading goes on after them.

        Args:
            count: how many.
            complete: take a last line without a newline as it is.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            file = Path(self.path).open("rb", buffering=0)  # noqa: SIM115 as above
        except FileNotFoundError:
            return []
        self.close()
        self._current = _Open(file)
        found = _last_of(self._current, self.path, count, complete=complete)
        self._grouper = Grouper(self.path, found[-1].time if found else 0)
        for path in backups(self.path):
            older = self._open(path) if len(found) < count else None
            if older is not None:
                if older.identity != self._current.identity:
                    found = _last_of(older, path, count - len(found), complete=True) + found
                older.file.close()
        return found

    def new(self) -> Iterator[Entry]:
        """What came since the last call. The newest entry is held back until nothing follows it."""
        lines = [line for old in self._retired for line in old.read()]
        if self._current is not None:
            lines += self._current.read()
        lines += self._switch()
        if lines:
            yield from self._grouper.feed(lines)
        else:
            yield from self._grouper.end()
        for old in [old for old in self._retired if old.idle > _PATIENCE]:
            self._retired.remove(old)
            old.file.close()

    def _switch(self) -> list[str]:
        """Where the path now leads to another file: the lines of that one, and of any that came and went between."""
        held = self._current
        if _identity(self.path) in (None, held and held.identity):
            return []
        files = _generations(self.path)
        if not files:
            return []
        now, *rotated = files
        lines = []
        if held is not None:
            lines += held.read()  # what was written between the last look and the rename
            lines += held.rest()
            self._retired.append(held)
            for one in reversed(_newer(rotated, held)):
                lines += one.read() + one.rest()
        for one in rotated:
            one.file.close()
        self._current = now
        return lines + now.read()

    def close(self) -> None:
        """Let go of the files."""
        for held in [*self._retired, self._current]:
            if held is not None:
                held.file.close()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _generations(path: str) -> list[_Open]:
    """A log file and its backups, newest first, at a moment when none is being renamed; empty if there was none."""
    for _ in range(_ATTEMPTS):
        opened = [one for one in map(LogFile._open, (path, *backups(path))) if one is not None]  # noqa: SLF001 one module
        there = [_identity(path), *filter(None, map(_identity, backups(path)))]
        if there == [one.identity for one in opened]:
            return opened
        for one in opened:
            one.file.close()
    return []


def _newer(rotated: list[_Open], held: _Open) -> list[_Open]:
    """The backups that are newer than the file held: it was rotated more than once since the last look."""
    identities = [one.identity for one in rotated]
    if held.identity in identities:
        return rotated[: identities.index(held.identity)]
    # Packed or deleted already.
    return [one for one in rotated if one.status.st_mtime_ns > held.status.st_mtime_ns]


def _last_of(file: _Open, path: str, count: int, *, complete: bool) -> list[Entry]:
    """The last entries of an open file, which is read to its end."""
    size = file.status.st_size
    span = _BLOCK
    while True:
        start = max(0, size - span)
        file.position, file.partial, file.before = start, b"", b""
        lines = file.read()
        if complete:
            lines += file.rest()
        grouper = Grouper(path)
        entries = [*grouper.feed(lines[1:] if start else lines), *grouper.end()]
        if start == 0 or len(entries) > count + 1:  # the first may have lost its head
            return entries[-count:] if count else []
        span *= 4
