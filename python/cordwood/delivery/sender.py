"""Delivers a folder's records to a database that all its processes share.

Every process that configured the sink has a sender; one of them holds the sink's lock and delivers for all, the others
look every tenth of a second whether it is free, and print their own records where the database is down. A batch goes
when it is full, when its first record has waited long enough, or when somebody asks; batches grow while more waits.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cordwood import _native
from cordwood.delivery.background import Background
from cordwood.delivery.fallback import Fallback
from cordwood.delivery.figures import Figures
from cordwood.delivery.maintenance import Maintenance
from cordwood.delivery.pauses import backoff
from cordwood.delivery.quarantine import Quarantine
from cordwood.delivery.report import Bell, StateFile
from cordwood.errors import report

if TYPE_CHECKING:
    from cordwood.sinks.database.store import Store

TICK = 0.05  # seconds between two looks for records, pressure and bells
FOLLOW = 0.1  # seconds between two tries for the lock
MOST_ROWS = 10_000  # of one batch
MOST_BYTES = 4 * 1024 * 1024
STATEMENT = 1.0  # seconds that maintenance's short statement is waited for before its connection is closed
TELL = 1.0  # seconds between two reports to the other processes


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


class Sender(Background):
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
        self._kept = Quarantine(spool.folder, sink.identity)
        self._held: Store | None = None
        self.figures = Figures()
        super().__init__(sink.identity)

    def _begin(self) -> None:
        self._reader = _native.Reader(self._spool, self._sink.identity)
        self._leads = False
        self._asked = False
        self._tried = 0  # rows of the batch in hand
        self._refused = 0  # of these, rows that the database does not take
        self._changed = False
        self._limit = self._sink.batch_size
        self._told = 0.0
        self._maintenance = Maintenance(
            self._spool.folder, lambda: self._stopping or not self._leads, self._maintenance_failed
        )
        super()._begin()

    @property
    def _store(self) -> Store:
        """The database, for the process that delivers to it: its driver is loaded by no other."""
        if self._held is None:
            self._held = self._sink.store()
        return self._held

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._maintenance.wait(STATEMENT)
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
        """In a forked child the lock and the connections are the parent's, as the thread."""
        held, self._held = self._held, None
        if held is not None:
            held.abandon()
        self.figures = Figures()
        super().after_fork()

    def wake(self) -> None:
        """Have everything written now that is there, by whoever delivers."""
        self._asked = True
        super().wake()
        if not self._leads:
            self._bell.ring()

    def stop(self, timeout: float) -> None:
        """Deliver what is there, if this process does, then end; the rest is left in the spool."""
        self.wake()
        super().stop(timeout)

    # The thread.

    def _run(self) -> None:
        try:
            while not self._attempt():
                pass
        finally:
            self._leads = False
            self._let_go()
            self._reader.release()

    def _attempt(self) -> bool:
        """Look once at everything, and pause if that fails; True if it is over."""
        stopping = self._stopping  # read before the spool: what was logged before stop() is delivered
        try:
            return self._step(stopping=stopping)
        except BaseException as error:  # noqa: BLE001 any database, any failure: the sender goes on
            self._reader.rewind()
            self._note(error)
            return self._pause(stopping=stopping)

    def _step(self, *, stopping: bool) -> bool:
        self._wake.clear()
        if not self._reader.lead():
            self._leads = False
            self._move_on()
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
        if self.figures.failures == 0 and self.figures.batches:
            self._maintenance.look(lambda: self._store)
        asked, self._asked = self._asked, False  # before the look: who asks during it is heard in the next
        try:
            more = self._deliver(all_of_it=stopping or asked)
        except BaseException:
            self._asked |= asked
            self._limit = max(1, self._tried // 2)  # less may be done in time, or be refused by fewer rows
            raise
        self._tell(force=False)
        if more:
            self._asked |= asked
            return False
        if stopping:
            self._tell(force=True)
            return True
        self._move_on()
        self._wake.wait(TICK)
        return False

    def _take_over(self) -> None:
        """The process that delivered before is gone, or never was: what it left is written at once."""
        self._leads = self._asked = True
        self._told = 0.0

    def _move_on(self) -> None:
        """Where the folder was deleted, read what comes in its place; what was open of the old one has been read."""
        if not self._reader.is_there():
            self._reader.release()
            self._reader = _native.Reader(self._spool, self._sink.identity)

    def _deliver(self, *, all_of_it: bool) -> bool:
        """Write a batch if it is time for one; True if there may be more."""
        sink = self._sink
        began = time.monotonic()
        self._refused = 0
        batch = self._reader.read(*self._wanted())
        rows = self._tried = len(batch)
        if not rows:
            # Past what is for other sinks, and what the database has: no segment is kept for nothing.
            self._limit = sink.batch_size
            self._reader.commit(batch)
            return batch.more
        due = all_of_it or batch.more or rows >= sink.batch_size or batch.age >= sink.flush_interval
        due = due or self._reader.is_waited_for()  # the spool is full: what is written makes room
        due = due or not self._reader.is_there()  # nobody else can read what is open of a deleted folder
        if not due:
            self._reader.rewind()
            return False
        full = rows >= self._limit
        self._limit = min(MOST_ROWS, self._limit * 2) if full else max(sink.batch_size, self._limit // 2)
        if batch.more:
            self._reader.read_ahead(*self._wanted())
        if not self._store.insert(batch, lambda places: self._quarantine(batch, places)):
            # A commit whose answer never came, or one of a leader that died: it stands. What does not, comes again.
            self._reader.rewind()
            for segment, sequence in self._store.standing(part[0] for part in batch.parts).items():
                self._reader.stands(segment, sequence)
            return True
        self._reader.commit(batch)
        self._note_success(batch, time.monotonic() - began)
        return batch.more

    def _wanted(self) -> tuple[int, int, bool]:
        return self._limit, MOST_BYTES, self._sink.columns == "extended"

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

    def _note(self, error: BaseException) -> None:
        self.figures.failed(self._said(error))
        if not self._leads:
            return
        report(
            f"{self._sink.identity} does not take records ({self.figures.last_error}); they wait and are tried again",
            key=f"delivery {self._sink.identity}",
        )
        self._tell(force=True)

    def _pause(self, *, stopping: bool) -> bool:
        """Wait before the next attempt, giving up and printing what must be meanwhile; True if it is over."""
        until = time.monotonic() + backoff(self.figures.failures)
        while not self._stopping and time.monotonic() < until:
            self.figures.given_up += self._reader.make_room()
            self._print_if_down()
            self._wake.wait(TICK)
            if self._asked and self._wake.is_set():
                break  # somebody waits for it: try again at once
        self.figures.retries += 1
        return stopping

    # Beside the batches.

    def _print_if_down(self) -> None:
        if self._fallback is not None and self._state.read().get("down"):
            with contextlib.suppress(OSError):  # the spool cannot be read now
                self._fallback.print()

    def _tell(self, *, force: bool) -> None:
        now = time.monotonic()
        if force or now - self._told >= TELL:
            self._told = now
            self._state.write(self._own_state())

    def _own_state(self) -> dict[str, Any]:
        self.figures.removed = self._maintenance.removed
        self.figures.quarantine_failures, self.figures.unkept = self._kept.failures, self._kept.unkept
        return self.figures.told()

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

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed, by whoever delivers."""
        return bool(self.figures.failures) or self._state.read().get("state") in {"failing", "down"}

    def check(self, timeout: float) -> str:
        """What is wrong with the database; empty if it answers within `timeout` seconds."""
        try:
            self._sink.store().check(timeout)
        except Exception as error:  # noqa: BLE001 any database, any failure is an answer
            return self._said(error)
        return ""

    def _said(self, error: BaseException) -> str:
        """An error's kind and first line, without any secret."""
        lines = str(error).strip().splitlines()
        return str(self._sink.target.scrub(f"{type(error).__name__}: {lines[0] if lines else ''}"))

    def _quarantine(self, batch: _native.Batch, places: Sequence[int]) -> None:
        """Keep the records of a batch that the database refuses."""
        if places:
            records = self._reader.records(batch, list(places))
            if len(records) < len(places):
                raise OSError("records that the database refuses cannot be read again")
            self._kept.keep(records)
            self._refused = len(places)

    def _maintenance_failed(self, error: Exception) -> None:
        report(f"{self._sink.identity}: maintenance failed ({self._said(error)})", key=f"tidy {self._sink.identity}")
