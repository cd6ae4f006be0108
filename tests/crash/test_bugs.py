"""A panic in the core costs at most the record in hand; the application goes on, and so does delivery."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import armed

PROGRAM = """
import logging, sys
import cordwood

cordwood.configure(preset="default", log_dir=sys.argv[1], console_output=False, format_string="%(message)s")
log = cordwood.get_logger("shop")
for number in range(1000):
    if sys.argv[2] == "native":
        log.warning("%d", number)
    else:
        log.handle(log.makeRecord("shop", 30, "/a.py", 1, "%d", (number,), None))
assert cordwood.flush(20) == 0
"""


def run(folder: Path, failpoint: str, way: str = "native") -> tuple[list[int], str]:
    """The numbers that came to the file, and what was said."""
    command = [sys.executable, "-c", PROGRAM, str(folder), way]
    environment = {**armed.environment(), "CORDWOOD_FAILPOINT": failpoint}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in (folder / "app.log").read_text().splitlines()], done.stderr


@pytest.mark.parametrize("way", ["native", "standard"])
def test_a_log_call_that_panics_raises_nothing_and_loses_its_own_record(way: str, tmp_path: Path) -> None:
    numbers, said = run(tmp_path, "frame.copied=panic@500", way)
    assert len(numbers) == 999
    assert numbers == sorted(set(numbers))
    assert "a record is lost to a bug in the native core" in said


@pytest.mark.parametrize("place", ["outbox.begun", "leader.written", "position.moved"])
def test_a_delivery_that_panics_begins_again_and_loses_nothing(place: str, tmp_path: Path) -> None:
    numbers, said = run(tmp_path, f"{place}=panic@1")
    assert numbers == list(range(1000))
    assert "a bug in the native core interrupted delivery" in said
