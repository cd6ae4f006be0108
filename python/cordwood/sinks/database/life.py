"""Whether a server is alive: asked on a connection of its own, since one that waits for an answer cannot tell."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from cordwood.sinks.database.connection import settings, shut

# Whether the server works for a session, or has answered it a moment ago. No row behind a proxy that numbers by itself.
_WORKS = (
    "SELECT state = 'active' OR state_change > now() - make_interval(secs => %s) FROM pg_stat_activity WHERE pid = %s"
)


def ask(conninfo: str, timeout: float, question: Any = "SELECT 1", arguments: Sequence[object] = ()) -> Any:
    """The first row of a server's answer, None for no row.

    Raises:
        TimeoutError: there was none within `timeout` seconds.
        psycopg.Error: the server refuses, or is not there.
    """
    found: list[Any] = []

    def connect() -> None:
        try:
            limits = settings(conninfo, "cordwood check", timeout + 1, timeout)
            with psycopg.connect(conninfo, **limits) as connection:
                found.append(connection.execute(question, arguments or None).fetchone())
        except Exception as error:  # noqa: BLE001 handed on
            found.append(error)

    # Looking a name up has no time limit anywhere: it is waited for from outside.
    thread = threading.Thread(target=connect, name="cordwood check", daemon=True)
    thread.start()
    thread.join(timeout)
    if not found:
        raise TimeoutError(f"no answer within {timeout:g} seconds")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@contextlib.contextmanager
def attended(connection: psycopg.Connection[Any], conninfo: str, every: float) -> Iterator[None]:
    """Whatever waits on the connection inside may take hours, but only while the server works on it.

    Args:
        connection: idle.
        conninfo: where it leads.
        every: seconds between two questions, and that an answer may take.
    """
    pid = connection.info.backend_pid
    over, ending = threading.Event(), threading.Lock()

    def attend() -> None:
        while not over.wait(every):
            if not _works(conninfo, every, pid):
                with ending, contextlib.suppress(psycopg.Error, OSError):
                    if not over.is_set():
                        shut(connection)
                return

    threading.Thread(target=attend, name="cordwood vigil", daemon=True).start()
    try:
        yield
    finally:
        with ending:
            over.set()


def _works(conninfo: str, timeout: float, pid: int) -> bool:
    try:
        row = ask(conninfo, timeout, _WORKS, [timeout, pid])
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 it has no connection left, say, or we no thread: a server that is gone shows itself
        return True
    return row is None or row[0] is not False
