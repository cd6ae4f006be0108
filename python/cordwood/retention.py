"""Which files of a log directory are closed, and which of those are past their term. Looks at names and dates alone.

Closed files are rotated ones (`app.log.1`, `app.log.2026-11-20`, `app.log.2026-11-20.1`, each also with `.gz`,
`.zst` or `.parquet`, whoever packed it) and copies of the console (`console_<timestamp>.log`). A file that is
written to bears none of these names, except for the newest copy of the console.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from cordwood.plain import Frozen

DAY = 86_400  # seconds
PACKED = (".gz", ".zst", ".parquet")

_DATE = r"\d{4}-\d\d-\d\d(?:_\d\d(?:-\d\d(?:-\d\d)?)?)?(?:\.\d{1,9})?"
_ROTATED = re.compile(rf"(?P<log>[^/]+\.(?:log|jsonl?))\.(?:\d{{1,9}}|{_DATE})(?P<packed>\.gz|\.zst|\.parquet)?")
_CONSOLE = re.compile(r"console_\d[\dT_.:-]*\.log(?P<packed>\.gz|\.zst|\.parquet)?")


class Found(Frozen):
    """A file in a log directory.

    Args:
        name: without the folder.
        modified: seconds since the epoch.
        size: in bytes.
    """

    name: str
    modified: float
    size: int


def closed(files: Iterable[Found], ours: Collection[str] = ()) -> list[Found]:
    """The closed files among these, by name.

    Args:
        files: all of a folder.
        ours: the logs that are written there, where that is known: rotated files of others are not touched.
    """
    found, consoles = [], []
    for file in files:
        if live := live_name(file.name):
            if not ours or live in ours:
                found.append(file)
        elif is_console(file.name):
            consoles.append(file)
    consoles.sort(key=lambda file: file.modified)
    return sorted(found + consoles[:-1], key=lambda file: file.name)


def live_name(name: str) -> str | None:
    """The log that a rotated file comes from; None for a copy of the console."""
    match = _ROTATED.fullmatch(name)
    return match["log"] if match else None


def is_console(name: str) -> bool:
    """Whether a file is a copy of a console."""
    return _CONSOLE.fullmatch(name) is not None


def is_packed(name: str) -> bool:
    """Whether a closed file is packed already."""
    return name.endswith(PACKED)


def past(files: Iterable[Found], days: float, now: float) -> list[Found]:
    """Those last written to more than so many days before `now`."""
    return [file for file in files if now - file.modified > days * DAY]
