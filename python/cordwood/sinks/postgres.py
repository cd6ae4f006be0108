"""Writes rows to PostgreSQL: the documented table, made by itself, filled by binary COPY.

On a crash: every record stands there once, delivered by another process on the folder or the next one.
When it is down: records wait in the spool, and go to the console too after five attempts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from cordwood.errors import ConfigError, MissingExtraError
from cordwood.sinks.database.url import DEFAULT_PREFIX, DatabaseUrl, check_prefix

if TYPE_CHECKING:
    from cordwood.sinks.database.store import Store


@dataclass(frozen=True, slots=True)
class PostgresSink:
    """One table of logs in PostgreSQL.

    Args:
        url: `postgresql://user:password@host:5432/name?sslmode=require`; the password is shown nowhere.
        table_prefix: the table is `{table_prefix}_logs`.
        columns: `documented`, or `extended` by template and fingerprint.
        partition: None, or `day`: a partition a day, dropped as a whole when it is too old.
        batch_size: rows that are written at once without waiting for more; batches grow under load.
        flush_interval: seconds that fewer rows wait for more.
        retention_days: rows older than this are deleted; None keeps all.
        connect_timeout: seconds.
        query_timeout: seconds that a batch may take; then the connection is given up.

    Raises:
        ConfigError: an option cannot be used.
        MissingExtraError: `cordwood[postgres]` is not installed.
    """

    url: str = field(repr=False)
    table_prefix: str = DEFAULT_PREFIX
    columns: Literal["documented", "extended"] = "documented"
    partition: Literal["day"] | None = None
    batch_size: int = 50
    flush_interval: float = 5.0
    retention_days: int | None = None
    connect_timeout: float = 10.0
    query_timeout: float = 30.0
    target: DatabaseUrl = field(init=False, repr=False, compare=False)

    local = False

    def __post_init__(self) -> None:
        check_prefix(self.table_prefix)
        target = DatabaseUrl.parse(self.url)
        if target.dialect != "postgresql":
            raise ConfigError("url", "it is not the address of a PostgreSQL database", "postgresql://user@host/name")
        object.__setattr__(self, "target", target)
        if find_spec("psycopg") is None or find_spec("sqlalchemy") is None:
            raise MissingExtraError("A PostgreSQL sink", 'pip install "cordwood[postgres]"')

    @property
    def identity(self) -> str:
        """The address without its password, and the table."""
        return f"{self.target.shown}#{self.table_prefix}_logs"

    def spec(self) -> str:
        """All options but the password."""
        names = ("table_prefix", "columns", "partition", "batch_size", "flush_interval", "retention_days")
        return json.dumps(
            {"kind": "python", "sink": "postgres", "identity": self.identity, "url": self.target.shown}
            | {name: getattr(self, name) for name in (*names, "connect_timeout", "query_timeout")}
        )

    def store(self) -> Store:
        """The database, not yet connected."""
        from cordwood.sinks.database.postgres import PostgresStore

        return PostgresStore(self.target, self)
