"""So much time of a soak, one fault after another as its seed says."""

from __future__ import annotations

import time
from pathlib import Path

from tests.soak.soak import Findings, Soak
from tests.soak.strain import FAULTS

ENDING = ("killed", "ended")


def run(folder: Path, *, seed: int, seconds: float, without: set[str], gap: tuple[float, float]) -> Findings:
    """What went wrong is in the findings; `gap` is the least and the longest time between two faults."""
    soak = Soak(folder, seed, min(60.0, seconds / 20))
    names = [name for name in FAULTS if name not in without]
    turn: list[str] = []
    try:
        soak.hold_until(lambda: soak.episode.oracle.accepted(0) > 0)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not soak.episode.is_full:
                soak.episode.fill()
            soak.hold(soak.chance.uniform(*gap))
            turn = turn or soak.chance.sample(names, len(names))
            name = turn.pop()
            if soak.episode.is_full and name in ENDING:
                continue  # the oracle has no slots for others
            FAULTS[name](soak)
            soak.findings.faults[name] += 1
        soak.finish()
    except AssertionError as error:
        soak.findings.wrong.append(str(error))
    finally:
        soak.abandon()
        soak.process.returncode = soak.observed.status
    return soak.findings
