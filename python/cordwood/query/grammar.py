"""The text of a query → `Query`, in one pass; errors point at the character.

level>=error logger:services.* since:1h "timed out" user_id:42 -path:/health /regex/ (a OR b)
"""

from __future__ import annotations

import re
import time

from cordwood.errors import ConfigError, QueryError, closest
from cordwood.level import LEVELS, level_number
from cordwood.query.days import zone
from cordwood.query.model import All, AnyOf, Comparison, Field, Node, Not, Query, Regex, Text
from cordwood.query.times import moment

_FIELD = re.compile(r"([A-Za-z_@][\w.@-]*)(:(?:>=|<=|>|<)?|>=|<=|>|<)")
# Of other query languages: an error, not text that is never found. name=value is text, as it stands in messages.
_FOREIGN = re.compile(r"([A-Za-z_@][\w.@-]*)(==|!=|=~|!~|~=)|(level|logger|since|until)(~|=)")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)+)/(?=[\s)]|$)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'(?=[\s)]|$)")  # of a value only: don't is a word
_BARE = re.compile(r"[^\s()]+")
_VALUE = re.compile(r"[^\s)]+")
# Words that a time without quotes goes on with: since:2026-11-20 09:00 UTC, since:20 Nov 2026, since:2 hours ago
_NEXT = re.compile(r"\s+([^\s()]+)")
_GOES_ON = re.compile(
    r"\d{1,2}:\d\d\S*|\d{1,2}(?i:[ap]m)|(?i:[ap]m|ago|at|noon|midnight)|\d{4}|[+-]\d\d:?\d\d|[A-Z]{3,5}|[A-Z]\w+/[\w/+-]+"
)
_WORDS = 7
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TIMES = ("since", "until")
# Levels of others' logs; their numbers as the core reads them.
_LEVELS = {"TRACE": 5, "VERBOSE": 10, "NOTICE": 20, "SUCCESS": 25}
# Those that every source knows. All else is looked for among the record's own.
FIELDS = (
    "level", "logger", "message", "exception", "pid", "process", "thread", "thread_id", "function", "file", "line",
    "host", *_TIMES,
)  # fmt: skip
# Other words for the fields that every record has.
ALIASES = {
    "name": "logger", "logger_name": "logger", "levelname": "level", "severity": "level", "msg": "message",
    "process_id": "pid", "processName": "process", "process_name": "process", "threadName": "thread",
    "thread_name": "thread", "func": "function", "funcName": "function", "function_name": "function",
    "lineno": "line", "pathname": "file", "hostname": "host", "exc": "exception", "traceback": "exception",
}  # fmt: skip


def parse(text: str, now: int | None = None) -> Query:
    """The query a text asks.

    Args:
        text: the grammar of docs/search.md; an empty one asks for everything.
        now: nanoseconds since the epoch, to which `since:1h` refers; the clock's unless given.

    Raises:
        QueryError: the text cannot be understood; the error points at the character.
    """
    parser = _Parser(text, time.time_ns() if now is None else now)
    where = parser.any_of()
    if parser.at < len(text):
        raise QueryError(text, parser.at, "this bracket closes nothing")
    query = Query(where, parser.times.get("since"), parser.times.get("until"), text)
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise QueryError(text, text.index("until:"), "until: is not after since:, so nothing can be found")
    return query


