"""A whole transaction around a COPY in two round trips, by libpq's own calls.

The statements go as one text: the server works through them up to the COPY and says what each has done. Depending on
that the rows follow, or the refusal. The driver's cursors know neither several statements around a COPY nor an answer
in its middle; statement by statement it would be four round trips, and four times the driver's work under the GIL.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

PIECE = 256 * 1024  # bytes that libpq is handed at once: what it cannot send yet, it moves at each attempt


def copy_within(connection: psycopg.Connection[Any], statements: bytes, changed: int, block: bytes) -> bool:
    """Have statements done that contain one COPY from here, and hand it `block`.

    Args:
        connection: idle; after an error or a refusal the transaction that was begun waits for a ROLLBACK.
        statements: separated by semicolons, the last one a COMMIT.
        changed: how many rows the statement before the COPY must have changed, else the COPY is called off.
        block: all that the COPY reads.

    Returns:
        False if it was called off.

    Raises:
        psycopg.Error: as the driver's own cursors.
    """
    talk = _Talk(connection)
    talk.pgconn.send_query(statements)
    talk.flush()
    done, before = b"", -1
    while (result := talk.result()) is not None:
        if result.status == ExecStatus.COPY_IN:
            if before != changed:
                talk.end_copy(b"not wanted")
                return False
            talk.copy(block)
        elif result.status == ExecStatus.COMMAND_OK:
            done, before = result.command_status or b"", result.command_tuples or 0
        else:
            talk.drain()
            raise error_from_result(result)
    if done != b"COMMIT":
        raise psycopg.OperationalError(f"the server ended a batch with {done.decode()} instead of COMMIT")
    return True


class _Talk:
    """Waits for the socket without the GIL, as the driver does."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.pgconn = connection.pgconn
        self._socket = self.pgconn.socket
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def flush(self) -> None:
        if self.pgconn.flush() == 0:
            return
        self._poll.modify(self._socket, select.POLLIN | select.POLLOUT)
        while self.pgconn.flush() != 0:
            if any(events & select.POLLIN for _, events in self._poll.poll()):
                self.pgconn.consume_input()  # a server that says something first would wait for us for ever
        self._poll.modify(self._socket, select.POLLIN)

    def result(self) -> Any:
        while self.pgconn.is_busy():
            self._poll.poll()
            self.pgconn.consume_input()
        return self.pgconn.get_result()

    def copy(self, block: bytes) -> None:
        view = memoryview(block)
        for start in range(0, len(block), PIECE):
            if self.pgconn.put_copy_data(view[start : start + PIECE]) == 0:  # all before it was sent
                raise psycopg.OperationalError("there is no memory for a batch")
            self.flush()
        self.pgconn.put_copy_end()
        self.flush()

    def end_copy(self, why: bytes) -> None:
        self.pgconn.put_copy_end(why)
        self.flush()
        self.drain()

    def drain(self) -> None:
        while self.result() is not None:
            pass
