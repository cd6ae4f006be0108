"""Where one record of a log file ends and the next begins, and when it was written."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

SECOND = 1_000_000_000

# The date begins the line, or follows a level name: [2026-11-20 10:00:00,123] …, INFO 2026-11-20T10:00:00.5Z …
_TIMESTAMP = re.compile(
    r"(?:\[?[A-Z]{4,8}\]?[\s:-]+)?\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?(Z|[+-]\d\d:?\d\d)\b)?"
)
_JSON_NAMES = ("timestamp", "@timestamp", "Timestamp", "time")


@dataclass
class Entry:
    """One record of a log file.

    Args:
        time: nanoseconds since the epoch; that of the entry before where the text has none, 0 if there was none.
        text: its lines, the last without a newline.
        source: the file it was read from.
    """

    time: int
    text: str
    source: str


def timestamp(line: str) -> int | None:
    """Nanoseconds since the epoch of the time a line begins with, or of a JSON line's field; None without one.

    A time without an offset is taken as local time.
    """
    if line.startswith("{"):
        return _json_timestamp(line)
    found = _TIMESTAMP.match(line)
    return None if found is None else _nanoseconds(*found.groups())


def _json_timestamp(line: str) -> int | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    for name in _JSON_NAMES:
        value = fields.get(name)
        if isinstance(value, str):
            found = _TIMESTAMP.match(value)
            if found is not None:
                return _nanoseconds(*found.groups())
            if value.isdecimal():  # OpenTelemetry: nanoseconds as text
                return int(value)
        elif isinstance(value, (int, float)):
            return int(value * SECOND)
    return None


def _nanoseconds(date: str, clock: str, fraction: str | None, offset: str | None) -> int | None:
    seconds = _seconds(date, clock, offset)
    return None if seconds is None else seconds * SECOND + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=1024)
def _seconds(date: str, clock: str, offset: str | None) -> int | None:
    import calendar

    try:
        parts = time.strptime(f"{date} {clock}", "%Y-%m-%d %H:%M:%S")
        if offset is None:
            return int(time.mktime(parts))
    except (ValueError, OverflowError):
        return None
    digits = "+0000" if offset == "Z" else offset.replace(":", "")
    ahead = int(digits[1:3]) * 3600 + int(digits[3:5]) * 60
    return calendar.timegm(parts) - (ahead if digits[0] == "+" else -ahead)


class Grouper:
    """Lines of one file → entries: a line with a time begins one, the lines after it belong to it.

    In a file where no line has a time, each line is an entry.

    Args:
        source: the file.
        time: of the entry before the first line; 0 if there is none.
    """

    def __init__(self, source: str, time: int = 0) -> None:
        self._source = source
        self._lines: list[str] = []
        self._time = time
        self._timed = time > 0

    def feed(self, lines: Iterable[str]) -> Iterator[Entry]:
        """The entries that these lines complete."""
        for line in lines:
            when = timestamp(line)
            self._timed = self._timed or when is not None
            if when is not None or not self._timed:
                yield from self.end()
                self._time = when or self._time
            self._lines.append(line)

    def end(self) -> Iterator[Entry]:
        """The entry that is still open, if any."""
        if self._lines:
            lines, self._lines = self._lines, []
            yield Entry(self._time, "\n".join(lines), self._source)
