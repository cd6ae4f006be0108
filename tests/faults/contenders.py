"""Who logs: Cordwood, the standard library's file handlers, and loguru. Each writes `app.log` and its rotated files.

A contender is `Contender(logs, **options)` with `say(template, *args)`, `flush(patience)` and `close() -> ledger`.
"""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path
from typing import Any, Protocol

BACKUPS = 50  # nothing is given up: a missing line is a lost one


class Contender(Protocol):
    """See the module."""

    def say(self, template: str, *arguments: object) -> None: ...
    def flush(self, patience: float) -> None: ...
    def close(self) -> dict[str, int]: ...


class Cordwood:
    """The public API as a user has it; its counters are the ledger."""

    def __init__(self, logs: Path, *, max_bytes: int = 0, patience: float = 10, **settings: Any) -> None:
        import cordwood

        self._cordwood = cordwood
        self._patience = patience
        settings = {"console_output": False, "format_string": "%(message)s"} | settings
        cordwood.configure(
            preset="default", level="DEBUG", log_dir=logs, max_bytes=max_bytes, backup_count=BACKUPS, **settings
        )
        self.say = logging.getLogger("faults").info

    def flush(self, patience: float) -> None:
        self._cordwood.flush(patience)

    def close(self) -> dict[str, int]:
        self.flush(self._patience)
        ledger: dict[str, int] = {}
        spools: Any = self._cordwood.stats()["spools"]
        for counts in spools.values():
            for reason, number in counts["dropped"].items():
                ledger[reason] = ledger.get(reason, 0) + number
        self._cordwood.shutdown(self._patience)
        return ledger


class Stdlib:
    """A FileHandler, rotating where `max_bytes` says so; `console` writes to standard output instead."""

    def __init__(self, logs: Path, *, max_bytes: int = 0, console: bool = False, **_: object) -> None:
        path = logs / "app.log"
        handler: logging.Handler
        if console:
            import sys

            handler = logging.StreamHandler(sys.stdout)
        elif max_bytes:
            handler = logging.handlers.RotatingFileHandler(path, maxBytes=max_bytes, backupCount=BACKUPS)
        else:
            handler = logging.FileHandler(path)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.basicConfig(level=logging.DEBUG, handlers=[handler])
        self.say = logging.getLogger("faults").info

    def flush(self, patience: float) -> None:
        """Each record is written at once."""

    def close(self) -> dict[str, int]:
        logging.shutdown()
        return {}


class Loguru:
    """`logger.add(path)`, with its rotation where `max_bytes` says so."""

    def __init__(self, logs: Path, *, max_bytes: int = 0, console: bool = False, **_: object) -> None:
        import sys

        from loguru import logger

        logger.remove()
        if console:
            logger.add(sys.stdout, level="DEBUG", format="{message}")
        else:
            logger.add(logs / "app.log", level="DEBUG", format="{message}", rotation=max_bytes or None)
        self._logger = logger

    def say(self, template: str, *arguments: object) -> None:
        for conversion in ("%07d", "%s"):
            template = template.replace(conversion, "{:07d}" if conversion == "%07d" else "{}")
        self._logger.info(template, *arguments)

    def flush(self, patience: float) -> None:
        """Each record is written at once."""

    def close(self) -> dict[str, int]:
        self._logger.remove()
        return {}


CONTENDERS: dict[str, type[Cordwood | Stdlib | Loguru]] = {
    "cordwood": Cordwood,
    "stdlib": Stdlib,
    "loguru": Loguru,
}
