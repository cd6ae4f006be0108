"""Queries answered by a database: the documented table in PostgreSQL or SQLite, through SQLAlchemy.

A query becomes one WHERE. Regular expressions differ between databases, so they are left out there and tried by the
core on what is left; all else means exactly what it means in files (`tests/contract/test_query.py`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

from cordwood import _native
from cordwood.errors import ConfigError, MissingExtraError, NoLogsError
from cordwood.query.entries import Entry
from cordwood.query.model import All, AnyOf, Field, Node, Not, Query, Regex, Text
from cordwood.query.source import Group
from cordwood.query.times import SECOND, local_zone
from cordwood.record import LEVELS
from cordwood.sinks.database.url import DatabaseUrl

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BATCH = 1000
# The fields that are columns; all others are members of extra_data.
COLUMNS: Mapping[str, str] = {
    "logger": "logger_name", "message": "message", "exception": "exception", "pid": "process_id",
    "thread_id": "thread_id", "thread": "thread_name", "host": "hostname", "function": "function_name",
    "module": "module", "filename": "filename", "line": "lineno", "file": "pathname",
}  # fmt: skip
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_LEVEL_WORDS: Mapping[str, int] = {
    **LEVELS, "TRACE": 5, "VERBOSE": 10, "NOTICE": 20, "SUCCESS": 25, "WARN": 30, "FATAL": 50,
    **{f"Level {number}": number for number in range(1, 100)},
}  # fmt: skip


def _number(text: object) -> float | None:
    """A value as a number, as files compare it; for SQLite, which has no such function."""
    return float(str(text)) if _NUMBER.fullmatch(str(text)) else None


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(ns: int) -> datetime:
    """The first microsecond at or after a time: databases keep no nanoseconds."""
    return _EPOCH + timedelta(microseconds=-(-ns // 1000))


def _level(name: str) -> int:
    return _LEVEL_WORDS.get(name, _LEVEL_WORDS.get(name.upper(), 0))


class Database:
    """One table of logs as a source.

    Args:
        url: `postgresql://…` or `sqlite:///…`; after `#` the table, where the database holds several.

    Raises:
        ConfigError: the URL cannot be used.
        NoLogsError: the database cannot be reached, or holds no table of logs.
        MissingExtraError: SQLAlchemy or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        url, _, table = url.partition("#")
        address = DatabaseUrl.parse(url)
        self.name = address.shown
        try:
            import sqlalchemy
        except ImportError:
            raise MissingExtraError("searching a database", "pip install 'cordwood[postgres]'") from None
        self._engine = _connect(sqlalchemy, address)
        try:
            self.table = self._find(sqlalchemy, table)
        except Exception:
            self.close()
            raise
        self._notices: list[str] = []

    @classmethod
    def of_urls(cls, urls: Sequence[str], paths: Sequence[str]) -> Database:
        """The database a command line names.

        Raises:
            ConfigError: it names more than one source.
        """
        if len(paths) > 1:
            raise ConfigError("paths", "a database is searched by itself", "one URL, or files and folders")
        return cls(urls[0])

    def _find(self, sqlalchemy: Any, wanted: str) -> Table:
        from cordwood.sinks.database.table import logs_table

        try:
            names = sqlalchemy.inspect(self._engine).get_table_names()
        except sqlalchemy.exc.SQLAlchemyError as error:
            why = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise NoLogsError(f"{self.name}: {why}") from None
        found = [name for name in sorted(names) if name.endswith("_logs") and wanted in ("", name)]
        if not found:
            raise NoLogsError(f"{self.name}: there is no table {wanted or '…_logs'} in this database")
        if len(found) > 1:
            raise ConfigError(
                "paths", f"{self.name} holds several tables of logs", ", ".join(f"URL#{n}" for n in found)
            )
        return logs_table(found[0].removesuffix("_logs"))

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    # -- questions ---------------------------------------------------------------------------------------------------

    def select(self, query: Query, *, before: int = 0, after: int = 0) -> Iterator[Entry]:
        """The answers in order of time, with so many entries around each (`answers` is False on those)."""
        shown = 0
        for entry in self._answers(query):
            if not before and not after:
                yield entry
                continue
            for one in self.context(entry, before, after):
                if one.place == entry.place or one.place > shown:
                    shown = max(shown, one.place)
                    one.answers = one.place == entry.place
                    yield one

    def last(self, query: Query, count: int) -> list[Entry]:
        """The last answers, in order of time."""
        with closing(self._answers(query, newest=True)) as newest:
            return list(islice(newest, count))[::-1]

    def count(self, query: Query) -> int:
        """How many answers there are."""
        from sqlalchemy import func, select

        if _has_regex(query.where):
            return sum(1 for _ in self._answers(query))
        with self._engine.connect() as connection:
            return int(
                connection.execute(select(func.count()).select_from(self.table).where(*self._where(query))).scalar_one()
            )

    def group(self, query: Query, by: Sequence[str], per: int = 0) -> list[Group]:
        """Answers counted by values of fields and spans of `per` nanoseconds of local time (0: not by time)."""
        counts: Counter[tuple[int, tuple[str, ...]]] = Counter()
        rows = self._counted(query, by, per) if not _has_regex(query.where) else self._counted_here(query, by, per)
        for begin, values, count in rows:
            counts[begin, values] += count
        return [Group(values, begin if per else None, count) for (begin, values), count in sorted(counts.items())]

    def context(self, entry: Entry, before: int, after: int) -> list[Entry]:
        """What stands around an entry in the table, in order of time, itself included."""
        from sqlalchemy import and_, or_, select

        c = self.table.c
        at = _moment(entry.time or 0)
        earlier = or_(c.timestamp < at, and_(c.timestamp == at, c.id < entry.place))
        with self._engine.connect() as connection:
            old = connection.execute(
                select(self.table).where(earlier).order_by(c.timestamp.desc(), c.id.desc()).limit(before)
            ).all()
            later = or_(c.timestamp > at, and_(c.timestamp == at, c.id >= entry.place))
            new = connection.execute(select(self.table).where(later).order_by(c.timestamp, c.id).limit(after + 1)).all()
        return [self._entry(row) for row in (*reversed(old), *new)]

    def notices(self) -> list[str]:
        """What went wrong since the last call: nothing, a database answers or raises."""
        found, self._notices = self._notices, []
        return found

    # -- rows --------------------------------------------------------------------------------------------------------

    def _answers(self, query: Query, *, newest: bool = False) -> Generator[Entry]:
        from sqlalchemy import select

        c = self.table.c
        order = (c.timestamp.desc(), c.id.desc()) if newest else (c.timestamp, c.id)
        matches = _native.Matcher(query.as_json()).matches if _has_regex(query.where) else None
        with self._engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=_BATCH)
            statement = select(self.table).where(*self._where(query)).order_by(*order)
            with streamed.execute(statement) as rows:
                for row in rows:
                    entry = self._entry(row)
                    if matches is None or _answers(matches, entry):
                        yield entry

    def _entry(self, row: Row[Any]) -> Entry:
        values = row._mapping  # noqa: SLF001 its public name in SQLAlchemy
        time = _nanoseconds(values["timestamp"])
        shown = values["timestamp"].astimezone()
        level, exception = values["level"], values["exception"] or ""
        stamp = f"{shown:%Y-%m-%d %H:%M:%S},{shown.microsecond // 1000:03d}"
        text = f"{stamp} - {values['logger_name']} - {level} - {values['message']}"
        own = {name: str(values[column]) for name, column in COLUMNS.items() if values[column] is not None}
        for name in ("logger", "message", "exception"):
            own.pop(name, None)
        return Entry(
            time=time,
            text=f"{text}\n{exception}" if exception else text,
            source=self.name,
            level=_level(level),
            logger=values["logger_name"],
            message=values["message"],
            exception=exception,
            fields={**own, **_members(values["extra_data"])},
            place=values["id"],
        )

    # -- counts ------------------------------------------------------------------------------------------------------

    def _counted_here(self, query: Query, by: Sequence[str], per: int) -> Iterator[tuple[int, tuple[str, ...], int]]:
        spans = _Spans(per)
        for entry in self._answers(query):
            known = {"level": _canonical(entry.level), "logger": entry.logger, "message": entry.message,
                     "exception": entry.exception, **entry.fields}  # fmt: skip
            begin = spans.begin((entry.time or 0) // SECOND) if per else 0
            yield begin, tuple(known.get(name, "") for name in by), 1

    def _counted(self, query: Query, by: Sequence[str], per: int) -> Iterator[tuple[int, tuple[str, ...], int]]:
        from sqlalchemy import func, literal, select

        spans = _Spans(per)
        where = self._where(query)
        columns = [self.table.c.level if name == "level" else self._value(name) for name in by]
        with self._engine.connect() as connection:
            span = self._span(connection, where, spans) if per else literal(0)
            labelled = [span.label("span"), *(column.label(f"v{i}") for i, column in enumerate(columns))]
            rows: Select[Any] = (
                select(*labelled, func.count()).select_from(self.table).where(*where).group_by(*labelled)
            )
            for begin, *values, count in connection.execute(rows):
                texts = tuple(
                    _canonical(_level(value or "")) if name == "level" else str("" if value is None else value)
                    for name, value in zip(by, values, strict=True)
                )
                yield spans.utc(int(begin)) * SECOND, texts, count

    def _span(self, connection: Connection, where: list[ColumnElement[bool]], spans: _Spans) -> ColumnElement[Any]:
        """The begin of the span in which a row's time lies, in seconds, with the offsets of local time that apply."""
        from sqlalchemy import BigInteger, case, cast, func, select

        c = self.table.c
        seconds: ColumnElement[Any] = (
            cast(func.strftime("%s", c.timestamp), BigInteger)
            if self._engine.dialect.name == "sqlite"
            else cast(func.floor(func.extract("epoch", c.timestamp)), BigInteger)
        )
        first, last = connection.execute(select(func.min(c.timestamp), func.max(c.timestamp)).where(*where)).one()
        if first is None:
            return seconds
        offsets = spans.offsets(_nanoseconds(first) // SECOND, _nanoseconds(last) // SECOND)
        *changes, (_, final) = offsets
        offset = case(*((seconds < until, value) for until, value in changes), else_=final) if changes else final
        local = (seconds + offset) - (seconds + offset) % spans.width
        return local if spans.days else local - offset

    # -- conditions --------------------------------------------------------------------------------------------------

    def _where(self, query: Query) -> list[ColumnElement[bool]]:
        c = self.table.c
        found = [self._holds(query.where, loose=True)]
        if query.since is not None:
            found.append(c.timestamp >= _moment(query.since))
        if query.until is not None:
            found.append(c.timestamp < _moment(query.until))
        return found

    def _holds(self, node: Node, *, loose: bool) -> ColumnElement[bool]:
        """The node as a condition, never NULL; a regular expression holds everywhere if `loose`, else nowhere."""
        from sqlalchemy import and_, false, not_, or_, true

        match node:
            case Text():
                return self._contains(node)
            case Field():
                return self._compares(node)
            case Not(inner):
                return not_(self._holds(inner, loose=not loose))
            case All(nodes):
                return and_(true(), *(self._holds(one, loose=loose) for one in nodes))
            case AnyOf(nodes):
                return or_(false(), *(self._holds(one, loose=loose) for one in nodes))
            case Regex():
                return true() if loose else false()

    def _contains(self, node: Text) -> ColumnElement[bool]:
        from sqlalchemy import false, func, or_, true

        if not node.text:
            return true()
        if "\0" in node.text:
            return false()
        postgres = self._engine.dialect.name == "postgresql"
        find = func.strpos if postgres else func.instr
        # The C collation lowers ASCII only, as SQLite and the scan of files do.
        columns = (self.table.c.message, self.table.c.exception)
        plain = [column.collate("C") if postgres else column for column in columns]
        lower = [func.lower(column) if node.any_case else column for column in plain]
        text = _ascii_lower(node.text) if node.any_case else node.text
        return or_(*(func.coalesce(find(column, text), 0) > 0 for column in lower))

    def _value(self, name: str) -> ColumnElement[Any]:
        """A field as text, NULL where a row has none, or an empty one."""
        from sqlalchemy import Text as SqlText
        from sqlalchemy import case, cast, func, literal

        c = self.table.c
        if name in COLUMNS:
            return func.nullif(cast(c[COLUMNS[name]], SqlText), "")
        if self._engine.dialect.name == "postgresql":
            paths = dict.fromkeys([(name,), tuple(name.split("."))])
            texts = [func.jsonb_extract_path_text(c.extra_data, *path, type_=SqlText) for path in paths]
            return func.nullif(func.coalesce(*texts, ""), "")
        each = []
        for path in dict.fromkeys(["$." + _quoted(name), "$." + ".".join(map(_quoted, name.split(".")))]):
            kind = func.json_type(c.extra_data, path)
            plain = cast(func.json_extract(c.extra_data, path), SqlText)
            each.append(case((kind == "true", literal("true")), (kind == "false", literal("false")), else_=plain))
        return func.nullif(func.coalesce(*each, ""), "")

    def _compares(self, node: Field) -> ColumnElement[bool]:
        from sqlalchemy import false, func

        if node.name == "level" and node.op != "?":
            wanted = [word for word, number in _LEVEL_WORDS.items() if _compare(node.op, number, int(node.value))]
            return func.upper(self.table.c.level).in_([word.upper() for word in wanted])
        value = func.nullif(self.table.c.level, "") if node.name == "level" else self._value(node.name)
        if node.op == "?":
            return value.is_not(None)
        if "\0" in node.value:
            return false()
        if node.op == "=":
            found = value == node.value
        elif node.op == "~":
            found = self._like(value, node.value)
        else:
            found = self._as_number(value).op(node.op, is_comparison=True)(float(node.value))
        return func.coalesce(found, false())

    def _as_number(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        from sqlalchemy import Double, case, cast, func, null

        if self._engine.dialect.name == "sqlite":
            return func.cordwood_number(value)
        return case((value.op("~")(rf"^{_NUMBER.pattern}$"), cast(value, Double)), else_=null())

    def _like(self, value: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        if self._engine.dialect.name == "sqlite":  # LIKE ignores case there
            return value.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
        escaped = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
        return value.like(escaped, escape="\\")


class _Spans:
    """Spans of local time, as the core counts by them."""

    def __init__(self, per: int) -> None:
        self.width = max(1, per // SECOND)
        self.days = self.width % 86_400 == 0  # they begin at midnight, and may have 23 or 25 hours
        self._zone = local_zone() if self.width >= 60 else [(0, 0)]  # noqa: PLR2004 offsets are whole minutes

    def offsets(self, first: int, last: int) -> list[tuple[int, int]]:
        """(until second, offset) for each part of a range; the last has no end."""
        ends = [begin for begin, _ in self._zone[1:]] + [2**62]
        return [
            (end, offset)
            for (begin, offset), end in zip(self._zone, ends, strict=True)
            if end > first and (begin <= last or begin == self._zone[0][0])
        ]

    def utc(self, begin: int) -> int:
        """A begin as the database counts them in seconds since the epoch: those of days are local time."""
        return int((datetime(1970, 1, 1) + timedelta(seconds=begin)).timestamp()) if self.days else begin  # noqa: DTZ001

    def begin(self, second: int) -> int:
        """The begin of the span in which a second lies, in nanoseconds."""
        offset = self.offsets(second, second)[0][1]
        local = (second + offset) // self.width * self.width
        return self.utc(local if self.days else local - offset) * SECOND


def _connect(sqlalchemy: Any, address: DatabaseUrl) -> Engine:
    url = f"sqlite:///{address.connect}" if address.dialect == "sqlite" else address.connect
    if address.dialect == "sqlite":
        from pathlib import Path

        if not Path(address.connect).exists():
            raise NoLogsError(f"{address.shown}: there is no such file")
    else:
        url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)
    try:
        engine: Engine = sqlalchemy.create_engine(url)
    except ImportError:
        raise MissingExtraError("searching PostgreSQL", "pip install 'cordwood[postgres]'") from None
    if address.dialect == "sqlite":

        @sqlalchemy.event.listens_for(engine, "connect")  # type: ignore[untyped-decorator]
        def _(connection: Any, _record: object) -> None:
            connection.create_function("cordwood_number", 1, _number, deterministic=True)

    return engine


def _answers(matches: Callable[..., bool], entry: Entry) -> bool:
    fields = json.dumps(dict(entry.fields))
    return matches(entry.time or 0, entry.level, entry.logger, entry.message, entry.exception, fields)


def _has_regex(node: Node) -> bool:
    match node:
        case Regex():
            return True
        case Not(inner):
            return _has_regex(inner)
        case All(nodes) | AnyOf(nodes):
            return any(map(_has_regex, nodes))
        case _:
            return False


def _compare(op: str, left: int, right: int) -> bool:
    return {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def _ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _canonical(level: int) -> str:
    """As the core names levels: by tens."""
    if level <= 0:
        return ""
    names = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR")
    return names[level // 10] if level < 50 else "CRITICAL"  # noqa: PLR2004 logging's own numbers


def _members(value: object, prefix: str = "") -> dict[str, str]:
    """The members of extra_data as text, objects opened (`http.status`)."""
    found: dict[str, str] = {}
    for name, member in value.items() if isinstance(value, dict) else ():
        if isinstance(member, dict):
            found.update(_members(member, f"{prefix}{name}."))
        elif member is not None:
            found[prefix + name] = member if isinstance(member, str) else json.dumps(member, ensure_ascii=False)
    return found
