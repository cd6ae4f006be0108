"""PostgreSQL as delivery uses it: batches by binary COPY, with their ledger in the same transaction.

Two connections, delivery's and maintenance's, each made when it is needed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Protocol

import psycopg
from psycopg import errors, sql

from cordwood import _native
from cordwood.sinks.database.connection import Link
from cordwood.sinks.database.exchange import copy_within
from cordwood.sinks.database.life import ask, attended
from cordwood.sinks.database.schema import Schema
from cordwood.sinks.database.store import LEDGER_DAYS, Options, Quarantine, bisect
from cordwood.sinks.database.url import DatabaseUrl

NAME = "cordwood"
# A row's own fault: what it holds (22), somebody's constraint (23), its size or depth (54), a trigger's refusal (P0).
POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
    errors.RaiseException,
)
SHORT = 0.25  # seconds that a batch of deletions may take, so that no insert waits long
LEAST, MOST = 100, 50_000  # rows of such a batch
LOCK_PATIENCE = 0.2  # seconds that retention waits for the table: whoever inserts waits behind it
LOCK_TRIES = 10
TRANSACTION_IDLE = 60  # seconds after which the server ends a transaction whose client has vanished


class PostgresOptions(Options, Protocol):
    """What a PostgreSQL sink says of itself besides."""

    table_prefix: str
    by_day: bool
    connect_timeout: float
    query_timeout: float


class PostgresStore:
    """A table of logs in use.

    Args:
        url: where.
        options: the sink.
    """

    def __init__(self, url: DatabaseUrl, options: Any) -> None:
        self._options = options
        self._url = url
        self.schema = Schema(options.table_prefix, options.columns, by_day=options.partition == "day")
        limits = (options.connect_timeout, options.query_timeout)
        self._delivery = Link(url.connect, f"{NAME} delivery", *limits)
        self._maintenance = Link(url.connect, f"{NAME} maintenance", *limits)
        self._ensured = False
        names = [name for name in _native.row_columns() if name in self.schema.table.c]
        fields = sql.SQL(", ").join(map(sql.Identifier, names))
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self.schema.name, fields)
        milliseconds = round(options.query_timeout * 1000)
        # A transaction that ends by itself if we vanish, and the ledger first in it.
        self._begin = (
            f"BEGIN; SET LOCAL statement_timeout = {milliseconds};"
            f" SET LOCAL idle_in_transaction_session_timeout = '{TRANSACTION_IDLE}s';"
        )
        ledger = sql.Identifier(self.schema.ledger.name).as_string(None)
        self._ledger = (
            f"INSERT INTO {ledger} AS l (segment, began, sequence) VALUES %s ON CONFLICT (segment) DO UPDATE"  # noqa: S608
            " SET began = excluded.began, sequence = excluded.sequence, updated_at = now()"
            " WHERE l.sequence < excluded.began"
        )
        self._after_ledger = f"; {self._copy.as_string(None)}; COMMIT"

    def insert(self, batch: _native.Batch, quarantine: Quarantine) -> bool:
        """As `Store.insert`."""
        if not self._ensured:
            self._ensure()
        try:
            with self._delivery.use(self._options.query_timeout) as connection:
                statements = self._before(batch) + self._after_ledger
                try:
                    if copy_within(connection, statements.encode(), len(batch.parts), batch.block()):
                        return True
                except POISON:
                    connection.execute("ROLLBACK")
                else:
                    connection.execute("ROLLBACK")
                    return False
            self._ensure()  # a column of somebody's that refuses every row is the table's fault, and said
            with self._delivery.use() as connection:
                return self._insert_sound(connection, batch, quarantine)
        except (errors.UndefinedTable, errors.UndefinedColumn):
            self._ensured = False  # somebody dropped or changed it: it is made again before the next attempt
            raise

    def _ensure(self) -> None:
        """Make the table, or bring it up to date, which may take long where it is large."""
        self._ensured = False
        timeout = self._options.query_timeout
        with self._delivery.use(math.inf) as connection, attended(connection, self._url.connect, timeout):
            self.schema.ensure(connection)
        self._ensured = True

    def _start(self, connection: psycopg.Connection[Any], batch: _native.Batch) -> bool:
        """Begin, and move the ledger; False, with all undone, if it says that some rows stand already."""
        cursor = connection.execute(self._before(batch))
        while cursor.nextset():
            pass
        if cursor.rowcount == len(batch.parts):
            return True
        connection.execute("ROLLBACK")
        return False

    def _before(self, batch: _native.Batch) -> str:
        """What stands before the rows."""
        values = ", ".join(f"({segment}, {first}, {last})" for segment, first, last in batch.parts)
        return self._begin + self._ledger % values  # numbers alone

    def _write(self, connection: psycopg.Connection[Any], batch: _native.Batch, start: int, stop: int) -> None:
        with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.write(batch.block(start, stop))

    def _insert_sound(self, connection: psycopg.Connection[Any], batch: _native.Batch, quarantine: Quarantine) -> bool:
        """The batch without the rows that the server refuses, in one transaction all the same."""
        if not self._start(connection, batch):
            return False
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is deferred would refuse all of it, at the end

        def write(start: int, stop: int) -> None:
            self._write(connection, batch, start, stop)

        quarantine(bisect(len(batch), lambda: _Savepoint(connection), write, POISON))
        connection.execute("COMMIT")
        return True

    def standing(self, segments: Iterable[int]) -> Mapping[int, int]:
        """As `Store.standing`."""
        query = sql.SQL("SELECT segment, sequence FROM {} WHERE segment = ANY(%s)")
        with self._delivery.use() as connection:
            rows = connection.execute(query.format(sql.Identifier(self.schema.ledger.name)), [list(segments)])
            return dict(rows.fetchall())

    def tidy(self, stopped: Callable[[], bool], present: Sequence[int]) -> int:
        """As `Store.tidy`."""
        if not self._ensured:
            return 0
        self._forget_segments(present)
        days = self._options.retention_days
        before = None if days is None else datetime.now(timezone.utc) - timedelta(days=days)
        if self._options.partition != "day":
            return 0 if before is None else self._delete(self.schema.name, before, stopped)
        self._alone(self.schema.make_partitions, stopped)
        return 0 if before is None else self._drop(before, stopped)

    def _drop(self, before: datetime, stopped: Callable[[], bool]) -> int:
        """Drop whole days; one that is partly older stays until tomorrow. Then tidy what has no day of its own."""
        with self._maintenance.use() as connection:
            old = list(self.schema.old_partitions(connection, before.date()))
        gone = 0
        for statement, rows in old:
            if not self._alone(partial(psycopg.Connection.execute, query=statement), stopped):
                return gone
            gone += rows
        return gone + self._delete(self.schema.rest, before, stopped)

    def _alone(self, work: Callable[[psycopg.Connection[Any]], object], stopped: Callable[[], bool]) -> bool:
        """Have something done that nobody may insert meanwhile; False if it was stopped before.

        A wait for a lock makes all inserts wait behind it, so it is short, and tried again.
        """
        for attempt in range(1, LOCK_TRIES + 1):
            if stopped():
                return False
            try:
                with self._maintenance.use() as connection, connection.transaction():
                    connection.execute(f"SET LOCAL lock_timeout = {round(LOCK_PATIENCE * 1000)}")
                    work(connection)
                    return True
            except errors.LockNotAvailable:
                if attempt == LOCK_TRIES:
                    raise
            time.sleep(LOCK_PATIENCE * attempt)
        return False

    def _forget_segments(self, present: Sequence[int]) -> None:
        """Remove rows of the ledger that nothing can need any more, by the server's clock."""
        statement = sql.SQL(
            "DELETE FROM {} WHERE updated_at < now() - make_interval(days => %s) AND segment <> ALL(%s::bigint[])"
        ).format(sql.Identifier(self.schema.ledger.name))
        with self._maintenance.use() as connection:
            connection.execute(statement, [LEDGER_DAYS, list(present)])

    def _delete(self, table: sql.Identifier, before: datetime, stopped: Callable[[], bool]) -> int:
        """Delete what is older, in batches so short that no insert waits, and with as long a pause after each."""
        statement = sql.SQL(
            "WITH gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE timestamp >= %s"
            " AND timestamp < %s ORDER BY timestamp LIMIT %s)) AND timestamp < %s RETURNING timestamp)"
            " SELECT count(*), max(timestamp) FROM gone"
        ).format(table=table)
        deleted, size, since = 0, 1000, datetime.min.replace(year=1, tzinfo=timezone.utc)
        while not stopped():
            began = time.monotonic()
            with self._maintenance.use() as connection:
                row = connection.execute(statement, [since, before, size, before]).fetchone()
            count, newest = row if row is not None else (0, since)
            took = time.monotonic() - began
            deleted += count
            if count < size:
                break
            # Index entries of rows that are gone are not walked again.
            since = newest or since
            size = max(LEAST, min(MOST, round(size * min(2.0, SHORT * 0.4 / max(took, 0.001)))))
            time.sleep(took)
        return deleted

    def check(self, timeout: float) -> None:
        """As `Store.check`."""
        ask(self._url.connect, timeout)

    @property
    def is_open(self) -> bool:
        """Whether delivery has its connection."""
        return self._delivery.is_open

    def close(self) -> None:
        """As `Store.close`."""
        self._delivery.close()
        self._maintenance.close()

    def abandon(self) -> None:
        """As `Store.abandon`."""
        self._delivery.abandon()
        self._maintenance.abandon()


class _Savepoint(AbstractContextManager[None]):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("SAVEPOINT part")

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("RELEASE part" if kind is None else "ROLLBACK TO part")
