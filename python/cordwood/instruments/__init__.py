"""INSTRUMENT: ready-made log calls for what every application measures: time, requests, exceptions, counts.

In comes what happened; out go ordinary records with fields. The function and line of a record are the caller's, never
this package's. Each instrument logs to `cordwood.<its file>` unless it is given a logger.
"""

from __future__ import annotations

import logging


def logger_of(logger: str | logging.Logger) -> logging.Logger:
    """The logger, given itself or by name."""
    return logging.getLogger(logger) if isinstance(logger, str) else logger
