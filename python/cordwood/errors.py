"""Every error Cordwood raises, and the one way it speaks of trouble it does not raise for.

    CordwoodError
    ├── ConfigError(ValueError)         a setting that cannot be used: field, what is wrong, what is allowed
    ├── MissingExtraError(ImportError)  a part that is not installed, with the line that installs it
    ├── DatabaseError(RuntimeError)     a database, or a table in it, that cannot be used as it is
    ├── SpoolError(OSError)             a spool folder that cannot be used or read
    ├── EventLoopError(RuntimeError)    a coroutine or future that the global event loop cannot run
    ├── NoLogsError                     a file or folder given to a command holds nothing it can read
    ├── QueryError(ValueError)          the text of a query that cannot be understood, with the place
    └── DemoError                       the demo's folder is in use, or its service did not start or end

Logging calls raise none of them: what goes wrong after a call is counted and said by `report`.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterable

REPORT_INTERVAL = 60.0  # seconds between two reports of the same trouble
_PIPE_ATOMIC = 4096  # a writable pipe takes this many bytes without blocking (PIPE_BUF on Linux)


class CordwoodError(Exception):
    """The root of the tree: everything Cordwood itself raises."""


class ConfigError(CordwoodError, ValueError):
    """A setting that cannot be used.

    Args:
        field: the setting as the user writes it, dotted where it is nested (`console.stream`).
        problem: what is wrong with the value.
        allowed: what would be right, if that can be said in a few words.
        hint: what was probably meant.
    """

    def __init__(self, field: str, problem: str, allowed: str = "", hint: str = "") -> None:
        self.field = field
        self.problem = problem
        self.allowed = allowed
        self.hint = hint
        super().__init__(field, problem, allowed, hint)

    def __str__(self) -> str:
        text = f"{self.field}: {self.problem}" if self.field else self.problem
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.hint:
            text += f" (did you mean {self.hint!r}?)"
        return text


class MissingExtraError(CordwoodError, ImportError):
    """A part that needs a package which is not installed; the message ends with the line to type."""

    def __init__(self, what: str, install: str) -> None:
        self.install = install
        super().__init__(f"{what} needs a package that is not installed; type: {install}")


class DatabaseError(CordwoodError, RuntimeError):
    """A database, or a table in it, that cannot be used as it is, with what to do about it."""


class SpoolError(CordwoodError, OSError):
    """A spool folder that cannot be used or read."""


class EventLoopError(CordwoodError, RuntimeError):
    """A coroutine or future that the global event loop cannot run, with what to pass instead."""


class NoLogsError(CordwoodError):
    """A file or folder given to a command holds nothing it can read."""


class QueryError(CordwoodError, ValueError):
    """The text of a query that cannot be understood.

    Args:
        text: the query.
        at: index of the character at which it goes wrong.
        why: what is wrong there, and what would be right.
    """

    def __init__(self, text: str, at: int, why: str) -> None:
        self.text = text
        self.at = at
        self.why = why
        super().__init__(text, at, why)

    def __str__(self) -> str:
        shown = "".join(c if c.isprintable() else " " for c in self.text)
        return f"{self.why}\n  {shown}\n  {' ' * self.at}^"


class DemoError(CordwoodError):
    """The demo's folder is in use, or its service did not start or end."""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty text."""
    import difflib

    lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), lowered, n=1)
    return lowered[found[0]] if found else ""


_reported: dict[str, tuple[float, int]] = {}


def report(message: str, *, key: str | None = None) -> None:
    """Say one line on stderr; never raises, never blocks.

    The same trouble (`key`, by default the message) is said once in 60 seconds; the next line tells how often it
    was left out in between.
    """
    key = message if key is None else key
    now = time.monotonic()
    last, left_out = _reported.get(key, (-REPORT_INTERVAL, 0))
    if now - last < REPORT_INTERVAL:
        _reported[key] = (last, left_out + 1)
        return
    _reported[key] = (now, 0)
    again = f" ({left_out} more in between)" if left_out else ""
    with contextlib.suppress(Exception):  # a closed or foreign stderr: there is nowhere left to speak
        _say(f"cordwood: {message}{again}\n")


def _say(line: str) -> None:
    """Write to stderr where that cannot block: a full pipe or a stopped terminal gets nothing."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        fd = stream.fileno()
    except (OSError, ValueError, AttributeError):
        stream.write(line)  # in memory: a test's capture, a notebook
        return
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if poll.poll(0):
        os.write(fd, line.encode("utf-8", "backslashreplace")[:_PIPE_ATOMIC])
