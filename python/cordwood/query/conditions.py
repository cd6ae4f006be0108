"""A query as one WHERE over the documented table, the same in PostgreSQL and SQLite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from cordwood.level import LEVELS
from cordwood.query.model import All, AnyOf, Field, Node, Not, Query, Regex, Text

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The fields that are columns, the last two where the table has them; all others are members of extra_data.
COLUMNS: Mapping[str, str] = {
    "logger": "logger_name", "message": "message", "exception": "exception", "pid": "process_id",
    "thread_id": "thread_id", "thread": "thread_name", "host": "hostname", "function": "function_name",
    "module": "module", "filename": "filename", "line": "lineno", "file": "pathname",
    "template": "template", "fingerprint": "fingerprint",
}  # fmt: skip
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
LEVEL_WORDS: Mapping[str, int] = {
    **LEVELS, "TRACE": 5, "VERBOSE": 10, "NOTICE": 20, "SUCCESS": 25, "WARN": 30, "FATAL": 50,
    **{f"Level {number}": number for number in range(1, 100)},
}  # fmt: skip


def number(text: object) -> float | None:
    """A value as a number, as files compare it; for SQLite, which has no such function."""
    return float(str(text)) if NUMBER.fullmatch(str(text)) else None


def nanoseconds(at: datetime) -> int:
    """A time since the epoch."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(ns: int) -> datetime:
    """The first microsecond at or after a time: databases keep no nanoseconds."""
    return _EPOCH + timedelta(microseconds=-(-ns // 1000))


def level_number(name: str) -> int:
    """The number of a level by its name; 0 for none that is known."""
    return LEVEL_WORDS.get(name, LEVEL_WORDS.get(name.upper(), 0))


def has_regex(node: Node) -> bool:
    """Whether some of the query is left to the core."""
    match node:
        case Regex():
            return True
        case Not(inner):
            return has_regex(inner)
        case All(nodes) | AnyOf(nodes):
            return any(map(has_regex, nodes))
        case _:
            return False


class Conditions:
    """Conditions on one table.

    Args:
        table: the table of logs.
        dialect: `postgresql` or `sqlite`, which needs the function `cordwood_number`.
    """

    def __init__(self, table: Table, dialect: str) -> None:
        self._table = table
        self._postgres = dialect == "postgresql"

    def where(self, query: Query) -> list[ColumnElement[bool]]:
        """What holds of every answer, and of others only where a regular expression must be tried on what is left."""
        c = self._table.c
        found = [self._holds(query.where, loose=True)]
        if query.since is not None:
            found.append(c.timestamp >= moment(query.since))
        if query.until is not None:
            found.append(c.timestamp < moment(query.until))
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
        find = func.strpos if self._postgres else func.instr
        # The C collation lowers ASCII only, as SQLite and the scan of files do.
        columns = (self._table.c.message, self._table.c.exception)
        plain = [column.collate("C") if self._postgres else column for column in columns]
        lower = [func.lower(column) if node.any_case else column for column in plain]
        text = _ascii_lower(node.text) if node.any_case else node.text
        return or_(*(func.coalesce(find(column, text), 0) > 0 for column in lower))

    def value(self, name: str) -> ColumnElement[Any]:
        """A field as text, NULL where a row has none, or an empty one."""
        from sqlalchemy import Text as SqlText
        from sqlalchemy import case, cast, func, literal

        c = self._table.c
        if name in COLUMNS and COLUMNS[name] in c:
            return func.nullif(cast(c[COLUMNS[name]], SqlText), "")
        if self._postgres:
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
            wanted = [word for word, number in LEVEL_WORDS.items() if _compare(node.op, number, int(node.value))]
            return func.upper(self._table.c.level).in_([word.upper() for word in wanted])
        value = func.nullif(self._table.c.level, "") if node.name == "level" else self.value(node.name)
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

        if not self._postgres:
            return func.cordwood_number(value)
        return case((value.op("~")(rf"^{NUMBER.pattern}$"), cast(value, Double)), else_=null())

    def _like(self, value: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
        if not self._postgres:  # LIKE ignores case there
            return value.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
        escaped = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
        return value.like(escaped, escape="\\")


def _compare(op: str, left: int, right: int) -> bool:
    return {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def _ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
