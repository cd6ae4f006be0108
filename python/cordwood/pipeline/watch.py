"""One thread that looks at a few files now and then, and does what falls due."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from cordwood.delivery.background import Background
from cordwood.errors import report

INTERVAL = 1.0  # seconds between two looks; each costs some microseconds
Duty = tuple[float, Callable[[], None]]  # every so many seconds


class Watcher(Background):
    """Calls back when a file changes, appears or goes, and at intervals.

    Args:
        files: what to call for each file; called on the watcher's thread.
        duties: what to do at intervals, at first after one `INTERVAL`.
    """

    def __init__(self, files: Mapping[str, Callable[[], None]], duties: tuple[Duty, ...] = ()) -> None:
        self._files = dict(files)
        self._duties = duties
        self._due = [time.monotonic()] * len(duties)
        self._seen = {path: _state(path) for path in files}
        self._looking = 0
        super().__init__("watch")

    def is_current(self) -> bool:
        """Whether this is called by this watcher's own thread, or `look`: a stopped one may be in a last call."""
        return not self._stopping and threading.get_ident() == self._looking

    def look(self) -> None:
        """Look once: call back for what changed since the last look, then do what is due."""
        self._looking = threading.get_ident()
        for path, changed in self._files.items():
            state = _state(path)
            if state != self._seen[path]:
                self._seen[path] = state
                self._call(changed)
        for number, (interval, duty) in enumerate(self._duties):
            if time.monotonic() >= self._due[number] and not self._stopping:
                self._call(duty)
                self._due[number] = time.monotonic() + interval

    def _run(self) -> None:
        while not self._wake.wait(INTERVAL):
            self.look()

    @staticmethod
    def _call(what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001 the thread goes on, whatever was found
            report(f"{type(error).__name__}: {error}")


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
