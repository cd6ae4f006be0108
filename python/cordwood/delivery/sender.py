"""Delivers a folder's records to a database that all its processes share.

Every process that configured the sink has a sender; one of them holds the sink's lock and delivers for all, the others
look every tenth of a second whether it is free, and print their own records where the database is down. A batch goes
when it is full, when its first record has waited long enough, or when somebody asks; batches grow while more waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cordwood import _native
from cordwood.delivery.fallback import Fallback
from cordwood.delivery.pauses import backoff
from cordwood.delivery.report import Bell, StateFile, sink_name
from cordwood.errors import report

if TYPE_CHECKING:
    from cordwood.sinks.database.store import Store

TICK = 0.05  # seconds between two looks for records, pressure and bells
FOLLOW = 0.1  # seconds between two tries for the lock
ATTEMPTS = 5  # failures in a row after which records go to the console too
MOST_ROWS = 10_000  # of one batch
MOST_BYTES = 4 * 1024 * 1024
TELL = 1.0  # seconds between two reports to the other processes
TIDY = 3600.0  # seconds between two rounds of maintenance
TIDY_AGAIN = 60.0  # seconds after one that failed
QUARANTINE = "quarantine"  # folder in the spool for records that no database takes


class SharedSink(Protocol):
    """What a sender needs of a sink."""

    batch_size: int
    flush_interval: float
    columns: str

    @property
    def identity(self) -> str:
        """The target, without any secret."""
        ...

    def store(self) -> Store:
        """The database, not yet connected."""
        ...


@dataclass
class Figures:
    """What became of this sender's records since it leads."""

    delivered: int = 0
    batches: int = 0
    failed_writes: int = 0
    failures: int = 0  # in a row
    retries: int = 0
    quarantined: int = 0
    cut: int = 0
    given_up: int = 0
    removed: int = 0
    reconnects: int = 0
    last_error: str = ""
    down_since: float = 0.0
    seconds: float = 0.0  # spent in batches
    last_lag: float = 0.0  # seconds from the log call to the commit, of the newest batch's first record
    dropped: dict[str, int] = field(default_factory=dict)


