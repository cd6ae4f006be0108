"""Points in time in every form that people write."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from cordwood.query.times import SECOND, duration, local_zone, moment
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_795_183_387 * SECOND  # Friday 2026-11-20T14:03:07Z, 15:03:07 in Berlin


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-11-20 14:03:07"),
        ("90s", "2026-11-20 14:01:37"),
        ("15m", "2026-11-20 13:48:07"),
        ("1h30m", "2026-11-20 12:33:07"),
        ("-1h", "2026-11-20 13:03:07"),
        ("2 hours ago", "2026-11-20 12:03:07"),
        ("1.5h", "2026-11-20 12:33:07"),
        ("now-1h", "2026-11-20 13:03:07"),
        ("last hour", "2026-11-20 13:03:07"),
        ("last 15m", "2026-11-20 13:48:07"),
        ("an hour ago", "2026-11-20 13:03:07"),
        ("1d", "2026-11-19 14:03:07"),
        ("1w", "2026-11-13 14:03:07"),
        ("30d", "2026-10-21 13:03:07"),  # summer time then: the same time on the wall
        ("1mo", "2026-10-20 13:03:07"),  # the same day of the month before
        ("9 months 1d ago", "2026-02-19 14:03:07"),
        ("1y", "2025-11-20 14:03:07"),
        ("today", "2026-11-19 23:00:00"),
        ("yesterday", "2026-11-18 23:00:00"),
        ("Yesterday 09:30", "2026-11-19 08:30:00"),
        ("monday", "2026-11-15 23:00:00"),
        ("friday", "2026-11-12 23:00:00"),
        ("last fri 9am", "2026-11-13 08:00:00"),
        ("tomorrow", "2026-11-20 23:00:00"),
        ("09:00", "2026-11-20 08:00:00"),
        ("09:00:30.5", "2026-11-20 08:00:30.5"),
        ("12am", "2026-11-19 23:00:00"),
        ("9:30 PM", "2026-11-20 20:30:00"),
        ("yesterday at noon", "2026-11-19 11:00:00"),
        ("2026-11-20", "2026-11-19 23:00:00"),
        ("2026-11-20 09:00", "2026-11-20 08:00:00"),
        ("2026/11/20 09:00:01", "2026-11-20 08:00:01"),
        ("2026-11-20T09:00:00,123", "2026-11-20 08:00:00.123"),
        ("2026-11-20T09:00Z", "2026-11-20 09:00:00"),
        ("2026-11-20T09:00+05:30", "2026-11-20 03:30:00"),
        ("2026-11-20 09:00 -0500", "2026-11-20 14:00:00"),
        ("2026-11-20 09:00 UTC", "2026-11-20 09:00:00"),
        ("2026-11-20 09:00 America/New_York", "2026-11-20 14:00:00"),
        ("20261120T090000Z", "2026-11-20 09:00:00"),
        ("20.11.2026 09:00", "2026-11-20 08:00:00"),
        ("20 Nov 2026", "2026-11-19 23:00:00"),
        ("November 20, 2026 9am", "2026-11-20 08:00:00"),
        ("Nov 20 14:03:07", "2026-11-20 13:03:07"),  # syslog's
        ("Dec 24 08:00", "2025-12-24 07:00:00"),  # the last one
        ("20/Nov/2026:14:03:07 -0500", "2026-11-20 19:03:07"),  # of an access log
        ("Fri Nov 20 14:03:07.5 2026", "2026-11-20 13:03:07.5"),  # Apache's
        ("Fri, 20 Nov 2026 14:03:07 GMT", "2026-11-20 14:03:07"),
        ("2026-07-01 12:00", "2026-07-01 10:00:00"),
        ("2026-03-29 02:30", "2026-03-29 01:30:00"),  # never was: counted from winter time
        ("2026-10-25 02:30", "2026-10-25 00:30:00"),  # was twice: the first
        ("2026-10-25 02:30 CEST", "2026-10-25 00:30:00"),
        ("2026-10-25 02:30 CET", "2026-10-25 01:30:00"),
        ("1795183387", "2026-11-20 14:03:07"),
        ("1795183387.25", "2026-11-20 14:03:07.25"),
        ("1795183387500", "2026-11-20 14:03:07.5"),
        ("1795183387500000", "2026-11-20 14:03:07.5"),
        ("1795183387500000000", "2026-11-20 14:03:07.5"),
    ],
)
def test_every_form_is_understood(text: str, utc: str) -> None:
    """In Berlin, on a Friday in November."""
    whole, _, fraction = utc.partition(".")
    want = int(datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()) * SECOND
    assert moment(text, NOW) == want + int(fraction.ljust(9, "0"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a time is missing"),
        ("soon", "'soon' is no time; write for example 1h, yesterday"),
        ("25:00", "hour must be in"),
        ("13pm", "no time"),
        ("2026", "no time"),
        ("2026-02-30", "out of range"),
        ("1x", "no time"),
        ("h", "no time"),
        ("1M", "write 1m for a minute, 1mo for a month"),
        ("1.5mo", "write days"),
        ("9999y", "too long ago"),
        ("2026-11-20 nine", "no time"),
        ("2026-11-20 09:00 Europe/Nowhere", "no time zone 'Europe/Nowhere'"),
        ("09:00 EST", "EST is not this machine's zone"),
    ],
)
def test_what_is_no_time_is_refused(text: str, why: str) -> None:
    """With the forms that are understood, or what is wrong with the date."""
    with pytest.raises(ValueError, match=why):
        moment(text, NOW)


def test_durations() -> None:
    """In nanoseconds."""
    assert duration("1m") == 60 * SECOND
    assert duration("1h 30min") == 5400 * SECOND
    with pytest.raises(ValueError, match="no duration"):
        duration("a while")
    with pytest.raises(ValueError, match="not always equally long"):
        duration("1mo")


def test_the_zone_told_to_the_core_is_local_time() -> None:
    """At any second of eighty years."""
    changes = local_zone()
    for second in range(0, 2_400_000_000, 12_345_678):
        offset = [offset for begin, offset in changes if begin <= second][-1]
        assert offset == time.localtime(second).tm_gmtoff


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(ValueError):
        moment(text, NOW)
