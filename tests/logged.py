"""What was logged, read back through the whole way: capture, spool, delivery, a sink in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import cordwood
import pytest
from cordwood import MemorySink, Record
from cordwood.capture.logger import give_back, take_over


class Logged:
    """The records that reached the root logger's Cordwood handler; the loggers' classes are Cordwood's too."""

    def __init__(self) -> None:
        self._sink = MemorySink()
        self._handler = cordwood.Handler(sink=self._sink)
        self._root = logging.getLogger()
        self._before = (self._root.level, self._root.handlers)

    def open(self) -> None:
        self._root.setLevel(logging.DEBUG)
        self._root.handlers = [self._handler]
        take_over()

    def alone(self) -> None:
        """Without pytest's handlers, which come after a fixture: now calls go natively to the spool."""
        self._root.handlers = [self._handler]

    def close(self) -> None:
        give_back()
        self._root.setLevel(self._before[0])
        self._root.handlers = self._before[1]
        self._handler.close()

    def records(self, logger: str = "") -> list[Record]:
        """All, or those of a logger and below."""
        self._handler.flush()
        return [
            record for record in self._sink.records if f"{record.logger}.".startswith(f"{logger}." if logger else "")
        ]

    def messages(self, logger: str = "") -> list[str]:
        return [record.message for record in self.records(logger)]

    def one(self, logger: str = "") -> Record:
        (record,) = self.records(logger)
        return record


@pytest.fixture
def logged() -> Iterator[Logged]:
    logged = Logged()
    logged.open()
    yield logged
    logged.close()
