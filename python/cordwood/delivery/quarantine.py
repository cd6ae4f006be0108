"""Where records are kept that a database refuses whatever is tried: a file in the spool, one JSON object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from cordwood.delivery.fallback import write
from cordwood.delivery.report import sink_name
from cordwood.errors import DatabaseError, report
from cordwood.record import Record

FOLDER = "quarantine"
REMEMBERED = 10_000  # records that are not kept again when their batch comes again


class Quarantine:
    """The refused records of one sink.

    Args:
        spool: its folder; None is a spool in memory: there is no place that is ours, so they are printed to stderr.
        identity: the sink's.

    Attributes:
        failures: times that they could not be kept, and their batch had to come again.
        unkept: records of a spool in memory that could not be printed either.
    """

    def __init__(self, spool: str | None, identity: str) -> None:
        self._identity = identity
        self._path = None if spool is None else Path(spool) / FOLDER / f"{sink_name(identity)}.jsonl"
        self._seen: set[tuple[int, int]] = set()
        self.failures = 0
        self.unkept = 0

    def keep(self, records: Sequence[Record]) -> None:
        """Keep them, before the others are committed.

        Raises:
            DatabaseError: they cannot be kept; the batch must come again.
        """
        fresh = [one for one in records if (one.segment, one.sequence) not in self._seen]
        text = "".join(f"{_line(one)}\n" for one in fresh).encode()
        if not fresh:
            return
        place = self._print(text, len(fresh)) if self._path is None else self._append(self._path, text, len(fresh))
        if len(self._seen) + len(fresh) > REMEMBERED:
            self._seen.clear()
        self._seen.update((one.segment, one.sequence) for one in fresh)
        report(
            f"{self._identity} refuses {len(fresh)} records whatever is tried; {place}",
            key=f"quarantine {self._identity}",
        )

    def _print(self, text: bytes, count: int) -> str:
        if write("stderr", text):
            return "they stand above: a spool in memory has no folder"
        self.unkept += count
        return "they are lost: a spool in memory has no folder, and standard error takes nothing"

    def _append(self, path: Path, text: bytes, count: int) -> str:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            append(path, text)
        except OSError as error:
            self.failures += 1
            raise DatabaseError(
                f"{count} records are refused, and cannot be kept in {path} ({error.strerror}); all wait until they can"
            ) from error
        return f"they are kept in {path}"


def append(path: Path, text: bytes) -> None:
    """Append to a file of the owner's, on the disk when it returns; all of it, or nothing.

    Raises:
        OSError: nothing was appended.
    """
    with open(path, "ab", buffering=0, opener=_private) as file:
        length = os.fstat(file.fileno()).st_size
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(length)
            raise


def _line(record: Record) -> str:
    return json.dumps({name: getattr(record, name) for name in record.__dataclass_fields__}, default=str)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)
