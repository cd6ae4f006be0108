"""Queries answered by a database: the documented table in PostgreSQL or SQLite, through SQLAlchemy.

A query becomes one WHERE. Regular expressions differ between databases, so they are left out there and tried by the
core on what is left; all else means exactly what it means in files (`tests/contract/test_query.py`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from cordwood import _native
from cordwood.errors import ConfigError, MissingExtraError, NoLogsError
from cordwood.query.conditions import COLUMNS, Conditions, has_regex, level_number, moment, nanoseconds, number
from cordwood.query.entries import Entry, level_word
from cordwood.query.model import Query
from cordwood.query.parts import Part, lines
from cordwood.query.patterns import Pattern, mined
from cordwood.query.rows import NewRows
from cordwood.query.source import Group, unit_of
from cordwood.query.spans import Spans
from cordwood.query.times import SECOND
from cordwood.sinks.database.url import DatabaseUrl

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table

_BATCH = 1000


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
            self.table = self._find(sqlalchemy, table, address)
        except Exception:
            self.close()
            raise
        self._conditions = Conditions(self.table, self._engine.dialect.name)
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

    def _find(self, sqlalchemy: Any, wanted: str, address: DatabaseUrl) -> Table:
        from cordwood.sinks.database.table import logs_table

        try:
            inspector = sqlalchemy.inspect(self._engine)
            names = inspector.get_table_names()
        except sqlalchemy.exc.SQLAlchemyError as error:
            why = str(getattr(error, "orig", error)).strip().partition("\n")[0]
            raise NoLogsError(f"{self.name}: {address.scrub(why)}") from None
        found = [name for name in sorted(names) if name.endswith("_logs") and wanted in ("", name)]
        if not found:
            raise NoLogsError(f"{self.name}: there is no table {wanted or '…_logs'} in this database")
        if len(found) > 1:
            raise ConfigError(
                "paths", f"{self.name} holds several tables of logs", ", ".join(f"URL#{n}" for n in found)
            )
        is_extended = {"template", "fingerprint"} <= {column["name"] for column in inspector.get_columns(found[0])}
        return logs_table(found[0].removesuffix("_logs"), "extended" if is_extended else "documented")

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

        if has_regex(query.where):
            return sum(1 for _ in self._answers(query))
        with self._engine.connect() as connection:
            return int(
                connection.execute(
                    select(func.count()).select_from(self.table).where(*self._conditions.where(query))
                ).scalar_one()
            )

    def group(self, query: Query, by: Sequence[str], per: int = 0) -> list[Group]:
        """Answers counted by values of fields and spans of `per` nanoseconds of local time (0: not by time)."""
        counts: Counter[tuple[int, tuple[str, ...]]] = Counter()
        rows = self._counted(query, by, per) if not has_regex(query.where) else self._counted_here(query, by, per)
        for begin, values, count in rows:
            counts[begin, values] += count
        return [Group(values, begin if per else None, count) for (begin, values), count in sorted(counts.items())]

    def context(self, entry: Entry, before: int, after: int, among: Query | None = None) -> list[Entry]:
        """What stands around an entry in the table, in order of time, itself included; of what answers `among`.

        Regular expressions in `among` are not tried.
        """
        from sqlalchemy import and_, or_, select

        c = self.table.c
        at = moment(entry.time or 0)
        wanted = select(self.table).where(*self._conditions.where(among or Query()))
        earlier = or_(c.timestamp < at, and_(c.timestamp == at, c.id < entry.place))
        later = or_(c.timestamp > at, and_(c.timestamp == at, c.id >= entry.place))
        old = wanted.where(earlier).order_by(c.timestamp.desc(), c.id.desc()).limit(before)
        new = wanted.where(later).order_by(c.timestamp, c.id).limit(after + 1)
        with self._engine.connect() as connection:
            rows = [*reversed(connection.execute(old).all()), *connection.execute(new)]
        return [self._entry(row) for row in rows]

    def patterns(self, query: Query, most: int = 50) -> list[Pattern]:
        """The templates that the answers' messages were made of, the most frequent first."""
        found, notices = mined(self.parts(query), query, most, unit_of(self.span(query)))
        self._notices += notices
        return found

    def span(self, query: Query) -> tuple[int | None, int | None]:
        """From when to when answers may be."""
        from sqlalchemy import func, select

        c = self.table.c
        bounds = self._conditions.where(Query(since=query.since, until=query.until))
        with self._engine.connect() as connection:
            ends = connection.execute(select(func.min(c.timestamp), func.max(c.timestamp)).where(*bounds)).one()
        first, last = (None if end is None else nanoseconds(end) for end in ends)
        return first, last

    def parts(self, query: Query) -> list[Part]:
        """The rows that may answer."""

        def read(analysis: _native.Analysis, before: bool) -> list[str]:
            blocks = lines(self._answers(query))
            return [odd for block in blocks for odd in analysis.read_input(self.name, block, [], before=before)]

        return [Part(self.name, 0, read)]

    def follow(self, query: Query) -> NewRows:
        """Rows that are inserted from now on."""
        return NewRows(self, query)

    def since(self, query: Query, row: int | None) -> tuple[list[Entry], int]:
        """The answers among rows behind one, and the last row; None: only that."""
        from sqlalchemy import func, select

        c = self.table.c
        matches = _native.Matcher(query.as_json()).matches if has_regex(query.where) else None
        with self._engine.connect() as connection:
            last = connection.execute(select(func.coalesce(func.max(c.id), 0))).scalar_one()
            if row is None or last <= row:
                return [], last
            wanted = select(self.table).where(*self._conditions.where(query), c.id > row, c.id <= last)
            found = [self._entry(one) for one in connection.execute(wanted.order_by(c.timestamp, c.id))]
        return [entry for entry in found if matches is None or _answers(matches, entry)], last

    def notices(self) -> list[str]:
        """What went wrong since the last call: nothing, a database answers or raises."""
        found, self._notices = self._notices, []
        return found

    # -- rows --------------------------------------------------------------------------------------------------------

    def _answers(self, query: Query, *, newest: bool = False) -> Generator[Entry]:
        from sqlalchemy import select

        c = self.table.c
        order = (c.timestamp.desc(), c.id.desc()) if newest else (c.timestamp, c.id)
        matches = _native.Matcher(query.as_json()).matches if has_regex(query.where) else None
        with self._engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=_BATCH)
            statement = select(self.table).where(*self._conditions.where(query)).order_by(*order)
            with streamed.execute(statement) as rows:
                for row in rows:
                    entry = self._entry(row)
                    if matches is None or _answers(matches, entry):
                        yield entry

    def _entry(self, row: Row[Any]) -> Entry:
        values = row._mapping  # noqa: SLF001 its public name in SQLAlchemy
        time = nanoseconds(values["timestamp"])
        shown = values["timestamp"].astimezone()
        level, exception = values["level"], values["exception"] or ""
        stamp = f"{shown:%Y-%m-%d %H:%M:%S},{shown.microsecond // 1000:03d}"
        text = f"{stamp} - {values['logger_name']} - {level} - {values['message']}"
        own = {name: str(values[column]) for name, column in COLUMNS.items() if values.get(column) is not None}
        for name in ("logger", "message", "exception"):
            own.pop(name, None)
        return Entry(
            time=time,
            text=f"{text}\n{exception}" if exception else text,
            source=self.name,
            level=level_number(level),
            logger=values["logger_name"],
            message=values["message"],
            exception=exception,
            fields={**own, **_members(values["extra_data"])},
            place=values["id"],
        )

    # -- counts ------------------------------------------------------------------------------------------------------

    def _counted_here(self, query: Query, by: Sequence[str], per: int) -> Iterator[tuple[int, tuple[str, ...], int]]:
        spans = Spans(per)
        for entry in self._answers(query):
            known = {"level": level_word(entry.level), "logger": entry.logger, "message": entry.message,
                     "exception": entry.exception, **entry.fields}  # fmt: skip
            begin = spans.begin((entry.time or 0) // SECOND) if per else 0
            yield begin, tuple(known.get(name, "") for name in by), 1

    def _counted(self, query: Query, by: Sequence[str], per: int) -> Iterator[tuple[int, tuple[str, ...], int]]:
        from sqlalchemy import func, literal, select

        spans = Spans(per)
        where = self._conditions.where(query)
        columns = [self.table.c.level if name == "level" else self._conditions.value(name) for name in by]
        with self._engine.connect() as connection:
            span = self._span(connection, where, spans) if per else literal(0)
            labelled = [span.label("span"), *(column.label(f"v{i}") for i, column in enumerate(columns))]
            rows: Select[Any] = (
                select(*labelled, func.count()).select_from(self.table).where(*where).group_by(*labelled)
            )
            for begin, *values, count in connection.execute(rows):
                texts = tuple(
                    level_word(level_number(value or "")) if name == "level" else str("" if value is None else value)
                    for name, value in zip(by, values, strict=True)
                )
                yield spans.utc(int(begin)) * SECOND, texts, count

    def _span(self, connection: Connection, where: list[ColumnElement[bool]], spans: Spans) -> ColumnElement[Any]:
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
        offsets = spans.offsets(nanoseconds(first) // SECOND, nanoseconds(last) // SECOND)
        *changes, (_, final) = offsets
        offset = case(*((seconds < until, value) for until, value in changes), else_=final) if changes else final
        local = (seconds + offset) - (seconds + offset) % spans.width
        return local if spans.days else local - offset


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
            connection.create_function("cordwood_number", 1, number, deterministic=True)

    return engine


def _answers(matches: Callable[..., bool], entry: Entry) -> bool:
    fields = json.dumps(dict(entry.fields))
    return matches(entry.time or 0, entry.level, entry.logger, entry.message, entry.exception, fields)


def _members(value: object, prefix: str = "") -> dict[str, str]:
    """The members of extra_data as text, objects opened (`http.status`)."""
    found: dict[str, str] = {}
    for name, member in value.items() if isinstance(value, dict) else ():
        if isinstance(member, dict):
            found.update(_members(member, f"{prefix}{name}."))
        elif member is not None:
            found[prefix + name] = member if isinstance(member, str) else json.dumps(member, ensure_ascii=False)
    return found
