"""What all tests share: no test sees another's configuration, environment or working directory."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conservation import differences
from tests.databases import own_postgres, postgres, postgres_server

__all__ = ["own_postgres", "postgres", "postgres_server"]  # fixtures for everyone


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """A folder of its own, no CORDWOOD_ variables, nothing left open, `logging` as it was; all records accounted."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CORDWOOD_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.root.manager.disable)
    yield
    if "cordwood.pipeline" in sys.modules:
        _close_all()
    root.setLevel(before[0])
    root.handlers = before[1]
    logging.disable(before[2])
    errors = sys.modules.get("cordwood.errors")
    if errors is not None:
        errors._reported.clear()
    if request.node.get_closest_marker("damages_spool") is None:
        assert differences(tmp_path) == []


def _close_all() -> None:
    from cordwood.pipeline import shutdown
    from cordwood.pipeline.outlets import outlets

    with outlets.within(1):
        shutdown(1)
        for outlet in list(outlets.opened.values()):
            outlet.users = 1
            outlets.release(outlet)
