"""One connection to PostgreSQL that cannot hang: a watchdog shuts the socket of a server that does not answer.

None of the server's and the driver's own limits help against a frozen server: `statement_timeout` is the server's,
keepalives are answered by its kernel, and the driver waits without end. What ends the wait is `shutdown` on the socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from cordwood.errors import MissingExtraError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError:
    raise MissingExtraError("A PostgreSQL sink", 'pip install "cordwood[postgres]"') from None

IDLE = 20.0  # seconds of silence after which a connection is asked for a sign of life before it is used
GRACE = 1.0  # seconds that the server has to end a statement by itself before its socket is shut
LIFE_SIGN = 5.0  # seconds that the sign of life may take
QUIET = 20  # looks of the watchdog at nothing, a tenth of a second apart, before it sleeps


class Link:
    """A connection that is made when needed and made anew when lost. One thread uses it at a time.

    Args:
        conninfo: the address with the password; it is kept here and shown nowhere.
        name: `application_name`, for who looks at `pg_stat_activity`.
        connect_timeout: seconds.
        query_timeout: seconds that one statement may take.
    """

    def __init__(self, conninfo: str, name: str, connect_timeout: float, query_timeout: float) -> None:
        self._conninfo = conninfo
        self._timeout = query_timeout
        self._settings = settings(conninfo, name, connect_timeout, query_timeout)
        self._connection: psycopg.Connection[Any] | None = None
        self._used = 0.0
        self._over = False
        self.connects = 0

    @contextlib.contextmanager
    def use(self, timeout: float | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A connection that was alive a moment ago; after an error it is gone.

        Args:
            timeout: seconds for all that is done with it; None is one statement's and a little.

        Raises:
            psycopg.Error: it cannot be made, or what was done with it failed.
        """
        connection = self._alive()
        try:
            with watched(connection, (self._timeout if timeout is None else timeout) + GRACE):
                yield connection
        except BaseException:
            self.drop()
            raise
        self._used = time.monotonic()

    def _alive(self) -> psycopg.Connection[Any]:
        connection = self._connection
        if connection is not None and not connection.closed and time.monotonic() - self._used > IDLE:
            try:
                with watched(connection, min(self._timeout, LIFE_SIGN)):
                    connection.execute("SELECT 1")
            except psycopg.Error:
                self.drop()
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, **self._settings)
            self.connects += 1
        if self._over:  # closed by another thread, maybe while this one connected
            self.drop()
            raise psycopg.OperationalError("the connection is closed for good")
        return self._connection

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and not self._connection.closed

    def drop(self) -> None:
        """Close the connection without waiting for the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                shut(connection)  # a frozen server's socket may be full: the farewell would block
                connection.close()

    def close(self) -> None:
        """End the connection as the protocol asks, for good."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError), watched(connection, GRACE):
                connection.close()

    def abandon(self) -> None:
        """In a forked child: close the descriptor alone; the session is the parent's, and ends when that ends."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            with contextlib.suppress(psycopg.Error, OSError):
                os.close(connection.fileno())


def settings(conninfo: str, name: str, connect_timeout: float, query_timeout: float) -> dict[str, Any]:
    """What a connection is made with, besides what the address says itself."""
    wanted = {
        "application_name": name,
        "connect_timeout": max(1, round(connect_timeout)),
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": round(query_timeout * 1000),
    }
    given = conninfo_to_dict(conninfo)
    own = {key: value for key, value in wanted.items() if key not in given}
    # No prepared statements: behind pgbouncer the next statement may meet another server process.
    return {**own, "autocommit": True, "prepare_threshold": None}


def shut(connection: psycopg.Connection[Any]) -> None:
    """End all waiting on the connection's socket."""
    with socket.socket(fileno=os.dup(connection.fileno())) as twin, contextlib.suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """One thread a process; it sleeps without an end only when nothing was watched for some time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[int, tuple[float, psycopg.Connection[Any]]] = {}
        self._thread: threading.Thread | None = None
        self._next = 0
        self._asleep = False

    def add(self, connection: psycopg.Connection[Any], timeout: float) -> int:
        with self._changed:
            self._next += 1
            self._watched[self._next] = (time.monotonic() + timeout, connection)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cordwood watchdog", daemon=True)
                self._thread.start()
            elif self._asleep:
                self._changed.notify()
            return self._next

    def remove(self, number: int) -> None:
        with self._changed:
            self._watched.pop(number, None)

    def _run(self) -> None:
        with self._changed:
            quiet = 0
            while True:
                now = time.monotonic()
                for number, (deadline, connection) in list(self._watched.items()):
                    if now >= deadline:
                        del self._watched[number]
                        with contextlib.suppress(psycopg.Error, OSError):
                            shut(connection)
                # What begins meanwhile has at least a second: looking ten times in it is soon enough, and under load
                # nobody needs to wake this thread for every batch.
                quiet = 0 if self._watched else quiet + 1
                self._asleep = quiet > QUIET
                self._changed.wait(None if self._asleep else 0.1)
                self._asleep = False


_watchdog = _Watchdog()


@contextlib.contextmanager
def watched(connection: psycopg.Connection[Any], timeout: float) -> Iterator[None]:
    """Whatever waits on the connection inside fails after `timeout` seconds."""
    number = _watchdog.add(connection, timeout)
    try:
        yield
    finally:
        _watchdog.remove(number)


def _after_fork() -> None:
    global _watchdog  # noqa: PLW0603 its thread and lock are the parent's
    _watchdog = _Watchdog()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
