"""The last records of several files and processes in order of time, and what comes after them."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cordwood import _native
from cordwood.errors import NoLogsError
from cordwood.query.copies import Copies
from cordwood.query.entries import Entry, by_time
from cordwood.query.entries import entries as native_entries
from cordwood.query.files import Files
from cordwood.query.logfile import LogFile
from cordwood.query.logs import COMPRESSED
from cordwood.query.model import Query
from cordwood.query.spooled import as_lines, undelivered
from cordwood.query.times import SECOND, local_zone

if TYPE_CHECKING:
    from cordwood.record import Record

_LATE = 1.0  # seconds: what is still only in the spool after that is shown from there


class Tail:
    """Several log files as one.

    Args:
        paths: files, or folders of files.
        query: which records are wanted; all unless given.
        formats: as in `Files`.

    Raises:
        NoLogsError: as `Files`, or a file is packed.
        ConfigError: as `Files`.
    """

    def __init__(
        self, paths: Iterable[str], query: Query | None = None, formats: Sequence[tuple[str, str | None]] = ()
    ) -> None:
        self._query = query or Query()
        self._source = Files(paths, formats)
        for path in self._source.files:
            if path.endswith(COMPRESSED):
                raise NoLogsError(f"{path}: nothing comes to a packed log; name the one that grows")
        self._copies: dict[str, Copies] = {}
        self._heard: list[tuple[float, str, Entry]] = []  # of consoles' copies, until their logs have been delivered
        self._shown: set[str] = set()  # first lines shown from a spool, until they come out of the file
        self._next_look = 0.0
        self._notices: dict[str, str] = {}  # by file: a look may be repeated
        self._left = {path for path in self._source.live() if _is_utf16(path)}
        for path in self._left:
            self._notices[path] = f"{path}: this is UTF-16, which can be searched and not followed"
        self._files = {path: self._file(path) for path in self._source.live() if path not in self._left}

    def _file(self, path: str, *, whole: bool = False) -> LogFile:
        self._copies[path] = self._source.copies(path, empty=time.time_ns())
        return LogFile(path, self._query, self._source.known(path), whole=whole)

    def before(self) -> Iterator[Entry]:
        """All answers that stand there now, in order of time; `new` goes on after them."""
        ends = self._skip()
        return filter(None, (self._old(entry, ends) for entry in self._source.select(self._query)))

    def last(self, count: int) -> list[Entry]:
        """The last `count` answers of all files together; `new` goes on after them."""
        ends = self._skip()
        return list(filter(None, (self._old(entry, ends) for entry in self._source.last(self._query, count))))

    def _skip(self) -> dict[str, int]:
        """From which place on what comes to each file is new; nothing of text whose places are not the file's."""
        ends = {path: file.skip() for path, file in self._files.items()}
        return {path: end for path, end in ends.items() if not self._files[path].is_changed}

    def _old(self, entry: Entry, ends: Mapping[str, int]) -> Entry | None:
        if entry.source in self._source.spools:
            self._shown.add(_first_line(entry))
        return entry if entry.place < ends.get(entry.source, entry.place + 1) else None

    def notices(self) -> list[str]:
        """What went wrong since the last call, a line each."""
        found, self._notices = [*self._source.notices(), *self._notices.values()], {}
        return found

    def _spooled(self, records: list[Record], spool: str) -> list[Entry]:
        """The answers among spooled records, as the lines that will stand in the file."""
        lines, formats = as_lines(records, spool)
        cutter = _native.Cutter(self._query.as_json(), local_zone(), time.time_ns(), formats)
        return native_entries(cutter.feed(lines, spool, end=True))

    def _once(self, file: LogFile, found: list[Entry]) -> list[Entry]:
        """Without what is in another file too."""
        copies = self._copies[file.path]
        found = [
            one
            for one in found
            if not any(by_time(one) >= begin and one.level >= level for begin, level in copies.begins)
        ]
        if not (copies.beside and found):
            return found
        # Anew each time: they may have been rotated.
        beside = self._source.copies(file.path).beside
        lines = [(entry.time, entry.level, entry.text) for entry in found]
        heard = _native.echoes(lines, beside, local_zone(), time.time_ns())
        return [entry for entry, is_echo in zip(found, heard, strict=True) if not is_echo]

    def _new(self, file: LogFile) -> list[Entry]:
        """What came to a file. What comes to a console's copy is there before it is in the log."""
        found = file.new()
        if not self._copies[file.path].beside:
            return self._once(file, found)
        now = time.monotonic()
        self._heard += [(now, file.path, entry) for entry in found]
        due = [entry for at, path, entry in self._heard if path == file.path and at <= now - _LATE]
        self._heard = [one for one in self._heard if one[1] != file.path or one[0] > now - _LATE]
        return self._once(file, due)

    def new(self) -> list[Entry]:
        """What came since the last call, in order of time."""
        found = (entry for file in self._files.values() for entry in self._new(file))
        entries = [entry for entry in found if not self._was_shown(entry)]
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LATE
            entries += [*self._late(), *self._new_files()]
        return sorted(entries, key=by_time)

    def _was_shown(self, entry: Entry) -> bool:
        line = _first_line(entry)
        shown = line in self._shown
        self._shown.discard(line)
        return shown

    def _late(self) -> Iterator[Entry]:
        """What nobody delivers: it is shown now, and not again when it is delivered after all."""
        before = time.time_ns() - int(_LATE * SECOND)
        for spool in self._source.spools:
            for entry in self._spooled(undelivered(spool), spool):
                if by_time(entry) < before and _first_line(entry) not in self._shown:
                    self._shown.add(_first_line(entry))
                    yield entry

    def _new_files(self) -> Iterator[Entry]:
        for name in self._source.live():
            if name not in self._files and name not in self._left:
                self._files[name] = self._file(name, whole=True)
                yield from self._new(self._files[name])

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.close()


def _is_utf16(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    except OSError:  # it is said when it is read
        return False


def _first_line(entry: Entry) -> str:
    return entry.text.partition("\n")[0]
