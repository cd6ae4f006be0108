"""Rows a second into PostgreSQL: the server's ceiling, and ours."""

from __future__ import annotations

import tempfile
import time

import psycopg
from cordwood import _native
from cordwood.sinks.database.schema import Schema
from cordwood.sinks.postgres import PostgresSink
from psycopg import sql

from benches.stores.waiting import batches, deliver, fill

LARGE = 1000  # rows of a batch under load


def prepared(url: str, size: int, count: int) -> list[bytes]:
    """The blocks that the ceiling sends."""
    with tempfile.TemporaryDirectory() as folder:
        sink = PostgresSink(url)
        fill(f"{folder}/s", sink, count)
        return [batch.block() for batch in batches(f"{folder}/s", sink.identity, size)]


def emptied(url: str, *, indexes: bool = True, by_day: bool = False) -> Schema:
    """The documented table, empty."""
    schema = Schema("bench", "documented", by_day=by_day)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_logs, bench_logs_ledger")
        schema.ensure(connection)
        if not indexes:
            for index in schema.table.indexes:
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(index.name))))
        connection.execute("CHECKPOINT")
    return schema


def ceiling(url: str, blocks: list[bytes], *, indexes: bool = True) -> float:
    """Rows a second of plain COPY, one transaction a block."""
    emptied(url, indexes=indexes)
    fields = ", ".join(_native.row_columns()[:15])
    copying = f"COPY bench_logs ({fields}) FROM STDIN (FORMAT BINARY)"
    with psycopg.connect(url, autocommit=True) as connection:
        ends = []
        for block in blocks:
            with connection.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(block)
            ends.append(time.perf_counter())
        (count,) = connection.execute("SELECT count(*) FROM bench_logs").fetchone() or (0,)
    return float((count - count / len(blocks)) / (ends[-1] - ends[0]))


def ours(url: str, size: int, count: int) -> tuple[float, float]:
    """Rows a second of the sender, and its thread's seconds of processor a row."""
    emptied(url)
    sink = PostgresSink(url, table_prefix="bench", batch_size=size)
    with tempfile.TemporaryDirectory() as folder:
        fill(f"{folder}/s", sink, count)
        figures = deliver(f"{folder}/s", sink, size, count)
    with psycopg.connect(url) as connection:
        (found,) = connection.execute("SELECT count(DISTINCT message) FROM bench_logs").fetchone() or (0,)
    assert found == count
    return figures
