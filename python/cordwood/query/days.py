"""Days, clocks and zones as people write them, and as they copy them out of logs.

Each function takes what it knows off a text and gives the rest, so that `times.moment` puts them together.
"""

from __future__ import annotations

import re
import time
from datetime import date, timedelta, timezone, tzinfo

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_SHORTEST = 3  # letters by which a month or a weekday is known
_NOON = 12

# Compiled by whoever comes to use them: all together take a twentieth of a search's start.
_CLOCK = r"(?i)T?(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:\s*([ap])\.?m\.?)?"
_HOUR = r"(?i)(\d{1,2})\s*([ap])\.?m\.?"
_DIGITS = r"T(\d\d)(\d\d)(\d\d)?"  # of ISO 8601's basic form
_NAMED = {"midnight": (0, 0, 0, 0), "noon": (_NOON, 0, 0, 0)}

_DATES = (
    r"(?P<year>\d{4})[-/](?P<month>\d\d?)[-/](?P<day>\d\d?)",
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?=T|\s|$)",
    r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})",
    r"(?i)(?P<day>\d\d?)[ /-](?P<name>[a-z]{3,9})\b(?:[ /-](?P<year>\d{4}))?",
    r"(?i)(?P<name>[a-z]{3,9})\.? +(?P<day>\d\d?)\b(?!:)(?:,? +(?P<year>\d{4}))?",
)
_YEAR = r"\s+(\d{4})$"  # behind the clock, as C's asctime has it

_UTC = r"(?i)(?:(?<=\d)|\s)\s*(?:Z|UTC|GMT)$"
_PLACE = r"\s*([A-Z][A-Za-z_]+(?:/[A-Za-z_+-]+\d{0,2})+)$"
# Only behind a clock: a date's own minuses are no offset.
_OFFSET = r"(?i)((?::\d\d|T\d{4}|T\d{6}|[ap]m)(?:[.,]\d+)?)\s*([+-]\d\d:?(?:\d\d)?)$"
_SHORT = r"(?:(?<=:\d\d)|(?<=[.,]\d\d\d)|(?<=\d[ap]m)|(?<=\d[AP]M)|(?<= [ap]m)|(?<= [AP]M))\s+([A-Z]{3,5})$"
# What is plainly meant as a zone; CST and IST are one thing here and another there.
_ELSEWHERE = frozenset(
    ("AEDT", "AEST", "BST", "CDT", "CEST", "CET", "CST", "EDT", "EEST", "EET", "EST", "IST", "JST", "MDT", "MSK", "MST",
     "PDT", "PST", "WEST", "WET")
)  # fmt: skip


def zone(text: str) -> tuple[tzinfo | None, str]:
    """The zone at the end of a text, None where there is none, and what stands before it.

    Raises:
        ValueError: there is no such zone.
    """
    if found := re.search(_UTC, text):
        return timezone.utc, text[: found.start()]
    if found := re.search(_PLACE, text):
        return _place(found[1], text), text[: found.start()]
    if found := re.search(_OFFSET, text):
        return _offset(found[2]), text[: found.end(1)]
    if (found := re.search(_SHORT, text)) and (known := _short(found[1], text)):
        return known, text[: found.start()]
    return None, text


def _place(name: str, text: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r}: there is no time zone {name!r}") from None


def _offset(text: str) -> tzinfo:
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _short(name: str, text: str) -> tzinfo | None:
    """The offset of local time's own abbreviations (CET, CEST): they tell an hour that happens twice apart."""
    for known, west in zip(time.tzname, (time.timezone, time.altzone), strict=True):
        if name == known:
            return timezone(timedelta(seconds=-west))
    if name in _ELSEWHERE:
        raise ValueError(
            f"{text!r}: {name} is not this machine's zone; write an offset (+01:00) or a place (Europe/Berlin)"
        )
    return None


def day(text: str, today: date) -> tuple[date, str]:
    """The day a text begins with, and what follows it; today where it begins with a clock.

    Raises:
        ValueError: there is no such day.
    """
    word, _, rest = text.partition(" ")
    lower = word.lower().rstrip(",")
    if lower in _WORDS:
        return today + timedelta(days=_WORDS[lower]), _after(rest)
    if lower == "last" and rest:
        lower, _, rest = rest.partition(" ")
    weekday = _place_in(_WEEKDAYS, lower)
    if weekday is not None:
        dated = _date(rest, today)  # Fri, 20 Nov 2026
        return dated or (today - timedelta(days=(today.weekday() - weekday) % 7 or 7), _after(rest))
    return _date(text, today) or (today, text)


def _date(text: str, today: date) -> tuple[date, str] | None:
    for pattern in _DATES:
        found = re.match(pattern, text)
        if found is None:
            continue
        parts, rest = found.groupdict(), text[found.end() :]
        month = _place_in(_MONTHS, parts["name"].lower()) if parts.get("name") else int(parts["month"]) - 1
        if month is None:
            continue
        year = parts["year"]
        if year is None and (behind := re.search(_YEAR, rest)):
            year, rest = behind[1], rest[: behind.start()]
        try:
            # Without a year: the last such day, as logs without one are read.
            at = date(int(year or today.year), month + 1, int(parts["day"]))
            at = at.replace(year=at.year - 1) if year is None and at > today else at
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
        return at, _after(rest)
    return None


def _after(rest: str) -> str:
    """The clock behind a day: `:09:00`, `, 09:00`, `at 09:00`."""
    return re.sub(r"^\s*(?:[:,]|at\b)?\s*", "", rest).rstrip()


def _place_in(names: tuple[str, ...], word: str) -> int | None:
    """Which of the names a word is, or begins."""
    if len(word) < _SHORTEST:
        return None
    return next((place for place, name in enumerate(names) if name.startswith(word)), None)


def clock(text: str) -> tuple[int, int, int, int] | None:
    """Hour, minute, second and nanoseconds; midnight of an empty text, None where it is no clock."""
    lower = text.lower() or "midnight"
    if lower in _NAMED:
        return _NAMED[lower]
    if found := re.fullmatch(_CLOCK, text):
        hour, minute, second, fraction, half = found.groups()
    elif found := re.fullmatch(_HOUR, text):
        (hour, half), minute, second, fraction = found.groups(), "0", None, None
    elif found := re.fullmatch(_DIGITS, text):
        hour, minute, second, fraction, half = *found.groups(), None, None
    else:
        return None
    number = int(hour)
    if half and not 1 <= number <= _NOON:
        return None
    if half:
        number = number % _NOON + _NOON * (half.lower() == "p")
    return number, int(minute), int(second or 0), int((fraction or "").ljust(9, "0"))
