"""A query as plain data: what is asked for, whoever answers.

`parse` makes it from text; files answer it in the core (`files.py`), databases in SQL (`sql.py`). What each node means
stands in docs/search.md and is the same everywhere (`tests/contract/test_query.py`).
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from cordwood.plain import Frozen, changed

Comparison: TypeAlias = Literal["=", "~", "?", "<", "<=", ">", ">="]


class Text(Frozen):
    """Stands in the message or the traceback. All in lower case it matches any case (ASCII), else exactly."""

    text: str

    @property
    def any_case(self) -> bool:
        """Whether case does not count."""
        return any("a" <= c <= "z" for c in self.text) and not any("A" <= c <= "Z" for c in self.text)


class Regex(Frozen):
    """Is found in the message or the traceback; the syntax is that of Rust's `regex`, which ripgrep uses."""

    pattern: str


class Field(Frozen):
    """A field compared: equal, like (`*`, `?`), there, or as a number. `level` has its number as value."""

    name: str
    op: Comparison
    value: str


class Not(Frozen):
    """What does not answer `node`."""

    node: Node


class All(Frozen):
    """What answers each of the nodes; without any: everything."""

    nodes: tuple[Node, ...]


class AnyOf(Frozen):
    """What answers one of the nodes."""

    nodes: tuple[Node, ...]


Node: TypeAlias = "Text | Regex | Field | Not | All | AnyOf"


class Query(Frozen):
    """What is asked for.

    Args:
        where: what a record must hold.
        since: nanoseconds since the epoch; records from this time on. None: from the beginning.
        until: records before this time. None: to the end.
        text: as it was written.
    """

    where: Node = All(())
    since: int | None = None
    until: int | None = None
    text: str = ""

    def within(self, since: int | None, until: int | None) -> Query:
        """The same question for a narrower time: a brushed histogram."""
        starts = [time for time in (self.since, since) if time is not None]
        ends = [time for time in (self.until, until) if time is not None]
        return changed(self, since=max(starts, default=None), until=min(ends, default=None))

    def also(self, *nodes: Node) -> Query:
        """The same question with more conditions: a click on a facet."""
        return changed(self, where=All((self.where, *nodes)))

    def as_json(self) -> str:
        """As the core reads it."""
        return json.dumps({"since": self.since, "until": self.until, "where": _plain(self.where)})


def _plain(node: Node) -> dict[str, object]:
    match node:
        case Text(text):
            return {"text": text}
        case Regex(pattern):
            return {"regex": pattern}
        case Field(name, op, value):
            return {"field": {"name": name, "op": op, "value": value}}
        case Not(inner):
            return {"not": _plain(inner)}
        case All(nodes):
            return {"all": [_plain(one) for one in nodes]}
        case AnyOf(nodes):
            return {"any": [_plain(one) for one in nodes]}
