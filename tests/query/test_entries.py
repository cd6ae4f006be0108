"""Lines of log files become entries with a time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cordwood.query.entries import Entry, Grouper, timestamp

UTC_10 = 1_763_632_800_000_000_000  # 2025-11-20T10:00:00Z


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is two hours ahead here."""
    from cordwood.query import entries

    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    entries._seconds.cache_clear()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()
    entries._seconds.cache_clear()


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("2025-11-20 12:00:00,123 - app - INFO - x", 123_000_000),
        ("2025-11-20 12:00:00.123 [1234] [INFO] x", 123_000_000),
        ("2025-11-20 12:00:00 - app - x", 0),
        ("[2025-11-20 12:00:00] x", 0),
        ("INFO 2025-11-20 12:00:00 x", 0),
        ("WARNING: 2025-11-20 12:00:00,5 x", 500_000_000),
        ("[ERROR] 2025-11-20 12:00:00 x", 0),
        ("2025-11-20T10:00:00Z x", 0),
        ("2025-11-20T10:00:00.000001Z", 1000),
        ("2025-11-20T11:30:00+01:30", 0),
        ("2025-11-20 05:00:00 -0500 x", 0),
        ('{"timestamp":"2025-11-20T12:00:00.000007+02:00","level":"INFO"}', 7000),
        ('{"@timestamp":"2025-11-20T10:00:00Z"}', 0),
        ('{"Timestamp":"1763632800000000009"}', 9),
        ('{"time":1763632800.5}', 500_000_000),
    ],
)
def test_the_usual_forms_of_a_time_are_read(line: str, after: int) -> None:
    """To the nanosecond; without an offset it is local time."""
    assert timestamp(line) == UTC_10 + after


@pytest.mark.parametrize(
    "line",
    ["", "Traceback (most recent call last):", "  2025-11-20 12:00:00 forged", "ValueError: 2025-11-20 12:00:00",
     "2025-13-40 12:00:00 x", "2025-11-20", "{not json", '{"a":1}', '{"time":null}', "[1,2]"],
)  # fmt: skip
def test_what_is_no_time_is_none(line: str) -> None:
    """Continued lines and broken dates begin nothing."""
    assert timestamp(line) is None


def entries(*lines: str) -> list[Entry]:
    grouper = Grouper("f")
    return [*grouper.feed(lines), *grouper.end()]


def test_a_traceback_belongs_to_its_record() -> None:
    """Lines without a time follow the line before them."""
    found = entries("2025-11-20 12:00:00 a", "Traceback", "  File", "ValueError", "2025-11-20 12:00:01 b")
    assert [entry.text for entry in found] == [
        "2025-11-20 12:00:00 a\nTraceback\n  File\nValueError",
        "2025-11-20 12:00:01 b",
    ]
    assert found[0].time == UTC_10


def test_without_any_time_each_line_is_an_entry() -> None:
    """A file of another program is shown line by line."""
    assert [entry.text for entry in entries("a", "  b", "c")] == ["a", "  b", "c"]
