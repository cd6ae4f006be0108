"""Logging of chaiNNer's backend: `host.log` and `worker.log` in one directory, independent of the frontend.

The directory is chosen by `cordwood.config.directories.application_log_dir`: beside a portable program, the platform's
for a bundled one, the temporary directory in development.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import cordwood
from cordwood.config.presets.chainner import chainner
from cordwood.errors import report

__all__ = ["get_logger", "get_logger_from_env", "setup_logger"]

PROCESSES = ("host", "worker")
VARIABLE = "CHAINNER_PROCESS_TYPE"

_lock = threading.Lock()
_set_up: dict[str, None] = {}  # process types of this process, in the order they came


def setup_logger(
    process_type: str, log_dir: str | os.PathLike[str] | None = None, log_level: int | str | None = None
) -> logging.Logger:
    """Log as this type of process from now on, and say so in its file.

    Args:
        process_type: `host` or `worker`.
        log_dir: the directory of the log files; None is the documented one.
        log_level: the least level logged; None is CORDWOOD_LEVEL, INFO without it.

    Raises:
        ConfigError: there is no such type of process, or no such level.
    """
    if process_type not in PROCESSES:
        raise cordwood.ConfigError("process_type", f"{process_type!r} is not known", " or ".join(PROCESSES))
    with _lock:
        current = cordwood.LoggingManager().config
        if current is None:
            _set_up.clear()
        elif log_dir is None and _set_up:
            log_dir = current.log_dir
        given = {"log_dir": log_dir, "level": log_level}  # an argument wins over the environment
        manager = cordwood.configure(
            preset=chainner(*dict.fromkeys([*_set_up, process_type]), log_dir=log_dir),
            **{name: value for name, value in given.items() if value is not None},
        )
        _set_up[process_type] = None
    logger = cordwood.get_logger(process_type)
    assert manager.config is not None
    log_file = Path(manager.config.log_dir) / f"{process_type}.log"
    logger.info("Logger initialized for %s process. Log file: %s", process_type, log_file)
    return logger


def get_logger(name: str) -> logging.Logger:
    """A logger; `host` and `worker` set up the logging of such a process when they are first asked for."""
    if name in PROCESSES and (name not in _set_up or cordwood.LoggingManager().config is None):
        return setup_logger(name)
    return cordwood.get_logger(name)


def get_logger_from_env() -> logging.Logger:
    """The logger of the process that this is: CHAINNER_PROCESS_TYPE, `worker` without it."""
    named = os.environ.get(VARIABLE) or "worker"
    if named not in PROCESSES:
        report(f"{VARIABLE}: {named!r} is not {' or '.join(PROCESSES)}; using 'worker'")
        named = "worker"
    return get_logger(named)
