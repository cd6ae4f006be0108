"""SQLite as delivery uses it: one transaction a batch, with its ledger in it; other processes may write beside it."""

from __future__ import annotations

import ctypes
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from cordwood import _native
from cordwood.errors import DatabaseError
from cordwood.sinks.database.store import LEDGER_DAYS, Quarantine, bisect
from cordwood.sinks.database.table import ledger_table, logs_table
from cordwood.sinks.database.url import DatabaseUrl

BUSY = 10.0  # seconds that another process's transaction is waited for
POISON = (sqlite3.DataError, sqlite3.IntegrityError)
SHORT = 0.25  # seconds that a batch of deletions may take
LEAST, MOST = 100, 50_000  # rows of such a batch
LEAST_COUNTED = 1_000_000  # rows that a table is taken to have: it will
_OURS = frozenset({"timestamp", "level", "message"})
_DIALECT: Any = sqlite.dialect()


class SqliteStore:
    """A table of logs in a file.

    Args:
        url: where.
        options: the sink.
    """

    def __init__(self, url: DatabaseUrl, options: Any) -> None:
        self._path = url.connect
        self._options = options
        self.table = logs_table(options.table_prefix, options.columns)
        self.ledger = ledger_table(options.table_prefix)
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # what is open, whatever its name leads to by now
        names = [name for name in _native.row_columns() if name in self.table.c]
        fields, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        self._insert = f'INSERT INTO "{self.table.name}" ({fields}) VALUES ({marks})'  # noqa: S608 our own names
        self._ledger = (
            f'INSERT INTO "{self.ledger.name}" (segment, began, sequence) VALUES (?, ?, ?) ON CONFLICT (segment)'  # noqa: S608 our own names
            " DO UPDATE SET began = excluded.began, sequence = excluded.sequence, updated_at = CURRENT_TIMESTAMP"
            " WHERE sequence < excluded.began"
        )

    def _connection(self) -> sqlite3.Connection:
        if self._open is not None and self._file != self._named():
            self.close()  # the file was deleted or moved away: rows would go where nobody finds them
        if self._open is None:
            connection = self._connect()
            try:
                self._ensure(connection)
            except BaseException:
                connection.close()
                raise
            self._open, self._file = connection, self._named()
        return self._open

    def _named(self) -> tuple[int, int] | None:
        """The file that has the name now."""
        with suppress(OSError):
            found = Path(self._path).stat()
            return found.st_dev, found.st_ino
        return None

    def _connect(self, timeout: float = BUSY) -> sqlite3.Connection:
        Path(self._path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not Path(self._path).exists():
            Path(self._path).touch(mode=0o600)
        # One thread at a time uses it, not always the one that made it.
        connection = sqlite3.connect(self._path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a committed batch is on the disk: the spool lets go of it
        except BaseException:
            connection.close()
            raise
        return connection

    def _ensure(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or add the columns an older one has not.

        Raises:
            DatabaseError: a table of that name was made for something else.
        """
        with _transaction(connection):
            name = self.table.name
            found = {row[1]: row for row in connection.execute(f'PRAGMA table_info("{name}")')}
            if found and (missing := _OURS - found.keys()):
                missed = ", ".join(sorted(missing))
                raise DatabaseError(
                    f"table {name} is not a table of logs (it has no {missed}); take another table_prefix"
                )
            if found:
                self._adapt(connection, found)
            else:
                connection.execute(_text(CreateTable(self.table, if_not_exists=True)))
            for index in sorted(self.table.indexes, key=lambda index: str(index.name)):
                connection.execute(_text(CreateIndex(index, if_not_exists=True)))
            connection.execute(_text(CreateTable(self.ledger, if_not_exists=True)))

    def _adapt(self, connection: sqlite3.Connection, found: Mapping[str, tuple[Any, ...]]) -> None:
        name = self.table.name
        for foreign, (_, _, _, required, default, key) in found.items():
            if foreign not in self.table.c and required and default is None and not key:
                raise DatabaseError(
                    f"table {name}: column {foreign} needs a value that logs have not; rename the table"
                )
        for column in self.table.c:
            if column.name not in found:
                kind = column.type.compile(_DIALECT)
                filler = "" if column.nullable else " NOT NULL DEFAULT " + ("0" if "INT" in kind else "''")
                connection.execute(f'ALTER TABLE "{name}" ADD COLUMN "{column.name}" {kind}{filler}')

    def insert(self, batch: _native.Batch, quarantine: Quarantine) -> bool:
        """As `Store.insert`."""
        with self._use() as connection:
            try:
                with _transaction(connection):
                    if not self._move_ledger(connection, batch):
                        return False
                    connection.executemany(self._insert, batch.tuples())
            except POISON:
                self._ensure(connection)  # a column of somebody's that refuses every row is the table's fault, and said
                return self._insert_sound(connection, batch, quarantine)
        return True

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """The connection; after an error it is made anew, with the table if that is gone."""
        connection = self._connection()
        try:
            yield connection
        except BaseException:
            self._open = None
            connection.close()
            raise

    def _move_ledger(self, connection: sqlite3.Connection, batch: _native.Batch) -> bool:
        moved = sum(connection.execute(self._ledger, part).rowcount for part in batch.parts)
        if moved == len(batch.parts):
            return True
        connection.execute("ROLLBACK")
        return False

    def _insert_sound(self, connection: sqlite3.Connection, batch: _native.Batch, quarantine: Quarantine) -> bool:
        """The batch without the rows that are refused, in one transaction all the same."""
        with _transaction(connection):
            if not self._move_ledger(connection, batch):
                return False

            def write(start: int, stop: int) -> None:
                connection.executemany(self._insert, batch.tuples(start, stop))

            quarantine(bisect(len(batch), lambda: _Savepoint(connection), write, POISON))
        return True

    def standing(self, segments: Iterable[int]) -> Mapping[int, int]:
        """As `Store.standing`."""
        query = f'SELECT sequence FROM "{self.ledger.name}" WHERE segment = ?'  # noqa: S608 our own name
        found = {}
        with self._use() as connection:
            for segment in segments:
                row = connection.execute(query, (segment,)).fetchone()
                if row is not None:
                    found[segment] = row[0]
        return found

    def tidy(self, stopped: Callable[[], bool], present: Sequence[int]) -> int:
        """As `Store.tidy`; statistics keep the planner at the index that a question needs."""
        with closing(self._connect()) as connection:
            days = self._options.retention_days
            deleted = 0 if days is None else self._delete(connection, days, stopped)
            connection.execute(
                f"DELETE FROM \"{self.ledger.name}\" WHERE updated_at < datetime('now', ?)"  # noqa: S608 our own name
                " AND segment NOT IN (SELECT value FROM json_each(?))",
                (f"-{LEDGER_DAYS} days", json.dumps(list(present))),
            )
            self._keep_statistics(connection)
        return deleted

    def _keep_statistics(self, connection: sqlite3.Connection) -> None:
        """Tell the planner what a table of logs is like: times differ, levels and hosts do not.

        Without statistics it takes the index of levels for "errors of the last hour", and reads a fifth of the table. A
        whole ANALYZE would read all of it and hold up delivery; one of a sample takes a level for as rare as a time.
        """
        name = self.table.name
        (rows,) = connection.execute(f'SELECT max({LEAST_COUNTED}, coalesce(max(id), 0)) FROM "{name}"').fetchone()  # noqa: S608
        alike = {
            "timestamp": "2",
            "level": f"{rows // 5}",
            "logger": f"{rows // 20}",
            "hostname": f"{rows}",
            "composite": "2 2 1",
        }
        connection.execute(f'ANALYZE "{self.ledger.name}"')  # makes the table of statistics, where it is not there
        with _transaction(connection):
            connection.execute("DELETE FROM sqlite_stat1 WHERE tbl = ?", (name,))
            connection.executemany(
                "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)",
                [(name, f"idx_{name}_{index}", f"{rows} {each}") for index, each in alike.items()],
            )

    def _delete(self, connection: sqlite3.Connection, days: int, stopped: Callable[[], bool]) -> int:
        moment = datetime.now(timezone.utc) - timedelta(days=days)
        before = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
        name = self.table.name
        statement = (
            f'DELETE FROM "{name}" WHERE id IN (SELECT id FROM "{name}" WHERE timestamp < ? ORDER BY timestamp LIMIT ?)'  # noqa: S608 our own name
        )
        deleted, size = 0, 1000
        while not stopped():
            began = time.monotonic()
            count = connection.execute(statement, (before, size)).rowcount
            took = time.monotonic() - began
            deleted += count
            if count < size:
                break
            size = max(LEAST, min(MOST, round(size * min(2.0, SHORT * 0.4 / max(took, 0.001)))))
            time.sleep(took)
        return deleted

    def check(self, timeout: float) -> None:
        """As `Store.check`."""
        with closing(self._connect(timeout)) as connection, _transaction(connection):
            pass

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._open is not None

    def close(self) -> None:
        """As `Store.close`."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """As `Store.abandon`."""
        connection, self._open = self._open, None
        if connection is not None:
            # SQLite asks that a connection is never closed by a forked child: it is kept until that ends.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has the right to write from its beginning: nothing is found changed later."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if connection.in_transaction:
        connection.execute("COMMIT")


class _Savepoint(AbstractContextManager[None]):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("SAVEPOINT part")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._connection.execute("ROLLBACK TO part")
        self._connection.execute("RELEASE part")


def _text(clause: Any) -> str:
    return str(clause.compile(dialect=_DIALECT))
