"""What was accepted before SIGKILL is in the files once, whole and in order, whoever was killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.harness import kill_round

ROUNDS = 20
pytestmark = pytest.mark.slow


def test_a_process_killed_alone_loses_nothing(tmp_path: Path) -> None:
    """Twenty rounds of one process; `cordwood recover` brings what its files do not have yet."""
    for number in range(ROUNDS):
        verdict = kill_round("cordwood", tmp_path / str(number), processes=1, victims=[0], chance=random.Random())
        assert str(verdict) == "kept", f"round {number}: {verdict}"


def test_one_of_four_killed_loses_nothing(tmp_path: Path) -> None:
    """Twenty rounds, each of the four in its turn, the one that leads among them; the others go on."""
    for number in range(ROUNDS):
        verdict = kill_round(
            "cordwood", tmp_path / str(number), processes=4, victims=[number % 4], chance=random.Random()
        )
        assert str(verdict) == "kept", f"round {number}: {verdict}"


def test_leader_after_leader_and_then_all_killed_lose_nothing(tmp_path: Path) -> None:
    """Whoever takes over is killed too, until none is left."""
    for number in range(ROUNDS // 4):
        verdict = kill_round(
            "cordwood", tmp_path / str(number), processes=4, victims=[0, 1, 2, 3], chance=random.Random()
        )
        assert str(verdict) == "kept", f"round {number}: {verdict}"
