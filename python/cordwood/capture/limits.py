"""Rate limits of single log calls: `once=True`, `every_n=100`, `every_seconds=10`.

Each place in the program is counted for itself. What is held back is counted; the next record that passes says how
many in the field `suppressed`, and `suppressed_total` says how many in all.

No locks: a signal handler may log in the middle of anything here. What must be atomic is one call of a C function.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from types import CodeType

KEYWORDS = ("once", "every_n", "every_seconds")
_MAX_SITES = 10_000  # code made at run time must not fill the memory: past this the oldest is forgotten


class _Site:
    """One log call in the source."""

    __slots__ = ("calls", "code", "last", "next_time", "turn")

    def __init__(self, code: CodeType) -> None:
        self.code = code  # held so that its id, the key under which this stands, is not given to another
        self.calls = itertools.count()
        self.last = -1  # the number of the last call that passed
        self.next_time = -math.inf
        self.turn = [None]  # whoever pops it decides

    def passes(self, *, once: object, every_n: object, every_seconds: object) -> int:
        """How many were held back since the last one, or -1: this one is held back too."""
        number = next(self.calls)
        if once:
            return 0 if number == 0 else -1
        if isinstance(every_seconds, (int, float)):
            return self._in_time(number, every_seconds)
        if isinstance(every_n, int) and every_n > 1:
            return -1 if number % every_n else min(number, every_n - 1)
        return 0

    def _in_time(self, number: int, seconds: float) -> int:
        now = time.monotonic()
        if now < self.next_time:
            return -1
        try:
            self.turn.pop()
        except IndexError:  # another thread is just passing
            return -1
        held = -1
        if now >= self.next_time:  # still: that other one may have passed in between
            held = max(0, number - self.last - 1)
            self.last = number
            self.next_time = now + seconds
        self.turn.append(None)
        return held


_sites: dict[tuple[int, int], _Site] = {}
_held_back: dict[int, int] = {}  # by thread: each adds to its own


def admit(
    code: CodeType, offset: int, once: object = False, every_n: object = None, every_seconds: object = None
) -> int:
    """Whether a log call may pass: how many calls there were held back since the last that did, or -1 if it may not.

    Args:
        code: the caller's code object; together with `offset` it names the call.
        offset: the place in it (`frame.f_lasti`).
        once: only the first call passes.
        every_seconds: at most one in so many seconds passes.
        every_n: the first call passes, and then every n-th.

    Of several limits the first in this order holds. A value that is none (`every_n=0`, a text) limits nothing.
    """
    key = (id(code), offset)
    site = _sites.get(key)
    if site is None:
        if len(_sites) >= _MAX_SITES:
            _sites.pop(next(iter(tuple(_sites))), None)
        site = _sites.setdefault(key, _Site(code))
    held = site.passes(once=once, every_n=every_n, every_seconds=every_seconds)
    if held < 0:
        thread = threading.get_ident()
        _held_back[thread] = _held_back.get(thread, 0) + 1
    return held


def suppressed_total() -> int:
    """How many log calls of this process were held back by their limits."""
    return sum(tuple(_held_back.values()))
