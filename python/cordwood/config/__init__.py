"""CONFIGURE: what a user wrote becomes a `LogConfig`.

In come arguments, environment, files and presets, in this order of precedence; out go a checked `LogConfig`, where
each value came from, and the faults found on the way. Nothing here opens, writes or touches `logging`.
"""

from __future__ import annotations

from cordwood.config.model import (
    ConsoleConfig,
    DatabaseConfig,
    FileConfig,
    LogConfig,
    RedactionConfig,
    RetentionConfig,
    SinkConfig,
    SpoolConfig,
)
from cordwood.config.presets import PRESETS
from cordwood.config.sources import Fault, Resolved, resolve

__all__ = [
    "PRESETS",
    "ConsoleConfig",
    "DatabaseConfig",
    "Fault",
    "FileConfig",
    "LogConfig",
    "RedactionConfig",
    "Resolved",
    "RetentionConfig",
    "SinkConfig",
    "SpoolConfig",
    "resolve",
]
