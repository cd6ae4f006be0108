"""What is done to the process under observation, its siblings and their folder; each is undone before the next."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable

from tests.soak.observed import database
from tests.soak.soak import Soak

BACK = 2.0  # seconds after which no record waits in memory for a disk that was full
Fault = Callable[[Soak], None]
FAULTS: dict[str, Fault] = {}


def fault(does: Fault) -> Fault:
    """Put it among those chosen from."""
    FAULTS[does.__name__] = does
    return does


@fault
def killed(soak: Soak) -> None:
    """SIGKILL for a sibling; the leader, where it is one."""
    leader = soak.episode.leader()
    victim = leader if leader in soak.siblings else soak.chance.choice(soak.siblings)
    soak.episode.kill(victim, "at random")


@fault
def stopped(soak: Soak) -> None:
    """SIGSTOP for seconds: the leader, whoever it is; the process under observation for half a second only."""
    victim = soak.episode.leader() or soak.chance.choice(soak.siblings)
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        soak.hold(soak.chance.uniform(1, 4) if victim in soak.siblings else 0.5)
    finally:
        os.kill(victim.pid, signal.SIGCONT)


@fault
def ended(soak: Soak) -> None:
    """A sibling ends as programs do."""
    leaving = soak.chance.choice(soak.siblings)
    soak.episode.oracle.end(leaving.slot)
    soak.hold_until(leaving.has_ended)
    soak.episode.end(leaving)


@fault
def spool_deleted(soak: Soak) -> None:
    """`rm -r` of the spool."""
    soak.keep_books()
    with soak.taking():
        shutil.rmtree(soak.logs / ".cordwood", ignore_errors=True)


@fault
def file_removed(soak: Soak) -> None:
    """`rm` of the log file."""
    with soak.taking():
        soak.file.unlink(missing_ok=True)


@fault
def file_moved(soak: Soak) -> None:
    """`mv app.log app-moved.log`, and `rm` of that a little later."""
    with contextlib.suppress(FileNotFoundError):
        soak.file.rename(soak.logs / "app-moved.log")
    soak.hold(2)
    with soak.taking():  # it has been read; but who takes over from its leader would look into it
        (soak.logs / "app-moved.log").unlink(missing_ok=True)


@fault
def file_truncated(soak: Soak) -> None:
    """`truncate -s 0` of the log file."""
    with soak.taking(), contextlib.suppress(FileNotFoundError):
        os.truncate(soak.file, 0)
        soak.reader.drain()


@fault
def folder_read_only(soak: Soak) -> None:
    """Nothing can be made or renamed in the folder for seconds."""
    soak.logs.chmod(0o500)
    try:
        soak.hold(soak.chance.uniform(1, 4))
    finally:
        soak.logs.chmod(0o700)


@fault
def disk_full(soak: Soak) -> None:
    """Another file takes all that is left of the disk for seconds."""
    ballast = soak.logs.parent / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with soak.risking():
        try:
            soak.hold(soak.chance.uniform(1, 4))
        finally:
            ballast.unlink()
        soak.hold(BACK)


@fault
def no_descriptors(soak: Soak) -> None:
    """The process under observation gets no further descriptor for a second."""
    before = resource.prlimit(soak.observed.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(soak.observed.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        soak.hold(1)
    finally:
        resource.prlimit(soak.observed.pid, resource.RLIMIT_NOFILE, before)


@fault
def database_locked(soak: Soak) -> None:
    """Somebody else writes to the database for seconds."""
    with contextlib.closing(sqlite3.connect(database(soak.folder), timeout=20, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        soak.hold(soak.chance.uniform(1, 8))
        other.execute("ROLLBACK")
