"""What is measured of the process under observation: its calls' times, counted by itself, and what /proc says of it."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path

STEPS = 8  # of a doubling: a bucket is a twelfth wide
BUCKETS = 40 * STEPS  # up to a thousand seconds


class Histogram:
    """Calls by how long they took, in a mapped file: so many numbers, however long it goes on. A row a thread."""

    def __init__(self, path: Path, rows: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * BUCKETS * rows))
        with path.open("r+b") as file:
            self._counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def add(self, row: int, nanoseconds: int) -> None:
        """Count one call; a row has one thread."""
        self._counts[row * BUCKETS + min(BUCKETS - 1, int(math.log2(max(nanoseconds, 1)) * STEPS))] += 1

    def counts(self) -> list[int]:
        """All calls so far, of all threads."""
        counts = self._counts.tolist()
        return [sum(counts[bucket::BUCKETS]) for bucket in range(BUCKETS)]


def quantile(counts: list[int], share: float) -> float:
    """The time in seconds that so large a share of calls did not exceed; the upper edge of its bucket."""
    left = share * sum(counts)
    for bucket, count in enumerate(counts):
        left -= count
        if left <= 0 and count:
            return float(2 ** ((bucket + 1) / STEPS) / 1e9)
    return 0.0


@dataclass(frozen=True)
class Sample:
    """A process at a moment."""

    resident: int
    descriptors: int
    threads: int


def sample(pid: int) -> Sample:
    """What the kernel says of it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    said = dict(line.split(":", 1) for line in status.splitlines())
    resident = int(said["VmRSS"].split()[0]) * 1024
    return Sample(resident, len(list(Path(f"/proc/{pid}/fd").iterdir())), int(said["Threads"]))