class Sender:
    """One thread that delivers to one database, or waits to.

    Args:
        spool: where records wait.
        bit: the sink's place in the spool.
        sink: the database.
        fallback: prints what waits while the database is down; None prints nothing.
    """

    def __init__(self, spool: _native.Spool, bit: int, sink: Any, fallback: Fallback | None = None) -> None:
        self._spool = spool
        self._bit = bit
        self._sink = sink
        self._fallback = fallback
        self._state = StateFile(spool.folder, sink.identity)
        self._bell = Bell(spool.folder, sink.identity)
        self._held: Store | None = None
        self.figures = Figures()
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        self._reader = _native.Reader(self._spool, self._sink.identity)
        self._wake = threading.Event()
        self._stopping = False
        self._leads = False
        self._asked = False
        self._refused = 0  # rows of the batch in hand that the database does not take
        self._changed = False
        self._limit = self._sink.batch_size
        self._told = 0.0
        self._tidier: threading.Thread | None = None
        self._tidy_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"cordwood {self._sink.identity}", daemon=True)
        self._thread.start()

    @property
    def _store(self) -> Store:
        """The database, for the process that delivers to it: its driver is loaded by no other."""
        if self._held is None:
            self._held = self._sink.store()
        return self._held

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()

    @property
    def sink(self) -> Any:
        """The database; a new one with the same identity takes its place from the next batch on."""
        return self._sink

    @sink.setter
    def sink(self, sink: Any) -> None:
        self._sink = sink
        self._changed = True  # its thread closes what it has in use

    def after_fork(self) -> None:
        """In a forked child: the thread, the lock and the connections are the parent's."""
        held, self._held = self._held, None
        if held is not None:
            held.abandon()
        if not self._stopping:
            self.figures = Figures()
            self._begin()

    def wake(self) -> None:
        """Have everything written now that is there, by whoever delivers."""
        self._asked = True
        self._wake.set()
        if not self._leads:
            self._bell.ring()

    def stop(self, timeout: float) -> None:
        """Deliver what is there, if this process does, then end; the rest is left in the spool."""
        self._stopping = True
        self.wake()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    # The thread.

    def _run(self) -> None:
        try:
            while not self._step():
                pass
        finally:
            self._leads = False
            self._let_go()
            self._reader.release()

    def _step(self) -> bool:
        """Look once at everything; True if it is over."""
        stopping = self._stopping  # read before the spool: what was logged before stop() is delivered
        self._wake.clear()
        if not self._reader.lead():
            self._leads = False
            self._print_if_down()
            if stopping:
                return True
            self._wake.wait(FOLLOW)
            return False
        if not self._leads:
            self._take_over()
        if self._changed:
            self._changed = False
            self._let_go()
        if self._bell.rang():
            self._asked = True
        if self.figures.failures == 0:
            self._tidy()
        asked, self._asked = self._asked, False  # before the look: who asks during it is heard in the next
        try:
            more = self._deliver(all_of_it=stopping or asked)
        except Exception as error:  # noqa: BLE001 any database, any failure: the sender goes on
            self._asked |= asked
            self._note(error)
            return self._pause(stopping=stopping)
        self._tell(force=False)
        if more:
            self._asked |= asked
            return False
        if stopping:
            self._tell(force=True)
            return True
        self._move_on()
        self._reader.make_room()
        self._wake.wait(TICK)
        return False

    def _take_over(self) -> None:
        """The process that delivered before is gone, or never was: what it left is written at once."""
        self._leads = self._asked = True
        self._told = 0.0

    def _move_on(self) -> None:
        """Where the folder was deleted and made anew, read there; what was open of the old one has been read."""
        if not self._reader.is_there():
            self._reader.release()
            self._reader = _native.Reader(self._spool, self._sink.identity)

    def _deliver(self, *, all_of_it: bool) -> bool:
        """Write a batch if it is time for one; True if there may be more."""
        sink = self._sink
        began = time.monotonic()
        self._refused = 0
        batch = self._reader.read(self._limit, MOST_BYTES, sink.columns == "extended")
        if batch is None:
            self._limit = sink.batch_size
            return False
        rows = len(batch)
        due = all_of_it or rows >= sink.batch_size or batch.age >= sink.flush_interval
        if rows and not due and not self._reader.make_room():
            return False
        if rows and not self._store.insert(batch, self._quarantine):
            # A commit whose answer never came, or one of a leader that died: it stands. What does not, comes again.
            for segment, sequence in self._store.standing(part[0] for part in batch.parts).items():
                self._reader.stands(segment, sequence)
            return True
        self._reader.commit()
        self._note_success(batch, time.monotonic() - began)
        full = rows >= self._limit
        self._limit = min(MOST_ROWS, self._limit * 2) if full else max(sink.batch_size, self._limit // 2)
        return full or all_of_it

    def _note_success(self, batch: _native.Batch, seconds: float) -> None:
        figures = self.figures
        if figures.down_since:
            report(f"{self._sink.identity} takes records again", key=f"up {self._sink.identity} {figures.down_since}")
        figures.delivered += len(batch) - self._refused
        figures.quarantined += self._refused
        figures.batches += 1
        figures.cut += batch.cut
        figures.seconds += seconds
        figures.last_lag = batch.age
        was_failing, figures.failures, figures.down_since = figures.failures, 0, 0.0
        if was_failing:
            self._tell(force=True)

    def _note(self, error: Exception) -> None:
        figures = self.figures
        figures.failed_writes += 1
        figures.failures += 1
        figures.last_error = self._said(error)
        if figures.failures == ATTEMPTS:
            figures.down_since = time.time()
        report(
            f"{self._sink.identity} does not take records ({figures.last_error}); they wait and are tried again",
            key=f"delivery {self._sink.identity}",
        )
        self._tell(force=True)

    def _pause(self, *, stopping: bool) -> bool:
        """Wait before the next attempt, giving up and printing what must be meanwhile; True if it is over."""
        until = time.monotonic() + backoff(self.figures.failures)
        while not self._stopping and time.monotonic() < until:
            self.figures.given_up += self._reader.make_room() or 0
            self._print_if_down()
            self._wake.wait(TICK)
            if self._asked and self._wake.is_set():
                break  # somebody waits for it: try again at once
        self.figures.retries += 1
        return stopping

    # Beside the batches.

    def _print_if_down(self) -> None:
        if self._fallback is not None and self._state.read().get("down"):
            self._fallback.print()

    def _tell(self, *, force: bool) -> None:
        now = time.monotonic()
        if force or now - self._told >= TELL:
            self._told = now
            self._state.write(self._own_state())

    def _own_state(self) -> dict[str, Any]:
        figures = self.figures
        down = figures.failures >= ATTEMPTS
        state = "down" if down else "failing" if figures.failures else "connected" if figures.batches else "starting"
        rate = figures.delivered / figures.seconds if figures.seconds else 0.0
        return {
            "pid": os.getpid(),
            "time": time.time(),
            "state": state,
            "down": down,
            "delivered": figures.delivered,
            "batches": figures.batches,
            "rows_per_second": round(rate, 1),
            "failed_writes": figures.failed_writes,
            "retries": figures.retries,
            "last_error": figures.last_error,
            "quarantined": figures.quarantined,
            "cut": figures.cut,
            "given_up": figures.given_up,
            "removed": figures.removed,
            "last_lag": round(figures.last_lag, 3),
        }

    def stats(self) -> dict[str, object]:
        """What the process that delivers says, and what waits: in records, and in seconds of the oldest."""
        said = self._own_state() if self._leads else dict(self._state.read())
        waiting, first = _native.Reader(self._spool, self._sink.identity).waiting()
        printed = self._fallback.printed if self._fallback is not None else 0
        skipped = self._fallback.skipped if self._fallback is not None else 0
        lag = max(0.0, time.time() - first / 1e9) if waiting else 0.0
        return {
            "delivered": 0,
            "failed_writes": 0,
            "last_error": "",
            "state": "starting",
            **{name: value for name, value in said.items() if name not in {"time", "down", "pid"}},
            "connected": int(said.get("state") == "connected"),
            "sender": said.get("pid", 0),
            "leads": int(self._leads),
            "waiting": waiting,
            "lag_seconds": round(lag, 3),
            "fallback": printed,
            "fallback_skipped": skipped,
        }

    def check(self, timeout: float) -> str:
        """What is wrong with the database; empty if it answers within `timeout` seconds."""
        try:
            self._sink.store().check(timeout)
        except Exception as error:  # noqa: BLE001 any database, any failure is an answer
            return self._said(error)
        return ""

    def _said(self, error: Exception) -> str:
        """An error's kind and first line, without any secret."""
        lines = str(error).strip().splitlines()
        return str(self._sink.target.scrub(f"{type(error).__name__}: {lines[0] if lines else ''}"))

    def _quarantine(self, places: Sequence[int]) -> None:
        """Keep the records that the database refuses in a file, one JSON object a line."""
        if not places:
            return
        records = self._reader.records(max(places) + 1)
        chosen = [records[place] for place in places]
        folder = Path(self._spool.folder or ".") / QUARANTINE
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{sink_name(self._sink.identity)}.jsonl"
        with open(path, "a", encoding="utf-8", opener=_private) as file:
            for record in chosen:
                whole = {name: getattr(record, name) for name in record.__dataclass_fields__}
                file.write(json.dumps(whole, default=str) + "\n")
        self._refused = len(chosen)
        report(
            f"{self._sink.identity} refuses {len(chosen)} records whatever is tried; they are kept in {path}",
            key=f"quarantine {self._sink.identity}",
        )

    def _tidy(self) -> None:
        """Have maintenance run beside delivery, every hour."""
        now = time.monotonic()
        if now < self._tidy_at or self.figures.batches == 0 or (self._tidier and self._tidier.is_alive()):
            return
        self._tidy_at = now + TIDY
        self._tidier = threading.Thread(target=self._tidy_once, args=[self._store], name="cordwood tidy", daemon=True)
        self._tidier.start()

    def _tidy_once(self, store: Store) -> None:
        try:
            self.figures.removed += store.tidy(lambda: self._stopping or not self._leads)
        except Exception as error:  # noqa: BLE001 tried again; records are not concerned
            self._tidy_at = time.monotonic() + TIDY_AGAIN
            report(
                f"{self._sink.identity}: maintenance failed ({self._said(error)})",
                key=f"tidy {self._sink.identity}",
            )


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


_senders: weakref.WeakSet[Sender] = weakref.WeakSet()


def _after_fork() -> None:
    for sender in list(_senders):
        with contextlib.suppress(OSError):
            sender.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
