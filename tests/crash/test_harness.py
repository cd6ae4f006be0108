"""The crash harness itself: a backend that keeps its promise passes, and each kind of broken promise is seen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.harness import kill_round, run_scenario


def test_the_standard_librarys_file_handler_loses_nothing_to_a_kill(tmp_path: Path) -> None:
    """It writes on the caller's thread, so what was accepted is with the kernel."""
    verdict = kill_round("stdlib", tmp_path, processes=2, victims=[0], chance=random.Random())
    assert str(verdict) == "kept"


@pytest.mark.parametrize(
    ("backend", "fault"), [("losing", "lost"), ("doubling", "doubled"), ("reordering", "disorder")]
)
def test_a_broken_promise_is_seen(backend: str, fault: str, tmp_path: Path) -> None:
    """Lost, doubled and reordered lines are each reported as what they are."""
    verdict = kill_round(backend, tmp_path, processes=1, victims=[0], chance=random.Random())
    assert getattr(verdict, fault), str(verdict)


def test_torn_lines_are_seen(tmp_path: Path) -> None:
    """Lines of two processes mixed into each other are reported as torn."""
    verdict = kill_round("tearing", tmp_path, processes=3, victims=[0], chance=random.Random())
    assert verdict.torn, str(verdict)


def test_a_scenario_of_the_standard_library_is_judged(tmp_path: Path) -> None:
    """Sixteen threads on a FileHandler keep every record once."""
    assert str(run_scenario("threads", "stdlib", tmp_path)) == "kept"
