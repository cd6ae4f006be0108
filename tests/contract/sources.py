"""The same records in every source that can be asked, and the plain meaning of a query."""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from cordwood import _native
from cordwood.query import Entry, Query, Source
from cordwood.query.files import Files
from cordwood.query.model import All, AnyOf, Field, Node, Not, Regex, Text
from cordwood.record import Record

MS = 1_000_000


@dataclass(frozen=True)
class Row:
    """One record, as a test wants it to be found."""

    time: int  # nanoseconds, whole milliseconds
    level: str
    logger: str
    message: str
    exception: str = ""
    fields: dict[str, object] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, str, str]:
        return self.time, self.logger, self.message, self.exception


LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def key(entry: Entry) -> tuple[int, str, str, str]:
    assert entry.time is not None
    return entry.time, entry.logger, entry.message, entry.exception


# -- the meaning, in plain Python ---------------------------------------------------------------------------------------


def answers(row: Row, query: Query) -> bool:
    if query.since is not None and row.time < query.since:
        return False
    return not (query.until is not None and row.time >= query.until) and _holds(row, query.where)


def _lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def _holds(row: Row, node: Node) -> bool:  # noqa: PLR0911 one for each kind of node
    match node:
        case Text(text):
            fold: Callable[[str], str] = _lower if node.any_case else str
            return any(fold(text) in fold(where) for where in (row.message, row.exception))
        case Regex(pattern):
            return any(re.search(pattern, where) for where in (row.message, row.exception))
        case Not(inner):
            return not _holds(row, inner)
        case All(nodes):
            return all(_holds(row, one) for one in nodes)
        case AnyOf(nodes):
            return any(_holds(row, one) for one in nodes)
        case Field("level", op, value):
            return _compare(op, LEVELS[row.level], int(value))
        case Field(name, op, value):
            known = {"logger": row.logger, "message": row.message, "exception": row.exception} | {
                n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in row.fields.items()
            }
            found = known.get(name)
            return bool(found) and _matches(str(found), op, value)


def _matches(found: str, op: str, value: str) -> bool:
    if op == "?":
        return True
    if op == "=":
        return found == value
    if op == "~":
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in value)
        return re.fullmatch(pattern, found, re.DOTALL) is not None
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", found) is not None and _compare(op, float(found), float(value))


