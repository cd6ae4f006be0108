"""What delivery needs of a database: one connection's worth of promises, whichever database it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cordwood import _native

LEDGER_DAYS = 30
"""How long the ledger keeps a segment that its spool has no more.

A row is needed for as long as something may still want to write that segment's records again: a transaction of a dead
leader, which the server comes to late (it is frozen, a proxy holds it back: hours), and a spool that comes back from a
backup or a snapshot. Nobody can know when the last of these is past, so the bound is a long one.
"""

Quarantine = Callable[[Sequence[int]], None]
"""Keeps the rows of a batch that the database refuses, by their places in it, before the others are committed."""


class Options(Protocol):
    """What every database sink says of itself."""

    @property
    def identity(self) -> str:
        """The address without its password, and the table."""
        ...

    @property
    def columns(self) -> str:
        """Which columns are written."""
        ...

    @property
    def batch_size(self) -> int:
        """Rows that are written at once without waiting for more."""
        ...

    @property
    def flush_interval(self) -> float:
        """Seconds that fewer rows wait."""
        ...

    @property
    def retention_days(self) -> int | None:
        """Days that rows are kept."""
        ...


class Store(Protocol):
    """A database in use by the process that delivers to it. One thread calls `insert`, another `tidy`."""

    def insert(self, batch: _native.Batch, quarantine: Quarantine) -> bool:
        """Commit a batch with its ledger, all or nothing.

        Returns:
            False if the ledger says that some of it stands already: nothing was written; ask `standing`.

        Raises:
            Exception: the database's own; whether the batch stands, the ledger tells.
        """
        ...

    def standing(self, segments: Iterable[int]) -> Mapping[int, int]:
        """The highest sequence that stands, by segment."""
        ...

    def tidy(self, stopped: Callable[[], bool], present: Sequence[int]) -> int:
        """Remove what is older than retention allows, make partitions ahead, keep statistics.

        Args:
            stopped: asked between two short statements.
            present: segments that the spool has: their rows of the ledger stay, however old they are.

        Returns:
            How many records went.
        """
        ...

    def check(self, timeout: float) -> None:
        """Ask the database for a sign of life, on a connection of its own.

        Raises:
            Exception: there was none within `timeout` seconds.
        """
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...

    def abandon(self) -> None:
        """In a forked child: close what is the parent's without a word to the server."""
        ...


def bisect(
    count: int,
    savepoint: Callable[[], AbstractContextManager[object]],
    write: Callable[[int, int], None],
    poison: tuple[type[Exception], ...],
) -> list[int]:
    """Write the rows 0 to `count`, halving what fails until single rows are left that cannot be written.

    Args:
        count: how many rows there are.
        savepoint: what a failed part is undone with.
        write: writes the rows from one place up to another.
        poison: the errors that are a row's own fault; others pass through.

    Returns:
        The places of the rows that were refused.
    """
    refused: list[int] = []
    parts = [(0, count)]
    while parts:
        start, stop = parts.pop()
        try:
            with savepoint():
                write(start, stop)
        except poison:
            if stop - start == 1:
                refused.append(start)
            else:
                parts += halves(start, stop)
    return refused


def halves(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Both halves, the later first, so that the earlier is taken from the end of a list."""
    middle = (start + stop) // 2
    yield middle, stop
    yield start, middle
