"""What each worker says was accepted: one file a process, one line a record, written after its log call returned.

It is an ordinary append, made by the application itself, so it holds however the worker ends and owes Cordwood
nothing. A record that is accepted but not yet written down here when the kill comes is in the files all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = "accepted"

# How a record is known again in the log files: the application's by its own words, the others by the request's path.
KEY = re.compile(r"(?:order|payment) \d+ (?:item \d+|\w+)|(?:POST|GET) (?:http://[^/ ]+)?/\w+/\d+")


def key_of(logger: str, message: str) -> str | None:
    """The name of a record in the ledger; None for one that nobody announces, such as uvicorn's start messages."""
    found = KEY.search(message)
    return None if found is None else f"{logger} {re.sub('http://[^/]+', '', found[0])}"


class Ledger:
    """This process's own file."""

    def __init__(self, folder: str = FOLDER) -> None:
        Path(folder).mkdir(exist_ok=True)
        self._fd = os.open(Path(folder) / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def accepted(self, key: str) -> None:
        """Note a record whose log call has returned."""
        os.write(self._fd, f"{key}\n".encode())


def read(folder: Path) -> Mapping[int, list[str]]:
    """What was accepted, by process, in the order in which it was announced."""
    return {int(path.name): path.read_text(encoding="utf-8").splitlines() for path in sorted(folder.iterdir())}
