"""The ledger against the files: what was accepted must stand in each of them once, in order, and whole."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cordwood.views.demo.ledger import key_of

_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(\d+)\] [A-Z]+ +([\w.]+): (.*)")
_TRACEBACK = re.compile(r"Traceback |  |(?:\w+\.)*[A-Z]\w+(?:: .*)?$|$|During handling of |The above exception ")

Keys = Mapping[int, list[str]]  # by process


@dataclass(frozen=True)
class Found:
    """What one log file and its backups hold."""

    name: str
    files: int
    bytes: int
    records: int
    broken: int  # lines that are no record and no part of one
    keys: Keys


def of_text(path: Path) -> Found:
    """A text log."""
    return _found(path, map(_text_line, _lines(path)))


def of_json(path: Path) -> Found:
    """A log of JSON lines."""
    return _found(path, map(_json_line, _lines(path)))


_Parsed = tuple[int, str, str]  # process, logger, message
_CONTINUED: _Parsed = (0, "", "")


def files_of(path: Path) -> list[Path]:
    """The file and its backups, oldest first."""
    numbered = [p for p in path.parent.glob(f"{path.name}.*") if p.suffix[1:].isdecimal()]
    return [*sorted(numbered, key=lambda p: -int(p.suffix[1:])), path]


def _lines(path: Path) -> Iterator[str]:
    for part in files_of(path):
        yield from part.read_text(encoding="utf-8").split("\n")[:-1]


def _text_line(line: str) -> _Parsed | None:
    found = _LINE.fullmatch(line)
    if found is not None:
        return int(found[1]), found[2], found[3]
    return _CONTINUED if _TRACEBACK.match(line) else None


def _json_line(line: str) -> _Parsed | None:
    try:
        record = json.loads(line)
        return record["pid"], record["logger"], record["message"]
    except (ValueError, KeyError, TypeError):
        return None


def _found(path: Path, lines: Iterable[_Parsed | None]) -> Found:
    keys: dict[int, list[str]] = {}
    records = broken = 0
    for line in lines:
        if line is None:
            broken += 1
        elif line is not _CONTINUED:
            records += 1
            key = key_of(*line[1:])
            if key is not None:
                keys.setdefault(line[0], []).append(key)
    files = files_of(path)
    return Found(path.name, len(files), sum(part.stat().st_size for part in files), records, broken, keys)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    accepted: int
    delivered: tuple[int, ...]  # by log file
    lost: int
    doubled: int


def row(name: str, accepted: Keys, found: Iterable[Found], *, logger: str = "", process: int = 0) -> Row:
    """Count the records of a logger, or of a process, or all."""

    def counted(keys: Keys) -> Counter[tuple[int, str]]:
        return Counter(
            (pid, key)
            for pid, listed in keys.items()
            if not process or pid == process
            for key in listed
            if key.startswith(f"{logger} " if logger else "")
        )

    announced = counted(accepted)
    held = [counted(one.keys) for one in found]
    return Row(
        name,
        announced.total(),
        tuple(sum(min(times, one[key]) for key, times in announced.items()) for one in held),
        sum((announced - one).total() for one in held),
        sum(times - 1 for one in held for times in one.values() if times > 1),
    )


def out_of_order(accepted: Keys, found: Found, logger: str) -> int:
    """Processes whose own records (announced in the order of the calls) stand in the file in another order."""
    wrong = 0
    for pid, announced in accepted.items():
        calls = [key for key in announced if key.startswith(f"{logger} ")]
        known = set(calls)
        wrong += calls != [key for key in found.keys.get(pid, ()) if key in known]
    return wrong
