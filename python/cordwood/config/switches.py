"""Levels switched by command: a small file in a log directory's spool, read by every process that logs there.

A switch stays until it is taken back; processes that start later follow it too.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cordwood.config import values

FILE = "levels.json"


def read(folder: str | os.PathLike[str]) -> dict[str, str | int]:
    """The switches of a spool folder, by logger; none where the file is missing, damaged or another user's."""
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return {}
            return {str(logger): values.level("level", level) for logger, level in dict(json.load(file)).items()}
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def write(folder: str | os.PathLike[str], logger: str, level: str | int | None) -> dict[str, str | int]:
    """Switch a logger and all below it, or take that back (None); returns the switches there are now.

    Raises:
        ConfigError: there is no such level.
        OSError: the folder cannot be written.
    """
    wanted = None if level is None else values.level("level", level)
    from pathlib import Path

    path = Path(folder) / FILE
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        switches = read(folder)
        switches.pop(logger, None)  # the newest stands last, and counts
        if wanted is not None:
            switches[logger] = wanted
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(switches), encoding="utf-8")
        fresh.chmod(0o600)
        fresh.replace(path)
    return switches


@contextmanager
def _alone(folder: str | os.PathLike[str]) -> Iterator[None]:
    """No two commands at once."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
