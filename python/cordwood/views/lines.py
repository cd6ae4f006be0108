"""A record as a line for people, whatever it is written in: time, level, logger, message, fields; a traceback below."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click

from cordwood import _native
from cordwood.query.entries import Entry, level_word
from cordwood.query.model import All, AnyOf, Node, Regex, Text
from cordwood.query.times import SECOND
from cordwood.sinks.console import wants_colour

# From which level on, as the console has them.
_COLOURS = ((50, "magenta"), (40, "red"), (30, "yellow"), (20, "green"), (1, "cyan"))
_WIDTH = 8  # of the longest level
# What nearly every record has, and what tells of its traceback once more.
_LEFT_OUT = re.compile(
    r"pid|process|thread|thread_id|function|file|filename|module|line|host|task|template|stack_info"
    r"|(?:exception|error|elapsed|file|level|process|thread|time|log|ecs|[Rr]esource|@?timestamp)[._].*"
)
_REQUEST = frozenset(("method", "path", "query"))  # an access log's message holds them
_PLAIN = re.compile(r"[^\s\"'=]+")
_FLAGS = re.compile(r"\(\?([imsx]+)\)(.*)", re.DOTALL)


def colours(setting: str) -> bool:
    """Whether standard output is coloured; what is piped is not, on a CI either."""
    environ = {name: os.environ[name] for name in ("NO_COLOR", "FORCE_COLOR", "TERM") if name in os.environ}
    return wants_colour(setting, terminal=sys.stdout.isatty(), environ=environ)


def marker(where: Node) -> Callable[[str], str] | None:
    """What highlights in a text what a query looks for; None where it looks for no text."""
    try:
        wanted = re.compile("|".join(_wanted(where)))
    except re.error:  # the core's syntax and Python's differ in rare cases
        return None
    if not wanted.pattern:
        return None
    return lambda text: wanted.sub(lambda found: click.style(found[0], fg="red", bold=True) if found[0] else "", text)


def _wanted(node: Node) -> Iterator[str]:
    """Patterns of what the query looks for, not of what it leaves out."""
    match node:
        case Text(text) if text:
            yield f"(?i:{re.escape(text)})" if node.any_case else re.escape(text)
        case Regex(pattern):
            # Flags stand at the begin of an expression only, or hold for a group.
            flags = _FLAGS.fullmatch(pattern)
            yield f"(?{flags[1]}:{flags[2]})" if flags else f"(?:{pattern})"
        case All(nodes) | AnyOf(nodes):
            for one in nodes:
                yield from _wanted(one)


def pretty(entry: Entry, *, coloured: bool, mark: Callable[[str], str] | None) -> str:
    """The record; nothing in it acts on a terminal."""
    style: Callable[..., str] = click.style if coloured else _unstyled
    mark = mark or str
    colour = next((colour for least, colour in _COLOURS if entry.level >= least), None)
    parts = [
        style(_time(entry.time), dim=True),
        style(f"{level_word(entry.level) or '-':<{_WIDTH}}", fg=colour, bold=entry.level >= _COLOURS[0][0] or None),
        style(_native.escape(entry.logger) + ":", bold=True) if entry.logger else "",
        mark(_native.escape(entry.message)),
        *(style(f"{_native.escape(name)}=", dim=True) + _value(value) for name, value in _shown(entry)),
    ]
    below = "".join(f"\n{mark(_native.escape(line))}" for line in entry.exception.splitlines())
    return " ".join(filter(None, parts)) + below


def _unstyled(text: str, **_: Any) -> str:
    return text


def _time(ns: int | None) -> str:
    if ns is None:
        return "-"
    at = datetime.fromtimestamp(ns // SECOND)  # noqa: DTZ006 local time is meant
    return f"{at:%Y-%m-%d %H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def _shown(entry: Entry) -> Iterator[tuple[str, str]]:
    for name, value in entry.fields.items():
        is_told = name in _REQUEST and value in entry.message
        if not is_told and not _LEFT_OUT.fullmatch(name):
            yield name, value


def _value(value: str) -> str:
    return _native.escape(value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False))
