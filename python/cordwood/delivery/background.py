"""A thread of Cordwood's own: begun anew in a forked child, and tried again where none could be had."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref

from cordwood.errors import report


class Background:
    """Something that one thread does until it is stopped.

    A subclass has `_run`, which pauses by waiting for `_wake` and ends when it finds `_stopping` set. Its own
    `__init__` calls the one here last: the thread begins at once.

    Args:
        name: for what; the thread is named after it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._wake = threading.Event()
        self._stopping = False
        self._start()

    def _start(self) -> None:
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name=f"cordwood {self._name}", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            report(f"no thread can be made for {self._name} ({error})", key=f"thread {self._name}")

    def _run(self) -> None:
        raise NotImplementedError

    def after_fork(self) -> None:
        """In a forked child the thread is gone: start another, on locks of its own."""
        if not self._stopping:
            self._begin()

    def wake(self) -> None:
        """End a pause."""
        if self._thread is None and not self._stopping:
            self._start()
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Have it end what it is about, and wait for that, at most `timeout` seconds."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)


_all: weakref.WeakSet[Background] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_all):
        with contextlib.suppress(OSError):  # its spool cannot be opened here
            each.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
