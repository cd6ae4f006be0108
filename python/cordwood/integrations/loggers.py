"""A framework's own loggers led to the root logger, where Cordwood is, and given back by an undo."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

Undo = Callable[[], None]


def take_over(names: Iterable[str], filters: Iterable[tuple[str, logging.Filter]] = ()) -> Undo:
    """Take the framework's handlers off its loggers and let their records propagate.

    A logger without handlers that does not propagate was switched off by the framework's own setting, and stays so.

    Args:
        names: the framework's loggers.
        filters: what to add to which logger, where its records need a touch to be read without the framework.

    Returns:
        What gives the loggers back as they were.
    """
    before = []
    for name in names:
        logger = logging.getLogger(name)
        if logger.handlers:
            before.append((logger, logger.handlers, logger.propagate))
            logger.propagate = True  # first: no record goes nowhere
            logger.handlers = []
    added = [(logging.getLogger(name), touch) for name, touch in filters]
    for logger, touch in added:
        logger.addFilter(touch)

    def undo() -> None:
        for logger, handlers, propagate in before:
            logger.handlers = [*handlers, *logger.handlers]
            logger.propagate = propagate
        before.clear()
        for logger, touch in added:
            logger.removeFilter(touch)

    return undo
