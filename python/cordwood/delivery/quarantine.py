"""Where records are kept that a database refuses whatever is tried: a file in the spool, one JSON object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from cordwood.delivery.fallback import write
from cordwood.delivery.report import sink_name
from cordwood.errors import report
from cordwood.record import Record

FOLDER = "quarantine"


class Quarantine:
    """The refused records of one sink.

    Args:
        spool: its folder; None is a spool in memory: there is no place that is ours, so they are printed to stderr.
        identity: the sink's.
    """

    def __init__(self, spool: str | None, identity: str) -> None:
        self._identity = identity
        self._path = None if spool is None else Path(spool) / FOLDER / f"{sink_name(identity)}.jsonl"

    def keep(self, records: Iterable[Record]) -> None:
        """Keep them, before the others are committed.

        Raises:
            OSError: they cannot be kept; the batch must come again.
        """
        lines = [json.dumps({name: getattr(one, name) for name in one.__dataclass_fields__}, default=str)
                 for one in records]  # fmt: skip
        text = "".join(f"{line}\n" for line in lines)
        if self._path is None:
            write("stderr", text.encode())
            place = "they stand above: a spool in memory has no folder"
        else:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(self._path, "a", encoding="utf-8", opener=_private) as file:
                file.write(text)
            place = f"they are kept in {self._path}"
        report(
            f"{self._identity} refuses {len(lines)} records whatever is tried; {place}",
            key=f"quarantine {self._identity}",
        )


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)
