"""Rate limits of single log calls."""

from __future__ import annotations

import sys
import threading
from types import CodeType
from typing import Any

import pytest
from cordwood.capture import limits
from cordwood.capture.limits import admit, suppressed_total


@pytest.fixture
def site() -> CodeType:
    """A place nobody has logged from."""
    return compile("pass", "<site>", "exec")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_once_passes_the_first_call_only(site: CodeType) -> None:
    """And every other place has a first call of its own."""
    assert [admit(site, 2, once=True) for _ in range(3)] == [0, -1, -1]
    assert admit(site, 4, once=True) == 0


def test_every_n_passes_the_first_and_every_nth(site: CodeType) -> None:
    """What passes says how many did not."""
    assert [admit(site, 0, every_n=3) for _ in range(7)] == [0, -1, -1, 2, -1, -1, 2]


def test_every_seconds_passes_one_in_that_time(site: CodeType, clock: list[float]) -> None:
    """By a clock that does not go backwards."""
    passed = []
    for step in (0, 1, 8, 1.0, 0, 30):
        clock[0] += step
        passed.append(admit(site, 0, every_seconds=10))
    assert passed == [0, -1, -1, 2, -1, 1]


@pytest.mark.parametrize(
    "limit",
    [
        {"once": False},
        {"every_n": 0},
        {"every_n": -3},
        {"every_n": "x"},
        {"every_seconds": 0},
        {"every_seconds": "y"},
        {},
    ],
)
def test_a_limit_that_is_none_limits_nothing(site: CodeType, limit: dict[str, Any]) -> None:
    """A wrong value must not raise in the middle of an application, nor lose records."""
    assert [admit(site, 0, **limit) for _ in range(3)] == [0, 0, 0]


def test_what_is_held_back_is_counted(site: CodeType) -> None:
    """The total is there for the statistics."""
    before = suppressed_total()
    for _ in range(10):
        admit(site, 0, every_n=5)
    assert suppressed_total() - before == 8


def test_places_of_equal_code_are_told_apart() -> None:
    """Two functions of the same text are equal to Python, and two places all the same."""
    one, two = compile("pass", "<one>", "exec"), compile("pass", "<two>", "exec")
    assert one == two
    assert [admit(one, 0, once=True), admit(two, 0, once=True)] == [0, 0]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound the oldest place is forgotten."""
    monkeypatch.setattr(limits, "_MAX_SITES", 5)
    monkeypatch.setattr(limits, "_sites", {})
    for n in range(50):
        admit(compile("pass", f"<{n}>", "exec"), 0, once=True)
    assert len(limits._sites) == 5


@pytest.mark.parametrize(
    ("limit", "passing"), [({"once": True}, 1), ({"every_n": 100}, 80), ({"every_seconds": 1e6}, 1)]
)
def test_threads_count_together_and_lose_nothing(site: CodeType, limit: dict[str, Any], passing: int) -> None:
    """Passed and held back add up over all threads, without a lock."""
    before = suppressed_total()
    results: list[int] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: results.extend([admit(site, 0, **limit) for _ in range(1000)]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    passed = [n for n in results if n >= 0]
    assert len(passed) == passing
    assert len(results) - len(passed) == suppressed_total() - before == 8000 - passing
