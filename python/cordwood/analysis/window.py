"""What an analysis is compared with: yesterday, the time before a moment, or another file."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cordwood.errors import ConfigError
from cordwood.query.model import Query
from cordwood.query.times import moment

_SINCE = re.compile(r"since[\s:]\s*(?P<time>.+)")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where the line is between what was and what is.

    Args:
        words: for people.
        boundary: nanoseconds since the epoch: records before it are what was.
        since: what was begins there; None: with the first record.
        path: what was is this file or folder instead.
    """

    words: str
    boundary: int | None = None
    since: int | None = None
    path: str = ""

    def widened(self, query: Query) -> Query:
        """The query, for all that is to be read: what was lies before what is asked for."""
        if self.boundary is None:
            return query
        return replace(query, since=self.since)


def parse(text: str, now: int | None = None) -> Comparison:
    """What a user means by `yesterday`, `since TIME` or a path.

    Args:
        text: as typed.
        now: nanoseconds since the epoch; the clock's unless given.

    Raises:
        ConfigError: it is none of these.
    """
    now = time.time_ns() if now is None else now
    if text == "yesterday":
        return Comparison("today with yesterday", moment("today", now), moment("yesterday", now))
    if found := _SINCE.fullmatch(text):
        try:
            boundary = moment(found["time"], now)
        except ValueError as error:
            raise ConfigError("--compare", str(error)) from None
        return Comparison(f"since {found['time']} with what was before", boundary)
    if "://" in text or Path(text).exists():
        return Comparison(f"with {text}", path=text)
    allowed = "yesterday, 'since TIME' (such as 'since 1h'), a file or a folder"
    raise ConfigError("--compare", f"{text!r} is no file", allowed)
