"""How long to wait after failures."""

from __future__ import annotations

import random

FIRST_PAUSE = 0.1  # seconds after a first failure; doubles from there
LONGEST_PAUSE = 30.0


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, spread so that processes do not meet."""
    longest = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 spreads load, guards nothing
