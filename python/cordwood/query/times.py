"""Points in time as people write them.

| written | is |
|---|---|
| `90s`, `15m`, `1h`, `1h30m`, `1h ago` | that long before now |
| `2d`, `1w`, `2 days` | the same clock time so many days before now |
| `now`, `today`, `yesterday`, `monday` | now, or midnight that day began with |
| `09:00`, `yesterday 09:00`, `2026-11-20 09:00:30.5` | local time |
| `2026-11-20`, `2026-11-20T09:00Z`, `2026-11-20 09:00+01:00` | ISO 8601 |
| `2026-11-20 09:00 Europe/Berlin` | there |
| `1795183387`, `1795183387.5`, `1795183387123` | seconds, milliseconds, micro- or nanoseconds since the epoch |

A local time that happens twice when clocks go back is the first of the two; one that is left out counts from before.
"""

from __future__ import annotations

import functools
import os
import re
import time
from datetime import date, datetime, timedelta, timezone, tzinfo

SECOND = 1_000_000_000
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONG = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w",
    "millisecond": "ms", "msec": "ms",
}  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_EPOCH = re.compile(r"(\d{9,19})(?:\.(\d+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?")
_ZONE = re.compile(r"\s*(Z|UTC|GMT|[A-Z][A-Za-z_]+/[A-Za-z_/+-]+)$")
_OFFSET = re.compile(r"(?<=:\d\d)([.,]\d+)?\s*([+-]\d\d:?(?:\d\d)?)$")
_DATE = re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)")
_EXAMPLES = "1h, yesterday, 09:00, '2026-11-20 09:00', 2026-11-20T09:00Z, 1795183387"


def duration(text: str) -> int:
    """`90s`, `1h30m`, `2 days` in nanoseconds.

    Raises:
        ValueError: it is no duration.
    """
    return int(sum(value * _UNITS[unit] for value, unit in _parts(text)) * SECOND)


def _parts(text: str) -> list[tuple[float, str]]:
    found = []
    rest = text.strip().lower()
    while rest:
        match = _SPAN.match(rest)
        word = match[2] if match else ""
        unit = word if word in _UNITS else _LONG.get(word.removesuffix("s"), "")
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
    now = time.time_ns() if now is None else now
    text = text.strip()
    epoch = _EPOCH.fullmatch(text)
    if epoch:
        return _epoch(epoch[1], epoch[2] or "")
    if text.lower() == "now":
        return now
    ago = re.sub(r"\s*ago$", "", text.lower()).removeprefix("-")
    if _SPAN.match(ago) and not _CLOCK.match(ago):
        return _before(now, _parts(ago))
    return _calendar(text, now)


def _epoch(digits: str, fraction: str) -> int:
    for most, unit in ((11, SECOND), (14, 1_000_000), (17, 1000)):
        if len(digits) <= most:
            return int(digits) * unit + (int(fraction.ljust(9, "0")[:9]) * unit // SECOND if fraction else 0)
    return int(digits)


def _before(now: int, parts: list[tuple[float, str]]) -> int:
    days = sum(value * (7 if unit == "w" else 1) for value, unit in parts if unit in "dw")
    exact = sum(value * _UNITS[unit] for value, unit in parts if unit not in ("d", "w"))
    if days == int(days) and days:
        # The same clock time on an earlier day, though a day of 23 or 25 hours lies between.
        seconds, nanos = divmod(now, SECOND)
        now = _ns(datetime.fromtimestamp(seconds) - timedelta(days=days)) + nanos  # noqa: DTZ006 local time is meant
        days = 0
    return now - int((exact + days * 86_400) * SECOND)


def _calendar(text: str, now: int) -> int:
    zone: tzinfo | None = None
    named, offset = _ZONE.search(text), _OFFSET.search(text)
    if named:
        zone = _zone(named[1], text)
        text = text[: named.start()]
    elif offset:
        zone = _zone(offset[2], text)
        text = text[: offset.start(2)].rstrip()
    if not text:
        raise ValueError(f"a time is missing; write for example {_EXAMPLES}")
    day, rest = _day(text, datetime.fromtimestamp(now // SECOND, zone).date())
    clock = _CLOCK.fullmatch(rest)
    if rest and clock is None:
        raise ValueError(f"{text!r} is no time; write for example {_EXAMPLES}")
    hour, minute, second, fraction = clock.groups() if clock else ("0", "0", None, None)
    nanos = int((fraction or "").ljust(9, "0"))
    try:
        at = datetime(day.year, day.month, day.day, int(hour), int(minute), int(second or 0), tzinfo=zone)
        return _ns(at) + nanos
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r}: {error}") from None


def _day(text: str, today: date) -> tuple[date, str]:
    """The day a text begins with, and what follows it; today where it begins with a clock."""
    word, _, rest = text.partition(" ")
    lower = word.lower()
    if lower in ("today", "yesterday"):
        return today - timedelta(days=lower == "yesterday"), rest.strip()
    if lower in _WEEKDAYS:
        return today - timedelta(days=(today.weekday() - _WEEKDAYS.index(lower)) % 7 or 7), rest.strip()
    found = _DATE.match(text)
    if found is None:
        return today, text
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    return day, text[found.end() :].lstrip("T ").strip()


def _zone(name: str, text: str) -> tzinfo:
    if name in ("Z", "UTC", "GMT"):
        return timezone.utc
    if "/" in name:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{text!r}: there is no time zone {name!r}") from None
    digits = name[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if name[0] == "-" else offset)


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
