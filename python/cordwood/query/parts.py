"""A source read for the core's analysis: its parts one after the other, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone

from cordwood import _native
from cordwood.level import level_name
from cordwood.plain import Frozen
from cordwood.query.entries import Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LINES = 4000  # records handed to the core at once


class Part(Frozen):
    """One thing to read.

    Args:
        name: for people.
        size: in bytes; 0 where it is not known.
        read: counts it, as what is compared with where the second argument says so; what was odd, a line each.
    """

    name: str
    size: int
    read: Callable[[_native.Analysis, bool], list[str]]


def read(part: Part, analysis: _native.Analysis, *, before: bool = False) -> list[str]:
    """Count a part; what was odd, a line each, and where its reading failed, that."""
    try:
        return part.read(analysis, before)
    except OSError as error:
        return [f"{part.name}: {error.strerror or error}; what is left of it is missing"]


def lines(found: Iterable[Entry]) -> Iterator[bytes]:
    """Entries as JSON, in blocks of lines."""
    block: list[str] = []
    for entry in found:
        block.append(json.dumps(_object(entry), ensure_ascii=False))
        if len(block) == _LINES:
            yield _bytes(block)
            block = []
    if block:
        yield _bytes(block)


def _bytes(block: list[str]) -> bytes:
    return ("\n".join(block) + "\n").encode("utf-8", "replace")


def _object(entry: Entry) -> dict[str, object]:
    found: dict[str, object] = {**entry.fields, "logger": entry.logger, "message": entry.message}
    if entry.time is not None:
        at = _EPOCH + timedelta(microseconds=entry.time // 1000)
        found["timestamp"] = at.isoformat(timespec="microseconds")
    if entry.level:
        found["level"] = level_name(entry.level)
    if entry.exception:
        found["exception"] = {"text": entry.exception}
    return found
