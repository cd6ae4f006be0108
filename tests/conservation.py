"""Accepted = delivered + spooled + dropped by reason, per sink of each spool that a test left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MARK = "leader.lock"


def spools(folder: Path) -> Iterator[Path]:
    """The spools anywhere below a folder, whatever their names."""
    return (Path(place) for place, _, names in os.walk(folder) if MARK in names)


def differences(folder: Path) -> list[str]:
    """What does not add up in the spools below a folder."""
    return [difference for spool in spools(folder) for difference in _differences(spool)]


def _differences(spool: Path) -> Iterator[str]:
    from cordwood import _native

    for name, sink in _native.read_ledger(str(spool))["sinks"].items():
        if sink["missing"] or sink["surplus"]:
            yield f"{spool}: sink {name}: {sink}"
