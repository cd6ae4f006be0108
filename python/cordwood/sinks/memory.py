"""Keeps the last records of this process in memory, for tests and live views.

On a crash: they go with the process. It is never down; beyond its capacity the oldest records are forgotten.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from cordwood.record import Record

_number = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class MemorySink:
    """A bounded list of records.

    Args:
        capacity: how many records to keep.
    """

    capacity: int = 1000
    records: deque[Record] = field(init=False, repr=False)
    identity: str = field(init=False)

    local = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", deque(maxlen=self.capacity))
        object.__setattr__(self, "identity", f"memory:{next(_number)}")

    def spec(self) -> str:
        """That Python delivers."""
        return '{"kind": "python"}'

    def write(self, batch: Sequence[Record]) -> None:
        """Append the batch."""
        self.records.extend(batch)
