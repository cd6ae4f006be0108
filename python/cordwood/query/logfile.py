"""One log file read from its end, and on through rotation and truncation without losing or repeating a line."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

from cordwood import _native
from cordwood.query.entries import Entry, entries
from cordwood.query.logs import siblings
from cordwood.query.model import Query
from cordwood.query.times import local_zone

_BLOCK = 1 << 16
_MOST = 1 << 24  # bytes of a file that are taken at once
_LONGEST = 1 << 23  # bytes of a line, as in a search: a longer one is cut
_FINGERPRINT = 64  # bytes before the position: if they change, the file was truncated and has grown again
_ATTEMPTS = 50  # to find a moment between two rotations; then the next look tries again
_PATIENCE = 20  # looks at a renamed file that bring nothing before it is let go: its writer may still hold it


def _backups(path: str) -> list[str]:
    """The readable backups of a log file, newest first."""
    return siblings(path, packed=False)[::-1]


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

    def read(self, most: int = -1) -> bytes:
        """The whole lines that came since the last time, of so many bytes."""
        self.status = os.fstat(self.file.fileno())
        if self.status.st_size < self.position or not self._continues():
            self.position, self.partial, self.before = 0, b"", b""
        self.file.seek(self.position)
        data = self.file.read(most)  # unbuffered: what stood there before a truncation is not seen again
        self.position += len(data)
        self.idle = 0 if data else self.idle + 1
        self.before = (self.before + data)[-_FINGERPRINT:]
        whole, newline, self.partial = (self.partial + data).rpartition(b"\n")
        return whole + newline + (self.rest() if len(self.partial) > _LONGEST else b"")

    def _continues(self) -> bool:
        if not self.before or self.status.st_size == self.position:
            return True
        self.file.seek(self.position - len(self.before))
        return self.file.read(len(self.before)) == self.before

    def rest(self) -> bytes:
        """The last line, where no newline ends it."""
        partial, self.partial = self.partial, b""
        return partial + b"\n" if partial else b""


class LogFile:
    """A log file by its path, whichever file that is over time.

    Args:
        path: the file; it may be missing, and come later.
        query: which of its records are wanted.
        formats: those that are known for it, as in `Files`.
        whole: begin at its start. Otherwise `skip` says where.
    """

    def __init__(
        self, path: str, query: Query, formats: Sequence[tuple[str, str | None]] = (), *, whole: bool = False
    ) -> None:
        self.path = path
        self._cutter = _native.Cutter(query.as_json(), local_zone(), time.time_ns(), list(formats))
        self._current: _Open | None = None
        self._retired: list[_Open] = []
        if whole:
            self._current = self._open(path)

    def skip(self) -> int:
        """Go on behind the last whole line; the number of bytes before it."""
        self.close()
        self._current = self._open(self.path)
        if self._current is None:
            return 0
        size = self._current.status.st_size
        self._current.position = start = max(0, size - _BLOCK)
        whole = self._current.read()
        self._cutter.feed(whole, self.path, end=True)  # by which the format is known
        return start + len(whole)

    @property
    def is_changed(self) -> bool:
        """Whether its text is changed as it is read, so that places in it are not the file's."""
        return self._cutter.changes

    @staticmethod
    def _open(path: str) -> _Open | None:
        try:
            return _Open(Path(path).open("rb", buffering=0))
        except OSError:
            return None

    def new(self) -> list[Entry]:
        """What came since the last call. The newest entry is held back until nothing follows it."""
        lines = b"".join(old.read() for old in self._retired)
        if self._current is not None:
            lines += self._current.read(_MOST)
        lines += self._switch()
        found = entries(self._cutter.feed(lines, self.path, end=not lines)) if lines or self._cutter.waits else []
        for old in [old for old in self._retired if old.idle > _PATIENCE]:
            self._retired.remove(old)
            old.file.close()
        return found

    def _switch(self) -> bytes:
        """Where the path now leads to another file: the lines of that one, and of any that came and went between."""
        held = self._current
        if _identity(self.path) in (None, held and held.identity):
            return b""
        files = _generations(self.path)
        if not files:
            return b""
        now, *rotated = files
        lines = b""
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
        opened = [one for one in map(LogFile._open, (path, *_backups(path))) if one is not None]  # noqa: SLF001 one module
        there = [_identity(path), *filter(None, map(_identity, _backups(path)))]
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
