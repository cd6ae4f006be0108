"""What is measured: one small file each, all of one shape, imported only in the process that runs it.

A contender has
    setup(task) -> logger       opens task.path in the task's shape; Unsupported says what it cannot do
    teardown()                  flushes and closes: afterwards all is in the file
    CALLS                       for each shape, the call as its users write it; `log`, `i`, `user` and `ms` are in reach
    recover(task)               (optional) what its users run after a crash
    IMPORT                      the statement with which its users start
    USE                         (optional) names that are loaded only when they are first used
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

TEXT_FORMAT = "%(asctime)s [%(process)d] %(name)s %(levelname)s %(funcName)s:%(lineno)d %(message)s"
# For those whose %(asctime)s has no milliseconds of its own, or wrong ones.
MILLISECONDS = TEXT_FORMAT.replace("%(asctime)s", "%(asctime)s,%(msecs)03d")
SECONDS = "%Y-%m-%d %H:%M:%S"

# stdlib is the measure of all others; the order is that of the report's columns.
NAMES = [
    "stdlib",
    "cordwood",
    "loguru",
    "structlog_orjson",
    "picologging",
    "logxide",
    "concurrent_log_handler",
    "eliot",
]

# The five extra fields of the JSON row, as keyword arguments and as a dict.
KEYWORDS = 'order_id=i, amount=ms, currency="EUR", customer=user, express=True'
EXTRA = '{"order_id": i, "amount": ms, "currency": "EUR", "customer": user, "express": True}'

# The calls of everything that looks like logging.
STDLIB_CALLS = {
    "text": 'log.info("user %s did %d in %.3f ms", user, i, ms)',
    "json": f'log.info("paid", extra={EXTRA})',
    "exception": 'log.exception("failed")',
    "below": 'log.debug("user %s did %d in %.3f ms", user, i, ms)',
}


Sync = Literal["interval", "level", "always"]


class Unsupported(Exception):  # noqa: N818 - not an error: it says why a cell of the table is empty
    """The contender does not offer this; the text says what is missing."""


@dataclass(frozen=True)
class Task:
    """What a contender is to set up."""

    path: Path
    shape: str  # "text" | "json" | "exception" (a text file) | "below" (a text file)
    max_bytes: int | None = None  # rotate at this size, keeping all files
    processes: int = 1  # how many write to the path at once
    sync: Sync = "interval"  # when bytes are forced to the disk

    @property
    def json(self) -> bool:
        """Whether each line is to be a JSON object."""
        return self.shape == "json"


BACKUPS = 1000  # more than any row makes: a file that is given up would look like lines lost


def load(name: str) -> ModuleType | Any:
    """The contender's module; ImportError where its package is not installed."""
    return importlib.import_module(f"benches.contenders.{name}")
