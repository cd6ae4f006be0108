"""What the crash harness drives: Cordwood, the standard library as a stand-in, and stand-ins that break each promise.

A backend is `setup(folder) -> logger`, `teardown()` and `recover(folder)`; it writes `app.log` and its rotated files.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FORMAT = "%(process)d %(levelname)s %(message)s"
MAX_BYTES = 500_000
BACKUPS = 10_000  # nothing is given up: a missing line is a lost one


class Backend(Protocol):
    """See the module."""

    def setup(self, folder: Path) -> logging.Logger: ...
    def teardown(self) -> None: ...
    def recover(self, folder: Path) -> None: ...


class Cordwood:
    """The public API as a user has it."""

    def setup(self, folder: Path) -> logging.Logger:
        import cordwood

        cordwood.configure(
            cordwood.LogConfig(
                level="INFO",
                log_dir=folder,
                console_output=False,
                format_string=FORMAT,
                max_bytes=MAX_BYTES,
                backup_count=BACKUPS,
            )
        )
        return logging.getLogger("crash")

    def teardown(self) -> None:
        import cordwood

        cordwood.shutdown(timeout=60)

    def recover(self, folder: Path) -> None:
        command = Path(sys.executable).with_name("cordwood")
        subprocess.run([command, "recover", folder], check=True, timeout=120, stdout=subprocess.DEVNULL)


@dataclass
class StandIn:
    """A handler of the standard library's kind, without rotation."""

    handler: type[logging.Handler]

    def setup(self, folder: Path) -> logging.Logger:
        handler = self.handler(folder / "app.log")  # type: ignore[arg-type]
        handler.setFormatter(logging.Formatter(FORMAT))
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        return logging.getLogger("crash")

    def teardown(self) -> None:
        logging.shutdown()

    def recover(self, folder: Path) -> None:
        """Nothing: what is lost stays lost."""


def number_of(record: logging.LogRecord) -> int:
    """The record's place in its slot."""
    assert isinstance(record.args, tuple)
    return int(str(record.args[1]))


class Losing(logging.FileHandler):
    """Keeps lines in memory and writes them later from a thread, as a queue does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        threading.Thread(target=self.deliver, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        self.waiting.put(record)

    def deliver(self) -> None:
        while True:
            record = self.waiting.get()
            time.sleep(0.0005)
            super().emit(record)


class Doubling(logging.FileHandler):
    """Writes every hundredth line twice, as a retry without a ledger does."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if number_of(record) % 100 == 99:
            super().emit(record)


class Tearing(logging.FileHandler):
    """Writes a line in two pieces, so that other processes' lines come between."""

    def emit(self, record: logging.LogRecord) -> None:
        line = (self.format(record) + "\n").encode()
        assert self.stream
        for piece in (line[:12], line[12:]):
            os.write(self.stream.fileno(), piece)


class Reordering(logging.FileHandler):
    """Writes every hundredth line after the next one."""

    held: logging.LogRecord | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if number_of(record) % 100 == 98:
            self.held = record
            return
        super().emit(record)
        if self.held:
            super().emit(self.held)
            self.held = None


BACKENDS: dict[str, Backend] = {
    "cordwood": Cordwood(),
    "stdlib": StandIn(logging.FileHandler),
    "losing": StandIn(Losing),
    "doubling": StandIn(Doubling),
    "tearing": StandIn(Tearing),
    "reordering": StandIn(Reordering),
}
