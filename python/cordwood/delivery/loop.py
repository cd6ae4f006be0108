"""The loop that hands this process's records to a sink of its own: memory, syslog, whatever has a `write`.

A batch that fails comes again after a pause, so a sink sees each record at least once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from typing import Protocol

from cordwood import _native
from cordwood.delivery.pauses import backoff
from cordwood.errors import report
from cordwood.record import Record

BATCH = 500
IDLE_PAUSE = 0.05  # seconds between two looks into an empty spool: 0.05 % of a processor


class Writer(Protocol):
    """What the loop needs of a sink."""

    @property
    def identity(self) -> str:
        """The sink's name in reports and statistics."""
        ...

    def write(self, batch: Sequence[Record]) -> None:
        """Take the whole batch, or raise."""
        ...


class Loop:
    """One thread that delivers to one sink.

    Args:
        spool: where records wait.
        bit: the sink's place in the spool.
        sink: what takes the batches.
    """

    def __init__(self, spool: _native.Spool, bit: int, sink: Writer) -> None:
        self._spool = spool
        self._bit = bit
        self.sink = sink
        self._delivered = 0
        self._failed = 0
        self._last_error = ""
        self._begin()
        _loops.add(self)

    def _begin(self) -> None:
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"cordwood {self.sink.identity}", daemon=True)
        self._thread.start()

    def after_fork(self) -> None:
        """In a forked child the thread is gone: start another, on locks of its own."""
        if not self._stopping:
            self._begin()

    def wake(self) -> None:
        """Look into the spool now, even while pausing after a failure."""
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Deliver what is there, then end; after `timeout` seconds the rest is left in the spool."""
        self._stopping = True
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def stats(self) -> dict[str, object]:
        """Counts since the start: records delivered, writes failed, and the last error's text."""
        return {"delivered": self._delivered, "failed_writes": self._failed, "last_error": self._last_error}

    def _run(self) -> None:
        failures = 0
        while True:
            stopping = self._stopping  # read before the spool: what was logged before stop() is delivered
            self._wake.clear()
            try:
                found = self._deliver()
            except Exception as error:  # noqa: BLE001 any sink, any failure: the loop goes on
                failures += 1
                self._note(error)
                if stopping:
                    return
                self._wake.wait(backoff(failures))
                continue
            failures = 0
            if not found:
                if stopping:
                    return
                self._wake.wait(IDLE_PAUSE)

    def _deliver(self) -> int:
        batch = self._spool.read(self._bit, BATCH)
        if batch:
            self.sink.write(batch)
            self._spool.commit(self._bit)
            self._delivered += len(batch)
        return len(batch)

    def _note(self, error: Exception) -> None:
        self._failed += 1
        self._last_error = f"{type(error).__name__}: {error}"
        report(
            f"{self.sink.identity} does not take records ({self._last_error}); they wait and are tried again",
            key=f"delivery {self.sink.identity}",
        )


_loops: weakref.WeakSet[Loop] = weakref.WeakSet()


def _after_fork() -> None:
    for loop in list(_loops):
        loop.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
