"""A database's upkeep, every hour, in a thread of its own: old rows removed, partitions made, statistics kept."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cordwood.sinks.database.store import Store

EVERY = 3600.0  # seconds between two rounds
AGAIN = 60.0  # seconds after one that failed
SEGMENT = re.compile("[0-9a-f]{16}")  # a segment's name


def segments(spool: str | None) -> list[int]:
    """The segments in a spool, as the signed numbers that ledgers keep."""
    names = [] if spool is None else [path.stem for path in Path(spool).glob("*.seg")]
    numbers = [int(name, 16) for name in names if SEGMENT.fullmatch(name)]
    return [number - (1 << 64) if number >> 63 else number for number in numbers]


class Maintenance:
    """The rounds of one sender.

    Args:
        spool: its folder; None for one in memory.
        stopped: asked between two short statements.
        failed: told of an error; records are not concerned.
    """

    def __init__(self, spool: str | None, stopped: Callable[[], bool], failed: Callable[[Exception], None]) -> None:
        self._spool = spool
        self._stopped = stopped
        self._failed = failed
        self._next = 0.0
        self._thread: threading.Thread | None = None
        self.removed = 0

    def look(self, store: Callable[[], Store]) -> None:
        """Begin a round if it is time for one and none runs."""
        now = time.monotonic()
        if now < self._next or (self._thread is not None and self._thread.is_alive()):
            return
        self._next = now + EVERY
        self._thread = threading.Thread(target=self._run, args=[store()], name="cordwood tidy", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no thread can be had now: records do not wait for that
            self._thread = None
            self._next = now + AGAIN
            self._failed(error)

    def wait(self, timeout: float) -> None:
        """Let a round that was stopped come to its end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self, store: Store) -> None:
        try:
            self.removed += store.tidy(self._stopped, segments(self._spool))
        except Exception as error:  # noqa: BLE001 tried again
            self._next = time.monotonic() + AGAIN
            if not self._stopped():
                self._failed(error)
