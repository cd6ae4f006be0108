"""Those who answer: programs, and functions of the log and what is asked, which return the answer.

Every one runs in a process of its own, so that its time and its memory are its own.
"""

from __future__ import annotations

import bisect
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORDWOOD = str(Path(sys.executable).with_name("cordwood"))
LINE = re.compile(r"(\S+ (\d\d):\S+) - (\S+) - (\w+) - (.*)")


@dataclass(frozen=True)
class Program:
    """A command line of a log and what is asked, and the answer in what it prints, of which the asked is told too."""

    arguments: Callable[[str, str], list[str]]
    answer: Callable[[str, str], Any]


# -- errors by logger in the last hour -------------------------------------------------------------------------------


ERRORS_CORDWOOD = Program(
    lambda log, since: [CORDWOOD, "search", f"level>=error since:'{since}'", "--group-by", "logger", "--json", log],
    lambda out, _: {group["logger"]: group["count"] for group in map(json.loads, out.splitlines())},
)


def errors_bisect(log: str, since: str) -> dict[str, int]:
    """What one would write by hand: bisect on the time at a line's head, then read to the end."""
    found: Counter[str] = Counter()
    with Path(log).open("rb") as file:
        for line in _after(file, since, b"20", 0):
            if b" - ERROR - " in line or b" - CRITICAL - " in line:
                found[line.split(b" - ", 2)[1].decode()] += 1
    return dict(found)


def errors_bisect_json(log: str, since: str) -> dict[str, int]:
    """The same where each line is an object that begins with its time; only lines with errors are decoded."""
    found: Counter[str] = Counter()
    with Path(log).open("rb") as file:
        for line in _after(file, since, b'{"timestamp": "', 15):
            if b'"ERROR"' in line or b'"CRITICAL"' in line:
                record = json.loads(line)
                if record["level"] in {"ERROR", "CRITICAL"}:
                    found[record["logger"]] += 1
    return dict(found)


def _after(file: Any, since: str, head: bytes, at: int) -> Iterator[bytes]:
    """The lines from a time on, which stands at a place in lines that begin so."""

    class Stamps:
        def __init__(self, size: int) -> None:
            self.size = size

        def __len__(self) -> int:
            return self.size

        def __getitem__(self, place: int) -> bytes:
            file.seek(place)
            file.readline()
            for line in file:
                if line.startswith(head):
                    return bytes(line[at : at + 19])
            return b"\xff"

    file.seek(bisect.bisect_left(Stamps(os.fstat(file.fileno()).st_size), since.encode()))
    file.readline()
    yield from file


# -- a substring counted ---------------------------------------------------------------------------------------------


COUNT_CORDWOOD = Program(
    lambda log, text: [CORDWOOD, "search", f'"{text}"', "--count", log],
    lambda out, _: int(out),
)
COUNT_RIPGREP = Program(
    lambda log, text: ["rg", "--count", "--fixed-strings", "--no-mmap", text, log],
    lambda out, _: int(out or 0),
)
COUNT_LNAV = Program(
    lambda log, text: ["lnav", "-n", "-N", "-c", f":filter-in {text}", log],
    lambda out, text: sum(text in line for line in out.splitlines()),
)


# -- templates of every record, by level and hour ----------------------------------------------------------------------


TEMPLATES_CORDWOOD = Program(
    lambda log, _: [CORDWOOD, "analyze", "--json", log],
    lambda out, _: [
        [one["text"], [[at["begin"], at["levels"]] for at in one["times"]]] for one in json.loads(out)["patterns"]
    ],
)


