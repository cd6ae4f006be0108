"""Spans of local time, by which answers are counted."""

from __future__ import annotations

from datetime import datetime, timedelta

from cordwood.query.times import SECOND, local_zone


class Spans:
    """Spans of local time, as the core counts by them."""

    def __init__(self, per: int) -> None:
        self.width = max(1, per // SECOND)
        self.days = self.width % 86_400 == 0  # they begin at midnight, and may have 23 or 25 hours
        self._zone = local_zone() if self.width >= 60 else [(0, 0)]  # noqa: PLR2004 offsets are whole minutes

    def offsets(self, first: int, last: int) -> list[tuple[int, int]]:
        """(until second, offset) for each part of a range; the last has no end."""
        ends = [begin for begin, _ in self._zone[1:]] + [2**62]
        return [
            (end, offset)
            for (begin, offset), end in zip(self._zone, ends, strict=True)
            if end > first and (begin <= last or begin == self._zone[0][0])
        ]

    def utc(self, begin: int) -> int:
        """A begin as the database counts them in seconds since the epoch: those of days are local time."""
        return int((datetime(1970, 1, 1) + timedelta(seconds=begin)).timestamp()) if self.days else begin  # noqa: DTZ001

    def begin(self, second: int) -> int:
        """The begin of the span in which a second lies, in nanoseconds."""
        offset = self.offsets(second, second)[0][1]
        local = (second + offset) // self.width * self.width
        return self.utc(local if self.days else local - offset) * SECOND
