"""All faults, in the order of docs/faults.md."""

from __future__ import annotations

from tests.faults import contents, disk, processes, spools, strangers
from tests.faults.harness import FAULTS, Fault

__all__ = ["FAULTS", "GROUPS"]

GROUPS: dict[str, list[Fault]] = {
    module.__name__: [fault for fault in FAULTS.values() if fault.inject.__module__ == module.__name__]
    for module in (disk, strangers, processes, spools, contents)
}
