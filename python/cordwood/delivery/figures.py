"""What a sender has done since it leads, and how that is told to the other processes and to people."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 5  # failures in a row after which a database counts as down


@dataclass
class Figures:
    """What became of the records."""

    delivered: int = 0
    batches: int = 0
    failed_writes: int = 0
    failures: int = 0  # in a row
    retries: int = 0
    quarantined: int = 0
    quarantine_failures: int = 0  # times that refused records could not be kept, and came again
    unkept: int = 0  # refused records that nothing could keep
    cut: int = 0
    given_up: int = 0
    removed: int = 0
    last_error: str = ""
    down_since: float = 0.0
    seconds: float = 0.0  # spent in batches
    last_lag: float = 0.0  # seconds from the log call to the commit, of the newest batch's first record

    @property
    def down(self) -> bool:
        """Whether records go to the console too."""
        return self.failures >= ATTEMPTS

    def failed(self, error: str) -> None:
        """Count an attempt that failed."""
        self.failed_writes += 1
        self.failures += 1
        self.last_error = error
        if self.failures == ATTEMPTS:
            self.down_since = time.time()

    def told(self) -> dict[str, Any]:
        """What the other processes read."""
        state = "down" if self.down else "failing" if self.failures else "connected" if self.batches else "starting"
        rate = self.delivered / self.seconds if self.seconds else 0.0
        return {
            "pid": os.getpid(),
            "time": time.time(),
            "state": state,
            "down": self.down,
            "delivered": self.delivered,
            "batches": self.batches,
            "rows_per_second": round(rate, 1),
            "failed_writes": self.failed_writes,
            "retries": self.retries,
            "last_error": self.last_error,
            "quarantined": self.quarantined,
            "quarantine_failures": self.quarantine_failures,
            "unkept": self.unkept,
            "cut": self.cut,
            "given_up": self.given_up,
            "removed": self.removed,
            "last_lag": round(self.last_lag, 3),
        }
