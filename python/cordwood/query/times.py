"""Points in time as people write them.

| written | is |
|---|---|
| `90s`, `15m`, `1h`, `1h30m`, `1h ago`, `now-1h`, `last hour` | that long before now |
| `2d`, `1w`, `2 days`, `1mo`, `1y` | the same clock time so many days, months or years before now |
| `now`, `today`, `yesterday`, `monday`, `last friday` | now, or midnight that day began with |
| `09:00`, `9pm`, `yesterday 09:00`, `2026-11-20 09:00:30.5` | local time |
| `2026-11-20`, `20261120T0900Z`, `2026-11-20 09:00+01:00` | ISO 8601 |
| `20 Nov 2026`, `Nov 20 14:03:07`, `20/Nov/2026:14:03:07 +0100`, `20.11.2026` | as logs have it, a year may lack |
| `2026-11-20 09:00 Europe/Berlin`, `09:00 UTC`, `02:30 CEST` | there |
| `1795183387`, `1795183387.5`, `1795183387123` | seconds, milliseconds, micro- or nanoseconds since the epoch |

A local time that happens twice when clocks go back is the first of the two; one that is left out counts from before.
"""

from __future__ import annotations

import functools
import os
import re
import time
from datetime import date, datetime, timedelta

from cordwood.query.days import clock, day, zone

SECOND = 1_000_000_000
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MONTHS = {"mo": 1, "y": 12}  # as many; they have no fixed length
_LONG = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w",
    "millisecond": "ms", "msec": "ms", "month": "mo", "year": "y",
}  # fmt: skip
_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([A-Za-z]+)\s*")
# `1h`, `1h ago`, `-1h`, `now-1h`; `last 15m`, `last hour`, `an hour ago`
_AGO = re.compile(
    r"(?:now\s*)?-?\s*(\d.*?)(?:\s*ago)?|(?:last|past)\s+(\d.*)|(?:an?|last|past)\s+([a-z]+?)(?:\s+ago)?", re.IGNORECASE
)
_EPOCH = re.compile(r"(\d{9,19})(?:\.(\d+))?")
_LAST = 2**63 - 1  # nanoseconds, in 2262: what is later is then
_EXAMPLES = "1h, yesterday, 09:00, '2026-11-20 09:00', 2026-11-20T09:00Z, 1795183387"


def duration(text: str) -> int:
    """`90s`, `1h30m`, `2 days` in nanoseconds.

    Raises:
        ValueError: it is no duration, or one of months, whose length is not fixed.
    """
    parts = _parts(text)
    if any(unit in _MONTHS for _, unit in parts):
        raise ValueError(f"{text!r} is not always equally long; write 30d or 365d")
    return int(sum(value * _UNITS[unit] for value, unit in parts) * SECOND)


def _unit(word: str) -> str:
    """The unit a word means, or an empty text."""
    lower = word.lower()
    return lower if lower in _UNITS or lower in _MONTHS else _LONG.get(lower.removesuffix("s"), "")


def _parts(text: str) -> list[tuple[float, str]]:
    found = []
    rest = text.strip()
    while rest:
        match = _SPAN.match(rest)
        if match and match[2] == "M":
            raise ValueError(f"{text!r}: write 1m for a minute, 1mo for a month")
        unit = _unit(match[2]) if match else ""
        if match is None or not unit:
            raise ValueError(f"{text!r} is no duration; write 90s, 15m, 1h30m or 2d")
        found.append((float(match[1]), unit))
        rest = rest[match.end() :]
    if not found:
        raise ValueError("a duration is missing; write 90s, 15m, 1h30m or 2d")
    return found


def moment(text: str, now: int | None = None) -> int:
    """A point in time as people write it, in nanoseconds since the epoch.

    Args:
        text: as the module's table shows.
        now: nanoseconds; the clock's unless given.

    Raises:
        ValueError: it is none of these forms, or no date of the calendar.
    """
    return max(min(_moment(text.strip(), time.time_ns() if now is None else now), _LAST), -_LAST)


def _moment(text: str, now: int) -> int:
    epoch = _EPOCH.fullmatch(text)
    if epoch:
        return _epoch(epoch[1], epoch[2] or "")
    if text.lower() == "now":
        return now
    span = _ago(text)
    return _before(now, _parts(span)) if span else _calendar(text, now)


def _ago(text: str) -> str:
    """The span that a text goes back, as `_parts` takes it; empty where it names a time otherwise."""
    found = _AGO.fullmatch(text)
    if found is None:
        return ""
    span: str = found[1] or found[2] or f"1 {found[3]}"
    first = _SPAN.match(span)
    return span if first and (_unit(first[2]) or first[2] == "M") else ""


def _epoch(digits: str, fraction: str) -> int:
    for most, unit in ((11, SECOND), (14, 1_000_000), (17, 1000)):
        if len(digits) <= most:
            return int(digits) * unit + (int(fraction.ljust(9, "0")[:9]) * unit // SECOND if fraction else 0)
    return int(digits)


def _before(now: int, parts: list[tuple[float, str]]) -> int:
    days = sum(value * (7 if unit == "w" else 1) for value, unit in parts if unit in "dw")
    months = sum(value * _MONTHS[unit] for value, unit in parts if unit in _MONTHS)
    exact = sum(value * _UNITS[unit] for value, unit in parts if unit in ("ms", "s", "m", "h"))
    if months != int(months):
        raise ValueError("parts of months and years are not equally long; write days")
    whole = int(days)
    if whole or months:
        # The same clock time on an earlier day, though a day of 23 or 25 hours lies between.
        seconds, nanos = divmod(now, SECOND)
        at = datetime.fromtimestamp(seconds)  # noqa: DTZ006 local time is meant
        try:
            at = datetime.combine(_months_before(at.date(), int(months)), at.time()) - timedelta(days=whole)
            now = _ns(at) + nanos
        except (ValueError, OverflowError) as error:
            raise ValueError(f"that is too long ago: {error}") from None
    return now - int((exact + (days - whole) * 86_400) * SECOND)


def _months_before(at: date, months: int) -> date:
    """The same day so many months before, or that month's last."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(at.day, last))


def _calendar(text: str, now: int) -> int:
    there, local = zone(text)
    if not local:
        raise ValueError(f"a time is missing; write for example {_EXAMPLES}")
    on, rest = day(local, datetime.fromtimestamp(now // SECOND, there).date())
    at = clock(rest)
    if at is None:
        raise ValueError(f"{text!r} is no time; write for example {_EXAMPLES}")
    hour, minute, second, nanos = at
    try:
        return _ns(datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=there)) + nanos
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r}: {error}") from None


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * SECOND


def local_zone() -> list[tuple[int, int]]:
    """When local time's offset changes, from 1970 to 2050: (second since the epoch, offset in seconds from then on)."""
    return list(_changes(os.environ.get("TZ"), time.timezone, time.altzone, time.tzname))


@functools.lru_cache(maxsize=4)
def _changes(*_zone: object) -> tuple[tuple[int, int], ...]:
    step, end = 20 * 86_400, 80 * 365 * 86_400
    found = [(0, _offset(0))]
    for second in range(step, end, step):
        if _offset(second) != found[-1][1]:
            low, high = second - step, second
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle) == found[-1][1] else (low, middle)
            found.append((high, _offset(high)))
    return tuple(found)


def _offset(second: int) -> int:
    return time.localtime(second).tm_gmtoff
