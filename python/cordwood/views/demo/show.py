"""What the demo prints: one request as each output shows it, and the table."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cordwood.views.demo.check import Row, files_of

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_WIDEST = 160


def of_request(lines: Iterable[str], number: int) -> Iterator[str]:
    """The lines about one order that INFO shows: the shop's own, httpx's and uvicorn's."""
    about = re.compile(rf"order {number} |payment {number} |/(?:orders|payments)/{number}\b")
    for line in lines:
        plain = _COLOUR.sub("", line)
        if about.search(plain) and " DEBUG " not in plain and '"level":"DEBUG"' not in plain:
            yield line


def picture(frames: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Boxes under one another, each with a title; long lines go on in the next row."""
    width = min(shutil.get_terminal_size((120, 24)).columns, _WIDEST)
    inner = width - 4
    for title, lines in frames:
        yield f"┌─ {title} {'─' * (width - len(title) - 5)}┐"
        for line in lines:
            for part in _wrapped(line, inner):
                yield f"│ {part}{' ' * (inner - len(_COLOUR.sub('', part)))} │"
        yield f"└{'─' * (width - 2)}┘"


def _wrapped(line: str, width: int) -> Iterator[str]:
    """A line in pieces that fit, cut behind a comma or a space if there is one; colours stand in the first alone."""
    while len(_COLOUR.sub("", line)) > width:
        room = width + len(line) - len(_COLOUR.sub("", line))
        cut = 1 + max(line.rfind(",", 0, room), line.rfind(" ", 0, room))
        cut = cut if cut > room // 2 else room
        yield line[:cut]
        line = line[cut:]
    yield line


def table(rows: Sequence[Row], files: Sequence[str]) -> Iterator[str]:
    """Accepted, delivered to each file, lost, doubled."""
    heads = ["", "accepted", *(f"in {name}" for name in files), "lost", "doubled"]
    cells = [[row.name, *(f"{n:,}" for n in (row.accepted, *row.delivered, row.lost, row.doubled))] for row in rows]
    widths = [max(len(line[at]) for line in [heads, *cells]) for at in range(len(heads))]
    for line in [heads, *cells]:
        yield "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a log and its backups, oldest first."""
    for part in files_of(path):
        yield from part.read_text(encoding="utf-8", errors="replace").split("\n")
