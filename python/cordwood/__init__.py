"""Cordwood: logging that takes a record in under a microsecond and keeps it through any crash.

    import cordwood
    cordwood.configure()

Importing changes nothing and loads little: each name comes from its module when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

# Said here, because there the core cannot even be loaded.
if sys.implementation.name != "cpython":
    raise ImportError(f"cordwood runs on CPython, not on {sys.implementation.name}")
if "t" in getattr(sys, "abiflags", ""):
    raise ImportError("cordwood needs a Python with the GIL; this is a free-threaded build")

if TYPE_CHECKING:
    from cordwood.capture.context import context, in_context
    from cordwood.capture.logger import get_logger
    from cordwood.config import (
        ConsoleConfig,
        DatabaseConfig,
        FileConfig,
        LogConfig,
        RedactionConfig,
        RetentionConfig,
        SinkConfig,
        SpoolConfig,
    )
    from cordwood.errors import ConfigError, CordwoodError, MissingExtraError, SpoolError
    from cordwood.instruments.exception import ExceptionLogger
    from cordwood.instruments.metrics import MetricsCollector
    from cordwood.instruments.request import RequestLogger
    from cordwood.instruments.timer import LogTimer, timed
    from cordwood.pipeline import (
        Handler,
        LoggingManager,
        auto_configure,
        cleanup_old_logs,
        configure,
        flush,
        set_level,
        shutdown,
        stats,
    )
    from cordwood.record import Record
    from cordwood.sinks.journald import JournaldSink
    from cordwood.sinks.memory import MemorySink
    from cordwood.sinks.syslog import SyslogSink

__all__ = [
    "ConfigError",
    "ConsoleConfig",
    "CordwoodError",
    "DatabaseConfig",
    "ExceptionLogger",
    "FileConfig",
    "Handler",
    "JournaldSink",
    "LogConfig",
    "LogTimer",
    "LoggingManager",
    "MemorySink",
    "MetricsCollector",
    "MissingExtraError",
    "Record",
    "RedactionConfig",
    "RequestLogger",
    "RetentionConfig",
    "SinkConfig",
    "SpoolConfig",
    "SpoolError",
    "SyslogSink",
    "auto_configure",
    "cleanup_old_logs",
    "configure",
    "context",
    "flush",
    "get_logger",
    "in_context",
    "set_level",
    "shutdown",
    "stats",
    "timed",
]

_HOMES = {
    "capture.context": ("context", "in_context"),
    "capture.logger": ("get_logger",),
    "config": (
        "ConsoleConfig",
        "DatabaseConfig",
        "FileConfig",
        "LogConfig",
        "RedactionConfig",
        "RetentionConfig",
        "SinkConfig",
        "SpoolConfig",
    ),
    "errors": ("ConfigError", "CordwoodError", "MissingExtraError", "SpoolError"),
    "instruments.exception": ("ExceptionLogger",),
    "instruments.metrics": ("MetricsCollector",),
    "instruments.request": ("RequestLogger",),
    "instruments.timer": ("LogTimer", "timed"),
    "pipeline": (
        "Handler",
        "LoggingManager",
        "auto_configure",
        "cleanup_old_logs",
        "configure",
        "flush",
        "set_level",
        "shutdown",
        "stats",
    ),
    "record": ("Record",),
    "sinks.journald": ("JournaldSink",),
    "sinks.memory": ("MemorySink",),
    "sinks.syslog": ("SyslogSink",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'cordwood' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"cordwood.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
