"""The table on PostgreSQL: made under a lock, an older one brought up to date, a foreign one refused.

Safe changes are made: columns are added, narrower ones widened, missing indexes built. What could lose or bend data is
refused with the column's name and what to type.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import psycopg
from psycopg import errors, sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import Column, CreateIndex, CreateTable

from cordwood.errors import DatabaseError
from cordwood.sinks.database.table import Columns, ledger_table, logs_table

PARTITIONS_AHEAD = 3  # days for which partitions stand ready, besides today's
DROPPED_AT_ONCE = 100  # partitions: each takes some nine of the server's locks, of which it has 6,400 by default
LOCK_TIMEOUT = "5s"  # that a table in use is waited for: whoever uses it waits behind us
_OURS = frozenset({"timestamp", "level", "message"})  # a table without these was made for something else
_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
# Types that may become the documented one without a change of meaning.
_WIDENS = {
    "bigint": {"integer", "smallint"},
    "integer": {"smallint"},
    "text": {"character varying"},
    "character varying": {"character varying"},
    "jsonb": {"json"},
}
# Types that hold all that the documented one holds, and take the same bytes.
_HOLDS = {"character varying": {"text", "character varying"}, "text": {"text"}}


@dataclass(frozen=True)
class Found:
    """A column as it is.

    Args:
        kind: its type without a width.
        width: of a `character varying`; None is any.
        optional: whether a row can do without.
    """

    kind: str
    width: int | None
    optional: bool


class Schema:
    """The table of one prefix.

    Args:
        prefix: checked.
        columns: `documented` or `extended`.
        by_day: whether the table is partitioned.
    """

    def __init__(self, prefix: str, columns: Columns, *, by_day: bool) -> None:
        self.table = logs_table(prefix, columns)
        self.ledger = ledger_table(prefix)
        self._by_day = by_day
        self.name = sql.Identifier(self.table.name)
        self.rest = sql.Identifier(f"{self.table.name}_rest")

    def ensure(self, connection: psycopg.Connection[Any]) -> None:
        """Make the tables, or bring them up to date.

        Raises:
            DatabaseError: a table of that name cannot be used.
            psycopg.Error: the server refuses.
        """
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            # Whoever starts at the same time waits here, then finds everything made.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(self.table.name.encode())])
            kind = self._kind(connection)
            if kind is None:
                connection.execute(self._creation())
            else:
                self._adapt(connection, kind)
            for index in sorted(self.table.indexes, key=lambda index: str(index.name)):
                connection.execute(_text(CreateIndex(index, if_not_exists=True)))
            connection.execute(_text(CreateTable(self.ledger, if_not_exists=True)))
            if self._by_day:
                self.make_partitions(connection)

    def _kind(self, connection: psycopg.Connection[Any]) -> str | None:
        row = connection.execute(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", [self.name.as_string(connection)]
        ).fetchone()
        return None if row is None else str(row[0])

    def _creation(self) -> Any:
        whole = str(CreateTable(self.table, if_not_exists=True).compile(dialect=_DIALECT)).rstrip()
        if self._by_day:
            # A partitioned table's key holds what it is parted by.
            whole = whole.replace("PRIMARY KEY (id)", "PRIMARY KEY (id, timestamp)")
            whole += " PARTITION BY RANGE (timestamp)"
        return whole

    def _adapt(self, connection: psycopg.Connection[Any], kind: str) -> None:
        name = self.table.name
        if kind not in {"r", "p"}:
            raise DatabaseError(f"{name} is no table; take another table_prefix")
        if self._by_day != (kind == "p"):
            is_, wanted = ("not partitioned", "partition=None") if self._by_day else ("partitioned", 'partition="day"')
            raise DatabaseError(f"table {name} is {is_} already; set {wanted}, or take another table_prefix")
        found = _columns(connection, self.name.as_string(connection))
        if missing := _OURS - found.keys():
            missed = ", ".join(sorted(missing))
            raise DatabaseError(f"table {name} is not a table of logs (it has no {missed}); take another table_prefix")
        for foreign, have in found.items():
            if foreign not in self.table.c and not have.optional:
                raise DatabaseError(
                    f"table {name}: column {foreign} needs a value that logs have not; "
                    f"type: ALTER TABLE {name} ALTER COLUMN {foreign} DROP NOT NULL"
                )
        for column in self.table.c:
            for statement in self._changes(column, found.get(column.name)):
                connection.execute(statement)

    def _changes(self, column: Column[Any], have: Found | None) -> Iterator[sql.Composed]:
        alter = sql.SQL("ALTER TABLE {} ").format(self.name)
        field = sql.Identifier(column.name)
        wanted = column.type.compile(_DIALECT).lower()
        kind, _, width = wanted.partition("(")
        kind = {"varchar": "character varying", "bigserial": "bigint"}.get(kind, kind)
        as_type = sql.SQL(wanted)
        if have is None and column.primary_key:
            yield alter + sql.SQL("ADD COLUMN {} BIGSERIAL").format(field)
            return
        if have is None:
            filler = "" if column.nullable else " NOT NULL DEFAULT " + ("0" if "int" in wanted else "''")
            default = " DEFAULT CURRENT_TIMESTAMP" if column.server_default is not None else filler
            yield alter + sql.SQL("ADD COLUMN {} {}").format(field, as_type) + sql.SQL(default)
            if filler:  # for the rows there are; new ones have a value
                yield alter + sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(field)
            return
        needed = int(width.rstrip(")")) if width else None
        fits = have.kind in _HOLDS.get(kind, {kind})
        if fits and (have.width is None or (needed is not None and have.width >= needed)):
            return
        if have.kind in _WIDENS.get(kind, ()):
            yield alter + sql.SQL("ALTER COLUMN {} TYPE {} USING {}::{}").format(field, as_type, field, as_type)
            return
        raise DatabaseError(
            f"table {self.table.name}: column {column.name} is {have.kind}, not {wanted}, and what is in it could "
            f"change its meaning; type: ALTER TABLE {self.table.name} ALTER COLUMN {column.name} TYPE {wanted}"
        )

    def make_partitions(self, connection: psycopg.Connection[Any]) -> None:
        """Partitions for today and the days ahead, and one for whatever fits in none."""
        today = datetime.now(timezone.utc).date()
        rest = sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} DEFAULT")
        connection.execute(rest.format(self.rest, self.name))
        for day in (today + timedelta(days=ahead) for ahead in range(-1, PARTITIONS_AHEAD + 1)):
            span = (f"{day} 00:00+00", f"{day + timedelta(days=1)} 00:00+00")
            statement = sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})")
            name = sql.Identifier(f"{self.table.name}_{day:%Y%m%d}")
            # A day whose rows came before its partition (a clock was wrong) stays in the rest.
            with suppress(errors.CheckViolation, errors.InvalidObjectDefinition), connection.transaction():
                connection.execute(statement.format(name, self.name, *map(sql.Literal, span)))

    def old_partitions(self, connection: psycopg.Connection[Any], before: date) -> Iterator[tuple[sql.Composed, int]]:
        """What removes the partitions of days before this one, and how many rows the server thinks they have.

        Many at once, which the server does in one go.
        """
        rows = connection.execute(
            "SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
            " WHERE inhparent = to_regclass(%s)",
            [self.name.as_string(connection)],
        ).fetchall()
        days = {name.removeprefix(f"{self.table.name}_"): (name, count) for name, count in rows}
        old = [days[day] for day in sorted(days) if day.isdecimal() and day < f"{before:%Y%m%d}"]
        for start in range(0, len(old), DROPPED_AT_ONCE):
            some = old[start : start + DROPPED_AT_ONCE]
            names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in some)
            yield sql.SQL("DROP TABLE {}").format(names), sum(count for _, count in some)


def _text(clause: Any) -> Any:
    return str(clause.compile(dialect=_DIALECT))


def _columns(connection: psycopg.Connection[Any], name: str) -> dict[str, Found]:
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, NULL), nullif(atttypmod, -1) - 4,"
        " NOT attnotnull OR atthasdef OR attidentity <> ''"
        " FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [name],
    ).fetchall()
    return {name: Found(kind, width if "character" in kind else None, optional) for name, kind, width, optional in rows}
