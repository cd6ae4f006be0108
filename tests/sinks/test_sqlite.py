"""The table in an SQLite file: several writers, a locked file, an older table, retention, and the planner's choice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import cordwood
import pytest
from cordwood import _native
from cordwood.delivery.report import Bell
from cordwood.errors import ConfigError, DatabaseError
from cordwood.pipeline.outlets import Outlets, outlets
from cordwood.sinks.sqlite import SqliteSink


def stored(path: Path, query: str = "SELECT message FROM app_logs ORDER BY id") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_processes_with_folders_of_their_own_share_a_file(tmp_path: Path) -> None:
    program = (
        "import cordwood, sys\n"
        "cordwood.configure(log_dir=sys.argv[1], console_output=False, database=sys.argv[2])\n"
        "for n in range(300): cordwood.get_logger('x').info('%s %d', sys.argv[1][-1], n)\n"
        "assert cordwood.flush(30) == 0"
    )
    url = f"sqlite:///{tmp_path}/logs.db"
    several = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / name), url]) for name in "abc"]
    assert [process.wait(60) for process in several] == [0, 0, 0]
    assert sorted(stored(tmp_path / "logs.db")) == sorted((f"{name} {n}",) for name in "abc" for n in range(300))


def test_a_file_that_somebody_locks_gets_its_records_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordwood.sinks.database.sqlite.BUSY", 0.1)
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    log = cordwood.get_logger("shop")
    log.info("before")
    assert cordwood.flush(20) == 0
    with closing(sqlite3.connect(tmp_path / "logs.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        log.info("meanwhile")
        assert cordwood.flush(0.5) == 1
        other.execute("ROLLBACK")
    assert cordwood.flush(20) == 0
    assert stored(tmp_path / "logs.db") == [("before",), ("meanwhile",)]


def test_a_failure_beside_a_batch_is_said_and_delivery_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    faults = iter([MemoryError("none left"), RuntimeError("no thread can be had")])

    def rang(_: Bell) -> bool:
        for fault in faults:
            raise fault
        return False

    monkeypatch.setattr(Bell, "rang", rang)
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("x")
    assert cordwood.flush(20) == 0
    assert stored(tmp_path / "logs.db") == [("x",)]
    assert "MemoryError: none left" in capfd.readouterr().err


def test_a_file_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("before")
    assert cordwood.shutdown(20) == 0
    for path in tmp_path.glob("logs.db*"):
        path.unlink()
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("after")
    assert cordwood.flush(20) == 0
    assert stored(tmp_path / "logs.db") == [("after",)]


@pytest.mark.parametrize("away", ["deleted", "moved"])
def test_a_file_that_goes_away_while_it_is_in_use_is_made_again(tmp_path: Path, away: str) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("before")
    assert cordwood.flush(20) == 0
    for path in list(tmp_path.glob("logs.db*")):
        if away == "moved":
            path.rename(tmp_path / f"old-{path.name}")
        else:
            path.unlink()
    cordwood.get_logger("shop").info("after")
    assert cordwood.flush(20) == 0
    assert stored(tmp_path / "logs.db") == [("after",)]
    if away == "moved":
        assert stored(tmp_path / "old-logs.db") == [("before",)]


def test_an_older_table_gets_its_columns_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "logs.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE app_logs (id INTEGER PRIMARY KEY, timestamp, level, message)")
        connection.execute("INSERT INTO app_logs (level, message) VALUES ('INFO', 'kept')")
        connection.execute("CREATE TABLE other_logs (id INTEGER PRIMARY KEY, wood TEXT)")
    sink = SqliteSink(f"sqlite:///{tmp_path}/logs.db")
    sink.store().check(1)
    store = sink.store()
    store.standing([])
    store.close()
    assert stored(tmp_path / "logs.db", "SELECT message, hostname, extra_data FROM app_logs") == [("kept", "", None)]
    with pytest.raises(DatabaseError, match="not a table of logs"):
        SqliteSink(f"sqlite:///{tmp_path}/logs.db", "other").store().standing([])


def test_old_rows_go_and_the_errors_of_the_last_hour_are_found_by_time(tmp_path: Path) -> None:
    sink = SqliteSink(f"sqlite:///{tmp_path}/logs.db", retention_days=30)
    store = sink.store()
    store.standing([])
    with closing(sqlite3.connect(tmp_path / "logs.db", isolation_level=None)) as connection:
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)"
            " INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
            " SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', -n || ' hours'), 'INFO', 'x', 1, 1, 'h', 'm' FROM n"
        )
    assert 4280 <= store.tidy(lambda: False, ()) <= 4282
    store.close()
    assert 718 <= len(stored(tmp_path / "logs.db")) <= 720
    plan = stored(
        tmp_path / "logs.db",
        "EXPLAIN QUERY PLAN SELECT * FROM app_logs WHERE level = 'ERROR' AND timestamp >= '2026' ORDER BY timestamp",
    )
    assert "timestamp>?" in str(plan[0][3])


def test_the_ledger_forgets_segments_that_are_gone_for_long(tmp_path: Path) -> None:
    store = SqliteSink(f"sqlite:///{tmp_path}/logs.db").store()
    store.standing([])
    with closing(sqlite3.connect(tmp_path / "logs.db", isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO app_logs_ledger (segment, began, sequence, updated_at) VALUES (1, 1, 1, datetime('now', '-31"
            " days')), (-2, 1, 1, datetime('now', '-31 days')), (3, 1, 1, datetime('now', '-29 days'))"
        )
    store.tidy(lambda: False, [-2, 5])
    store.close()
    assert stored(tmp_path / "logs.db", "SELECT segment FROM app_logs_ledger ORDER BY 1") == [(-2,), (3,)]


def test_the_end_of_a_process_waits_less_where_a_database_is_down_and_the_spool_keeps_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    flush_each = Outlets.flush_each

    def flush(self: Outlets, timeout: float) -> list[tuple[_native.Spool, int]]:
        asked.append(timeout)
        return flush_each(self, timeout)

    monkeypatch.setattr(Outlets, "flush_each", flush)
    (tmp_path / "logs.db").mkdir()  # no file can be there
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("x")
    asked.clear()
    assert [remaining for _, remaining in outlets.flush_at_exit(5.0)] == [1]
    assert asked == [1.0]
    monkeypatch.setattr(Outlets, "fails_and_keeps", lambda _: False)
    assert [remaining for _, remaining in outlets.flush_at_exit(1.1)] == [1]
    assert asked[1:] == [1.0, pytest.approx(0.1)]
    outlets.deadline = None


def test_the_file_is_its_owners_alone_and_keeps_a_log_ahead(tmp_path: Path) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=True)
    cordwood.get_logger("shop").info("x")
    assert cordwood.flush(20) == 0
    assert (tmp_path / "logs.db").stat().st_mode & 0o777 == 0o600
    assert stored(tmp_path / "logs.db", "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "logs.db", "postgresql://h/d"])
def test_an_address_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        SqliteSink(url)


def test_recover_delivers_what_a_killed_process_left(tmp_path: Path) -> None:
    from cordwood.views.recover import recover

    program = (
        "import cordwood, sys, os\n"
        "from cordwood.delivery import sender\n"
        "sender.FOLLOW = 1000\n"
        "settings = {'enabled': True, 'flush_interval': 1000}\n"
        "cordwood.configure(log_dir=sys.argv[1], console_output=False, database=settings)\n"
        "cordwood.get_logger('x').info('first'); cordwood.flush(20)\n"
        "cordwood.get_logger('x').info('left')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    began = time.monotonic()
    report = recover(str(tmp_path))
    assert report["remaining"] == 0
    assert time.monotonic() - began < 30
    assert stored(tmp_path / "logs.db") == [("first",), ("left",)]


def test_recover_passes_over_a_database_that_only_a_newer_version_knows(tmp_path: Path) -> None:
    from cordwood.views.recover import recover

    cordwood.configure(log_dir=tmp_path, console_output=False)
    cordwood.get_logger("shop").info("x")
    assert cordwood.shutdown(20) == 0
    spec = {"kind": "python", "sink": "newer", "identity": "newer://host#app_logs"}
    (tmp_path / ".cordwood" / "sinks" / f"{7:016x}.json").write_text(json.dumps(spec))
    report = recover(str(tmp_path))
    assert any("newer://host#app_logs: this version knows no newer" in notice for notice in report["notices"])
    assert report["remaining"] == 0
