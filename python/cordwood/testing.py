"""For tests of applications: a pytest fixture that holds what was logged. Found by pytest as soon as it is installed.

def test_payment(cordwood_records):
    pay(order_id=7)
    assert cordwood_records[-1].message == "paid"
    assert cordwood_records[-1].fields["order_id"] == 7
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

import pytest

if TYPE_CHECKING:
    from cordwood.record import Record


class Records(Sequence["Record"]):
    """What was logged, oldest first; looking at it waits until all of it has arrived."""

    def __init__(self, kept: deque[Record]) -> None:
        self._kept = kept

    def _arrived(self) -> list[Record]:
        from cordwood.pipeline import flush

        flush()
        return list(self._kept)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._arrived()[index]

    def __len__(self) -> int:
        return len(self._arrived())

    def __repr__(self) -> str:
        return repr(self.messages)

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [record.message for record in self._arrived()]

    def clear(self) -> None:
        """Forget what came so far."""
        self._arrived()
        self._kept.clear()


@pytest.fixture
def cordwood_records() -> Iterator[Records]:
    """The records that reach the root logger in this test, as a sequence of `cordwood.Record`.

    The test begins unconfigured, may call `cordwood.configure` and change `logging` as it likes, and leaves both as
    they were. Levels are not touched: as with `caplog`, a record below its logger's level is not there.
    """
    from cordwood.pipeline import Handler, LoggingManager
    from cordwood.sinks.memory import MemorySink

    manager = LoggingManager()
    before = manager.config
    manager.shutdown()
    with _logging_as_it_was():
        sink = MemorySink(capacity=100_000)
        handler = Handler(sink=sink)
        logging.getLogger().addHandler(handler)
        try:
            yield Records(sink.records)
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
            manager.shutdown()
    if before is not None:
        manager.configure(before)


@contextmanager
def _logging_as_it_was() -> Iterator[None]:
    """Undo what happens to loggers: levels, handlers, filters, propagation; and to what is set for all of them."""
    manager = logging.root.manager
    whole = (manager.disable, logging.raiseExceptions, logging.getLoggerClass(), logging.getLogRecordFactory())
    loggers = {logger: _state(logger) for logger in _loggers()}
    fresh: _State = (logging.NOTSET, [], [], True, False)
    try:
        yield
    finally:
        manager.disable, logging.raiseExceptions = whole[:2]
        logging.setLoggerClass(whole[2])
        logging.setLogRecordFactory(whole[3])
        for logger in _loggers():
            level, handlers, filters, logger.propagate, logger.disabled = loggers.get(logger, fresh)
            logger.handlers[:], logger.filters[:] = handlers, filters
            logger.setLevel(level)


_State = tuple[int, list[logging.Handler], list[Any], bool, bool]


def _state(logger: logging.Logger) -> _State:
    return logger.level, list(logger.handlers), list(logger.filters), logger.propagate, logger.disabled


def _loggers() -> list[logging.Logger]:
    made = tuple(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in made if isinstance(logger, logging.Logger))]
