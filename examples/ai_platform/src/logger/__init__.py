"""The AI platform's LOGGER module: `initialize_logger()`, `get_logger(component)`, `shutdown_logging()`."""

from __future__ import annotations

import logging

from logger.manager import LoggerManager

__all__ = ["LoggerManager", "get_logger", "initialize_logger", "shutdown_logging"]


def initialize_logger(config: str = "config.yml") -> bool:
    """Log as the file says; what is wrong in it is said, and a default used. False if logging cannot start."""
    return LoggerManager().initialize(config)


def get_logger(component: str) -> logging.Logger:
    """A component's logger; its level is that of `logging.components` in the file."""
    return LoggerManager().get_logger(component)


def shutdown_logging() -> None:
    """Deliver what waits, then close."""
    LoggerManager().shutdown()
