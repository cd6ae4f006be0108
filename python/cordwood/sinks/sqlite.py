"""Writes rows to an SQLite file: the documented table without a server, readable with `sqlite3`.

On a crash: every record stands there once, delivered by another process on the folder or the next one.
When it cannot be written (disk full, locked for long): records wait in the spool, and it is tried again.
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
class SqliteSink:
    """One table of logs in an SQLite file.

    Args:
        url: `sqlite:///logs/logs.db`; four slashes before an absolute path.
        table_prefix: the table is `{table_prefix}_logs`.
        columns: `documented`, or `extended` by template and fingerprint.
        batch_size: rows that are written at once without waiting for more; batches grow under load.
        flush_interval: seconds that fewer rows wait for more.
        retention_days: rows older than this are deleted; None keeps all.

    Raises:
        ConfigError: an option cannot be used.
        MissingExtraError: `cordwood[database]` is not installed.
    """

    url: str
    table_prefix: str = DEFAULT_PREFIX
    columns: Literal["documented", "extended"] = "documented"
    batch_size: int = 50
    flush_interval: float = 5.0
    retention_days: int | None = None
    target: DatabaseUrl = field(init=False, repr=False, compare=False)

    local = False

    def __post_init__(self) -> None:
        check_prefix(self.table_prefix)
        target = DatabaseUrl.parse(self.url)
        if target.dialect != "sqlite":
            raise ConfigError("url", "it is not the address of an SQLite file", "sqlite:///path/to/logs.db")
        object.__setattr__(self, "target", target)
        if find_spec("sqlalchemy") is None:
            raise MissingExtraError("A database sink", 'pip install "cordwood[database]"')

    @property
    def identity(self) -> str:
        """The file and the table."""
        return f"{self.target.shown}#{self.table_prefix}_logs"

    def spec(self) -> str:
        """All options."""
        names = ("table_prefix", "columns", "batch_size", "flush_interval", "retention_days")
        return json.dumps(
            {"kind": "python", "sink": "sqlite", "identity": self.identity, "url": self.target.shown}
            | {name: getattr(self, name) for name in names}
        )

    def store(self) -> Store:
        """The file, not yet open."""
        from cordwood.sinks.database.sqlite import SqliteStore

        return SqliteStore(self.target, self)
