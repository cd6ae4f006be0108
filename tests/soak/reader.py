"""Reads every log file as it grows, so that what rotation deletes has been seen: which numbers stood there, how often.

A file is known by its inode and held open until nothing can come to it, whatever its name is by then.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LINE = re.compile(rb"(?:\d+ (?:INFO|WARNING|ERROR) )?slot (\d+) number (\d+) (x*)\.", re.ASCII)
OF_AN_EXCEPTION = (b"ValueError: invalid literal", b"Traceback", b"  ")
HELD = 10.0  # seconds that a file without a name is read on


class Seen:
    """The numbers of each slot that stood somewhere, and what was amiss."""

    def __init__(self) -> None:
        self.times: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.lines = 0
        self.torn: list[str] = []
        self.doubled: list[tuple[int, int]] = []

    def line(self, line: bytes) -> tuple[int, int] | None:
        """One line; the slot and number that it has."""
        match = LINE.fullmatch(line)
        if not match or len(match[3]) != int(match[2]) % 50:
            if not line.startswith(OF_AN_EXCEPTION):
                self.torn.append(repr(line[:100]))
            return None
        self.lines += 1
        slot, number = int(match[1]), int(match[2])
        times = self.times[slot]
        if number >= len(times):
            times.extend(bytes(number + 1 - len(times)))
        times[number] = min(255, times[number] + 1)
        if times[number] > 1:
            self.doubled.append((slot, number))
        return slot, number

    def first_missing(self, slot: int, start: int) -> int:
        """The first number of a slot, from this one on, that stood nowhere yet."""
        times = self.times.get(slot, b"")
        at = times.find(0, start)
        return max(start, len(times)) if at < 0 else at

    def missing(self, slot: int, wanted: range) -> Iterator[int]:
        """The numbers that stood nowhere."""
        times = self.times.get(slot, b"")
        return (number for number in wanted if number >= len(times) or not times[number])


@dataclass
class _File:
    descriptor: int
    at: int = 0
    rest: bytes = b""
    nameless_since: float = 0.0
    highest: dict[int, int] = field(default_factory=dict)


class Reader:
    """All files of a log directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = Seen()
        self.disorder: list[tuple[int, int]] = []
        self._files: dict[int, _File] = {}

    def drain(self) -> None:
        """Read what came since, and let go of files that are gone."""
        named = set()
        for path in sorted(self.folder.glob("app[.-]*"), reverse=True):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:  # renamed meanwhile: the next look finds it
                continue
            inode = os.fstat(descriptor).st_ino
            named.add(inode)
            if inode in self._files:
                os.close(descriptor)
            else:
                self._files[inode] = _File(descriptor)
        now = time.monotonic()
        for inode, file in list(self._files.items()):
            self._read(file)
            file.nameless_since = 0.0 if inode in named else file.nameless_since or now
            if file.nameless_since and now - file.nameless_since > HELD:
                os.close(self._files.pop(inode).descriptor)

    def _read(self, file: _File) -> None:
        if os.fstat(file.descriptor).st_size < file.at:  # truncated: what comes begins anew
            file.at, file.rest = 0, b""
        while piece := os.pread(file.descriptor, 1 << 20, file.at):
            file.at += len(piece)
            *lines, file.rest = (file.rest + piece).split(b"\n")
            for line in lines:
                found = self.seen.line(line)
                if found is None:
                    continue
                slot, number = found
                if number < file.highest.get(slot, -1):
                    self.disorder.append((slot, number))
                file.highest[slot] = max(number, file.highest.get(slot, -1))
