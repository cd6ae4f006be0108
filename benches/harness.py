"""Run one contender once on one row: start its processes, let them go together, check the files."""

from __future__ import annotations

import json
import mmap
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from benches.check import LINE, Verdict, check
from benches.contenders import load
from benches.rows import Row
from benches.worker import task_of

ROOT = Path(__file__).resolve().parent.parent

Runner = Callable[[Row, str, Path, bool], "Outcome"]


@dataclass
class Outcome:
    """What came of one run. Without figures, `fault` says why."""

    figures: dict[str, float] = field(default_factory=dict)
    fault: str = ""
    unsupported: bool = False


class Hung(Exception):  # noqa: N818 - an outcome to record, not an error of the harness
    """A process said nothing for too long."""


class Worker:
    """One process of a contender."""

    def __init__(self, row: Row, contender: str, folder: Path, member: int, calls: int, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        words = [sys.executable, "-m", "benches.worker", row.name, contender, folder, member, calls]
        self.errors = (folder / f"stderr-{member}").open("w+b")
        self.process = subprocess.Popen(
            [str(word) for word in words], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )

    def hear(self) -> dict[str, Any]:
        """The next report; Hung where none comes, RuntimeError where the process ended without one."""
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, self.until - time.monotonic()))
        if not ready:
            raise Hung
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace").strip().splitlines()
            code = self.process.wait()
            raise RuntimeError(f"ended with {code}: {said[-1] if said else 'no message'}")
        return dict(json.loads(line))

    def go(self) -> None:
        """Let it start."""
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait for a normal end, a moment, else kill it."""
        try:
            self.process.wait(timeout=max(1.0, min(10.0, self.until - time.monotonic())))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            assert stream
            stream.close()


@contextmanager
def workers(row: Row, contender: str, folder: Path, calls: int, seconds: float) -> Iterator[list[Worker]]:
    """The row's processes, each of them set up and ready."""
    started = [Worker(row, contender, folder, member, calls, seconds) for member in range(row.processes)]
    try:
        yield started
    finally:
        for worker in started:
            if sys.exc_info()[0]:
                worker.process.kill()
            worker.end()


