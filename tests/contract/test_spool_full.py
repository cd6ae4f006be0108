"""A full spool: callers go on, and every record is delivered, in the spool, or counted by its reason."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cordwood
import pytest
from cordwood.sinks.memory import MemorySink

LIMIT = 3.0  # seconds: a call waits 100 ms at most; the rest is for a machine that does something else meanwhile
RECORDS = 20_000
TEXT = "x" * 400


@pytest.fixture
def stuck() -> Iterator[Path]:
    """A log file that cannot be written: a folder stands in its place."""
    path = Path("logs/app.log")
    path.mkdir(parents=True)
    yield path
    if path.is_dir():
        path.rmdir()


def configure(**settings: Any) -> logging.Logger:
    cordwood.configure(
        preset="default",
        console_output=False,
        spool={"max_bytes": "1 MB"},
        format_string="%(message)s",
        **settings,
    )
    # Without pytest's, whose records would be made, and counted, for each handler by itself.
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if isinstance(handler, cordwood.Handler)]
    return logging.getLogger("app")


def counts() -> dict[str, Any]:
    (found,) = cordwood.stats()["spools"].values()  # type: ignore[attr-defined]
    return dict(found)


def fill(log: logging.Logger, records: int, first: int = 0) -> float:
    """Log more than there is room for; how long the slowest call took. Stops early where every call waits."""
    longest = 0.0
    for number in range(first, first + records):
        begun = time.perf_counter()
        log.warning("%06d %s", number, TEXT)
        longest = max(longest, time.perf_counter() - begun)
    return longest


def fill_until_some_is_given_up(log: logging.Logger) -> int:
    """The thread that gives up may come to its turn late: until then every call is let down. How many calls there were."""
    logged = 0
    while logged < RECORDS or not counts()["dropped"]["sink_behind"]:
        assert logged < RECORDS * 20
        assert fill(log, RECORDS // 10, logged) < LIMIT
        logged += RECORDS // 10
    return logged


def numbers(path: Path) -> list[int]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [int(line[:6]) for line in lines if line[:6].isdecimal()]


def settled() -> dict[str, Any]:
    """The counts once nothing is given up any more: they are not taken in one moment."""
    found = counts()
    while True:
        time.sleep(0.3)
        before, found = found, counts()
        if before == found:
            return found


def test_no_caller_waits_long_and_every_record_is_accounted_for(stuck: Path) -> None:
    log = configure()
    begun = time.perf_counter()
    assert fill(log, RECORDS) < LIMIT
    assert time.perf_counter() - begun < 60, "not every call waits when the sink is known to be down"
    found = settled()
    dropped = sum(found["dropped"].values())
    assert found["spool_bytes"] <= 1 << 20
    assert dropped > 0
    assert found["undelivered"] + dropped == RECORDS
    stuck.rmdir()
    log.warning("%06d last", RECORDS)
    assert cordwood.flush(20) == 0
    found = counts()
    written = numbers(stuck)
    assert written == sorted(set(written))
    assert written[-1] == RECORDS
    assert len(written) + sum(found["dropped"].values()) == RECORDS + 1


def test_what_was_given_up_is_said_in_one_record_or_on_standard_error(
    stuck: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = configure()
    logged = fill_until_some_is_given_up(log)
    stuck.rmdir()
    log.warning("%06d last", logged)
    assert cordwood.flush(20) == 0
    dropped = counts()["dropped"]["sink_behind"]
    said = capfd.readouterr().err + stuck.read_text(encoding="utf-8")
    assert dropped > 0
    assert str(dropped) in said


def test_threads_share_the_wait(stuck: Path) -> None:
    """Sixteen of them: none waits for the others' patience to end."""
    log = configure()
    fill(log, 5000)
    slowest = [0.0] * 16

    def work(slot: int) -> None:
        slowest[slot] = fill(log, 20)

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(slowest) < LIMIT
    found = settled()
    assert found["undelivered"] + sum(found["dropped"].values()) == 5000 + 16 * 20


@pytest.mark.parametrize("beside", ["file", "memory", "database"])
def test_a_sink_that_keeps_up_loses_nothing(stuck: Path, beside: str) -> None:
    """The one beside it is down; the oldest is given up for that one alone. Only what was never accepted is in neither."""
    memory = MemorySink(1_000_000)
    settings: dict[str, dict[str, Any]] = {
        "file": {"files": ["app.log", "other.log"]},
        "memory": {"sinks": [memory]},
        "database": {"database": True},
    }
    log = configure(**settings[beside])
    logged = fill_until_some_is_given_up(log)
    stuck.rmdir()
    assert cordwood.flush(20) == 0
    read: dict[str, Callable[[], list[int]]] = {
        "file": lambda: numbers(Path("logs/other.log")),
        "memory": lambda: [int(record.message[:6]) for record in memory.records],
        "database": stored,
    }
    found = read[beside]()
    assert found == sorted(set(found))
    assert len(found) == logged - counts()["dropped"]["spool_full"]


def stored() -> list[int]:
    with contextlib.closing(sqlite3.connect("logs/logs.db")) as database:
        rows = database.execute("SELECT message FROM app_logs ORDER BY id").fetchall()
    return [int(message[:6]) for (message,) in rows]


def test_a_spool_in_memory_is_bounded_too(capfd: pytest.CaptureFixture[str]) -> None:
    class Down:
        identity = "down"
        local = True
        down = True
        seen: list[str] = []  # noqa: RUF012

        def spec(self) -> str:
            return '{"kind": "python"}'

        def write(self, batch: Any) -> None:
            if self.down:
                raise ConnectionError
            self.seen += [record.message for record in batch]

    sink = Down()
    handler = cordwood.Handler(sink=sink, spool={"max_bytes": "1 MB"})
    log = logging.Logger("app")  # noqa: LOG001 of no hierarchy
    log.addHandler(handler)
    assert fill(log, 5000) < LIMIT
    found = counts()
    assert found["spool_bytes"] <= 1 << 20
    sink.down = False
    handler.flush()
    assert len(sink.seen) + sum(counts()["dropped"].values()) == 5000
    handler.close()
