"""Logging from awkward places: the process ends, and all it was told was accepted is in the files once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.harness import run_scenario
from tests.crash.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_hangs_is_lost_or_doubled(scenario: str, tmp_path: Path) -> None:
    """Fork under logging threads, signal handlers, __del__, interpreter exit, inside a handler, asyncio, threads."""
    assert str(run_scenario(scenario, "cordwood", tmp_path)) == "kept"
