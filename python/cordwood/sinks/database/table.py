"""The documented table, once, for every database: what sinks write and what queries read.

Importing this module needs SQLAlchemy (`cordwood[database]`). On PostgreSQL the columns and the five indexes are those
of the document to the letter; on SQLite they have the nearest type: times are text in UTC, which sorts as it reads
(`2026-01-02 03:04:05.000006`), and `extra_data` is JSON text.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from cordwood.sinks.database.url import DEFAULT_PREFIX, check_prefix

Columns: TypeAlias = Literal["documented", "extended"]


class Moment(TypeDecorator[datetime]):
    """A point in time: aware in Python, with its zone on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=timezone.utc)


_ID: TypeEngine[Any] = BigInteger().with_variant(Integer, "sqlite")  # what counts by itself there
_JSON: TypeEngine[Any] = JSON().with_variant(JSONB(), "postgresql")


def logs_table(prefix: str = DEFAULT_PREFIX, columns: Columns = "documented") -> Table:
    """The table `{prefix}_logs` with its five indexes.

    Args:
        prefix: letters, digits and `_`, not a digit first.
        columns: `documented`, or `extended` by `template` and `fingerprint`.

    Raises:
        ConfigError: the prefix cannot be used.
    """
    name = f"{check_prefix(prefix)}_logs"
    extended = [Column("template", Text), Column("fingerprint", String(16))] if columns == "extended" else []
    table = Table(
        name,
        MetaData(),
        Column("id", _ID, primary_key=True, autoincrement=True),
        Column("timestamp", Moment, server_default=func.current_timestamp()),
        Column("level", String(10), nullable=False),
        Column("logger_name", String(255), nullable=False),
        Column("process_id", Integer, nullable=False),
        Column("thread_id", BigInteger, nullable=False),
        Column("thread_name", String(255)),
        Column("hostname", String(255), nullable=False),
        Column("message", Text, nullable=False),
        Column("exception", Text),
        Column("function_name", String(255)),
        Column("module", String(255)),
        Column("filename", String(500)),
        Column("lineno", Integer),
        Column("pathname", Text),
        Column("extra_data", _JSON),
        Column("created_at", Moment, server_default=func.current_timestamp()),
        *extended,
        sqlite_autoincrement=True,
    )
    c = table.c
    Index(f"idx_{name}_timestamp", c.timestamp.desc())
    Index(f"idx_{name}_level", c.level)
    Index(f"idx_{name}_logger", c.logger_name)
    Index(f"idx_{name}_hostname", c.hostname)
    Index(f"idx_{name}_composite", c.timestamp, c.level, c.logger_name)
    return table


def ledger_table(prefix: str = DEFAULT_PREFIX) -> Table:
    """The table `{prefix}_logs_ledger`: how far each segment of a spool stands in the table of logs.

    A batch's transaction moves these rows first, and only where the batch begins after what they say; so no record
    can stand twice, whoever died or was cut off in between. `began` is where the row's last batch began.
    """
    return Table(
        f"{check_prefix(prefix)}_logs_ledger",
        MetaData(),
        Column("segment", BigInteger, primary_key=True, autoincrement=False),
        Column("began", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("updated_at", Moment, server_default=func.current_timestamp()),
    )
