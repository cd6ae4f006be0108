"""Is every line there, once and right? A figure counts only if so; else what is wrong stands in its place."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benches.contenders import Task

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(\d+)\] bench INFO (\w+:\d+) user alice did (-?\d+) in 12\.345 ms",
    re.ASCII,
)
NUMBER = re.compile(r"user alice did (-?\d+) in ", re.ASCII)
CALLERS = ("work:", "timed:", "sparse:", "announced:")
FIELDS = {"amount": 12.345, "currency": "EUR", "customer": "alice", "express": True}
REACHED = re.compile(r"ValueError: (-?\d+)\b", re.ASCII)
LAST_FRAME = re.compile(r"in f8\b|\"f8\"")


@dataclass
class Verdict:
    """What was wrong with the files of one run."""

    expected: int
    lost: int = 0
    doubled: int = 0
    wrong: int = 0  # lines that are torn or not as asked
    disorder: int = 0  # lines that stand before an earlier one of their process and thread
    example: str = field(default="", repr=False)

    def __str__(self) -> str:
        faults = [
            f"{name} {count:,} of {self.expected:,} ({count / max(1, self.expected):.1%})"
            for name in ("lost", "doubled", "wrong", "disorder")
            if (count := getattr(self, name))
        ]
        return ", ".join(faults) + (f" e.g. {self.example[:200]!r}" if self.example else "") or "ok"


def lines(path: Path) -> Iterator[str]:
    """Every line of the file and of those rotated away from it, oldest file first."""
    for file in sorted(path.parent.glob(f"{path.stem}*"), key=lambda file: file.stat().st_mtime_ns):
        if not file.is_file() or file.suffix == ".lock":
            continue
        with file.open(encoding="utf-8", errors="replace", newline="\n") as opened:
            yield from opened


def numbers(task: Task, verdict: Verdict) -> Iterator[int]:
    """The number of every line; lines that are not as asked are counted as wrong."""
    callers: set[str] = set()
    for line in lines(task.path):
        right, number = json_line(line) if task.json else text_line(line, callers)
        if not right:
            verdict.wrong += 1
            verdict.example = verdict.example or line
        if number is not None:
            yield number
    if len(callers) > 1:
        verdict.wrong += 1
        verdict.example = f"more than one caller: {callers}"


def text_line(line: str, callers: set[str]) -> tuple[bool, int | None]:
    """Whether a text line is as asked, and its number, which a line with a wrong beginning may have too."""
    match = LINE.fullmatch(line.removesuffix("\n"))
    if match and line.endswith("\n"):
        callers.add(match.group(2))
        return match.group(2).startswith(CALLERS), int(match.group(3))
    found = NUMBER.findall(line)
    return False, int(found[0]) if len(found) == 1 else None


def json_line(line: str) -> tuple[bool, int | None]:
    """Whether a JSON line has the fields with their types, and its number."""
    try:
        entry = json.loads(line)
        entry = entry.get("record", {}).get("extra") or entry  # loguru keeps them there
        right = all(entry[name] == value for name, value in FIELDS.items()) and entry["express"] is True
        return right, entry["order_id"]
    except (ValueError, KeyError, AttributeError):
        return False, None


def check(task: Task, expected: Iterable[range], maybe: Iterable[range] = ()) -> Verdict:
    """Compare the files with the ranges of numbers that were logged, each range by one thread in rising order.

    Numbers of `maybe` may be there or not: they were under way when a process was killed.
    """
    ranges = list(expected)
    verdict = Verdict(sum(map(len, ranges)))
    if task.shape == "exception":
        text = "".join(lines(task.path))
        order = list(map(int, REACHED.findall(text)))
        verdict.wrong = max(0, verdict.expected - len(LAST_FRAME.findall(text)))
    else:
        order = list(numbers(task, verdict))
    counts = Counter(order)
    wanted = {number for one in ranges for number in one}
    verdict.lost = sum(number not in counts for number in wanted)
    verdict.doubled = sum(count - 1 for count in counts.values())
    known = wanted.union(*maybe)
    verdict.wrong += sum(count for number, count in counts.items() if number not in known)
    verdict.disorder = disorder(order, ranges)
    return verdict


def disorder(order: list[int], ranges: list[range]) -> int:
    """How many numbers come after a higher one of their own range."""
    starts = sorted(one.start for one in ranges)
    highest: dict[int, int] = {}
    late = 0
    for number in order:
        owner = bisect_right(starts, number)
        late += number < highest.get(owner, number)
        highest[owner] = max(number, highest.get(owner, number))
    return late
