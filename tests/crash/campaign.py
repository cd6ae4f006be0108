"""A campaign of kills: episodes, each a folder with one to eight processes on it and one trouble after another.

Everything an episode decides comes from its seed; what the machine decides (who is quicker) does not. Trouble waits for
counts of records and not for the clock, so that the same seed does the same again as nearly as may be.
"""

from __future__ import annotations

import ctypes
import random
import shutil
import signal
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import actors
from tests.crash.actors import SLOTS_EACH, Actor, Rules, begin
from tests.crash.oracle import SLOTS, Oracle, Verdict, judge

PATIENCE = 120.0  # seconds: what takes longer hangs
LEADER = 36  # where the control page says who leads
PR_SET_CHILD_SUBREAPER = 36


class HungError(AssertionError):
    """Something did not happen in time."""


@dataclass
class Episode:
    """A folder, the processes on it, and what was done to them."""

    seed: int
    folder: Path
    processes: int = 0
    rules: Rules = field(init=False)
    kills: Counter[str] = field(default_factory=Counter)
    alive: list[Actor] = field(default_factory=list)
    slots: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.processes = self.chance.randrange(1, 9)
        self.rules = Rules(
            max_bytes=self.chance.choice((20_000, 60_000, 200_000)),
            backup_count=self.chance.choice((100_000, 100_000, 100_000, 5)),
            compress=self.chance.random() < 0.3,
        )
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True)
        self.oracle = Oracle(self.folder / "oracle")

    def spawn(self, failpoint: str | None = None) -> Actor:
        """One more process that logs."""
        slot, seed = self.slots, self.chance.randrange(1 << 30)
        self.slots += SLOTS_EACH
        actor = begin(slot, lambda: actors.write(self.oracle, self.folder, self.rules, slot, seed), failpoint=failpoint)
        self.alive.append(actor)
        return actor

    @property
    def is_full(self) -> bool:
        """No more processes can have slots of their own."""
        return self.slots + 9 * SLOTS_EACH > SLOTS

    def fill(self) -> None:
        """As many processes as the episode has."""
        while len(self.alive) < self.processes:
            self.spawn()

    def wait(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> bool:
        """Poll; False after so many seconds where that is no fault (`what` is empty)."""
        until = time.monotonic() + seconds
        while not true():
            if time.monotonic() > until:
                if what:
                    raise HungError(f"seed {self.seed}: {what}")
                return False
            time.sleep(0.0005)
        return True

    def progress(self, actor: Actor, records: int) -> None:
        """Wait until a process has logged so many more records."""
        target = self.oracle.accepted(actor.slot) + records
        self.wait(
            lambda: self.oracle.accepted(actor.slot) >= target or actor.has_ended(),
            f"the process of slot {actor.slot} stopped logging at {self.oracle.accepted(actor.slot)}",
        )
        self.expect_alive(actor)

    def expect_alive(self, actor: Actor) -> None:
        """Nothing may end a process but us."""
        if actor.has_ended():
            assert actor.status is not None
            dead = actor.status
            raise AssertionError(f"seed {self.seed}: the process of slot {actor.slot} ended with status {dead}")

    def kill(self, actor: Actor, how: str) -> None:
        """SIGKILL one of the living."""
        self.alive.remove(actor)
        if actor.kill():
            self.kills[how] += 1

    def gone(self, actor: Actor, how: str) -> None:
        """It was killed by what was prepared for it."""
        self.alive.remove(actor)
        assert actor.status is not None
        if not actor_was_killed(actor):
            raise AssertionError(f"seed {self.seed}: {how}: ended with status {actor.status}, not by SIGKILL")
        self.kills[how] += 1

    def leader(self) -> Actor | None:
        """Whom the control page names, if it is one of ours."""
        try:
            page = (self.logs / ".cordwood" / "control").read_bytes()
        except FileNotFoundError:
            return None
        (pid,) = struct.unpack_from("<I", page, LEADER)
        return next((actor for actor in self.alive if actor.pid == pid), None)

    def end(self, actor: Actor) -> None:
        """Have a process end as programs do."""
        self.oracle.end(actor.slot)
        self.wait(actor.has_ended, f"the process of slot {actor.slot} does not end")
        assert actor.status == 0, f"seed {self.seed}: a clean exit ended with status {actor.status}"
        self.alive.remove(actor)

    def recover(self) -> None:
        """Deliver what is left, in a process of its own."""
        self.reap_orphans()
        actor = begin(-1, lambda: actors.recover(self.folder))
        self.wait(actor.has_ended, "recovery does not end")
        assert actor.status == 0, f"seed {self.seed}: recovery ended with status {actor.status}"

    def reap_orphans(self) -> None:
        """Children of processes that were killed log to their end."""
        ours = {actor.pid for actor in self.alive}
        while orphans := set(children()) - ours:
            for pid in orphans:
                until = Actor(pid, -1)
                self.wait(until.has_ended, f"an orphaned child {pid} does not end")

    def finish(self) -> Verdict:
        """End or kill who is left, deliver, judge."""
        for actor in list(self.alive):
            if self.chance.random() < 0.5:
                self.end(actor)
            else:
                self.kill(actor, "random")
        self.recover()
        return judge(self.logs, self.oracle, forgets=self.rules.forgets)

    def abandon(self) -> None:
        """After a fault of the campaign: nobody is left running."""
        for actor in self.alive:
            actor.kill()
        self.alive.clear()
        self.reap_orphans()


def actor_was_killed(actor: Actor) -> bool:
    """By SIGKILL, whoever sent it."""
    return actor.status is not None and actor.status & 0x7F == signal.SIGKILL


def children() -> Iterator[int]:
    """Pids of this process's children, adopted ones among them."""
    import os

    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return map(int, text.split())


Trouble = Callable[[Episode], None]
TROUBLE: list[Trouble] = []


def trouble(make: Trouble) -> Trouble:
    """A kind of trouble: does one thing to an episode's processes, whose numbers are filled up afterwards."""
    TROUBLE.append(make)
    return make


@dataclass
class Report:
    """A whole campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    records: int = 0
    episodes: int = 0
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    failed: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many processes."""
        return sum(self.kills.values())


def run(*, seed: int, seconds: float, kills: int, kinds: list[Trouble] | None = None, troubles: int = 12) -> Report:
    """Episodes until so many seconds have passed (at least one) and so many kills were made.

    A failing episode's folder is kept and named, and its seed said.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    report = Report()
    began = time.monotonic()
    while report.seconds < seconds or report.killed < kills or not report.episodes:
        one_seed = seed + report.episodes
        folder = Path(tempfile.mkdtemp(prefix=f"cordwood-crash-{one_seed}-"))
        episode = Episode(one_seed, folder / "episode")
        fault = play(episode, report, kinds or TROUBLE, troubles)
        report.episodes += 1
        report.kills += episode.kills
        report.records += episode.oracle.total
        report.seconds = time.monotonic() - began
        if fault:
            report.failed.append(f"seed {one_seed}: {fault}; its folder is {folder}")
            print(report.failed[-1], flush=True)
            break
        shutil.rmtree(folder)
    return report


def play(episode: Episode, report: Report, kinds: list[Trouble], troubles: int) -> str:
    """One episode: so many troubles, then the verdict. What is wrong, or nothing."""
    order = list(kinds)
    try:
        for number in range(troubles):
            if episode.is_full:
                break
            episode.fill()
            at = number % len(order)
            if at == 0:
                episode.chance.shuffle(order)
            order[at](episode)
        verdict = episode.finish()
    except AssertionError as error:
        episode.abandon()
        return str(error)
    for name, found in vars(verdict).items():
        getattr(report.verdict, name).extend(found)
    return "" if str(verdict) == "kept" else str(verdict)
