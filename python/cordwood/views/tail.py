"""`cordwood tail`: the last records of several files and processes in order of time, and what comes after them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from cordwood.query.entries import Entry
from cordwood.query.tail import Tail

PAUSE = 0.1  # seconds between two looks at the files


def tail(
    paths: Iterable[str], count: int, write: Callable[[Entry], None], *, follow: bool, stop: Callable[[], bool]
) -> None:
    """Write the last entries and, where `follow` is set, those that come until `stop()`.

    Raises:
        NoLogsError: as `Tail`.
    """
    tail = Tail(paths)
    try:
        for entry in tail.last(count, complete=not follow):
            write(entry)
        while follow and not stop():
            for entry in tail.new():
                write(entry)
            time.sleep(PAUSE)
    finally:
        tail.close()
