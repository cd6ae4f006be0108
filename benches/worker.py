"""One contender doing one row's work in a fresh process: set up, say "ready", wait for a line, measure.

    python -m benches.worker ROW CONTENDER FOLDER MEMBER CALLS

The harness (__main__.py) starts it, several at once where a row has several processes, and checks the files afterwards.
"""

from __future__ import annotations

import array
import json
import mmap
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from benches import calls
from benches.contenders import Task, Unsupported, load
from benches.rows import ROWS, Row

WARM_UP = 200
SPAN = 10_000_000  # numbers of one thread of one process begin at a multiple of this
IDLE_SECONDS = 5.0
CHILD_RECORDS = 20
CHILD_SECONDS = 10.0

Report = dict[str, Any]


@dataclass
class Work:
    """What a measure gets."""

    row: Row
    contender: Any
    loops: ModuleType
    log: Any
    user: str
    member: int
    calls: int
    folder: Path
    wait: Callable[[], None]  # say "ready" and wait for the harness

    def first(self, thread: int = 0) -> int:
        """Where the numbers of one of this process's threads begin."""
        return (self.member * 100 + thread) * SPAN

    @property
    def loop(self) -> Callable[..., None]:
        """The loop of the row's shape."""
        chosen: Callable[..., None] = self.loops.failing if self.row.shape == "exception" else self.loops.work
        return chosen


def task_of(row: Row, folder: Path) -> Task:
    """What the contender has to set up for a row."""
    return Task(folder / "logs" / "bench.log", row.shape, row.max_bytes, row.processes, row.sync)


def burst(work: Work) -> Report:
    """A loop on each thread, then teardown; both as times of the monotonic clock, the same in all processes."""
    each = work.calls // work.row.threads
    work.loop(work.log, work.user, work.first() - WARM_UP, work.first())
    gate = threading.Barrier(work.row.threads)
    began = [0] * work.row.threads
    ended = [0] * work.row.threads

    def run(thread: int) -> None:
        gate.wait()
        began[thread] = time.monotonic_ns()
        work.loop(work.log, work.user, work.first(thread), work.first(thread) + each)
        ended[thread] = time.monotonic_ns()

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(1, work.row.threads)]
    for thread in threads:
        thread.start()
    work.wait()
    run(0)
    for thread in threads:
        thread.join()
    work.contender.teardown()
    done = time.monotonic_ns()
    ranges = [[work.first(thread), work.first(thread) + each] for thread in range(work.row.threads)]
    ranges[0][0] -= WARM_UP
    return {"began": min(began), "ended": max(ended), "done": done, "ranges": ranges}


def latency(work: Work) -> Report:
    """The time of each call, the clock's own included."""
    nanoseconds = array.array("q", bytes(8 * work.calls))
    work.wait()
    work.loops.timed(work.log, work.user, 0, work.calls, nanoseconds)
    work.contender.teardown()
    ordered = sorted(nanoseconds)
    figures = {f"p{share}": ordered[int(len(ordered) * share / 100)] for share in (50, 99, 99.9)}
    return {"figures": figures, "ranges": [[0, work.calls]]}


def sparse(work: Work) -> Report:
    """When each of some calls far apart was made; the harness watches the file meanwhile."""
    gaps = [(0.001, 0.002, 0.005, 0.010)[i % 4] for i in range(work.calls)]
    called: list[int] = []
    work.wait()
    work.loops.sparse(work.log, work.user, gaps, called)
    work.contender.teardown()
    return {"called": called, "ranges": [[0, work.calls]]}


def below(work: Work) -> Report:
    """A loop of calls that are not logged, less an empty loop; the best of seven of each."""
    work.wait()
    spent: dict[str, list[int]] = {"work": [], "empty": []}
    for _ in range(7):
        for name, times in spent.items():
            began = time.perf_counter_ns()
            getattr(work.loops, name)(work.log, work.user, 0, work.calls)
            times.append(time.perf_counter_ns() - began)
    work.contender.teardown()
    return {"figures": {"caller": (min(spent["work"]) - min(spent["empty"])) / work.calls}, "ranges": []}


