"""Standard streams of this process led elsewhere for a while: to a terminal, to a pipe."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Iterator
from contextlib import contextmanager


class Reader:
    """The other end: what came out of it so far."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.seen = b""

    def read(self, wanted: int | None = None, patience: float = 10.0) -> bytes:
        """At least so many bytes; without a number what is there now."""
        while wanted is None or len(self.seen) < wanted:
            if not select.select([self.fd], [], [], 0 if wanted is None else patience)[0]:
                break
            try:
                some = os.read(self.fd, 1 << 16)
            except OSError:  # a terminal whose other side is closed
                break
            if not some:
                break
            self.seen += some
        return self.seen


@contextmanager
def led_to(descriptor: int, number: int) -> Iterator[None]:
    """The standard stream `number` is `descriptor` while this lasts."""
    kept = os.dup(number)
    os.dup2(descriptor, number)
    try:
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


@contextmanager
def terminal(number: int = 2) -> Iterator[Reader]:
    """A terminal that passes every byte as it is."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        with led_to(slave, number):
            yield Reader(master)
    finally:
        os.close(slave)
        os.close(master)


@contextmanager
def pipe(number: int = 2) -> Iterator[Reader]:
    """A pipe."""
    reading, writing = os.pipe()
    try:
        with led_to(writing, number):
            os.close(writing)
            yield Reader(reading)
    finally:
        os.close(reading)
