"""Rows that PostgreSQL refuses: found among the others, kept, counted; what is the table's fault keeps nobody's row."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cordwood
import psycopg
import pytest
from cordwood import _native
from cordwood.delivery import quarantine
from cordwood.delivery.sender import Sender
from cordwood.sinks.database.schema import Schema
from cordwood.sinks.database.store import Quarantine
from cordwood.sinks.postgres import PostgresSink

from tests.databases import rows, sink_stats, until


def made(url: str, statement: str) -> None:
    """Make the table, and change it."""
    with psycopg.connect(url, autocommit=True) as connection:
        Schema("app", "documented", by_day=False).ensure(connection)
        connection.execute(statement)


def test_rows_that_the_server_refuses_are_found_among_the_others_and_kept(
    postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made(postgres, "ALTER TABLE app_logs ADD CHECK (message NOT LIKE 'poison%')")
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    log = cordwood.get_logger("shop")
    for number in range(100):
        log.info("%s %d", "poison" if number in {0, 41, 42, 99} else "sound", number, extra={"n": number})
    assert cordwood.flush(20) == 0
    assert [int(row["message"].split()[1]) for row in rows(postgres)] == [
        number for number in range(100) if number not in {0, 41, 42, 99}
    ]
    (kept,) = (tmp_path / ".cordwood" / "quarantine").iterdir()
    assert [json.loads(line)["fields"] for line in kept.read_text().splitlines()] == [{"n": n} for n in (0, 41, 42, 99)]
    assert kept.stat().st_mode & 0o777 == 0o600
    (stats,) = cordwood.stats()["databases"].values()  # type: ignore[attr-defined]
    assert (stats["quarantined"], stats["delivered"]) == (4, 96)
    assert "refuses" in capfd.readouterr().err


def test_what_is_refused_with_a_spool_in_memory_is_printed_and_no_folder_is_made(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made(postgres, "ALTER TABLE app_logs ADD CHECK (message NOT LIKE 'poison%')")
    sink = PostgresSink(postgres)
    spool = _native.Spool(None)
    bit = spool.add_sink(sink.identity, sink.spec(), local=False)
    sender = Sender(spool, bit, sink)
    for message in ("sound", "poison"):
        record = logging.LogRecord("shop", logging.INFO, "x.py", 1, message, None, None)
        _native.capture(record, spool, 1 << bit)
    sender.stop(30)
    spool.close()
    assert [row["message"] for row in rows(postgres)] == ["sound"]
    said = capfd.readouterr().err
    assert '"message": "poison"' in said
    assert "refuses 1 records" in said
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_kept_waits_with_its_batch_and_that_is_counted(
    postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made(postgres, "ALTER TABLE app_logs ADD CHECK (message <> 'poison')")
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    folder = tmp_path / ".cordwood" / "quarantine"
    folder.write_text("no folder can be here")
    for message in ("before", "poison", "after"):
        cordwood.get_logger("shop").info(message)
    assert cordwood.flush(1) >= 2
    stats = sink_stats()
    assert int(str(stats["quarantine_failures"])) >= 1
    assert "1 records are refused, and cannot be kept in" in str(stats["last_error"])
    folder.unlink()
    until(lambda: cordwood.flush(1) == 0)
    assert [row["message"] for row in rows(postgres)] == ["before", "after"]
    (kept,) = folder.iterdir()
    assert [json.loads(line)["message"] for line in kept.read_text().splitlines()] == ["poison"]
    assert "cannot be kept in" in capfd.readouterr().err


def test_a_batch_that_comes_again_is_kept_once(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cordwood.sinks.database.postgres import PostgresStore

    made(postgres, "ALTER TABLE app_logs ADD CHECK (message <> 'poison')")
    sound = PostgresStore._insert_sound
    failures = iter([True, True, False])

    def unlucky(self: PostgresStore, connection: Any, batch: _native.Batch, keep: Quarantine) -> bool:
        def kept(places: Sequence[int]) -> None:
            keep(places)
            if next(failures, False):
                raise psycopg.OperationalError("before the commit")

        return sound(self, connection, batch, kept)

    monkeypatch.setattr(PostgresStore, "_insert_sound", unlucky)
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    cordwood.get_logger("shop").info("poison")
    cordwood.get_logger("shop").info("sound")
    until(lambda: cordwood.flush(1) == 0)
    (kept,) = (tmp_path / ".cordwood" / "quarantine").iterdir()
    assert kept.read_text().count("\n") == 1
    assert [row["message"] for row in rows(postgres)] == ["sound"]


def test_what_is_appended_to_a_full_disk_stands_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.jsonl"
    quarantine.append(path, b"first\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        quarantine.append(path, b"second\n")
    monkeypatch.undo()
    quarantine.append(path, b"third\n")
    assert path.read_bytes() == b"first\nthird\n"


def test_what_nothing_can_keep_is_counted(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made(postgres, "ALTER TABLE app_logs ADD CHECK (message <> 'poison')")
    sink = PostgresSink(postgres)
    spool = _native.Spool(None)
    sender = Sender(spool, spool.add_sink(sink.identity, sink.spec(), local=False), sink)
    monkeypatch.setattr(quarantine, "write", lambda *_: False)
    _native.capture(logging.makeLogRecord({"msg": "poison", "levelno": 20, "levelname": "INFO"}), spool, 1)
    sender.stop(30)
    spool.close()
    assert (sender.figures.quarantined, sender.stats()["unkept"]) == (1, 1)
    assert "they are lost" in capfd.readouterr().err


def test_a_column_that_refuses_every_row_is_said_and_the_records_wait(postgres: str, tmp_path: Path) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    log = cordwood.get_logger("shop")
    log.info("before")
    assert cordwood.flush(20) == 0
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("TRUNCATE app_logs; ALTER TABLE app_logs ADD COLUMN tenant int NOT NULL")
        log.info("meanwhile")
        assert cordwood.flush(1) == 1
        assert "column tenant needs a value that logs have not" in str(sink_stats()["last_error"])
        connection.execute("ALTER TABLE app_logs ALTER COLUMN tenant DROP NOT NULL")
    until(lambda: cordwood.flush(1) == 0)
    assert [row["message"] for row in rows(postgres)] == ["meanwhile"]
    assert not (tmp_path / ".cordwood" / "quarantine").exists()


def test_a_constraint_that_is_looked_at_last_is_found_out_too(postgres: str, tmp_path: Path) -> None:
    made(postgres, "ALTER TABLE app_logs ADD UNIQUE (message) DEFERRABLE INITIALLY DEFERRED")
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    for message in ("one", "two", "one"):
        cordwood.get_logger("shop").info(message)
    assert cordwood.flush(20) == 0
    assert [row["message"] for row in rows(postgres)] == ["one", "two"]
    assert sink_stats()["quarantined"] == 1


def test_refused_rows_are_known_by_their_identity_though_older_records_came_meanwhile(tmp_path: Path) -> None:
    folder = str(tmp_path / "spool")
    spools = [_native.Spool(folder) for _ in range(2)]
    for spool in spools:
        assert spool.add_sink("test", '{"kind": "python"}', local=False) == 0

    def log(spool: _native.Spool, message: str, created: float) -> None:
        values = {"msg": message, "levelno": 20, "levelname": "INFO", "created": created}
        _native.capture(logging.makeLogRecord(values), spool, 1)

    log(spools[0], "poison", 2e9)
    reader = _native.Reader(spools[0], "test")
    assert reader.lead()
    batch = reader.read(10, 1 << 20, False)
    log(spools[1], "older", 1e9)
    reader.rewind()
    assert len(reader.read(10, 1 << 20, False)) == 2  # it is seen, and stands before
    assert [record.message for record in reader.records(batch, [0])] == ["poison"]
    reader.release()
    for spool in spools:
        spool.close()


def test_a_batch_that_takes_too_long_comes_again_in_parts(postgres: str, tmp_path: Path) -> None:
    made(
        postgres,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;"
        "CREATE TRIGGER slow BEFORE INSERT ON app_logs FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    settings = {"enabled": True, "url": postgres, "batch_size": 1000, "query_timeout": 1}
    cordwood.configure(log_dir=tmp_path, console_output=False, database=settings)
    for number in range(100):
        cordwood.get_logger("shop").info("%d", number)
    until(lambda: cordwood.flush(1) == 0, 60)
    assert [int(row["message"]) for row in rows(postgres)] == list(range(100))
