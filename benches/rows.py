"""The rows of the report: what is done, how often, and the figure to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from benches.contenders import Sync

MEGABYTES_5 = 5_000_000
LIKE_STDLIB = ("stdlib", "cordwood")


@dataclass(frozen=True)
class Row:
    """One line of the report (two where `metrics` has two)."""

    name: str
    title: str
    measure: str  # the function of worker.py
    metrics: tuple[str, ...]  # what it returns, in nanoseconds a call unless the name says otherwise
    calls: int  # of all threads and processes together
    shape: str = "text"
    prompt: bool = False  # one argument is of another type than int, float and str: the caller formats
    max_bytes: int | None = None
    sync: Sync = "interval"  # when bytes are forced to the disk
    threads: int = 1
    processes: int = 1
    rounds: int = 5
    only: tuple[str, ...] = ()  # contenders; all where empty
    target: str = ""  # of Cordwood, as a ratio to stdlib unless it has a unit
    ratio: bool = True


BURST = ("caller", "in_file")
DEFERRED = "the formatting may be deferred"
PROMPT = "the caller formats"

ROWS = [
    Row("text", f"text line, {DEFERRED}", "burst", BURST, 200_000, target="≤ 0.02, ≤ 0.025"),
    Row("text-prompt", f"text line, {PROMPT}", "burst", BURST, 200_000, prompt=True, target="≤ 0.055, ≤ 0.06"),
    Row(
        "latency",
        "one call under load, files rotating every 5 MB",
        "latency",
        ("p50", "p99", "p99.9"),
        200_000,
        max_bytes=MEGABYTES_5,
        target="p99.9 ≤ 0.15",
    ),
    Row(
        "sparse",
        "call to line in the file, calls 1 to 10 ms apart",
        "sparse",
        ("p50", "p99"),
        1_000,
        rounds=3,
        target="p99 ≤ 1 ms",
        ratio=False,
    ),
    Row("json", "JSON line, 5 extra fields", "burst", BURST, 100_000, shape="json", target="≤ 0.06"),
    Row("exception", "exception, 10 frames", "burst", BURST, 5_000, shape="exception", target="≤ 0.15"),
    Row(
        "below",
        "call below the level, net of an empty loop",
        "below",
        ("caller",),
        500_000,
        shape="below",
        target="≤ 0.35",
    ),
    Row("threads", f"4 threads, {DEFERRED}", "burst", BURST, 100_000, threads=4, target="≤ 0.015"),
    Row("threads-prompt", f"4 threads, {PROMPT}", "burst", BURST, 100_000, prompt=True, threads=4, target="≤ 0.03"),
    Row(
        "processes",
        "4 processes, one file, rotating every 5 MB",
        "burst",
        BURST,
        200_000,
        max_bytes=MEGABYTES_5,
        processes=4,
        target="≤ 0.08, lossless, in order per process",
    ),
    Row("kill", "accepted, then kill -9: lost a kill", "kill", ("lost_a_kill",), 20, rounds=1, target="0", ratio=False),
    Row(
        "fork",
        "50 forks while 3 threads log: hung, lost, doubled",
        "fork",
        ("hung", "lost", "doubled"),
        50,
        rounds=1,
        target="0, 0, 0",
        ratio=False,
    ),
    *(
        Row(f"sync-{when}", f'text line, sync="{when}"', "burst", BURST, 500, sync=when, rounds=3, only=LIKE_STDLIB)
        for when in get_args(Sync)
    ),
    Row(
        "import",
        "import, ms",
        "imports",
        ("imported", "ready"),
        1,
        rounds=15,
        target="≤ 1.5 × stdlib + 15 ms",
        ratio=False,
    ),
    Row("idle", "idle processor, %", "idle", ("percent",), 1, rounds=1, target="≤ 0.2 %", ratio=False),
    Row(
        "memory", "memory of its own at rest after 10,000 records, MB", "memory", ("mb",), 10_000, rounds=1, ratio=False
    ),
    Row("spool", "spool bytes a record", "spool", ("bytes",), 100_000, rounds=1, only=("cordwood",), ratio=False),
    *(
        Row(f"scaling-threads-{n}", f"{n} threads", "burst", BURST, 64_000, threads=n, rounds=3, only=LIKE_STDLIB)
        for n in (1, 2, 4, 8, 16)
    ),
    *(
        Row(f"scaling-processes-{n}", f"{n} processes", "burst", BURST, 96_000, processes=n, rounds=3, only=LIKE_STDLIB)
        for n in (1, 2, 4, 8, 16, 24)
    ),
]
