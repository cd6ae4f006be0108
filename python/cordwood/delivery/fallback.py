"""The console in place of a database that is down: each process prints its own records that wait, once."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from cordwood import _native

PIECE = 4096  # bytes that a stream which can be written takes without blocking


class Fallback:
    """Prints what a shared sink has not taken.

    Args:
        spool: where the records wait.
        bit: the sink's place in it.
        spec: a console's options, for its stream and format.
        seen: tells the level from which on records are on the console already.
    """

    def __init__(self, spool: _native.Spool, bit: int, spec: str, stream: str, seen: Callable[[], int]) -> None:
        self._spool = spool
        self._bit = bit
        self._spec = spec
        self._stream = stream
        self._seen = seen
        self.printed = 0
        self.skipped = 0

    def print(self) -> None:
        """Print what has come to wait since the last time: to the console, else to stderr, else nowhere."""
        while True:
            lines, shown, passed = self._spool.waiting_lines(self._bit, self._seen(), self._spec)
            if not shown and not passed:
                return
            if lines:
                if write(self._stream, lines) or write("stderr", lines):
                    self.printed += shown
                else:
                    self.skipped += shown


def write(name: str, text: bytes) -> bool:
    """Write to a standard stream where that cannot block; False if nothing can be written."""
    stream = getattr(sys, name, None)
    if stream is None:
        return False
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return _write_object(stream, text)
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    rest = memoryview(text)
    try:
        while rest:
            if not any(state & select.POLLOUT for _, state in poll.poll(100)):
                return False
            rest = rest[os.write(descriptor, rest[:PIECE]) :]  # a socket may take less
    except OSError:
        return False
    return True


def _write_object(stream: object, text: bytes) -> bool:
    """A stream in memory: a test's capture, a notebook."""
    try:
        stream.write(text.decode("utf-8", "replace"))  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 any stream, any failure
        return False
    return True
