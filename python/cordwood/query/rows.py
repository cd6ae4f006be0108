"""Rows of a database as they come."""

from __future__ import annotations

from collections.abc import Callable

from cordwood.query.entries import Entry
from cordwood.query.model import Query


class NewRows:
    """Rows as they come. One process delivers them, in the order of their ids."""

    def __init__(self, since: Callable[[Query, int | None], tuple[list[Entry], int]], query: Query) -> None:
        self._since = since
        self._query = query
        _, self._last = since(query, None)

    def new(self) -> list[Entry]:
        """What came since the last call, in order of time."""
        found, self._last = self._since(self._query, self._last)
        return found

    def close(self) -> None:
        """The database holds nothing for it."""
