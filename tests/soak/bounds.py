"""The bounds: the last quarter of a soak against its second one (in the first, all that is kept once is made)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.soak.gauges import quantile
from tests.soak.soak import Findings

MEGABYTE = 1_000_000
P999 = 0.1  # seconds: what a call waits at most where the spool is full
GROWS = 2.0  # times: one doubling of the caller's p99.9 is a trend, where it is above what a busy machine makes of it
NOISE = 0.01
LEAST = 20  # samples from which quarters can be compared


@dataclass(frozen=True)
class Course:
    """One measure: its medians in the second and in the last quarter, its highest, and the most the last may be."""

    name: str
    unit: str
    early: float
    late: float
    highest: float
    most: float

    @property
    def is_broken(self) -> bool:
        """It has grown."""
        return self.late > self.most

    def __str__(self) -> str:
        """One line."""
        return f"{self.name}: {self.late:,.1f} {self.unit} in the last quarter, at most {self.most:,.1f} allowed"


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the second and the last."""
    quarter = len(values) // 4
    return median(values[quarter : 2 * quarter]), median(values[-quarter:])


def courses(findings: Findings) -> Iterator[Course]:
    """Nothing where the soak was too short to say."""
    if min(len(findings.samples), len(findings.windows)) < LEAST:
        return
    values = [sample.resident / MEGABYTE for sample in findings.samples]
    early, late = quarters(values)
    yield Course("resident memory", "MB", early, late, max(values), 1.2 * early + 16)
    for name in ("descriptors", "threads"):
        values = [float(getattr(sample, name)) for sample in findings.samples]
        early, late = quarters(values)
        yield Course(name, "open" if name == "descriptors" else "alive", early, late, max(values), early + 2)
    values = [quantile(window, 0.999) * 1000 for window in findings.windows]
    early, late = quarters(values)
    most = min(P999 * 1000, max(GROWS * early, NOISE * 1000))
    yield Course("the caller's p99.9", "ms", early, late, max(values), most)
