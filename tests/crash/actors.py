"""The processes of a campaign, forked from it: they log, fork children that log, recover; and are killed.

The campaign itself has no thread and opens no spool, so forking it is safe and quick.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.crash.oracle import Oracle

THREADS = 3
CHILDREN = 4
CHILD_RECORDS = 30
# Records after which a thread only trickles: the armed build is slow, and each further file makes every rotation of
# numbered files dearer. Eight processes at full speed are never caught up with.
FULL_SPEED = 2_000
SLOTS_EACH = THREADS + CHILDREN


@dataclass(frozen=True)
class Rules:
    """How the files of an episode are written."""

    max_bytes: int
    backup_count: int
    compress: bool

    @property
    def forgets(self) -> bool:
        """Old files are deleted while the episode runs."""
        return self.backup_count < 1000

    def configure(self, folder: Path, **more: Any) -> None:
        import cordwood

        cordwood.configure(
            cordwood.LogConfig(
                level="INFO",
                log_dir=folder / "logs",
                console_output=False,
                format_string="%(process)d %(levelname)s %(message)s",
                max_bytes=self.max_bytes,
                backup_count=self.backup_count,
                compress="gzip" if self.compress else None,
                **more,
            )
        )


@dataclass
class Actor:
    """A process of the campaign; `slot` is the first of its slots."""

    pid: int
    slot: int
    status: int | None = None
    killed: bool = field(default=False)

    def has_ended(self) -> bool:
        """Looks without waiting; remembers the status."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def kill(self) -> bool:
        """SIGKILL, also where it is stopped; True if it was this that ended it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self.status is None:
            _, self.status = os.waitpid(self.pid, 0)
        self.killed = os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL
        return self.killed


def begin(slot: int, act: Callable[[], None], *, failpoint: str | None = None) -> Actor:
    """Fork a process that does this and ends; with status 1 and a traceback where it raises."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Actor(pid, slot)
    try:
        if failpoint:
            os.environ["CORDWOOD_FAILPOINT"] = failpoint
        act()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def write(oracle: Oracle, folder: Path, rules: Rules, slot: int, seed: int) -> None:
    """Log on one to three threads, now and then in a forked child too, until told to stop; then end as programs do."""
    import logging

    import cordwood

    chance = random.Random(seed)
    rules.configure(folder)
    log = logging.getLogger("crash")
    others = [
        threading.Thread(target=pace, args=(oracle, log, slot + number, slot, random.Random(seed + number)))
        for number in range(1, chance.choice((1, 1, THREADS)))
    ]
    for thread in others:
        thread.start()
    children = chance.choice((0, 0, CHILDREN))
    for number in range(children):
        pace(oracle, log, slot, slot, chance, records=chance.randrange(20, 400))
        if not oracle.ended(slot) and not os.fork():
            child(oracle, log, slot + THREADS + number, chance)
    pace(oracle, log, slot, slot, chance)
    for thread in others:
        thread.join()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    # What is left on a busy machine is for the next process: the judge counts it.
    cordwood.shutdown(timeout=20)


def child(oracle: Oracle, log: object, slot: int, chance: random.Random) -> NoReturn:
    """A forked child: logs a little and leaves as `os._exit` does, without a word, or is killed."""
    pace(oracle, log, slot, slot, chance, records=chance.randrange(1, CHILD_RECORDS))
    if chance.random() < 0.5:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(0)


def pace(
    oracle: Oracle, log: object, slot: int, master: int, chance: random.Random, *, records: int | None = None
) -> None:
    """Log in bursts with short pauses, so many records or until the process's first slot is told to stop."""
    call = log.info  # type: ignore[attr-defined]
    left = 1 << 40 if records is None else records
    while left > 0 and not oracle.ended(master):
        burst = min(left, chance.randrange(1, 60))
        oracle.log(call, slot, limit=oracle.accepted(slot) + burst)
        left -= burst
        time.sleep(chance.random() * (0.02 if oracle.accepted(slot) < FULL_SPEED else 0.2))


def recover(folder: Path) -> None:
    """What `cordwood recover` does; all must be delivered."""
    from cordwood.views.recover import recover as recovered

    if not (folder / "logs" / ".cordwood").exists():
        return  # whoever was to log first was killed before that

    report = recovered(str(folder / "logs"))
    assert report["led"], report
    assert report["remaining"] == 0, report
