"""Trouble with the process itself: threads, process ids, pipes, memory, the clock."""

from __future__ import annotations

import os
import signal
import subprocess

from tests.faults.harness import Scene, faketime, fault, wait_until


@fault("No thread can be made", rows="29", needs=["strace"])
def no_threads(scene: Scene) -> None:
    """`strace` fails every clone with EAGAIN from the first record on; 3,000 records; then lets go; records go on."""
    writer = scene.start()
    with scene.traced(writer, "-e", "inject=clone,clone3:error=EAGAIN"):
        writer.log(3000)

    def resumed() -> bool:
        writer.log(1)
        return scene.file.exists() and scene.file.stat().st_size > 0

    wait_until(resumed, "delivery", pause=0.05)


@fault("Every process is PID 1", rows="31", needs=["unshare"], silent=True)
def all_pid_one(scene: Scene) -> None:
    """Three processes, each PID 1 of its own namespace, on one directory; 1,000 records each by turns; one dies."""
    before = ["unshare", "-pf", "--mount-proc", "--kill-child"]
    writers = [scene.start(before=before) for _ in range(3)]
    for _ in range(10):
        for writer in writers:
            writer.log(100)
    writers[0].kill()
    for writer in writers[1:]:
        writer.log(500)


@fault("A process id is used again", rows="31", needs=["unshare"], silent=True)
def pid_reuse(scene: Scene) -> None:
    """A process is killed with 1,000 records of which some are not written; one with the same id goes on with 1,000."""
    before = ["unshare", "-pf", "--mount-proc", "--kill-child"]
    for _ in range(2):
        writer = scene.start(before=before)
        writer.log(1000)
        writer.kill()
    scene.start(before=before).log(100)


@fault("Nobody reads the console's pipe", rows="37", silent=True)
def stopped_reader(scene: Scene) -> None:
    """Standard output is a pipe that nobody reads; 5,000 records to it (Cordwood: and to a file)."""
    receive, send = os.pipe()
    try:
        options = {"console": {"stream": "stdout"}, "console_output": True} if scene.is_cordwood else {"console": True}
        writer = scene.start(stdout=send, patience=0.5, **options)
        os.close(send)
        writer.log(5000, 5)
        scene.stop()
    finally:
        os.close(receive)


@fault("The reader of both standard streams is gone (EPIPE)", rows="38", silent=True)
def broken_pipe(scene: Scene) -> None:
    """Standard output is a pipe whose reader has gone; 5,000 records to it (Cordwood: and to a file)."""
    receive, send = os.pipe()
    options = {"console": {"stream": "stdout"}, "console_output": True} if scene.is_cordwood else {"console": True}
    writer = scene.start(stdout=send, patience=0.5, **options)
    os.close(send)
    os.close(receive)
    writer.log(5000, 5)


@fault("The leader is frozen (SIGSTOP)", rows="32", silent=True)
def frozen_leader(scene: Scene) -> None:
    """Of two processes on one file the first is stopped; the other logs 2,000 records; the first is let go on."""
    first = scene.start()
    first.log(100)
    second = scene.start()
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second.log(2000)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    first.log(100)


@fault("Memory runs out (RLIMIT_AS)", rows="30", silent=True)
def no_memory(scene: Scene) -> None:
    """`setrlimit` leaves 30 MB of address space; five messages of 24 MB and 3,000 records; lifted; 100 more."""
    writer = scene.start()
    writer.log(100)
    writer.do(
        "import resource; size = int(open('/proc/self/statm').read().split()[0]) * 4096;"
        "resource.setrlimit(resource.RLIMIT_AS, (size + (30 << 20), resource.RLIM_INFINITY))"
    )
    for _ in range(5):
        writer.do("text = '#' * (12 << 20); say('# %s %s', text, text)")
    writer.log(3000)
    writer.do("import resource; resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)")
    writer.log(100)


@fault("The clock goes back an hour", rows="40", needs=["faketime"], silent=True)
def clock_back(scene: Scene) -> None:
    """`libfaketime` sets the wall clock back an hour after 1,000 records; 3,000 more, rotating."""
    with_clock(scene, "-3600")


@fault("The clock goes forward a day", rows="40", needs=["faketime"], silent=True)
def clock_forward(scene: Scene) -> None:
    """`libfaketime` sets the wall clock forward a day after 1,000 records; 3,000 more, rotating."""
    with_clock(scene, "+86400")


def with_clock(scene: Scene, offset: str) -> None:
    clock = scene.folder / "clock"
    clock.write_text("+0\n")
    writer = scene.start(
        environment={
            "LD_PRELOAD": str(faketime()), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
        max_bytes=200_000,
    )  # fmt: skip
    writer.log(1000)
    clock.write_text(f"{offset}\n")
    writer.log(3000)
    order = writer.do("import time; writer.answer = time.time()")
    moved = abs(order - float(subprocess.check_output(["date", "+%s.%N"])) - float(offset)) < 100
    assert moved, "libfaketime did not move the clock"
