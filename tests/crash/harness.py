"""Rounds of writers and kills. Everything runs in processes of its own; nothing is asserted here.

A longer campaign calls `kill_round` with its own number of rounds, processes and backend.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tests.crash.backends import BACKENDS
from tests.crash.oracle import Oracle, Verdict, judge

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 120  # a run that takes longer hangs


class HungError(AssertionError):
    """Something did not happen in time."""


def wait_until(true: Callable[[], bool], what: str, *, seconds: float = SECONDS) -> None:
    """Poll a mapped counter: there is no event that a process about to be killed could send."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise HungError(what)
        time.sleep(0.0005)


def start(program: str, *words: object) -> subprocess.Popen[bytes]:
    """A process running a module of this folder."""
    command = [sys.executable, "-m", f"tests.crash.{program}", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def finish(processes: Iterable[subprocess.Popen[bytes]], *, killed: Iterable[int] = ()) -> None:
    """Wait for normal ends (but for those that were killed); their errors are ours."""
    gone = set(killed)
    for process in processes:
        try:
            _, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise HungError(f"{process.args!r} did not end") from None
        if process.pid not in gone:
            assert process.returncode == 0, f"{process.args!r} ended with {process.returncode}:\n{errors.decode()}"


def passed(oracle: Oracle, slot: int, target: int) -> bool:
    """Whether that many calls of a slot have returned."""
    return oracle.accepted(slot) >= target


def kill_round(backend: str, folder: Path, *, processes: int, victims: Iterable[int], chance: random.Random) -> Verdict:
    """Let processes log to one folder, kill the victims at a random record, recover, judge.

    The survivors go on logging after the kill and then end as programs do. Process 0 is set up before the others start,
    so that it leads.
    """
    (folder / "logs").mkdir(parents=True)
    oracle = Oracle(folder / "oracle")
    running = [start("writer", backend, folder, 0)]
    try:
        wait_until(lambda: oracle.accepted(0) > 0, "the first process never logged")
        running += [start("writer", backend, folder, slot) for slot in range(1, processes)]
        wait_until(lambda: all(oracle.accepted(slot) for slot in range(processes)), "a process never logged")
        killed = []
        for victim in victims:
            reaches = partial(passed, oracle, victim, oracle.accepted(victim) + chance.randrange(500, 5_000))
            wait_until(reaches, "a victim stopped logging")
            running[victim].send_signal(signal.SIGKILL)
            killed.append(running[victim].pid)
        target = oracle.total + (3_000 if len(killed) < processes else 0)
        wait_until(lambda: oracle.total >= target, "the survivors stopped logging")
        oracle.stop()
        finish(running, killed=killed)
    finally:
        for process in running:
            process.kill()
            process.wait()
    BACKENDS[backend].recover(folder / "logs")
    return judge(folder / "logs", oracle)


def run_scenario(name: str, backend: str, folder: Path) -> Verdict:
    """Run one of scenarios.py to its end in a process of its own, and judge the files it left, without recovering."""
    (folder / "logs").mkdir(parents=True)
    oracle = Oracle(folder / "oracle")
    finish([start("scenarios", name, backend, folder)])
    return judge(folder / "logs", oracle)
