"""Processes of a folder are killed wherever one can be; what they logged is in the files once, whole and in order."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
pytestmark = pytest.mark.slow


def campaign(*arguments: str) -> str:
    """Run one in a process of its own, which forks: what it says."""
    command = [sys.executable, "-m", "tests.crash", "--seed", str(random.randrange(1 << 30)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kills_of_every_kind_lose_double_tear_and_reorder_nothing() -> None:
    """One to eight processes, files rotating: at random, leaders, frozen, at places and system calls, in recovery."""
    assert ": 0 lost, 0 doubled, 0 torn, 0 out of order, 0 unaccounted for" in campaign("--seconds", str(SECONDS))


def test_each_named_place_of_the_core_is_come_to_and_survived() -> None:
    """The names come from the core: a new one is tried without a change here."""
    assert "every named place was come to and died at" in campaign("--places")
