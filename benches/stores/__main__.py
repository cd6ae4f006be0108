"""`make bench-stores`: rows a second into databases, beside their ceiling and the packages of today.

python -m benches.stores [--quick] [--url postgresql://…]

The ceiling is plain COPY of blocks prepared beforehand, in the same format, into the same table, by the same driver.
Rounds interleave ours and the ceiling; every row is counted afterwards. Messages have 151 bytes; fsync is on. The page
is docs/figures-stores.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import psycopg

from benches.stores import callers, embedded, peers, retention, server
from benches.stores.servers import debian, packaged

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures-stores.md"
ROUNDS = 3
Line = tuple[str, str, str, str]


def delivery(url: str, rows: int) -> Iterator[Line]:
    """Rows a second, and what the sender takes of its process."""
    for size, aim in ((1000, "≥ 0.9"), (50, "≥ 0.7")):
        blocks = server.prepared(url, size, rows)
        rounds = []
        for _ in range(ROUNDS):
            most = server.ceiling(url, blocks)
            found, seconds = server.ours(url, size, rows)
            rounds.append((most, found, found / most, seconds))
        most, found, ratio, seconds = (median(column) for column in zip(*rounds, strict=True))
        yield f"rows/s, {size:,}-row batches", f"{most:,.0f}", f"{found:,.0f} ({ratio:.2f} of the ceiling)", aim
        taken = f"{seconds * 1e6:.2f} µs"
        goal = "< 1 µs" if size == server.LARGE else ""
        yield f"processor of the sender's Python thread a row, {size:,}-row batches", "–", taken, goal
        if size == server.LARGE:
            plain = server.ceiling(url, blocks, indexes=False)
            yield "rows/s without secondary indexes", f"{plain:,.0f}", "–", ""


def others(url: str, count: int) -> Iterator[Line]:
    """The packages of today."""
    with debian() as other:
        if other is None:
            said = "it needs the extension ltree, which this server has not, and there is no Debian PostgreSQL 15 here"
        else:
            said = f"{peers.logtopg(other, count):,.0f} (Debian's PostgreSQL 15: it needs the extension ltree)"
    yield "rows/s, logtopg (one INSERT a record, on the caller's thread)", "–", said, ""
    yield "rows/s, django-db-logger (the same)", "–", f"{peers.django_db_logger(url, count):,.0f}", ""


def measure(url: str, *, quick: bool) -> Iterator[Line]:
    """Each figure: what, ceiling, ours, what is to be reached."""
    rows, many = (20_000, 200_000) if quick else (100_000, 5_000_000)
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10_000
    yield f"PostgreSQL {version}, {rows:,} rows a round, median of {ROUNDS} rounds", "", "", ""
    yield from delivery(url, rows)
    yield from others(url, 500 if quick else 3000)
    yield from callers.lines(url, 1.0 if quick else 4.0, ROUNDS)
    yield from retention.lines(url, many)
    yield from embedded.lines(rows, many, ROUNDS)


def main() -> int:
    """Measure, print, and keep the page unless it was quick."""
    parser = argparse.ArgumentParser(prog="make bench-stores", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows; the page stays as it is")
    parser.add_argument("--url", help="a server of one's own, a database that may be written; None starts one")
    options = parser.parse_args()
    lines: list[Line] = []
    load = os.getloadavg()[0]
    with nullcontext(options.url) if options.url else packaged() as url:
        for line in measure(url, quick=options.quick):
            lines.append(line)
            print(" | ".join(line), flush=True)
    if not options.quick:
        FIGURES.write_text(page(lines, load), encoding="utf-8")
    return 0


def page(lines: list[Line], load: float) -> str:
    """The page."""
    python = ".".join(map(str, sys.version_info[:3]))
    intro = (
        f"Written by `make bench-stores` on {time.strftime('%Y-%m-%d')}: CPython {python}, {os.cpu_count()} CPUs,\n"
        f"which the server shares, and with a load of {load:.1f} before it began.\n"
        "The documented table, messages of 151 bytes, fsync on. The ceiling is plain COPY\n"
        "(SQLite: `executemany`) of blocks prepared beforehand, in the same run; ours reads the spool, encodes,\n"
        "and keeps the ledger in the same transaction. Every row was counted. The sender's thread is measured whole:\n"
        "what it does with the GIL and what it does without, but for reading and encoding, which are another thread's."
    )
    head = "| what | the ceiling | ours | to reach |\n|---|---|---|---|\n"
    return f"# Figures of databases\n\n{intro}\n\n{head}" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
