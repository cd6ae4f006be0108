"""The kinds of trouble a campaign makes; each kills at least one process of the episode."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

from cordwood import _native

from tests.crash import actors
from tests.crash.actors import Actor, begin
from tests.crash.campaign import Episode, actor_was_killed, trouble

# Absent in an ordinary build: then these kinds of trouble are not made.
FAILPOINTS: list[str] = list(getattr(_native, "FAILPOINTS", ()))
SYSTEM_CALLS = (
    *("pwrite64", "write", "openat", "unlinkat,unlink", "rename", "flock", "fallocate", "mmap", "munmap", "futex"),
    "fstat,newfstatat,statx",
)
REACHED = 1.5  # seconds in which an armed process comes to its place, or does not
SURELY_REACHED = 8.0  # the first pass of the first, on a busy machine
_turn = count()


@trouble
def at_random(episode: Episode) -> None:
    """Any process, after any number of records."""
    for _ in range(episode.chance.randrange(1, 4)):
        victim = episode.chance.choice(episode.alive)
        episode.progress(victim, episode.chance.randrange(0, 300))
        episode.kill(victim, "at random")
        episode.fill()


@trouble
def leaders(episode: Episode) -> None:
    """Whoever leads, and whoever leads after that, until half of them are gone."""
    for _ in range((len(episode.alive) + 1) // 2):
        episode.wait(lambda: episode.leader() is not None, "nobody leads")
        victim = episode.leader()
        if victim is not None:
            episode.progress(victim, episode.chance.randrange(0, 100))
            episode.kill(victim, "leader")


@trouble
def stopped(episode: Episode) -> None:
    """The leader is frozen while the others log, then goes on, or is killed frozen."""
    victim = episode.leader() or episode.chance.choice(episode.alive)
    os.kill(victim.pid, signal.SIGSTOP)
    for other in [actor for actor in episode.alive if actor is not victim][:2]:
        episode.progress(other, episode.chance.randrange(0, 300))
    if episode.chance.random() < 0.5:
        episode.kill(victim, "frozen leader")
        return
    os.kill(victim.pid, signal.SIGCONT)
    episode.progress(victim, episode.chance.randrange(1, 100))
    episode.kill(victim, "thawed leader")


@trouble
def clean_exits(episode: Episode) -> None:
    """One ends as programs do while another is killed."""
    if len(episode.alive) > 1:
        leaving = episode.chance.choice(episode.alive)
        episode.oracle.end(leaving.slot)
        others = [actor for actor in episode.alive if actor is not leaving]
        episode.kill(episode.chance.choice(others), "while another ends")
        episode.end(leaving)


@trouble
def during_recovery(episode: Episode) -> None:
    """All are killed; recovery is killed as well, one to three times; then all goes on."""
    for victim in list(episode.alive):
        episode.kill(victim, "all at once")
    episode.reap_orphans()
    for _ in range(episode.chance.randrange(1, 4)):
        place = episode.chance.choice([None, *FAILPOINTS])
        actor = begin(-1, lambda: actors.recover(episode.folder), failpoint=place and f"{place}=kill@1")
        if place is None:
            time.sleep(episode.chance.random() * 0.01)
            episode.kills["during recovery"] += actor.kill()
            continue
        episode.wait(actor.has_ended, "recovery does not end")
        assert actor_was_killed(actor) or actor.status == 0, f"recovery ended with status {actor.status}"
        episode.kills["during recovery"] += actor_was_killed(actor)


def at_place(episode: Episode, place: str, nth: int) -> bool:
    """All processes are armed alike: each dies at the place when it comes there, one leader after the other."""
    for victim in list(episode.alive):
        episode.kill(victim, "all at once")
    lead_to(episode, place)
    # A tracer is for one process: it alone rotates then.
    many = 1 if place == "fs.linked" else episode.chance.randrange(1, 4)
    armed = [episode.spawn(f"{place}=kill@{nth}") for _ in range(many)]
    if place == "fs.linked":
        # Only where a file system has no renameat2; strace makes this one such.
        with tracer(armed[0], "renameat2", "error=EINVAL"):
            episode.wait(lambda: any(actor.has_ended() for actor in armed), "", SURELY_REACHED)
    reached = False
    while armed:
        patience = REACHED if reached or nth > 1 else SURELY_REACHED
        if not episode.wait(lambda: any(actor.has_ended() for actor in armed), "", patience):
            break
        for actor in [actor for actor in armed if actor.has_ended()]:
            episode.gone(actor, f"at {place}")
            armed.remove(actor)
            reached = True
    for actor in armed:
        episode.kill(actor, "at random")
    return reached


def lead_to(episode: Episode, place: str) -> None:
    """Bring about what the way to a place needs."""
    if place == "rotate.deleted":
        episode.rules = replace(episode.rules, max_bytes=20_000, backup_count=5)
        for path in episode.logs.glob("app.log.*"):
            if number(path) > episode.rules.backup_count:
                path.unlink()  # made when more were kept: without it the gap would be between them and the new ones
    elif place.startswith("compress."):
        episode.rules = replace(episode.rules, compress=True)
    elif place.startswith("takeover."):
        leave_half_a_batch(episode, and_pack=place == "takeover.retargeted")
    elif place == "control.made":
        (episode.logs / ".cordwood" / "control").unlink(missing_ok=True)
    elif place == "sink.described":
        shutil.rmtree(episode.logs / ".cordwood" / "sinks", ignore_errors=True)


def number(backup: Path) -> int:
    """Of `app.log.12` and `app.log.12.gz`: 12."""
    return int(backup.name.split(".")[2])


def leave_half_a_batch(episode: Episode, *, and_pack: bool) -> None:
    """A leader dies in the middle of a write; with `and_pack` somebody then packs the file that it wrote to."""
    leader = episode.spawn("file.part=kill@1")
    episode.wait(leader.has_ended, "", REACHED * 2)
    if leader.has_ended():
        episode.gone(leader, "at file.part")
    else:
        episode.kill(leader, "at random")
    episode.reap_orphans()
    current = episode.logs / "app.log"
    if and_pack and current.exists():
        for path in sorted(episode.logs.glob("app.log.*"), key=number, reverse=True):
            moved = path.rename(path.with_name(path.name.replace(f".{number(path)}", f".{number(path) + 1}", 1)))
            if number(moved) > episode.rules.backup_count:
                moved.unlink()  # nobody rotates it away any more: a gap would come between it and the others
        packed = episode.logs / "app.log.1.gz"
        whole = current.read_bytes().rpartition(b"\n")  # a torn line's piece would stay where it is
        packed.write_bytes(gzip.compress(whole[0] + whole[1]))
        current.unlink()


if FAILPOINTS:

    @trouble
    def at_places(episode: Episode) -> None:
        """The next named place in the core, at one of its first passes."""
        place = FAILPOINTS[next(_turn) % len(FAILPOINTS)]
        at_place(episode, place, episode.chance.choice((1, 1, 2, 3, 7)))


if shutil.which("strace"):

    @trouble
    def at_system_call(episode: Episode) -> None:
        """The leader, or another, at the n-th system call of a kind."""
        victim = episode.leader() or episode.chance.choice(episode.alive)
        calls = episode.chance.choice(SYSTEM_CALLS)
        nth = episode.chance.randrange(1, 20)
        with tracer(victim, calls, f"signal=SIGKILL:when={nth}"):
            episode.wait(victim.has_ended, "", REACHED)
        if victim.has_ended():
            episode.gone(victim, "at a system call")
        else:
            episode.kill(victim, "at random")


class tracer:  # noqa: N801 - read as a verb
    """`strace`, attached to a process and all its threads, that tampers with some of its system calls."""

    def __init__(self, victim: Actor, calls: str, fault: str) -> None:
        self.command = [
            "strace", "-f", "-qq", "-o", "/dev/null", "-p", str(victim.pid),
            "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}",
        ]  # fmt: skip

    def __enter__(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def each_place(seed: int) -> list[str]:
    """Go to every named place until a process has died there; those that none came to."""
    from tests.crash import campaign

    missed = []
    for number, place in enumerate(FAILPOINTS):
        for attempt in range(4):
            died: list[bool] = []

            def go(episode: Episode, place: str = place, died: list[bool] = died) -> None:
                died.append(at_place(episode, place, 1))

            report = campaign.run(seed=seed + number * 4 + attempt, seconds=0, kills=1, kinds=[go], troubles=1)
            assert not report.failed, report.failed
            if any(died):
                break
        else:
            missed.append(place)
    return missed
