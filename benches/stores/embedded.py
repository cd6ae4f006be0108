"""SQLite: rows a second beside its own ceiling, and the question that needs the right index."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from cordwood.sinks.database.sqlite import SqliteStore
from cordwood.sinks.sqlite import SqliteSink

from benches.stores.waiting import batches, deliver, fill


def lines(count: int, many: int, rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the page."""
    pairs = [rates(count) for _ in range(rounds)]
    most, found = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(one / top for top, one in pairs)
    yield "SQLite, rows/s, 1,000-row batches", f"{most:,.0f}", f"{found:,.0f} ({ratio:.2f} of the ceiling)", "≥ 0.9"
    took = question(many) * 1000
    yield f"SQLite, errors of the last hour in {many:,} rows", "–", f"{took:.1f} ms", "≤ 10 ms"


def rates(count: int) -> tuple[float, float]:
    """Rows a second into SQLite: prepared tuples by executemany, and ours; 1,000 rows a transaction."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SqliteSink(f"sqlite:///{folder}/ours.db", batch_size=1000)
        plain = SqliteSink(f"sqlite:///{folder}/plain.db")
        fill(f"{folder}/p", plain, count)
        rows = [batch.tuples() for batch in batches(f"{folder}/p", plain.identity, 1000)]
        store = SqliteStore(plain.target, plain)
        connection = store._connection()
        ends = []
        for some in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(store._insert, some)
            connection.execute("COMMIT")
            ends.append(time.perf_counter())
        most = (count - 1000) / (ends[-1] - ends[0])
        store.close()
        fill(f"{folder}/s", sink, count)
        found, _ = deliver(f"{folder}/s", sink, 1000, count)
        with sqlite3.connect(f"{folder}/ours.db") as reading:
            assert reading.execute("SELECT count(*) FROM app_logs").fetchone() == (count,)
        reading.close()
        return most, found


def question(count: int) -> float:
    """Seconds for the errors of the last hour, the last of the rounds in a table that was kept in order."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SqliteSink(f"sqlite:///{folder}/logs.db")
        store = SqliteStore(sink.target, sink)
        connection = store._connection()
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
            " INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
            " SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', -n || ' seconds'),"
            " CASE n % 5 WHEN 4 THEN 'ERROR' ELSE 'INFO' END,"
            " 'app.' || n % 50, 1, 1, 'h', hex(zeroblob(75)) FROM n",
            (count,),
        )
        connection.execute("COMMIT")
        store.tidy(lambda: False, ())
        store.close()
        with sqlite3.connect(f"{folder}/logs.db") as reading:
            took = []
            for _ in range(5):
                began = time.perf_counter()
                found = reading.execute(
                    "SELECT count(*) FROM app_logs WHERE level = 'ERROR'"
                    " AND timestamp >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
                ).fetchone()
                took.append(time.perf_counter() - began)
            assert 500 <= found[0] <= 721, found  # the hour has moved on while the rows were made
        reading.close()
        return median(took)
