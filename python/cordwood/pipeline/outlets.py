"""Sinks that are open in a spool, each once in a process, however many handlers lead there."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, cast

from cordwood import _native
from cordwood.capture.handler import SpoolHandler
from cordwood.errors import report
from cordwood.formatters.text import TextFormatter
from cordwood.plain import changed
from cordwood.sinks import Sink, is_database, is_python
from cordwood.sinks.console import ConsoleSink
from cordwood.sinks.file import FileSink
from cordwood.spool import FOLDER, SpoolOptions, open_spool

if TYPE_CHECKING:
    from cordwood.delivery.loop import Loop
    from cordwood.delivery.sender import Sender

IN_VAIN = 1.0  # seconds that the end of the process waits while a database is down: other sinks need no more
RELEASE_TIMEOUT = 5.0  # seconds that closing or flushing one handler waits for delivery
NEVER = 1 << 30  # no record has so high a level
LAST_WORDS = 0.1  # seconds for what is logged when that wait is over


class Outlet:
    """One sink in one spool."""

    def __init__(
        self, sink: Sink, spool: _native.Spool, options: SpoolOptions, bit: int, loop: Loop | Sender | None
    ) -> None:
        self.sink = sink
        self.spool = spool
        self.options = options
        self.bit = bit
        self.loop = loop
        self.users = 0

    @property
    def mask(self) -> int:
        """The set of sinks that holds this one alone."""
        return 1 << self.bit

    @property
    def wants_task(self) -> bool:
        """Whether what is written there holds the asyncio task's name."""
        if not isinstance(self.sink, FileSink | ConsoleSink):
            return True
        return self.sink.format["kind"] == "json" or "%(taskName)" in str(self.sink.format["format"])


