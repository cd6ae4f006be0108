"""The AI platform's LOGGER module: `initialize_logger()`, `get_logger(component)`, `shutdown_logging()`."""

from __future__ import annotations

import logging

from logger.handlers import create_console_handler, create_database_handler, create_file_handler
from logger.log_handler import DatabaseLogHandler
from logger.manager import LoggerManager

__all__ = [
    "DatabaseLogHandler",
    "LoggerManager",
    "create_console_handler",
    "create_database_handler",
    "create_file_handler",
    "get_logger",
    "initialize_logger",
    "shutdown_logging",
]


def initialize_logger(config: str | None = None) -> bool:
    """Log as the file says, `config.yml` where none is named; what is wrong in it is said, and a default used.

    False, said on standard error, if logging cannot start, or if the database does not answer within three seconds:
    records then go to the console, wait, and are inserted when it is back.
    """
    return LoggerManager().initialize(config)


def get_logger(component: str) -> logging.Logger:
    """A component's logger; its level is that of `logging.components` in the file."""
    return LoggerManager().get_logger(component)


def shutdown_logging() -> None:
    """Deliver what waits, then close."""
    LoggerManager().shutdown()
