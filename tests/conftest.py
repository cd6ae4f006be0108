"""What all tests share: no test sees another's configuration, environment or working directory."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import fake_native

if importlib.util.find_spec("cordwood._native") is None:
    sys.modules["cordwood._native"] = fake_native.module()
    import cordwood

    cordwood._native = sys.modules["cordwood._native"]


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[fake_native.Spool]]:
    """The spools that were opened, in memory: the core's double is in its place."""
    from cordwood import _native

    for name, thing in vars(fake_native.module()).items():
        if not name.startswith("__"):
            monkeypatch.setattr(_native, name, thing)
    made: list[fake_native.Spool] = []
    monkeypatch.setattr(fake_native.Spool, "made", made)
    monkeypatch.setattr(fake_native.Spool, "unusable", set())
    yield made
    from cordwood.pipeline import shutdown
    from cordwood.pipeline.outlets import outlets

    shutdown(1)
    outlets.opened.clear()
    outlets.spools.clear()


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of its own, no CORDWOOD_ variables, and `logging` as it was."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CORDWOOD_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.root.manager.disable)
    yield
    root.setLevel(before[0])
    root.handlers = before[1]
    logging.disable(before[2])
    errors = sys.modules.get("cordwood.errors")
    if errors is not None:
        errors._reported.clear()
