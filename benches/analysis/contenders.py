"""Those who answer: each a function of the log and what is asked, which returns the answer.

Every one runs in a process of its own, so that its time and its memory are its own (`worker.py`).
"""

from __future__ import annotations

import bisect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CORDWOOD = str(Path(sys.executable).with_name("cordwood"))
LINE = re.compile(r"(\S+ (\d\d):\S+) - (\S+) - (\w+) - (.*)")


def command(*arguments: str) -> str:
    """What a program printed; 1 is grep's word for nothing found."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise RuntimeError(done.stderr.strip() or f"{arguments[0]} ended with {done.returncode}")
    return done.stdout


# -- errors by logger in the last hour -------------------------------------------------------------------------------


def errors_cordwood(log: str, since: str) -> dict[str, int]:
    out = command(CORDWOOD, "search", f"level>=error since:'{since}'", "--group-by", "logger", "--json", log)
    groups = [json.loads(line) for line in out.splitlines()]
    return {group["logger"]: group["count"] for group in groups}


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


def count_cordwood(log: str, text: str) -> int:
    return int(command(CORDWOOD, "search", f'"{text}"', "--count", log))


def count_ripgrep(log: str, text: str) -> int:
    return int(command("rg", "--count", "--fixed-strings", "--no-mmap", text, log) or 0)


def count_lnav(log: str, text: str) -> int:
    out = command("lnav", "-n", "-N", "-c", f":filter-in {text}", log)
    return sum(text in line for line in out.splitlines())


# -- templates of every record, by level and hour ----------------------------------------------------------------------


def templates_cordwood(log: str, _: str) -> list[list[Any]]:
    report = json.loads(command(CORDWOOD, "analyze", "--json", log))
    return [[one["text"], [[at["begin"], at["levels"]] for at in one["times"]]] for one in report["patterns"]]


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


Contenders = dict[str, Callable[[str, str], Any]]
# By the log's form, then by the question.
ROWS: dict[str, dict[str, Contenders]] = {
    "text": {
        "errors": {"cordwood": errors_cordwood, "Python bisect": errors_bisect},
        "count": {"cordwood": count_cordwood, "ripgrep": count_ripgrep, "lnav": count_lnav},
        "templates": {
            "cordwood": templates_cordwood,
            "polars": templates_polars,
            "duckdb": templates_duckdb,
            "drain3": templates_drain3,
        },
    },
    "JSON": {
        "errors": {"cordwood": errors_cordwood, "Python bisect": errors_bisect_json},
        "count": {"cordwood": count_cordwood, "ripgrep": count_ripgrep},
        "templates": {
            "cordwood": templates_cordwood,
            "polars": templates_polars_json,
            "duckdb": templates_duckdb_json,
        },
    },
}
