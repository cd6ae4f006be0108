"""The process under observation: logs at a steady rate on a few threads: python -m tests.soak.observed FOLDER."""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path

import cordwood
from cordwood.sinks.sqlite import SqliteSink

from tests.crash.actors import Rules
from tests.crash.oracle import TEMPLATE, Oracle
from tests.soak.gauges import Histogram

THREADS = 4
RATE = 300  # records a second of each
BURST = 10
# To the database go one in twenty, and some of them with an exception.
WARNED = 20
FAILED = 400
SPOOL = "16 MB"
RULES = Rules(max_bytes=2_000_000, backup_count=5, compress=False)


def configure(folder: Path) -> None:
    """As the crash campaign's processes, which share the file, and a database for what matters."""
    store = SqliteSink(f"sqlite:///{database(folder)}")
    sinks = (cordwood.SinkConfig(store, level="WARNING"),)
    RULES.configure(folder, spool=cordwood.SpoolConfig(max_bytes=SPOOL), sinks=sinks)


def database(folder: Path) -> Path:
    """Outside the folder, whose disk becomes full."""
    return folder.parent / "logs.db"


def fail() -> ValueError:
    """An exception that was raised."""
    try:
        int("no such order")
    except ValueError as error:
        return error
    raise AssertionError


def log(oracle: Oracle, histogram: Histogram, slot: int) -> None:
    """One thread's records until all are told to stop; only the calls are timed, not what is done for them."""
    number = 0
    logger = logging.getLogger("soak")
    while not oracle.stopped:
        for _ in range(BURST):
            arguments = (slot, number, "x" * (number % 50))
            failure = fail() if number % FAILED == 0 else None
            level = logging.ERROR if failure else logging.WARNING if number % WARNED == 0 else logging.INFO
            fields = {"order": number, "customer": f"c-{number % 1000}"} if number % 4 == 0 else None
            began = time.perf_counter_ns()
            logger.log(level, TEMPLATE, *arguments, extra=fields, exc_info=failure)
            histogram.add(slot, time.perf_counter_ns() - began)
            number += 1
            oracle.announce(slot, number)
        time.sleep(BURST / RATE)


def main(folder: Path) -> None:
    """Until told to stop; then as programs end."""
    oracle, histogram = Oracle(folder / "oracle"), Histogram(folder / "histogram", THREADS)
    configure(folder)
    threads = [threading.Thread(target=log, args=(oracle, histogram, slot)) for slot in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cordwood.shutdown(timeout=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