class Outlets:
    """What this process has open. All methods may be called from any thread."""

    def __init__(self) -> None:
        self.spools: dict[SpoolOptions, _native.Spool] = {}
        self.opened: dict[tuple[SpoolOptions, str], Outlet] = {}
        self.exiting = False
        self.deadline: float | None = None  # monotonic seconds, for all that is closed or flushed together
        self.lock: AbstractContextManager[bool] = threading.RLock()

    def open(self, sink: Sink, options: SpoolOptions) -> Outlet:
        """Open a sink, or take it as it is open, with its newest options."""
        with self.lock:
            key = (options, sink.identity)
            outlet = self.opened.get(key)
            if outlet is None:
                spool = self.spools.get(options)
                if spool is None:
                    spool = self.spools[options] = open_spool(options)
                bit = spool.add_sink(sink.identity, sink.spec(), sink.local)
                loop = self._run(sink, spool, bit)
                outlet = self.opened[key] = Outlet(sink, spool, options, bit, loop)
            elif outlet.sink != sink:
                self._respec(outlet, sink)
            outlet.users += 1
            return outlet

    def folder(self, options: SpoolOptions) -> str | None:
        """Where the records of an open spool wait, which may be the next best place; None where that is in memory."""
        spool = self.spools.get(options)
        return None if spool is None else spool.folder

    def _run(self, sink: Sink, spool: _native.Spool, bit: int) -> Loop | Sender | None:
        """The thread that a sink written in Python needs."""
        if is_database(sink):
            from cordwood.delivery.fallback import Fallback
            from cordwood.delivery.sender import Sender

            console = self._console(spool) or ConsoleSink(TextFormatter().spec())
            seen = functools.partial(self._shown_from, spool)
            return Sender(spool, bit, sink, Fallback(spool, bit, console.spec(), console.stream, seen))
        if is_python(sink):
            from cordwood.delivery.loop import Loop

            return Loop(spool, bit, sink)
        return None

    def _consoles(self, spool: _native.Spool) -> list[Outlet]:
        all_of_it = list(self.opened.values())
        return [outlet for outlet in all_of_it if outlet.spool is spool and isinstance(outlet.sink, ConsoleSink)]

    def _console(self, spool: _native.Spool) -> ConsoleSink | None:
        found = [outlet.sink for outlet in self._consoles(spool) if isinstance(outlet.sink, ConsoleSink)]
        return found[0] if found else None

    def _shown_from(self, spool: _native.Spool) -> int:
        """The level from which on records are on the console of this process anyway."""
        masks = {outlet.mask for outlet in self._consoles(spool)}
        shown = (handler for handler in logging.getLogger().handlers if isinstance(handler, SpoolHandler))
        return min((each.level for each in shown if each.spool is spool and each.mask in masks), default=NEVER)

    def adopt_format(self, outlet: Outlet, spec: dict[str, object]) -> bool:
        """Write in another format from now on; refused while another handler leads to the same sink."""
        with self.lock:
            if not isinstance(outlet.sink, FileSink | ConsoleSink):
                return False
            if outlet.sink.format != spec:
                if outlet.users > 1:
                    return False
                self._respec(outlet, changed(outlet.sink, format=spec))
            return True

    @staticmethod
    def _respec(outlet: Outlet, sink: Sink) -> None:
        outlet.sink = sink
        if outlet.loop is not None:
            outlet.loop.sink = sink  # of the same kind: it has the same identity
        outlet.spool.add_sink(sink.identity, sink.spec(), sink.local)

    def release(self, outlet: Outlet) -> None:
        """Give an outlet back; the last user closes it when its records are delivered."""
        with self.lock:
            outlet.users -= 1
            if outlet.users or self.exiting:
                return
            del self.opened[outlet.options, outlet.sink.identity]
            last = not any(options == outlet.options for options, _ in self.opened)
            if last:
                del self.spools[outlet.options]
        if outlet.loop is not None:
            outlet.loop.stop(self.patience())
        if last:
            remaining = outlet.spool.close(self.patience())
        else:
            remaining = outlet.spool.flush(self.patience())
            if not remaining:
                outlet.spool.remove_sink(outlet.bit)
        say_remaining(outlet.spool, remaining)

    def patience(self) -> float:
        """Seconds that one handler may wait; those that end together share one bound."""
        if self.deadline is None:
            return RELEASE_TIMEOUT
        return max(LAST_WORDS, self.deadline - time.monotonic())

    @contextmanager
    def within(self, timeout: float) -> Iterator[None]:
        """All that is closed inside waits `timeout` seconds together."""
        self.deadline = time.monotonic() + timeout
        try:
            yield
        finally:
            self.deadline = None

    def flush(self, timeout: float) -> int:
        """Wait until this process's records are delivered; how many are not after `timeout` seconds."""
        return sum(remaining for _, remaining in self.flush_each(timeout))

    def flush_each(self, timeout: float) -> list[tuple[_native.Spool, int]]:
        """As `flush`, spool by spool."""
        deadline = time.monotonic() + timeout
        for outlet in list(self.opened.values()):
            if outlet.loop is not None:
                outlet.loop.wake()
        return [(spool, spool.flush(max(0.0, deadline - time.monotonic()))) for spool in list(self.spools.values())]

    def flush_at_exit(self, timeout: float) -> list[tuple[_native.Spool, int]]:
        """As `flush_each`, but no longer than `IN_VAIN` where a database fails and the spool keeps its records."""
        self.deadline = time.monotonic() + timeout
        first = min(timeout, IN_VAIN)
        left = self.flush_each(first)
        if not any(remaining for _, remaining in left):
            return left
        if self.fails_and_keeps():
            self.deadline = time.monotonic()
            return left
        return self.flush_each(timeout - first)

    def fails_and_keeps(self) -> bool:
        """Whether a database does not take records, and all that waits for it outlives the process."""
        senders = self._senders()
        kept = all(spool.folder is not None for spool in list(self.spools.values()))
        return kept and any(sender.is_failing for sender in senders)

    def unreachable(self, timeout: float) -> dict[str, str]:
        """The databases of this process that do not answer within `timeout` seconds, with what is wrong."""
        deadline = time.monotonic() + timeout
        answers = {each.sink.identity: each.check(max(0.1, deadline - time.monotonic())) for each in self._senders()}
        return {identity: problem for identity, problem in answers.items() if problem}

    def stats(self) -> dict[str, object]:
        """Counters of every spool, by folder, and of every Python-run sink and database, by identity."""
        return {
            "spools": {options.folder or "memory": spool.stats() for options, spool in list(self.spools.items())},
            "sinks": {loop.sink.identity: loop.stats() for loop in self._loops(shared=False)},
            "databases": {sender.sink.identity: sender.stats() for sender in self._loops(shared=True)},
        }

    def _loops(self, *, shared: bool) -> list[Loop | Sender]:
        running = [outlet for outlet in list(self.opened.values()) if is_database(outlet.sink) == shared]
        return [outlet.loop for outlet in running if outlet.loop is not None]

    def _senders(self) -> list[Sender]:
        return cast("list[Sender]", self._loops(shared=True))


def say_remaining(spool: _native.Spool, remaining: int) -> None:
    """Say that records stay behind, and how they are delivered."""
    if remaining and spool.folder is not None:
        above, name = os.path.split(spool.folder)
        where = above if name == FOLDER else spool.folder
        report(f"{remaining} records are not delivered yet; the next process does it, or: cordwood recover {where}")
    elif remaining:
        report(f"{remaining} records were not delivered")


outlets = Outlets()


def _after_fork() -> None:
    outlets.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
