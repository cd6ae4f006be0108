"""What can be asked of any source of records: files, spools, databases. The views stand on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from cordwood.plain import Frozen
from cordwood.query.entries import Entry
from cordwood.query.model import Query
from cordwood.query.parts import Part
from cordwood.query.times import SECOND

if TYPE_CHECKING:
    from cordwood.query.patterns import Pattern

_UNITS = (60, 300, 3600)  # seconds
_MOST = 120  # units that are told apart before the next one is taken


class Group(Frozen):
    """How many answers share some values and a span of time.

    Args:
        values: one for each field asked for; an empty text where records have none.
        begin: the span's begin in nanoseconds since the epoch; None where it was not asked by time.
        count: of answers.
    """

    values: tuple[str, ...]
    begin: int | None
    count: int


class Following(Protocol):
    """New answers, as they come."""

    def before(self) -> Iterator[Entry]:
        """All answers that were there when it began, in order of time; `new` goes on after them."""

    def last(self, count: int) -> list[Entry]:
        """The last of those."""

    def new(self) -> list[Entry]:
        """What came since the last call, in order of time; it does not wait. Ask again after a moment."""

    def notices(self) -> list[str]:
        """What went wrong since the last call, a line each."""

    def close(self) -> None:
        """Let go of what is held."""


class Source(Protocol):
    """Records that can be asked. `tests/contract/test_query.py` holds every source to the same answers."""

    def select(self, query: Query, *, before: int = 0, after: int = 0) -> Iterator[Entry]:
        """The answers in order of time, with so many entries around each (`answers` is False on those)."""

    def last(self, query: Query, count: int) -> list[Entry]:
        """The last answers, in order of time."""

    def count(self, query: Query) -> int:
        """How many answers there are."""

    def group(self, query: Query, by: Sequence[str], per: int = 0) -> list[Group]:
        """Answers counted by values of fields and spans of `per` nanoseconds (0: not by time), in order of time."""

    def context(self, entry: Entry, before: int, after: int, among: Query | None = None) -> list[Entry]:
        """What stands around an entry in its own log or table, itself included; of one process or request, `among`."""

    def span(self, query: Query) -> tuple[int | None, int | None]:
        """From when to when answers may be, in nanoseconds since the epoch; None where that is not known."""

    def patterns(self, query: Query, most: int = 50) -> list[Pattern]:
        """The templates that the answers' messages were made of, the most frequent first."""

    def follow(self, query: Query) -> Following:
        """What comes from now on, for as long as somebody asks."""

    def parts(self, query: Query) -> Sequence[Part]:
        """What is to be read, all together, for an analysis of what may answer a query."""

    def notices(self) -> list[str]:
        """What went wrong since the last call, a line each: the answers are without it."""

    def close(self) -> None:
        """Let go of what is held: connections. It may be asked no more."""


def unit_of(span: tuple[int | None, int | None]) -> int:
    """The seconds by which a span of time is counted: an hour, or less where it would be a few hours only."""
    first, last = span
    if first is None or last is None:  # a stream: what turns out to be too fine is put together while it is counted
        return _UNITS[0]
    return next((unit for unit in _UNITS if last - first <= _MOST * unit * SECOND), _UNITS[-1])


def histogram(source: Source, query: Query, per: int) -> list[Group]:
    """Answers by level and time: one group for each level and span of `per` nanoseconds that has any."""
    return source.group(query, ["level"], per)


def field_names(source: Source, query: Query, sample: int = 1000) -> list[str]:
    """The names of the fields that the last answers have, the commonest first: what `facets` can be asked for.

    Args:
        source: where to look.
        query: which records count.
        sample: how many of them are looked at.
    """
    counts = Counter(name for entry in source.last(query, sample) for name in entry.fields)
    return sorted(counts, key=lambda name: (-counts[name], name))


def facets(source: Source, query: Query, names: Sequence[str], most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """The commonest values of fields among the answers, with their counts, the commonest first.

    Args:
        source: where to look.
        query: which records count.
        names: the fields.
        most: values of each.
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for name in names:
        groups = [group for group in source.group(query, [name]) if group.values[0]]
        ranked = sorted(groups, key=lambda group: (-group.count, group.values))
        found[name] = [(group.values[0], group.count) for group in ranked[:most]]
    return found
