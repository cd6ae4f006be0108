"""What is not as it was: patterns and kinds of tracebacks that are new, have vanished or are spiking.

The test is the log-likelihood ratio (G-test, one degree of freedom) of a pattern's share of all records, then and now;
its p is adjusted for the number of patterns by Benjamini and Hochberg. A change counts at an adjusted p below 0.01;
spiking is at least twice the share. What was never there before is new however rare it is: one record of a new error
matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cordwood.analysis.report import Change, Counted, Kind

SIGNIFICANT = 0.01
TIMES = 2.0


def changes(patterns: Sequence[Counted], before: int, now: int) -> list[Change]:
    """The patterns that changed: new ones, then spiking, then vanished; errors first, then by count.

    Args:
        patterns: with their counts then and now.
        before: all records then.
        now: all records now.
    """
    if not before or not now:
        return []
    chances = adjusted([chance(one.before, before, one.count, now) for one in patterns])
    found = [
        Change(kind, pattern, pattern.before / before, pattern.count / now, p)
        for pattern, p in zip(patterns, chances, strict=True)
        if (kind := _kind(pattern, before, now, p))
    ]
    order = ("new", "spiking", "vanished")
    return sorted(found, key=lambda one: (order.index(one.kind), not one.pattern.errors, -max(one.pattern.count, 1)))


def _kind(pattern: Counted, before: int, now: int, p: float) -> Kind | None:
    if not pattern.before:
        return "new"
    if p >= SIGNIFICANT:
        return None
    if not pattern.count:
        return "vanished"
    return "spiking" if pattern.count / now >= TIMES * pattern.before / before else None


def chance(one: int, of_one: int, other: int, of_other: int) -> float:
    """How likely two shares differ so much by chance: p of the G-test on the table of these counts."""
    total = of_one + of_other
    share = (one + other) / total
    if share in (0.0, 1.0):
        return 1.0
    cells = (
        (one, of_one * share),
        (of_one - one, of_one * (1 - share)),
        (other, of_other * share),
        (of_other - other, of_other * (1 - share)),
    )
    g = 2 * sum(seen * math.log(seen / expected) for seen, expected in cells if seen)
    return math.erfc(math.sqrt(max(g, 0.0) / 2))


def adjusted(chances: Sequence[float]) -> list[float]:
    """The p values adjusted for their number (Benjamini and Hochberg)."""
    order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    result = list(chances)
    least = 1.0
    for rank, place in zip(range(len(chances), 0, -1), order, strict=True):
        least = min(least, chances[place] * len(chances) / rank)
        result[place] = least
    return result
