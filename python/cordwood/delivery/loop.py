"""The loop that hands this process's records to a sink of its own: memory, syslog, whatever has a `write`.

A batch that fails comes again after a pause, so a sink sees each record at least once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

from cordwood import _native
from cordwood.delivery.background import Background
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


class Loop(Background):
    """One thread that delivers to one sink. What it is woken for is delivered even while it pauses after a failure.

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
        super().__init__(sink.identity)

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
                if failures:
                    self._spool.set_failing(self._bit, fails=False)
            except BaseException as error:  # noqa: BLE001 any sink, any failure: the loop goes on
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

    def _note(self, error: BaseException) -> None:
        self._failed += 1
        self._last_error = f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # the spool cannot be opened here
            self._spool.set_failing(self._bit, fails=True)
        report(
            f"{self.sink.identity} does not take records ({self._last_error}); they wait and are tried again",
            key=f"delivery {self.sink.identity}",
        )