def templates_polars(log: str, _: str) -> list[list[Any]]:
    """Knows the format, and that digits vary: one fixed expression for all variables."""
    import polars as pl

    lines = pl.scan_csv(log, has_header=False, separator="\x01", quote_char=None, new_columns=["line"])
    records = lines.filter(pl.col("line").str.starts_with("2026-"))
    template = pl.col("line").str.slice(26).str.replace_all(r"[0-9a-f]*[0-9][0-9a-f.:\-]*", "#")
    level = pl.col("line").str.extract(r" - ([A-Z]+) - ", 1)
    hour = pl.col("line").str.slice(0, 13)
    found = records.group_by(template.alias("template"), level.alias("level"), hour.alias("hour"))
    table = found.len().collect(engine="streaming")
    return [[None, int(table["len"].sum())]]


def templates_drain3(log: str, _: str) -> list[list[Any]]:
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.profiling_enabled = False
    miner, total = TemplateMiner(config=config), 0
    hours: Counter[tuple[int, str, str]] = Counter()
    with Path(log).open(encoding="utf-8") as file:
        for line in file:
            if found := LINE.match(line):
                cluster = miner.add_log_message(found[5])["cluster_id"]
                hours[cluster, found[4], found[2]] += 1
                total += 1
    return [[None, total]]


def templates_duckdb(log: str, _: str) -> list[list[Any]]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads=1")
    (total,) = connection.execute(
        "SELECT sum(n) FROM (SELECT regexp_replace(substr(line, 27), '[0-9a-f]*[0-9][0-9a-f.:-]*', '#', 'g') t, "
        "regexp_extract(line, ' - ([A-Z]+) - ', 1) l, substr(line, 1, 13) h, count(*) n "
        "FROM read_csv(?, header=false, delim='\x01', quote='', escape='', columns={'line': 'VARCHAR'}) "
        "WHERE line LIKE '2026-%' GROUP BY ALL)",
        [log],
    ).fetchone() or (0,)
    return [[None, int(total)]]


def templates_polars_json(log: str, _: str) -> list[list[Any]]:
    import polars as pl

    texts = dict.fromkeys(("timestamp", "level", "logger", "message", "exception"), pl.String)
    records = pl.scan_ndjson(log, schema=texts)
    template = pl.col("message").str.replace_all(r"[0-9a-f]*[0-9][0-9a-f.:\-]*", "#")
    found = records.group_by(template.alias("template"), "level", pl.col("timestamp").str.slice(0, 13).alias("hour"))
    table = found.len().collect(engine="streaming")
    return [[None, int(table["len"].sum())]]


def templates_duckdb_json(log: str, _: str) -> list[list[Any]]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads=1")
    (total,) = connection.execute(
        "SELECT sum(n) FROM (SELECT regexp_replace(message, '[0-9a-f]*[0-9][0-9a-f.:-]*', '#', 'g') t, level l, "
        "substr(timestamp, 1, 13) h, count(*) n FROM read_ndjson(?, columns={'timestamp': 'VARCHAR', "
        "'level': 'VARCHAR', 'message': 'VARCHAR'}) GROUP BY ALL)",
        [log],
    ).fetchone() or (0,)
    return [[None, int(total)]]


Contenders = dict[str, Program | Callable[[str, str], Any]]
# By the log's form, then by the question.
ROWS: dict[str, dict[str, Contenders]] = {
    "text": {
        "errors": {"cordwood": ERRORS_CORDWOOD, "Python bisect": errors_bisect},
        "count": {"cordwood": COUNT_CORDWOOD, "ripgrep": COUNT_RIPGREP, "lnav": COUNT_LNAV},
        "templates": {
            "cordwood": TEMPLATES_CORDWOOD,
            "polars": templates_polars,
            "duckdb": templates_duckdb,
            "drain3": templates_drain3,
        },
    },
    "JSON": {
        "errors": {"cordwood": ERRORS_CORDWOOD, "Python bisect": errors_bisect_json},
        "count": {"cordwood": COUNT_CORDWOOD, "ripgrep": COUNT_RIPGREP},
        "templates": {
            "cordwood": TEMPLATES_CORDWOOD,
            "polars": templates_polars_json,
            "duckdb": templates_duckdb_json,
        },
    },
}