def idle(work: Work) -> Report:
    """The share of one processor that a process uses after its last record."""
    work.loop(work.log, work.user, 0, 1_000)
    work.wait()
    time.sleep(1.0)
    began = time.process_time()
    time.sleep(IDLE_SECONDS)
    used = time.process_time() - began
    work.contender.teardown()
    return {"figures": {"percent": 100 * used / IDLE_SECONDS}, "ranges": [[0, 1_000]]}


def memory(work: Work) -> Report:
    """Anonymous memory after logging and a second of rest: buffers and modules, not the page cache."""
    work.loop(work.log, work.user, 0, work.calls)
    work.wait()
    time.sleep(1.0)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:"))
    work.contender.teardown()
    return {"figures": {"mb": kilobytes / 1024}, "ranges": [[0, work.calls]]}


def kill(work: Work) -> Report:
    """Log until killed, and tell the harness through a mapped file how many calls have returned."""
    file = work.folder / "accepted"
    file.write_bytes(bytes(mmap.PAGESIZE))
    with file.open("r+b") as opened:
        counter = memoryview(mmap.mmap(opened.fileno(), 0)).cast("q")
    work.wait()
    work.loops.announced(work.log, work.user, 0, counter)
    return {}


def spool(work: Work) -> Report:
    """Log as `kill`: the harness has frozen the process that delivers, so that all stays in the spool."""
    work.wait()
    work.loop(work.log, work.user, 0, work.calls)
    return {"ranges": []}


def fork(work: Work) -> Report:
    """Fork while three threads log; each child logs and leaves through os._exit. A child that does not end is hung."""
    stop = threading.Event()
    lasts = [0] * 3

    def run(thread: int) -> None:
        number = work.first(thread)
        while not stop.is_set():
            work.loop(work.log, work.user, number, number + 10)
            number += 10
            time.sleep(0)
        lasts[thread] = number

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(len(lasts))]
    work.wait()
    for thread in threads:
        thread.start()
    children = {}
    for child in range(work.calls):
        first = work.first(10 + child)
        time.sleep(random.uniform(0.001, 0.01))
        pid = os.fork()
        if pid == 0:
            work.loop(work.log, work.user, first, first + CHILD_RECORDS)
            os._exit(0)
        children[pid] = [first, first + CHILD_RECORDS]
    hung = kill_hung(set(children))
    ranges = [numbers for pid, numbers in children.items() if pid not in hung]
    stop.set()
    for thread in threads:
        thread.join()
    work.contender.teardown()
    ranges += [[work.first(thread), last] for thread, last in enumerate(lasts)]
    return {"figures": {"hung": len(hung)}, "ranges": ranges, "maybe": [children[pid] for pid in hung]}


def kill_hung(children: set[int]) -> set[int]:
    """Wait for the children, a bounded time; kill those that do not end, and say which."""
    left = set(children)
    until = time.monotonic() + CHILD_SECONDS
    while left and time.monotonic() < until:
        left -= {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return left


def main() -> None:
    """Talk to the harness on what was standard output; whatever a contender prints there goes to standard error."""
    name, contender_name, folder, member, count = sys.argv[1:]
    harness = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    row = next(row for row in ROWS if row.name == name)

    def say(report: Report) -> None:
        harness.write(json.dumps(report) + "\n")
        harness.flush()

    def wait() -> None:
        say({"ready": True})
        sys.stdin.readline()

    try:
        contender = load(contender_name)
        task = task_of(row, Path(folder))
        log = contender.setup(task)
    except (Unsupported, ImportError) as error:
        say({"unsupported": str(error)})
        return
    source = Path(folder, "source", member)
    source.mkdir(parents=True)
    loops = calls.write(source, contender.CALLS, row.shape)
    user = loops.Name("alice") if row.prompt else "alice"
    work = Work(row, contender, loops, log, user, int(member), int(count), Path(folder), wait)
    say(globals()[row.measure](work))


if __name__ == "__main__":
    main()
