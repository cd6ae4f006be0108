"""The soak itself: one process under observation for as long as one likes, siblings that come and go."""

from __future__ import annotations

import contextlib
import ctypes
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import books
from tests.crash.actors import SLOTS_EACH, Actor
from tests.crash.actors import THREADS as CHILD  # of a process's slots, the first one of a child
from tests.crash.campaign import PATIENCE, PR_SET_CHILD_SUBREAPER, Episode
from tests.crash.oracle import SLOTS
from tests.soak.gauges import BUCKETS, Histogram, Sample, sample
from tests.soak.observed import RULES, THREADS, WARNED, database
from tests.soak.reader import Reader, Seen

SIBLINGS = 2
TICK = 0.25
SETTLED = 4.0  # seconds after which nothing of a deletion is under way any more
DELIVERED = 20  # seconds after which a record is where it belongs, whatever came between: a lock of 8, a batch's 5
FILES, DATABASE = "the files", "the database"


@dataclass
class Findings:
    """What a soak measured and counted."""

    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    windows: list[list[int]] = field(default_factory=list)
    accepted: int = 0
    lines: int = 0
    rows: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: {FILES: Counter(), DATABASE: Counter()})
    late: int = 0
    wrong: list[str] = field(default_factory=list)


class Soak:
    """A folder, the processes on it, what was seen of them."""

    def __init__(self, folder: Path, seed: int, window: float) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder, self.window = folder, window
        self.chance = random.Random(seed)
        self.episode = Episode(seed, folder)
        self.episode.rules = RULES
        self.episode.processes = 1 + SIBLINGS
        self.episode.slots = SLOTS_EACH
        self.logs, self.file = self.episode.logs, self.episode.logs / "app.log"
        self.reader = Reader(self.logs)
        self.histogram = Histogram(folder / "histogram", THREADS)
        self.findings = Findings()
        self._taken: dict[str, list[list[range]]] = {FILES: [], DATABASE: []}
        self._before = [0] * BUCKETS
        self._marks: deque[list[int]] = deque(maxlen=DELIVERED)
        with (folder.parent / "said").open("wb") as said:
            command = [sys.executable, "-m", "tests.soak.observed", str(folder)]
            self.process = subprocess.Popen(command, stderr=said)
        self.observed = Actor(self.process.pid, 0)
        self.episode.alive.append(self.observed)
        self._began = self._sampled = self._cut = time.monotonic()

    @property
    def siblings(self) -> list[Actor]:
        """Those that may be killed."""
        return [actor for actor in self.episode.alive if actor is not self.observed]

    def hold(self, seconds: float) -> None:
        """Let time pass, and look."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._look()

    def hold_until(self, true: Callable[[], bool]) -> None:
        """Look until it is so; the crash campaign says what takes too long."""
        until = time.monotonic() + PATIENCE
        while not true() and time.monotonic() < until:
            self._look()

    def _look(self) -> None:
        time.sleep(TICK)
        self.reader.drain()
        self.episode.expect_alive(self.observed)
        now = time.monotonic()
        if now - self._sampled >= 1:
            self._sampled = now
            self.findings.samples.append(sample(self.observed.pid))
            self._marks.append([self.episode.oracle.accepted(slot) for slot in range(self.episode.slots)])
        if now - self._cut >= self.window:
            self._cut = now
            counts = self.histogram.counts()
            self.findings.windows.append([now - then for now, then in zip(counts, self._before, strict=True)])
            self._before = counts

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        """Around a deletion: what is not read yet, or comes until it is settled, may be gone with it or come again."""
        self.reader.drain()
        # The database's rows wait longer than the files' lines: all since the mark may be under way.
        mark = self._marks[0] if len(self._marks) == DELIVERED else []
        rows = [*mark, *[0] * (self.episode.slots - len(mark))]
        lines = [self.reader.seen.first_missing(slot, rows[slot]) for slot in range(self.episode.slots)]
        yield
        self.hold(SETTLED)
        for where, lows in ((FILES, lines), (DATABASE, rows[:THREADS])):
            ranges = [range(low, self.episode.oracle.accepted(slot) + 1) for slot, low in enumerate(lows)]
            self._taken[where].append(ranges)

    @contextlib.contextmanager
    def risking(self) -> Iterator[None]:
        """Around a full disk: a forked child that is killed or leaves at once takes with it what its memory has."""
        lows = [self.episode.oracle.accepted(slot) for slot in range(self.episode.slots)]
        yield
        is_child = [slot >= SLOTS_EACH and slot % SLOTS_EACH >= CHILD for slot in range(len(lows))]
        ends = [self.episode.oracle.accepted(slot) + 1 if child else 0 for slot, child in enumerate(is_child)]
        self._taken[FILES].append([range(low, end) for low, end in zip(lows, ends, strict=True)])

    def keep_books(self) -> None:
        """Add what the ledger says was dropped: before it is deleted, and at the end."""
        report = books.read(self.logs)
        self.findings.wrong += report["problems"]
        for spool in report["spools"]:
            refused = {f"refused ({why})": number for why, number in spool["refused"].items()}
            for name, sink in spool["sinks"].items():
                if not sink["local"]:
                    where = FILES if name == str(self.file.resolve()) else DATABASE
                    self.findings.dropped[where].update(sink["dropped"] | refused)

    def finish(self) -> Findings:
        """End all as programs end, deliver what is left, and count."""
        self.findings.seconds = time.monotonic() - self._began
        for actor in list(self.episode.alive):
            self.episode.oracle.end(actor.slot)
        self.episode.oracle.stop()
        for actor in list(self.episode.alive):
            self.hold_until_ended(actor)
        self.episode.recover()
        self.reader.drain()
        self.keep_books()
        self._judge(self.reader.seen, FILES, 1, SLOTS)
        self._judge(self._rows(), DATABASE, WARNED, THREADS)
        seen = self.reader.seen
        self.findings.accepted, self.findings.lines = self.episode.oracle.total, seen.lines
        self.findings.wrong += [f"torn: {line}" for line in seen.torn[:3]]
        displaced = [number for number in self.reader.disorder if not self._was_taken(FILES, *number)]
        self.findings.late = len(self.reader.disorder) - len(displaced)
        if displaced:
            self.findings.wrong.append(f"{len(displaced)} records stand after later ones, such as {displaced[0]}")
        return self.findings

    def hold_until_ended(self, actor: Actor) -> None:
        """Read on while it ends; that is no time of the soak's."""
        until = time.monotonic() + PATIENCE
        while not actor.has_ended() and time.monotonic() < until:
            self.reader.drain()
            time.sleep(TICK)
        self.episode.end(actor)

    def _rows(self) -> Seen:
        rows = Seen()
        with contextlib.closing(sqlite3.connect(database(self.folder))) as connection:
            for (message,) in connection.execute("SELECT message FROM app_logs"):
                rows.line(message.encode())
        self.findings.rows = rows.lines
        return rows

    def _judge(self, seen: Seen, where: str, step: int, slots: int) -> None:
        """Each accepted record once, or gone with what was deleted, or dropped and counted."""
        taken = lost = 0
        for slot in range(slots):
            accepted = self.episode.oracle.accepted(slot)
            for number in seen.missing(slot, range(0, accepted, step)):
                if self._was_taken(where, slot, number):
                    taken += 1
                else:
                    lost += 1
        counted = sum(self.findings.dropped[where].values())
        if lost > counted:
            self.findings.wrong.append(f"{lost - counted} records are not in {where}, and nobody counted them")
        doubled = [(slot, number) for slot, number in seen.doubled if not self._was_taken(where, slot, number)]
        if doubled:
            self.findings.wrong.append(f"{len(doubled)} records stand twice in {where}, such as {doubled[0]}")
        self.findings.taken[where] = taken

    def _was_taken(self, where: str, slot: int, number: int) -> bool:
        return any(slot < len(ranges) and number in ranges[slot] for ranges in self._taken[where])

    def abandon(self) -> None:
        """Nobody is left running."""
        with contextlib.suppress(OSError):
            self.logs.chmod(0o700)
        self.episode.oracle.stop()
        self.episode.abandon()
