"""Counters and timings of an application, summed up in the log."""

from __future__ import annotations

import logging
import math
import os
import threading
import weakref
from typing import TypedDict

from cordwood.errors import report
from cordwood.instruments import logger_of

LOGGER = "cordwood.metrics"
MAX_NAMES = 1000  # of counters, and of timings: a name made from data must not fill the memory
OTHER = "(other)"

# A bucket reaches from GAMMA**(i-1) to GAMMA**i seconds: its middle is within one per cent of all that is in it.
_GAMMA = 1.02
_LOG_GAMMA = math.log(_GAMMA)
_LOWEST = math.ceil(math.log(1e-9) / _LOG_GAMMA)
_HIGHEST = math.ceil(math.log(1e9) / _LOG_GAMMA)


class Timing(TypedDict):
    """What is known of one timing; seconds, but for the count."""

    count: int
    min: float
    mean: float
    max: float
    p50: float
    p95: float
    p99: float


class Histogram:
    """Durations in buckets that grow by two per cent: at most 2095 numbers, from a nanosecond to 30 years.

    Count, minimum, mean and maximum are exact, percentiles within one per cent.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._sum = 0.0
        self._min = math.inf
        self._max = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = math.ceil(math.log(seconds) / _LOG_GAMMA) if seconds > 0 else _LOWEST
        bucket = min(max(bucket, _LOWEST), _HIGHEST)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._count += 1
        self._sum += seconds
        self._min = min(self._min, seconds)
        self._max = max(self._max, seconds)

    def percentile(self, percent: float) -> float:
        """The least duration that so many per cent do not exceed."""
        rank = max(1, math.ceil(self._count * percent / 100))
        passed = 0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if passed >= rank:
                middle = 2 * _GAMMA**bucket / (_GAMMA + 1)
                return min(max(middle, self._min), self._max)
        return 0.0

    def summary(self) -> Timing:
        """All that is known."""
        return {
            "count": self._count,
            "min": self._min,
            "mean": self._sum / self._count,
            "max": self._max,
            "p50": self.percentile(50),
            "p95": self.percentile(95),
            "p99": self.percentile(99),
        }


class MetricsCollector:
    """Counts and times, from any thread, in bounded memory.

    Args:
        logger: a logger, or its name.
    """

    def __init__(self, logger: str | logging.Logger = LOGGER) -> None:
        self._logger = logger_of(logger)
        self._counters: dict[str, int | float] = {}
        self._timings: dict[str, Histogram] = {}
        self._lock = threading.RLock()  # a signal handler may count in the middle of anything here
        _collectors.add(self)

    def increment(self, name: str, value: float = 1) -> None:
        """Add to a counter."""
        with self._lock:
            name = _admitted(name, self._counters)
            self._counters[name] = self._counters.get(name, 0) + value

    def record_timing(self, name: str, seconds: float) -> None:
        """Count a duration; one that is negative, infinite or no number is reported and left out."""
        if not 0 <= seconds < math.inf:
            report(f"metric {name}: {seconds!r} is not a duration in seconds; it is left out", key=f"metric {name}")
            return
        with self._lock:
            name = _admitted(name, self._timings)
            histogram = self._timings.get(name)
            if histogram is None:
                histogram = self._timings[name] = Histogram()
            histogram.add(seconds)

    def counters(self) -> dict[str, int | float]:
        """The counters as they stand."""
        with self._lock:
            return dict(self._counters)

    def timings(self) -> dict[str, Timing]:
        """The timings as they stand."""
        with self._lock:
            return {name: histogram.summary() for name, histogram in self._timings.items()}

    def reset(self) -> None:
        """Forget all, for sums by period."""
        with self._lock:
            self._counters.clear()
            self._timings.clear()

    def log_summary(self, level: int = logging.INFO, *, stacklevel: int = 1) -> None:
        """Log one record a metric, by name, with its figures as fields; the counts go on.

        Args:
            level: of the records.
            stacklevel: as in `logging`, where 1 is the caller.
        """
        for name, value in sorted(self.counters().items()):
            self._logger.log(
                level, "counter %s: %s", name, value, extra={"metric": name, "value": value}, stacklevel=stacklevel + 1
            )
        for name, timing in sorted(self.timings().items()):
            self._logger.log(
                level,
                "timing %s: count %d, min %.6f s, mean %.6f s, max %.6f s, p50 %.6f s, p95 %.6f s, p99 %.6f s",
                name,
                *timing.values(),
                extra={"metric": name, **timing},
                stacklevel=stacklevel + 1,
            )


def _admitted(name: str, known: dict[str, object] | dict[str, int | float] | dict[str, Histogram]) -> str:
    if name in known or len(known) < MAX_NAMES:
        return name
    report(f"more than {MAX_NAMES} metrics, {name!r} among them: counted as {OTHER!r}", key="too many metrics")
    return OTHER


_collectors: weakref.WeakSet[MetricsCollector] = weakref.WeakSet()


def _after_fork() -> None:
    for collector in list(_collectors):
        collector._lock = threading.RLock()  # noqa: SLF001 its holder is not in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
