"""Each figure of a database after a run whose outcome is known."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cordwood
import pytest

from tests.databases import sink_stats, until

NOWHERE = "postgresql://app@127.0.0.1:1/logs"


def test_of_one_that_takes_everything(tmp_path: Path) -> None:
    settings = {"enabled": True, "batch_size": 10, "flush_interval": 1000}
    cordwood.configure(log_dir=tmp_path, console_output=False, database=settings)
    log = cordwood.get_logger("x" * 300)  # wider than its column
    for number in range(25):
        log.info("%d", number)
    assert cordwood.flush(20) == 0
    log.info("waits")
    time.sleep(0.2)
    stats = sink_stats()
    assert (stats["delivered"], stats["cut"], stats["waiting"]) == (25, 25, 1)
    assert 0.2 <= float(str(stats["lag_seconds"])) < 100
    assert 0 < float(str(stats["last_lag"])) < 100
    assert 1 <= int(str(stats["batches"])) <= 25
    assert float(str(stats["rows_per_second"])) > 0
    assert (stats["state"], stats["connected"], stats["leads"], stats["sender"]) == ("connected", 1, 1, os.getpid())
    for name in ("failed_writes", "retries", "quarantined", "quarantine_failures", "unkept", "given_up", "removed",
                 "fallback", "fallback_skipped"):  # fmt: skip
        assert stats[name] == 0, name
    assert stats["last_error"] == ""


def test_of_one_that_is_down(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=NOWHERE)
    for number in range(7):
        cordwood.get_logger("shop").info("printed %d", number)
    until(lambda: sink_stats()["fallback"] == 7)
    stats = sink_stats()
    assert (stats["delivered"], stats["batches"], stats["waiting"], stats["fallback_skipped"]) == (0, 0, 7, 0)
    assert (stats["state"], stats["connected"], stats["sender"]) == ("down", 0, os.getpid())
    assert int(str(stats["failed_writes"])) >= 5
    assert int(str(stats["failed_writes"])) - 1 <= int(str(stats["retries"])) <= int(str(stats["failed_writes"]))
    assert "OperationalError" in str(stats["last_error"])
    assert capfd.readouterr().err.count("printed ") == 7


def test_of_one_that_is_down_while_the_spool_runs_over(tmp_path: Path) -> None:
    spool_ = {"max_bytes": 1 << 20, "dir": str(tmp_path / "spool")}
    cordwood.configure(log_dir=tmp_path, console_output=False, file_output=False, database=NOWHERE, spool=spool_)
    for _ in range(3000):
        cordwood.get_logger("shop").info("%s", "x" * 1000)
    (spool,) = cordwood.stats()["spools"].values()  # type: ignore[attr-defined]
    stats = sink_stats()
    assert int(str(stats["given_up"])) == spool["dropped"]["sink_behind"] > 0
    assert int(str(stats["waiting"])) + int(str(stats["given_up"])) == spool["accepted"]
