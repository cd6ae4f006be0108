"""`cordwood tail`: the last records of several files and processes in order of time, and what comes after them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from cordwood.query.entries import Entry
from cordwood.query.files import Files
from cordwood.query.model import Query
from cordwood.query.tail import Tail

_T = TypeVar("_T")

PAUSE = 0.1  # seconds between two looks at the files


def tail(
    paths: Iterable[str],
    count: int,
    write: Callable[[Entry], None],
    complain: Callable[[str], None],
    *,
    follow: bool,
    stop: Callable[[], bool],
) -> None:
    """Write the last entries and, where `follow` is set, those that come until `stop()`; `complain` of what is amiss.

    Raises:
        NoLogsError: as `Files`.
    """
    if not follow:
        files = Files(paths)
        _each(files.last(Query(), count), write)
        _each(files.notices(), complain)
        return
    tail = Tail(paths)
    try:
        _each(tail.last(count), write)
        _each(tail.notices(), complain)
        while not stop():
            _each(tail.new(), write)
            time.sleep(PAUSE)
    finally:
        tail.close()


def _each(found: Iterable[_T], take: Callable[[_T], None]) -> None:
    for one in found:
        take(one)