def run(row: Row, contender: str, *, quick: bool) -> Outcome:
    """One run in a folder of its own; a hang, a crash and wrong files are outcomes too."""
    folder = Path(tempfile.mkdtemp(prefix="cordwood-bench-"))
    (folder / "logs").mkdir()
    try:
        runner: Runner = globals().get(f"run_{row.measure}", run_plain)
        return runner(row, contender, folder, quick)
    except Hung:
        return Outcome(fault="hangs")
    except Refused as refused:
        return Outcome(fault=str(refused), unsupported=True)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        return Outcome(fault=f"fails: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Refused(Exception):  # noqa: N818 - an outcome to record
    """The contender says that it does not offer this."""


def ready(started: list[Worker]) -> None:
    """Wait until all have been set up."""
    for report in [worker.hear() for worker in started]:
        if "unsupported" in report:
            raise Refused(report["unsupported"])


def seconds_for(quick: bool) -> float:
    """How long one run may take before it counts as hung."""
    return 40.0 if quick else 120.0


def counted(row: Row, quick: bool) -> int:
    """Calls of one process."""
    calls = row.calls // (10 if quick and row.calls >= 1_000 else 1)
    return calls // row.processes


def verdict_of(row: Row, folder: Path, reports: list[dict[str, Any]]) -> Verdict:
    """The files against the numbers that the processes say they logged."""
    expected = [range(*pair) for report in reports for pair in report["ranges"]]
    return check(
        task_of(row, folder), expected, [range(*pair) for report in reports for pair in report.get("maybe", ())]
    )


def run_plain(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """One process that measures itself."""
    with workers(row, contender, folder, counted(row, quick), seconds_for(quick)) as started:
        ready(started)
        started[0].go()
        report = started[0].hear()
    verdict = verdict_of(row, folder, [report])
    return Outcome(report["figures"], "" if str(verdict) == "ok" else str(verdict))


def run_burst(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """All processes at once, from the first call to the last, and until all is in the file."""
    with workers(row, contender, folder, counted(row, quick), seconds_for(quick)) as started:
        ready(started)
        for worker in started:
            worker.go()
        reports = [worker.hear() for worker in started]
    began = min(report["began"] for report in reports)
    calls = counted(row, quick) // row.threads * row.threads * row.processes
    figures = {
        "caller": (max(report["ended"] for report in reports) - began) / calls,
        "in_file": (max(report["done"] for report in reports) - began) / calls,
    }
    verdict = verdict_of(row, folder, reports)
    return Outcome(figures, "" if str(verdict) == "ok" else str(verdict))


def run_sparse(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """Read the file without pause and note when each line is there."""
    path = task_of(row, folder).path
    with workers(row, contender, folder, counted(row, quick), seconds_for(quick)) as started:
        ready(started)
        started[0].go()
        assert started[0].process.stdout
        seen: dict[int, int] = {}
        pending = b""
        file = None
        while not select.select([started[0].process.stdout], [], [], 0)[0]:
            if time.monotonic() > started[0].until:
                raise Hung
            if file is None:
                file = path.open("rb", buffering=0) if path.exists() else None
            elif fresh := file.read(1 << 16):
                now = time.monotonic_ns()
                *whole, pending = (pending + fresh).split(b"\n")
                seen |= {int(match.group(3)): now for line in whole if (match := LINE.fullmatch(line.decode()))}
        report = started[0].hear()
    if file:
        file.close()
    verdict = verdict_of(row, folder, [report])
    late = [seen[i] - called for i, called in enumerate(report["called"]) if i in seen]
    if len(late) < len(report["called"]) // 2:
        return Outcome(fault=f"lines reach the file only at the end ({verdict})")
    cuts = quantiles(late, n=100)
    return Outcome({"p50": cuts[49], "p99": cuts[98]}, "" if str(verdict) == "ok" else str(verdict))


def run_kill(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """Kill a process at a random moment, recover, and count what it had been told was accepted; several rounds."""
    lost = doubled = wrong = 0
    rounds = 3 if quick else row.calls
    for number in range(rounds):
        here = folder / str(number)
        (here / "logs").mkdir(parents=True)
        with workers(row, contender, here, 0, seconds_for(quick)) as started:
            ready(started)
            started[0].go()
            time.sleep(random.uniform(0.05, 0.3))
            started[0].process.send_signal(signal.SIGKILL)
            started[0].process.wait()
        with (here / "accepted").open("r+b") as opened:
            accepted = int.from_bytes(mmap.mmap(opened.fileno(), 8)[:8], sys.byteorder)
        task = task_of(row, here)
        if recover := getattr(load(contender), "recover", None):
            recover(task)
        verdict = check(task, [range(accepted)], maybe=[range(accepted, accepted + 1)])
        lost, doubled, wrong = lost + verdict.lost, doubled + verdict.doubled, wrong + verdict.wrong
    fault = ", ".join(f"{name} {count}" for name, count in (("doubled", doubled), ("wrong", wrong)) if count)
    return Outcome({"lost_a_kill": lost / rounds}, fault)


def run_fork(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """Fork under logging threads. The whole lot hanging is an outcome of its own."""
    with workers(row, contender, folder, 10 if quick else row.calls, seconds_for(quick)) as started:
        ready(started)
        started[0].go()
        report = started[0].hear()
    verdict = verdict_of(row, folder, [report])
    figures = report["figures"] | {"lost": verdict.lost, "doubled": verdict.doubled}
    return Outcome(figures, f"wrong {verdict.wrong}" if verdict.wrong else "")


def run_imports(_row: Row, contender: str, _folder: Path, _quick: bool) -> Outcome:
    """Import the package alone in a fresh interpreter."""
    module = load(contender)
    program = (
        f"import time; began = time.perf_counter(); {module.IMPORT}; imported = time.perf_counter();"
        f"{getattr(module, 'USE', 'pass')}; print(imported - began, time.perf_counter() - began)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    imported, ready_to_use = map(float, done.stdout.split())
    return Outcome({"imported": imported * 1000, "ready": ready_to_use * 1000})


def run_spool(row: Row, contender: str, folder: Path, quick: bool) -> Outcome:
    """What the segments hold, up to their last byte that is not zero, while a frozen leader delivers nothing."""
    calls = counted(row, quick)
    leader = Worker(row, contender, folder, 0, 0, seconds_for(quick))
    leader.hear()
    time.sleep(0.5)
    leader.process.send_signal(signal.SIGSTOP)
    before = spool_bytes(folder)
    writer = Worker(row, contender, folder, 1, calls, seconds_for(quick))
    try:
        writer.hear()
        writer.go()
        writer.hear()
        return Outcome({"bytes": (spool_bytes(folder) - before) / calls})
    finally:
        for worker in (writer, leader):
            worker.process.kill()
            worker.end()


def spool_bytes(folder: Path) -> int:
    """Bytes in use in every file of the spool that is not one of the small ones (locks, cursors, sinks)."""
    used = 0
    for path, _, names in os.walk(folder / "logs" / ".cordwood"):
        files = [Path(path, name) for name in names]
        used += sum(len(file.read_bytes().rstrip(b"\0")) for file in files if file.stat().st_size >= 1 << 16)
    return used
