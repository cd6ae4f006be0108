"""Rows of a database as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cordwood.query.entries import Entry
from cordwood.query.model import Query

if TYPE_CHECKING:
    from cordwood.query.sql import Database


class NewRows:
    """Rows as they come. One process delivers them, in the order of their ids.

    Args:
        database: whose.
        query: which are wanted.
    """

    def __init__(self, database: Database, query: Query) -> None:
        self._database = database
        self._query = query
        _, self._last = database.since(query, None)

    def before(self) -> Iterator[Entry]:
        """All answers that were there when it began, in order of time."""
        end = self._last
        return (entry for entry in self._database.select(self._query) if entry.place <= end)

    def last(self, count: int) -> list[Entry]:
        """The last of those."""
        return [entry for entry in self._database.last(self._query, count) if entry.place <= self._last]

    def new(self) -> list[Entry]:
        """What came since the last call, in order of time."""
        found, self._last = self._database.since(self._query, self._last)
        return found

    def notices(self) -> list[str]:
        """What went wrong: nothing, a database answers or raises."""
        return []

    def close(self) -> None:
        """The database holds nothing for it."""
