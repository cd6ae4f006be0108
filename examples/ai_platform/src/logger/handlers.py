"""Handlers for loggers that are set up by hand."""

from __future__ import annotations

import logging
import os

import cordwood

from logger.log_handler import DatabaseLogHandler

FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


def create_console_handler(level: int | str = "INFO", format_string: str = FORMAT) -> logging.Handler:
    """A handler that writes to standard error."""
    return cordwood.Handler(stream="stderr", level=level, format_string=format_string)


def create_file_handler(
    filename: str | os.PathLike[str],
    level: int | str = "INFO",
    max_bytes: int = 10 * 1024 * 1024,
    backup_count: int = 5,
) -> logging.Handler:
    """A handler that writes to a rotating file."""
    return cordwood.Handler(filename, level, max_bytes=max_bytes, backup_count=backup_count, format_string=FORMAT)


def create_database_handler(level: int | str = "INFO", **settings: object) -> DatabaseLogHandler:
    """A handler that writes rows to a database; its settings are those of `DatabaseLogHandler`, checked here.

    Raises:
        cordwood.ConfigError: a setting cannot be used.
    """
    return DatabaseLogHandler(level=level, **settings)  # type: ignore[arg-type]
