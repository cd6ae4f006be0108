"""What the process that delivers to a database tells the others, in a file beside the sink's options."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cordwood.spool import read_small

_OFFSET, _PRIME, _WORD = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def sink_name(identity: str) -> str:
    """The name that a sink's files have in the spool's `sinks` folder, as the core makes it."""
    number = _OFFSET
    for byte in identity.encode():
        number = (number ^ byte) * _PRIME & _WORD
    return f"{number:016x}"


class StateFile:
    """The state of one shared sink.

    Args:
        folder: the spool; None keeps the state in this object alone.
        identity: the sink's.
    """

    def __init__(self, folder: str | None, identity: str) -> None:
        self._path = None if folder is None else Path(folder) / "sinks" / f"{sink_name(identity)}.state"
        self._held: Mapping[str, Any] = {}
        self._seen = 0

    def write(self, state: Mapping[str, Any]) -> None:
        """Tell everyone; a full disk keeps it from the others alone."""
        self._held = dict(state)
        if self._path is not None:
            fresh = self._path.with_suffix(f".{os.getpid()}")
            with contextlib.suppress(OSError):
                fresh.write_text(json.dumps(state), encoding="utf-8")
                fresh.chmod(0o600)
                fresh.replace(self._path)

    def read(self) -> Mapping[str, Any]:
        """What was told last; nothing yet is an empty mapping."""
        if self._path is None:
            return self._held
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._seen:
                self._held = json.loads(read_small(self._path))
                self._seen = changed
        except (OSError, ValueError):
            return self._held
        return self._held


class Bell:
    """Asks whoever delivers to write now, without waiting for a full batch: by touching the sink's lock file."""

    def __init__(self, folder: str | None, identity: str) -> None:
        self._path = None if folder is None else Path(folder) / "sinks" / f"{sink_name(identity)}.lock"
        self._heard: int | None = None

    def ring(self) -> None:
        """Ask."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.utime(self._path)

    def rang(self) -> bool:
        """Whether somebody asked since the last look."""
        if self._path is None:
            return False
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            return False
        before, self._heard = self._heard, changed
        return before != changed
