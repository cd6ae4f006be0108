"""Awkward places to log from, each in a process of its own: python -m tests.crash.scenarios NAME BACKEND FOLDER.

Every scenario announces what was accepted; it must end by itself, and all of it must be in the files.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.crash.backends import BACKENDS
from tests.crash.oracle import Oracle

CHILDREN = 50
CHILD_RECORDS = 50
CHILD_SECONDS = 60


def one(oracle: Oracle, log: logging.Logger, slot: int) -> None:
    """Log the next record of a slot."""
    oracle.log(log.info, slot, limit=oracle.accepted(slot) + 1)


def fork(oracle: Oracle, log: logging.Logger) -> None:
    """Fork 50 children while three threads log; half of the children leave by os._exit, half as a program ends."""
    threads = [threading.Thread(target=oracle.log, args=(log.info, slot)) for slot in range(3)]
    for thread in threads:
        thread.start()
    children = {}
    for child in range(CHILDREN):
        wanted = oracle.total + random.randrange(1, 500)
        while oracle.total < wanted:
            time.sleep(0)
        pid = os.fork()
        if pid == 0:
            oracle.log(log.info, 10 + child, limit=CHILD_RECORDS)
            if child % 2:
                os._exit(0)
            sys.exit(0)
        children[pid] = child
    until = time.monotonic() + CHILD_SECONDS
    hung = dict(children)
    while hung and time.monotonic() < until:
        hung = {pid: child for pid, child in hung.items() if os.waitpid(pid, os.WNOHANG)[0] == 0}
        time.sleep(0.01)
    for pid in hung:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    oracle.stop()
    for thread in threads:
        thread.join()
    if hung:
        sys.exit(f"{len(hung)} of {CHILDREN} children hung: {sorted(hung.values())}")


def signal_handler(oracle: Oracle, log: logging.Logger) -> None:
    """A timer's signal, every millisecond, logs on top of whatever call is under way."""
    inside = False

    def handle(*_: object) -> None:
        nonlocal inside
        if not inside:  # a slot has an order: on top of itself it would have none
            inside = True
            one(oracle, log, 1)
            inside = False

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while oracle.accepted(1) < 500:
        one(oracle, log, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def finalizer(oracle: Oracle, log: logging.Logger) -> None:
    """Objects in cycles log from __del__, whenever the collector comes by: also in the middle of a log call."""

    class Logging:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            one(oracle, log, 1)

    gc.set_threshold(7, 2, 2)
    while oracle.accepted(1) < 2_000:
        Logging()
        one(oracle, log, 0)
    gc.collect()  # what is left would log after the teardown


def interpreter_exit(oracle: Oracle, log: logging.Logger) -> None:
    """A thread that outlives the main one, and a module's object, log while the interpreter ends."""

    class Late:
        def __del__(self) -> None:
            one(oracle, log, 2)

    def outlive() -> None:
        threading.main_thread().join()
        for _ in range(100):
            one(oracle, log, 1)

    sys.modules["late"] = Late()  # type: ignore[assignment]
    threading.Thread(target=outlive).start()
    one(oracle, log, 0)


def inside_handler(oracle: Oracle, log: logging.Logger) -> None:
    """A handler logs each time it handles."""

    class Echo(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple) and record.args[0] == 0:
                one(oracle, log, 1)

    logging.getLogger().addHandler(Echo())
    for _ in range(2_000):
        one(oracle, log, 0)


def asyncio_tasks(oracle: Oracle, log: logging.Logger) -> None:
    """A hundred tasks log in turns."""

    async def task(slot: int) -> None:
        for _ in range(100):
            one(oracle, log, slot)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(task(slot) for slot in range(100)))

    asyncio.run(main())


def threads(oracle: Oracle, log: logging.Logger) -> None:
    """Sixteen threads log at once."""
    running = [
        threading.Thread(target=oracle.log, args=(log.info, slot), kwargs={"limit": 2_000}) for slot in range(16)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def daemon_threads(oracle: Oracle, log: logging.Logger) -> None:
    """Daemon threads are still logging when the interpreter ends, without teardown."""
    for slot in range(4):
        threading.Thread(target=oracle.log, args=(log.info, slot), daemon=True).start()
    while oracle.total < 2_000:
        time.sleep(0)


WITHOUT_TEARDOWN: tuple[Any, ...] = (interpreter_exit, daemon_threads)
SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        fork,
        signal_handler,
        finalizer,
        interpreter_exit,
        inside_handler,
        asyncio_tasks,
        threads,
        daemon_threads,
    )
}


def main() -> None:
    """Set up, run, tear down; as a program does that ends without shutting down where the scenario is about that."""
    name, backend, folder = sys.argv[1:]
    scenario = SCENARIOS[name]
    oracle = Oracle(Path(folder, "oracle"))
    if scenario is interpreter_exit:
        # Registered before the backend's own, this one runs after it.
        atexit.register(lambda: one(oracle, logging.getLogger("crash"), 3))
    log = BACKENDS[backend].setup(Path(folder, "logs"))
    scenario(oracle, log)
    if scenario not in WITHOUT_TEARDOWN:
        BACKENDS[backend].teardown()


if __name__ == "__main__":
    main()
