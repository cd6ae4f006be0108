"""Cordwood under each fault: no call raises or waits past its bound, nothing is lost uncounted, logging resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness import Scene, lacking
from tests.faults.table import FAULTS


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_as_promised(name: str, tmp_path: Path) -> None:
    """See each fault's own docstring; `python -m tests.faults NAME` shows it over all three contenders."""
    fault = FAULTS[name]
    for missing in filter(None, map(lacking, fault.needs)):
        pytest.skip(missing)
    outcome = Scene("cordwood", tmp_path / "scene").run(fault.inject)
    assert not fault.complaints(outcome)