def _compare(op: str, left: float, right: float) -> bool:
    return {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


# -- the sources --------------------------------------------------------------------------------------------------------


def as_json(row: Row) -> str:
    stamp = datetime.fromtimestamp(row.time // MS / 1000, timezone.utc).isoformat(timespec="milliseconds")
    line = {"timestamp": stamp, "level": row.level, "logger": row.logger, "message": row.message, **row.fields}
    if row.exception:
        line["exception"] = {"text": row.exception}
    return json.dumps(line, ensure_ascii=False) + "\n"


def as_text(row: Row) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.time // 10**9))
    exception = f"\n{row.exception}" if row.exception else ""
    return f"{stamp},{row.time // MS % 1000:03d} - {row.logger} - {row.level} - {row.message}{exception}\n"


Make = Callable[[Path, Sequence[Row]], Source]


def json_file(folder: Path, rows: Sequence[Row]) -> Source:
    (folder / "app.jsonl").write_text("".join(map(as_json, rows)), encoding="utf-8")
    return Files([str(folder / "app.jsonl")])


def text_file(folder: Path, rows: Sequence[Row]) -> Source:
    (folder / "app.log").write_text("".join(map(as_text, rows)), encoding="utf-8")
    return Files([str(folder)], [("%(asctime)s - %(name)s - %(levelname)s - %(message)s", None)])


def rotated(folder: Path, rows: Sequence[Row]) -> Source:
    """Two logs; one with a sibling packed by hand and one that is plain."""
    third = max(1, len(rows) // 3)
    parts = ["".join(map(as_json, rows[:third])), "".join(map(as_json, rows[third : 2 * third]))]
    (folder / "a.log.2.gz").write_bytes(gzip.compress(parts[0].encode()))
    (folder / "a.log.1").write_text(parts[1], encoding="utf-8")
    (folder / "a.log").write_text("")
    (folder / "b.jsonl").write_text("".join(map(as_json, rows[2 * third :])), encoding="utf-8")
    return Files([str(folder)])


def siblings(folder: Path, rows: Sequence[Row]) -> Source:
    """One log, of which the older half is rotated and packed."""
    half = len(rows) // 2
    (folder / "a.log.1.gz").write_bytes(gzip.compress("".join(map(as_json, rows[:half])).encode()))
    (folder / "a.log").write_text("".join(map(as_json, rows[half:])), encoding="utf-8")
    return Files([str(folder)])


def _packed(form: str, ending: str) -> Make:
    """A log that stands there packed only, in a file that is named."""

    def make(folder: Path, rows: Sequence[Row]) -> Source:
        log = folder / "app.jsonl"
        log.write_text("".join(map(as_json, rows)), encoding="utf-8")
        packed = folder / f"app.jsonl.1{ending}"
        packed.touch()
        _native.pack(str(log), str(packed), form)
        return Files([str(packed)])

    make.__name__ = form
    return make


gzipped, zstandard, parquet = _packed("gzip", ".gz"), _packed("zstd", ".zst"), _packed("parquet", ".parquet")


def parquet_of_text(folder: Path, rows: Sequence[Row]) -> Source:
    """An archive of text, laid out by template, of which rows are left out."""
    (folder / "app.log").write_text("".join(map(as_text, rows)), encoding="utf-8")
    _native.pack(str(folder / "app.log"), str(folder / "app.log.1.parquet"), "parquet")
    return Files([str(folder / "app.log.1.parquet")])


class _Spooled(Files):
    """Records that no file has got yet."""

    def __init__(self, folder: str, records: list[Record]) -> None:
        self._patch = mock.patch("cordwood.query.files.undelivered", return_value=records)
        self._patch.start()
        super().__init__([folder])

    def close(self) -> None:
        self._patch.stop()


def spool(folder: Path, rows: Sequence[Row]) -> Source:
    """A spool whose file is JSON."""
    sinks = folder / ".cordwood" / "sinks"
    sinks.mkdir(parents=True)
    (sinks.parent / "leader.lock").touch()
    spec = {"kind": "file", "path": str(folder / "app.jsonl"), "format": {"kind": "json"}}
    (sinks / "0000000000000001.json").write_text(json.dumps(spec))
    records = [
        Record(
            time=row.time, level=LEVELS[row.level], level_name=row.level, logger=row.logger, message=row.message,
            template=row.message, pathname="/a.py", filename="a.py", module="a", line=1, function="f", pid=7,
            process_name="p", thread_id=1, thread_name="t", hostname="h", fields=row.fields,
            exception={"type": "", "message": "", "text": row.exception, "fingerprint": "", "frames": []}
            if row.exception else None,
            stack_info=None, task_name=None, segment=1, sequence=number,
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return _Spooled(str(folder), records)


class _Piped(Files):
    """A file given anew as standard input to each question."""

    def __init__(self, path: Path) -> None:
        super().__init__(["-"])
        self._path, self._before = path, os.dup(0)

    def _open(self, query: Query, *, before: int = 0, after: int = 0) -> _native.Search:
        with self._path.open("rb") as file:
            os.dup2(file.fileno(), 0)
        return super()._open(query, before=before, after=after)

    def close(self) -> None:
        os.dup2(self._before, 0)
        os.close(self._before)


def stdin(folder: Path, rows: Sequence[Row]) -> Source:
    (folder / "piped").write_text("".join(map(as_json, rows)), encoding="utf-8")
    return _Piped(folder / "piped")


def insert(url: str, rows: Sequence[Row], *, empty: bool = False) -> None:
    """Rows into the documented table of a database, which is made where it is missing, and emptied where asked."""
    import sqlalchemy
    from cordwood.query.conditions import COLUMNS
    from cordwood.sinks.database.table import logs_table

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    table = logs_table()
    table.metadata.create_all(engine)
    values: list[dict[str, Any]] = [
        {
            "timestamp": datetime.fromtimestamp(row.time // MS / 1000, timezone.utc), "level": row.level,
            "logger_name": row.logger, "process_id": row.fields.get("pid", 1), "thread_id": 1, "hostname": "h",
            "message": row.message, "exception": row.exception or None,
            "extra_data": {n: v for n, v in row.fields.items() if n not in COLUMNS} or None,
        }
        for row in rows
    ]  # fmt: skip
    with engine.begin() as connection:
        if empty:
            connection.execute(table.delete())
        for one in values:
            connection.execute(table.insert(), one)
    engine.dispose()


def database(url: str, rows: Sequence[Row]) -> Source:
    from cordwood.query.sql import Database

    insert(url, rows, empty=True)
    return Database(url)


def sqlite(folder: Path, rows: Sequence[Row]) -> Source:
    (folder / "logs.db").unlink(missing_ok=True)
    return database(f"sqlite:///{folder / 'logs.db'}", rows)


@contextmanager
def closing(source: Source) -> Iterator[Source]:
    try:
        yield source
    finally:
        source.close()
