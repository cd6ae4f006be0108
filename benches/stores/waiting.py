"""Records that wait in a spool for a database, and a sender that delivers them, watched."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from typing import Any

from cordwood import _native
from cordwood.delivery import sender as senders
from cordwood.delivery.sender import Sender
from cordwood.pipeline import Handler
from cordwood.sinks.postgres import PostgresSink
from cordwood.sinks.sqlite import SqliteSink

TEXT = "user %d did something worth a line in the log, number %s; " + "x" * 92


def fill(folder: str, sink: PostgresSink | SqliteSink, count: int) -> None:
    """Records that wait in a spool: logged while nobody delivers."""
    spool = _native.Spool(folder, max_bytes=4 << 30)
    held = _native.Reader(spool, sink.identity)
    assert held.lead()
    os.environ["XDG_STATE_HOME"] = folder
    handler = Handler(sink=sink, spool={"max_bytes": 4 << 30, "dir": folder})
    logger = logging.getLogger("bench.stores")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [handler]
    for number in range(count):
        logger.info(TEXT, 7, number)
    logger.handlers = []
    outlet = handler._outlet
    assert outlet is not None
    assert isinstance(outlet.loop, Sender)
    outlet.loop.stop(60)  # it ends without having led
    handler._outlet = None
    held.release()


def batches(folder: str, identity: str, size: int) -> Iterator[_native.Batch]:
    """All that waits, read and not delivered."""
    reader = _native.Reader(_native.Spool(folder), identity)
    reader.lead()
    while len(batch := reader.read(size, 64 << 20, False)):
        yield batch
        reader.commit(batch)
    reader.release()


class Watched:
    """A sink whose store notes when each batch was done, and what its thread had taken of the processor until then."""

    def __init__(self, sink: PostgresSink | SqliteSink) -> None:
        self._sink = sink
        self.ends: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> object:
        """All else is the sink's."""
        return getattr(self._sink, name)

    def store(self) -> Any:
        """The store."""
        store: Any = self._sink.store()
        insert = store.insert

        def noting(*arguments: object) -> object:
            done = insert(*arguments)
            self.ends.append((time.perf_counter(), time.thread_time()))
            return done

        store.insert = noting
        return store


def deliver(folder: str, sink: PostgresSink | SqliteSink, size: int, count: int) -> tuple[float, float]:
    """Have the sender deliver all: rows a second, and seconds of processor its thread took a row.

    Counted from the end of its first batch: connecting and making the table are no part of it, nor are they of the
    ceiling.
    """
    before, senders.MOST_ROWS = senders.MOST_ROWS, size
    watched = Watched(sink)
    sender = Sender(_native.Spool(folder), 0, watched)
    sender.stop(600)
    senders.MOST_ROWS = before
    assert sender.stats()["delivered"] == count, sender.stats()
    (began, worked), (ended, had_worked) = watched.ends[0], watched.ends[-1]
    rows = count - count / len(watched.ends)
    return rows / (ended - began), (had_worked - worked) / rows
