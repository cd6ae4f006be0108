"""COMPOSE: a configuration becomes running parts. The only place that knows all of them.

In comes a `LogConfig`; out go handlers on loggers, sinks in spools, and the loops that Python-run sinks need.
"""

from __future__ import annotations

import os

from cordwood.config import LogConfig
from cordwood.errors import report
from cordwood.pipeline.handler import Handler
from cordwood.pipeline.manager import LoggingManager

__all__ = [
    "Handler",
    "LoggingManager",
    "auto_configure",
    "cleanup_old_logs",
    "configure",
    "flush",
    "set_level",
    "shutdown",
    "stats",
]


def configure(
    config: str | os.PathLike[str] | LogConfig | None = None,
    /,
    *,
    preset: str | LogConfig | None = None,
    **settings: object,
) -> LoggingManager:
    """Log as configured from now on; as `LoggingManager.configure`."""
    return LoggingManager().configure(config, preset=preset, **settings)


def auto_configure(env: str | None = None, variable: str = "CORDWOOD_ENV", **settings: object) -> LoggingManager:
    """Configure by the environment's name; as `LoggingManager.auto_configure`."""
    return LoggingManager().auto_configure(env, variable, **settings)


def cleanup_old_logs(days_to_keep: float = 30, log_dir: str | os.PathLike[str] | None = None) -> int:
    """Delete closed log files (rotated ones, packed or not, and copies of the console) that are too old.

    Args:
        days_to_keep: those last written to more than so many days ago go.
        log_dir: the directory; None is the configured one, `./logs` without a configuration.

    Returns:
        How many files were deleted; what could not be is said on stderr.
    """
    from cordwood import archive

    config = LoggingManager().config
    folder = log_dir or (config.log_dir if config is not None else "./logs")
    outcome = archive.prune(folder, days_to_keep)
    for name, why in outcome.failed.items():
        report(f"{name} in {folder} cannot be deleted: {why}")
    return len(outcome.files)


def set_level(name: str, level: str | int | None) -> None:
    """Switch a logger and all below it, while running; as `LoggingManager.set_level`."""
    LoggingManager().set_level(name, level)


def flush(timeout: float = 5.0) -> int:
    """Wait until all records of this process are delivered; how many are not after `timeout` seconds."""
    return LoggingManager().flush(timeout)


def shutdown(timeout: float = 5.0) -> int:
    """Deliver, then give `logging` back as it was; as `LoggingManager.shutdown`."""
    return LoggingManager().shutdown(timeout)


def stats() -> dict[str, object]:
    """What was accepted, delivered, dropped and is waiting; as `LoggingManager.stats`."""
    return LoggingManager().stats()
