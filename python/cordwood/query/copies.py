"""Records that stand in two files of one folder, such as `app.log` and `app_errors.log`, so that each is found once.

Which files of a configuration get the same records stands in their sinks' options. The file for fewer records keeps
them longer, as it rotates more rarely: its records are left out only from where the other one begins. A copy of a
console has lines that records of the logs beside it wrote, and others: the core compares them as it reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cordwood import _native
from cordwood.query.logs import chain
from cordwood.query.times import local_zone
from cordwood.spool import Format


class Copies(NamedTuple):
    """Which of a file's records are found in other files.

    Args:
        begins: from which time on, in nanoseconds since the epoch, and from which level on another file has them.
        beside: the file is a console's copy, and these are the files of the logs beside it, with their formats.
    """

    begins: Sequence[tuple[int, int]] = ()
    beside: Sequence[tuple[list[str], list[Format]]] = ()


def also_in(specs: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, int]]:
    """The files that a sink's options say its records are in too, and from which level on."""
    for spec in specs:
        told = spec.get("also_in")
        for pair in told if isinstance(told, list) else ():
            match pair:
                case [str(path), int(level)]:
                    yield path, level


def first_time(path: str, formats: Sequence[Format]) -> int | None:
    """The time of the first record that has one, of a log with its rotated siblings."""
    for one in chain(path):
        try:
            found = _native.first_time(one, list(formats), local_zone(), time.time_ns())
        except OSError:  # it is said when it is searched
            continue
        if found is not None:
            return found
    return None


def by_path(paths: Sequence[str]) -> dict[str, str]:
    """Paths as a spool knows them → as they were given."""
    return {str(Path(path).resolve()): path for path in paths}
