"""Some seconds of the soak, and that it sees what it is for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak import bounds
from tests.soak.gauges import BUCKETS, Sample
from tests.soak.reader import Reader
from tests.soak.soak import Findings

ROOT = Path(__file__).resolve().parents[2]
LEVEL = Sample(resident=50_000_000, descriptors=15, threads=8)
QUICK, SLOW = ([0] * bucket + [1000] + [0] * (BUCKETS - 1 - bucket) for bucket in (100, 250))


@pytest.mark.slow
def test_some_seconds_of_faults_leave_every_record_accounted_for() -> None:
    """One process under observation, two siblings, one fault after another."""
    command = [sys.executable, "-m", "tests.soak", "--minutes", "0.1", "--gap", "0.1", "0.5", "--seed", "21"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 faults" not in done.stdout


def broken(samples: Callable[[int], Sample], windows: Callable[[int], list[int]]) -> list[str]:
    """The bounds that an hour of such samples breaks."""
    hour = Findings(samples=[samples(second) for second in range(3600)], windows=[windows(n) for n in range(60)])
    return [course.name for course in bounds.courses(hour) if course.is_broken]


def test_a_level_course_breaks_no_bound() -> None:
    """However high it stands."""
    assert broken(lambda _: LEVEL, lambda _: QUICK) == []


@pytest.mark.parametrize(("name", "by"), [("resident", 20_000), ("descriptors", 0.002), ("threads", 0.002)])
def test_what_grows_is_seen(name: str, by: float) -> None:
    """20 kB a second; a descriptor or thread in eight minutes."""
    course = "resident memory" if name == "resident" else name
    assert broken(lambda n: replace(LEVEL, **{name: getattr(LEVEL, name) + int(by * n)}), lambda _: QUICK) == [course]


def test_calls_that_become_slow_are_seen() -> None:
    """Those of the last quarter."""
    assert broken(lambda _: LEVEL, lambda n: SLOW if n >= 45 else QUICK) == ["the caller's p99.9"]


def test_the_reader_sees_what_is_missing_twice_late_and_torn(tmp_path: Path) -> None:
    """Across a rotation, and a line that is only half there at the first look."""
    reader = Reader(tmp_path)
    current = tmp_path / "app.log"
    current.write_text("1 INFO slot 0 number 0 .\n1 INFO slot 0 num")
    reader.drain()
    with current.open("a") as file:
        file.write("ber 2 xx.\n1 INFO slot 0 number 1 x.\n")
    current.rename(tmp_path / "app.log.1")
    current.write_text("1 INFO slot 0 number 2 xx.\n1 INFO slot 0 number 51 torn\n")
    reader.drain()
    assert list(reader.seen.missing(0, range(5))) == [3, 4]
    assert reader.seen.doubled == [(0, 2)]
    assert reader.disorder == [(0, 1)]
    assert len(reader.seen.torn) == 1
