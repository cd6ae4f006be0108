"""The table on PostgreSQL: made, brought up to date, refused; retention."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cordwood
import psycopg
import pytest
from cordwood.delivery.maintenance import segments
from cordwood.errors import ConfigError, DatabaseError
from cordwood.sinks.database.connection import Link, settings
from cordwood.sinks.database.schema import Schema
from cordwood.sinks.postgres import PostgresSink

from tests.databases import rows


def ensure(url: str, *, by_day: bool = False) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        Schema("app", "documented", by_day=by_day).ensure(connection)


def execute(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements)


def columns(url: str) -> dict[str, str]:
    found = rows(url, "SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute"
                 " WHERE attrelid = 'app_logs'::regclass AND attnum > 0 AND NOT attisdropped")  # fmt: skip
    return {row["attname"]: row["kind"] for row in found}


def test_an_older_table_gets_what_it_lacks_and_keeps_its_rows(postgres: str) -> None:
    ensure(postgres)
    wanted = columns(postgres)
    execute(
        postgres,
        "INSERT INTO app_logs (level, logger_name, process_id, thread_id, hostname, message)"
        " VALUES ('INFO', 'x', 1, 2, 'h', 'kept');"
        "ALTER TABLE app_logs DROP COLUMN extra_data, DROP COLUMN hostname, DROP COLUMN created_at;"
        "ALTER TABLE app_logs ALTER COLUMN thread_id TYPE integer, ALTER COLUMN logger_name TYPE varchar(50);"
        "DROP INDEX idx_app_logs_level",
    )
    ensure(postgres)
    assert columns(postgres) == wanted
    assert [(row["message"], row["hostname"], row["thread_id"]) for row in rows(postgres)] == [("kept", "", 2)]
    assert len(rows(postgres, "SELECT 1 FROM pg_indexes WHERE tablename = 'app_logs'")) == 6
    ensure(postgres)  # and is left alone then


def test_wider_columns_and_columns_of_others_are_left_as_they_are(postgres: str) -> None:
    ensure(postgres)
    execute(postgres, "ALTER TABLE app_logs ALTER COLUMN logger_name TYPE text, ADD COLUMN tenant text")
    ensure(postgres)
    assert columns(postgres)["logger_name"] == "text"
    assert "tenant" in columns(postgres)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("CREATE TABLE app_logs (id int, entry text)", "is not a table of logs (it has no level, message, timestamp)"),
        ("CREATE VIEW app_logs AS SELECT 1 AS id", "app_logs is no table"),
        (
            "ALTER TABLE app_logs ALTER COLUMN timestamp TYPE timestamp",
            "column timestamp is timestamp without time zone",
        ),
        ("ALTER TABLE app_logs ADD COLUMN tenant int NOT NULL", "ALTER COLUMN tenant DROP NOT NULL"),
        (
            "ALTER TABLE app_logs ALTER COLUMN process_id TYPE text",
            "type: ALTER TABLE app_logs ALTER COLUMN process_id",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_to_do(postgres: str, made: str, said: str) -> None:
    if made.startswith("ALTER"):
        ensure(postgres)
    execute(postgres, made)
    with pytest.raises(DatabaseError, match=re.escape(said)):
        ensure(postgres)


def test_a_partitioned_table_is_not_mistaken_for_a_plain_one(postgres: str) -> None:
    ensure(postgres)
    with pytest.raises(DatabaseError, match="not partitioned already"):
        ensure(postgres, by_day=True)


def test_a_table_by_day_has_its_partitions_ahead_and_loses_them_by_age(postgres: str) -> None:
    sink = PostgresSink(postgres, partition="day", retention_days=30)
    ensure(postgres, by_day=True)
    names = {
        row["relname"] for row in rows(postgres, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    }
    today = datetime.now(timezone.utc).date()
    assert {f"app_logs_{today + timedelta(days=ahead):%Y%m%d}" for ahead in range(4)} | {"app_logs_rest"} <= names
    old = today - timedelta(days=40)
    execute(
        postgres,
        f"CREATE TABLE app_logs_{old:%Y%m%d} PARTITION OF app_logs FOR VALUES FROM ('{old} 00:00+00')"
        f" TO ('{old + timedelta(days=1)} 00:00+00');"
        "INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
        f" SELECT unnest(ARRAY['{old} 12:00+00'::timestamptz, '{old - timedelta(days=9)} 12:00+00', now()]),"
        " 'INFO', 'x', 1, 2, 'h', 'm'",
    )
    store = sink.store()
    store._ensured = True  # type: ignore[attr-defined]
    store.tidy(lambda: False, ())
    store.close()
    assert len(rows(postgres)) == 1
    assert not rows(postgres, f"SELECT 1 FROM pg_class WHERE relname = 'app_logs_{old:%Y%m%d}'")


def test_a_day_whose_rows_came_before_its_partition_stays_in_the_rest_and_stops_nothing(postgres: str) -> None:
    ensure(postgres, by_day=True)
    day = datetime.now(timezone.utc).date() + timedelta(days=3)
    execute(
        postgres,
        f"DROP TABLE app_logs_{day:%Y%m%d};"
        "INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
        f" VALUES ('{day} 12:00+00', 'INFO', 'x', 1, 2, 'h', 'by a clock that was wrong')",
    )
    ensure(postgres, by_day=True)
    store = PostgresSink(postgres, partition="day", retention_days=30).store()
    store._ensured = True  # type: ignore[attr-defined]
    store.tidy(lambda: False, ())
    store.close()
    assert [row["message"] for row in rows(postgres, "SELECT message FROM app_logs_rest")] == [
        "by a clock that was wrong"
    ]


def test_a_day_goes_as_a_whole_when_all_of_it_is_old_enough(postgres: str) -> None:
    ensure(postgres, by_day=True)
    today = datetime.now(timezone.utc).date()
    for ago in (9, 8):
        day = today - timedelta(days=ago)
        execute(
            postgres,
            f"CREATE TABLE app_logs_{day:%Y%m%d} PARTITION OF app_logs FOR VALUES FROM ('{day} 00:00+00')"
            f" TO ('{day + timedelta(days=1)} 00:00+00');"
            "INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
            f" SELECT '{day} 00:00+00'::timestamptz, 'INFO', 'x', 1, 2, 'h', '{ago}' FROM generate_series(1, 100);"
            f"ANALYZE app_logs_{day:%Y%m%d}",
        )
    store = PostgresSink(postgres, partition="day", retention_days=8).store()
    store._ensured = True  # type: ignore[attr-defined]
    assert store.tidy(lambda: False, ()) == 100
    store.close()
    assert rows(postgres, "SELECT message, count(*) AS n FROM app_logs GROUP BY 1") == [{"message": "8", "n": 100}]


def test_retention_that_finds_the_table_in_use_holds_up_no_insert_and_comes_again(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(postgres, by_day=True)
    old = datetime.now(timezone.utc).date() - timedelta(days=40)
    execute(
        postgres,
        f"CREATE TABLE app_logs_{old:%Y%m%d} PARTITION OF app_logs FOR VALUES FROM ('{old} 00:00+00')"
        f" TO ('{old + timedelta(days=1)} 00:00+00')",
    )
    monkeypatch.setattr("cordwood.sinks.database.postgres.LOCK_TRIES", 2)
    store = PostgresSink(postgres, partition="day", retention_days=30).store()
    store._ensured = True  # type: ignore[attr-defined]
    with psycopg.connect(postgres) as reader:
        reader.execute("SELECT count(*) FROM app_logs")  # its transaction holds the table until the block ends
        with pytest.raises(psycopg.errors.LockNotAvailable):
            store.tidy(lambda: False, ())
        execute(
            postgres,
            "SET lock_timeout = '10ms';"
            "INSERT INTO app_logs (level, logger_name, process_id, thread_id, hostname, message)"
            " VALUES ('INFO', 'x', 1, 2, 'h', 'm')",
        )
    store.tidy(lambda: False, ())
    store.close()
    assert not rows(postgres, f"SELECT 1 FROM pg_class WHERE relname = 'app_logs_{old:%Y%m%d}'")


def test_records_go_into_a_table_by_day_and_with_more_columns(postgres: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"enabled": True, "url": postgres, "partition": "day", "columns": "extended"}
    cordwood.configure(log_dir=tmp_path, console_output=False, database=settings)
    log = cordwood.get_logger("shop")
    log.info("user %s", "ann")
    try:
        int("x")
    except ValueError:
        log.exception("failed")
    assert cordwood.flush(20) == 0
    first, second = rows(postgres, "SELECT * FROM app_logs ORDER BY timestamp")
    assert (first["message"], first["template"], first["fingerprint"]) == ("user ann", "user %s", None)
    assert re.fullmatch("[0-9a-f]{16}", second["fingerprint"])


def test_the_ledger_forgets_segments_that_are_gone_for_long(postgres: str) -> None:
    ensure(postgres)
    execute(
        postgres,
        "INSERT INTO app_logs_ledger (segment, began, sequence, updated_at) VALUES"
        " (1, 1, 1, now() - interval '31 days'), (-2, 1, 1, now() - interval '31 days'),"
        " (3, 1, 1, now() - interval '29 days')",
    )
    store = PostgresSink(postgres).store()
    store._ensured = True  # type: ignore[attr-defined]
    store.tidy(lambda: False, [-2, 5])
    store.close()
    assert rows(postgres, "SELECT segment FROM app_logs_ledger ORDER BY 1") == [{"segment": -2}, {"segment": 3}]


def test_the_segments_of_a_spool_are_named_as_the_ledger_names_them(postgres: str, tmp_path: Path) -> None:
    cordwood.configure(log_dir=tmp_path, console_output=False, database=postgres)
    cordwood.get_logger("shop").info("x")
    assert cordwood.flush(20) == 0
    kept = {row["segment"] for row in rows(postgres, "SELECT segment FROM app_logs_ledger")}
    assert kept <= set(segments(str(tmp_path / ".cordwood")))


def test_what_was_committed_although_its_answer_was_lost_is_not_sent_again(postgres: str, tmp_path: Path) -> None:
    from cordwood.sinks.database.postgres import PostgresStore

    cordwood.configure(
        log_dir=tmp_path, console_output=False, database={"enabled": True, "url": postgres, "batch_size": 7}
    )
    insert = PostgresStore.insert
    lost: list[bool] = []

    def unlucky(self: PostgresStore, *arguments: Any) -> bool:
        done = insert(self, *arguments)
        if len(lost) < 5:
            lost.append(done)
            raise psycopg.OperationalError("the answer was lost")
        return done

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PostgresStore, "insert", unlucky)
        for number in range(100):
            cordwood.get_logger("shop").info("%d", number)
        cordwood.flush(1)
        assert cordwood.flush(20) == 0
    assert [int(row["message"]) for row in rows(postgres)] == list(range(100))
    assert lost.count(True) >= 1


def test_a_quoted_prefix_is_one_table(postgres: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"enabled": True, "url": postgres, "table_prefix": "Select"}
    cordwood.configure(log_dir=tmp_path, console_output=False, database=settings)
    cordwood.get_logger("shop").info("x")
    assert cordwood.flush(20) == 0
    assert len(rows(postgres, 'SELECT * FROM "Select_logs"')) == 1


@pytest.mark.parametrize("prefix", ["", "1x", "a b", 'a"b', "a;b", "a-b", "ä", "x" * 42, "a\n"])
def test_a_prefix_that_is_no_plain_word_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="table_prefix"):
        PostgresSink("postgresql://h/d", prefix)


def test_a_connection_has_the_documented_limits_where_its_address_says_nothing_else(postgres: str) -> None:
    made = settings(postgres, "cordwood test", connect_timeout=10, query_timeout=30)
    with psycopg.connect(postgres, **made) as connection:
        known = connection.info.get_parameters()
    assert (known["connect_timeout"], known["tcp_user_timeout"], known["keepalives"]) == ("10", "30000", "1")
    assert int(known["keepalives_idle"]) + 3 * int(known["keepalives_interval"]) <= 60
    assert known["application_name"] == "cordwood test"
    given = settings(f"{postgres}&connect_timeout=3&application_name=mine", "cordwood test", 10, 30)
    assert not {"connect_timeout", "application_name"} & given.keys()


def test_a_connection_that_was_idle_is_asked_for_a_sign_of_life(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link(postgres, "cordwood test", 5, 5)
    with link.use() as connection:
        first = connection.info.backend_pid
    execute(postgres, f"SELECT pg_terminate_backend({first})")
    monkeypatch.setattr("cordwood.sinks.database.connection.IDLE", -1.0)
    with link.use() as connection:
        assert connection.info.backend_pid != first
    assert link.connects == 2
    link.close()