class _Parser:
    def __init__(self, text: str, now: int) -> None:
        self.text = text
        self.now = now
        self.at = 0
        self.times: dict[str, int] = {}
        self.depth = 0  # brackets and negations around, in which a time has no place

    def fail(self, why: str, at: int | None = None) -> QueryError:
        return QueryError(self.text, self.at if at is None else at, why)

    def skip(self) -> bool:
        """Over spaces; whether something follows that belongs to this level."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text) and self.text[self.at] != ")"

    def word(self, word: str) -> bool:
        """Over a word such as OR, if it stands here by itself."""
        end = self.at + len(word)
        if self.text.startswith(word, self.at) and (end == len(self.text) or self.text[end] in " \t\n()"):
            self.at = end
            return True
        return False

    def any_of(self) -> Node:
        branches = []
        begins = self.at
        times = dict(self.times)
        while True:
            start = self.at
            branches.append(self.all_of())
            if not self.skip() or not self.word("OR"):
                break
            if branches[-1] == All(()):
                raise self.fail("OR needs something before it", start)
        if len(branches) == 1:
            return branches[0]
        if self.times != times:
            raise self.fail("since: and until: hold for the whole query and cannot stand beside OR", begins)
        if branches[-1] == All(()):
            raise self.fail("OR needs something after it")
        return AnyOf(tuple(branches))

    def all_of(self) -> Node:
        nodes: list[Node] = []
        while self.skip():
            start = self.at
            if self.word("OR"):
                self.at = start
                break
            if self.word("AND"):
                if not nodes or not self.skip():
                    raise self.fail("AND needs something on both sides", start)
                continue
            node = self.term()
            if node is not None:
                nodes.append(node)
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def term(self) -> Node | None:
        start = self.at
        negated = self.word("NOT") or (self.text[self.at] == "-" and self.negation())
        if negated:
            if not self.skip():
                raise self.fail("what is not wanted is missing", start)
            self.depth += 1
            node = self.term()
            self.depth -= 1
            return None if node is None else Not(node)
        if self.text[self.at] == "(":
            return self.bracket()
        for pattern, make in ((_QUOTED, _unquoted), (_REGEX, _regex)):
            found = pattern.match(self.text, self.at)
            if found:
                self.at = found.end()
                node = make(found[1])
                if isinstance(node, Regex):
                    self.check(node, start)
                return node
        if self.text[self.at] == '"':
            raise self.fail("this quote is not closed")
        field = _FIELD.match(self.text, self.at)
        if field:
            return self.field(field)
        return self.bare()

    def bare(self) -> Text:
        """A word without quotes."""
        foreign = _FOREIGN.match(self.text, self.at)
        if foreign:
            name, op = foreign[1] or foreign[3], foreign[2] or foreign[4]
            meant = f"{'-' * op.startswith('!')}{name}:VALUE"
            raise self.fail(f"{op} is no operator; write {meant}, or quotes around text", self.at + len(name))
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            raise self.fail("this bracket closes nothing")
        self.at = bare.end()
        return Text(bare[0])

    def negation(self) -> bool:
        """`-term`; a lone dash, or one before a digit, is text."""
        following = self.text[self.at + 1 : self.at + 2]
        if not following or following.isspace() or following.isdigit():
            return False
        self.at += 1
        return True

    def bracket(self) -> Node:
        start = self.at
        self.at += 1
        self.depth += 1
        node = self.any_of()
        self.depth -= 1
        if self.at >= len(self.text):
            raise self.fail("this bracket is not closed", start)
        if node == All(()):
            raise self.fail("there is nothing in this bracket", start)
        self.at += 1
        return node

    def value(self, start: int) -> tuple[str, bool]:
        """The value that begins here, and whether it was quoted."""
        quoted = _QUOTED.match(self.text, self.at) or _SINGLE.match(self.text, self.at)
        found = quoted or _VALUE.match(self.text, self.at)
        if found is None:
            raise self.fail("a value is missing after this", start)
        if not quoted and found[0].startswith('"'):
            raise self.fail("this quote is not closed")
        self.at = found.end()
        return (_unescape(found[1]), True) if quoted else (found[0], False)

    def field(self, found: re.Match[str]) -> Node | None:
        start, name = self.at, found[1]
        op = found[2].removeprefix(":")
        self.at = found.end()
        value_at = self.at
        value, quoted = self.value(start)
        name = ALIASES.get(name, name)
        if name in _TIMES:
            self.time(name, op, start)
            self.times[name] = self.moment(value, value_at, quoted=quoted)
            return None
        if name == "level" and value != "*":
            return self.level(op, value, value_at)
        if op:
            if not _NUMBER.fullmatch(value):
                raise self.fail(f"{op} compares numbers, and {value!r} is none", value_at)
            return Field(name, _comparison(op), value)
        if quoted:
            return Field(name, "=", value)
        nodes = tuple(_like(name, one) for one in value.split(",") if one) or (Field(name, "=", value),)
        return nodes[0] if len(nodes) == 1 else AnyOf(nodes)

    def level(self, op: str, value: str, value_at: int) -> Node:
        nodes: list[Node] = []
        for word in value.split(","):
            name = word.strip().upper().removeprefix("LEVEL ")  # 15 is shown as Level 15
            try:
                number = _LEVELS.get(name) or level_number(name)
            except ConfigError:
                hint = closest(word, LEVELS)
                meant = f" (did you mean {hint.lower()}?)" if hint else ""
                raise self.fail(
                    f"{word!r} is no level{meant}; {', '.join(LEVELS).lower()}, or a number", value_at
                ) from None
            nodes.append(Field("level", _comparison(op or "="), str(number)))
        return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))

    def time(self, name: str, op: str, start: int) -> None:
        """Refuse a time where none can stand."""
        if op:
            raise self.fail(f"write {name}:TIME", start)
        if self.depth:
            raise self.fail(f"{name}: holds for the whole query and cannot stand in brackets or after a minus", start)
        if name in self.times:
            raise self.fail(f"{name}: stands here twice", start)

    def moment(self, value: str, value_at: int, *, quoted: bool) -> int:
        """The time that a value says, together with the words after it that belong to it."""
        found, why = self.read_moment(value)
        if value.endswith(","):  # Fri, 20 Nov 2026
            found = None
        at = self.at
        for _ in range(0 if quoted else _WORDS):
            following = _NEXT.match(self.text, at)
            if following is None or (found is not None and not _GOES_ON.fullmatch(following[1])):
                break
            value, at = f"{value} {following[1]}", following.end()
            try:
                zone(value)
            except ValueError as error:  # a zone that is not known is no text either
                raise self.fail(str(error), following.start(1)) from None
            longer, _ = self.read_moment(value)
            if longer is not None:
                found, self.at = longer, at
        if found is None:
            raise self.fail(why, value_at)
        return found

    def read_moment(self, text: str) -> tuple[int | None, str]:
        try:
            return moment(text, self.now), ""
        except ValueError as error:
            return None, str(error)

    def check(self, node: Regex, start: int) -> None:
        from cordwood import _native

        try:
            _native.check_query(Query(node).as_json())
        except ValueError as error:
            raise self.fail(f"the regular expression cannot be used: {str(error).splitlines()[-1]}", start) from None


def _comparison(op: str) -> Comparison:
    known: dict[str, Comparison] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
    return known[op]


def _like(name: str, value: str) -> Node:
    if value == "*":
        return Field(name, "?", "")
    return Field(name, "~" if re.search(r"[*?]", value) else "=", value)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _unquoted(text: str) -> Node:
    return Text(_unescape(text))


def _regex(text: str) -> Node:
    return Regex(text.replace("\\/", "/"))
