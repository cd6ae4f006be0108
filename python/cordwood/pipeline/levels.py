"""Levels of loggers: as configured, switched while running, given back at the end."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cordwood.level import level_number


class Levels:
    """The levels that are ours, and those that loggers had before. One thread at a time."""

    def __init__(self) -> None:
        self._configured: dict[str, int] = {}
        self._switches: dict[str, int] = {}  # the newest last
        self._before: dict[str, int] = {}

    def configure(self, levels: Mapping[str, str | int], switches: Mapping[str, str | int] | None = None) -> None:
        """Set these, by logger; the empty text is the root. None as `switches` leaves those there are."""
        self._configured = {name: level_number(level) for name, level in levels.items()}
        if switches is not None:
            self._switches = {name: level_number(level) for name, level in switches.items()}
        self._apply()

    def switch(self, name: str, level: str | int | None) -> None:
        """Set a logger and all below it, those with a level of their own too; None takes the switch back."""
        self._switches.pop(name, None)
        if level is not None:
            self._switches = {other: held for other, held in self._switches.items() if not _is_below(other, name)}
            self._switches[name] = level_number(level)
        self._apply()

    def give_back(self) -> None:
        """All levels as they were before."""
        self._configured, self._switches = {}, {}
        self._apply()

    def _apply(self) -> None:
        wanted = dict(self._configured)
        for name, level in self._switches.items():
            for below in self._with_level_below(name, wanted):
                wanted[below] = logging.NOTSET
            wanted[name] = level
        for name in [name for name in self._before if name not in wanted]:
            logging.getLogger(name).setLevel(self._before.pop(name))
        for name, level in wanted.items():
            logger = logging.getLogger(name)
            self._before.setdefault(name, logger.level)
            if logger.level != level:
                logger.setLevel(level)

    def _with_level_below(self, name: str, wanted: Mapping[str, int]) -> list[str]:
        own = (
            other
            for other, logger in list(logging.root.manager.loggerDict.items())
            if isinstance(logger, logging.Logger) and logger.level
        )
        return [other for other in dict.fromkeys([*wanted, *self._before, *own]) if _is_below(other, name)]


def _is_below(name: str, above: str) -> bool:
    return name != above and (not above or name.startswith(above + "."))
