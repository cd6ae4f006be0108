"""What was accepted, known outside the processes that log: counters in a mapped file, raised after each call returns.

A writer that is killed leaves its counter behind, exact but for the one call that was under way.
"""

from __future__ import annotations

import gzip
import mmap
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import books

SLOTS = 4095
LINE = re.compile(r"(\d+) (?:INFO|WARNING) slot (\d+) number (\d+) (x*)\.", re.ASCII)
TEMPLATE = "slot %d number %d %s."


class Oracle:
    """Counters by slot (one thread of one process: its calls have an order), a flag to stop all, one to stop each."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(16 * (SLOTS + 1)))
        with path.open("r+b") as file:
            words = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self._words, self._ends = words[: SLOTS + 1], words[SLOTS + 1 :]

    def announce(self, slot: int, accepted: int) -> None:
        """Say how many calls of a slot have returned."""
        self._words[slot + 1] = accepted

    def accepted(self, slot: int) -> int:
        """How many calls of a slot have returned."""
        return self._words[slot + 1]

    @property
    def total(self) -> int:
        """How many calls of all slots have returned."""
        return sum(self._words[1:])

    @property
    def stopped(self) -> bool:
        """Whether the writers are to stop."""
        return bool(self._words[0])

    def stop(self) -> None:
        """Tell all writers to stop."""
        self._words[0] = 1

    def end(self, slot: int) -> None:
        """Tell one slot's writer to stop."""
        self._ends[slot + 1] = 1

    def ended(self, slot: int) -> bool:
        """Whether this slot's writer is to stop."""
        return bool(self._ends[slot + 1] or self._words[0])

    def log(self, call: Callable[..., None], slot: int, *, limit: int = 1 << 62) -> None:
        """Log with `call` on a slot, from where it stands, until told to stop or at `limit`."""
        number = self.accepted(slot)
        while number < limit and not self.stopped:
            call(TEMPLATE, slot, number, "x" * (number % 50))
            number += 1
            self.announce(slot, number)


@dataclass
class Verdict:
    """The files against the oracle. All empty: the promise was kept."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    never_logged: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Counts, and the first three of each kind."""
        parts = [f"{len(found)} {name} ({'; '.join(found[:3])})" for name, found in vars(self).items() if found]
        return ", ".join(parts) or "kept"


def files(folder: Path) -> list[Path]:
    """app.log and what was rotated away from it, oldest first: the highest number is the oldest."""

    def age(path: Path) -> int:
        suffix = path.name.removeprefix("app.log").removesuffix(".gz").lstrip(".")
        return int(suffix) if suffix else 0

    return sorted((path for path in folder.glob("app.log*")), key=age, reverse=True)


def text(path: Path) -> str:
    """What stands in a file, packed or not."""
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")


def judge(folder: Path, oracle: Oracle, *, forgets: bool = False) -> Verdict:
    """Read every line of every file and compare. Of each slot the one call under way at a kill may be there too.

    What the spool's own ledger says must be the same. With `forgets`, old files were deleted as configured: of each
    slot the first numbers may be gone, none in between.
    """
    verdict = Verdict()
    highest: dict[int, int] = {}
    seen: dict[int, set[int]] = {}
    lines = 0
    for path in files(folder):
        for line in text(path).splitlines(keepends=True):
            lines += 1
            match = LINE.fullmatch(line.removesuffix("\n"))
            if not match or not line.endswith("\n") or len(match.group(4)) != int(match.group(3)) % 50:
                verdict.torn.append(f"{path.name}: {line[:100]!r}")
                continue
            slot, number = int(match.group(2)), int(match.group(3))
            known = seen.setdefault(slot, set())
            if number in known:
                verdict.doubled.append(f"{slot}:{number}")
            elif number < highest.get(slot, -1):
                verdict.disorder.append(f"{slot}:{number} after {highest[slot]}")
            known.add(number)
            highest[slot] = max(number, highest.get(slot, -1))
    for slot in range(SLOTS):
        accepted, known = oracle.accepted(slot), seen.get(slot, set())
        first = min(known, default=accepted) if forgets else 0
        verdict.lost += [f"{slot}:{number}" for number in range(first, accepted) if number not in known]
        verdict.never_logged += [f"{slot}:{number}" for number in known if number > accepted]
    if (folder / ".cordwood").exists():
        slots = sum(1 for slot in range(SLOTS) if oracle.accepted(slot) or seen.get(slot))
        stand = None if forgets else lines
        verdict.unaccounted += books.differences(folder, accepted=oracle.total, under_way=slots, lines=stand)
    return verdict
