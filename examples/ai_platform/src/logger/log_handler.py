"""DatabaseLogHandler: rows in the documented table, for loggers that are set up by hand."""

from __future__ import annotations

import logging

import cordwood
from cordwood.config import DatabaseConfig, LogConfig
from cordwood.pipeline.plan import database as sink_of


class DatabaseLogHandler(cordwood.Handler):
    """A handler that leads to a database.

    Args:
        host: the server; it counts for nothing where `url` is given.
        port: its port.
        database: the database's name.
        username: who logs in.
        password: with what.
        table_prefix: the table is `{table_prefix}_logs`.
        url: the whole address instead, `sqlite:///logs.db` too.
        level: the least level that is handled.
        batch_size: rows that are written at once without waiting for more.
        flush_interval: seconds that fewer rows wait.
        retention_days: rows older than this are deleted.

    Raises:
        cordwood.ConfigError: an argument cannot be used.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int = 5432,
        database: str | None = None,
        username: str | None = None,
        password: str | None = None,
        table_prefix: str = "app",
        *,
        url: str | None = None,
        level: int | str = logging.NOTSET,
        batch_size: int = 50,
        flush_interval: float = 5.0,
        retention_days: int | None = None,
    ) -> None:
        wanted = DatabaseConfig(
            enabled=True,
            url=url,
            host=host,
            port=port,
            database=database,
            username=username,
            password=password,
            table_prefix=table_prefix,
            batch_size=batch_size,
            flush_interval=flush_interval,
            retention_days=retention_days,
        )
        super().__init__(sink=sink_of(LogConfig(database=wanted)), level=level)
