"""`cordwood search`: find records in files, folders, spools and databases; count and group them; wait for more."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cordwood.errors import NoLogsError, closest
from cordwood.query import Entry, Group, Query, Source, open_source, parse
from cordwood.query.files import STDIN_NAME
from cordwood.query.grammar import ALIASES, FIELDS
from cordwood.query.model import All, AnyOf, Field, Node, Not
from cordwood.query.times import SECOND, duration
from cordwood.views.lines import colours, marker, pretty
from cordwood.views.query import QueryCommand

if TYPE_CHECKING:
    from cordwood.query.source import Following

_DEFAULT = ("logs",)
_FIELD = re.compile(r"[A-Za-z_@][\w.@-]*")


@click.command(cls=QueryCommand)
@click.argument("query")
@click.argument("paths", nargs=-1, type=click.Path(readable=False))
@click.option("-A", "--after-context", "after", type=click.IntRange(min=0), help="Show so many records after each.")
@click.option("-B", "--before-context", "before", type=click.IntRange(min=0), help="Show so many records before each.")
@click.option("-C", "--context", type=click.IntRange(min=0), default=0, help="Show so many before and after each.")
@click.option("-c", "--count", is_flag=True, help="Print only how many there are.")
@click.option("-g", "--group-by", metavar="FIELD,…", help="Count by fields, such as logger,level.")
@click.option("--per", metavar="SPAN", help="Count by spans of time, such as 1m, 1h or 1d.")
@click.option("-n", "--last", type=click.IntRange(min=1), help="Show only the last so many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, through rotation and truncation.")
@click.option("--format", "formats", multiple=True, metavar="FORMAT", help="How lines are written: see above.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Highlight what was found."
)
@click.option("-p", "--pretty", "as_text", is_flag=True, help="Print records alike, whatever they are written in.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each record, or for each count.")
def search(
    query: str,
    paths: tuple[str, ...],
    *,
    after: int | None,
    before: int | None,
    context: int,
    count: bool,
    group_by: str | None,
    per: str | None,
    last: int | None,
    follow: bool,
    formats: tuple[str, ...],
    color: str,
    as_text: bool,
    as_json: bool,
) -> int:
    """Find records that answer a query, merged by time.

    QUERY is asked of PATHS, ./logs unless given.

    PATHS are log files (their rotated and compressed siblings are searched too), folders, - for standard input, or the
    URL of a database. QUERY is words, "phrases", /regular expressions/ and fields:

    \b
      timed out                       both words, any case
      level>=error -logger:noisy.*    at least ERROR, and not from there
      since:1h user_id:42             of the last hour, with this field
      since:yesterday until:09:00 ("a b" OR /c+/)

    FORMAT is a logging format string ('%(asctime)s %(message)s'), a format's name or an example line; formats of the
    usual kinds are recognised by themselves.

    Exit status: 0 where something was found, 1 where nothing was, 2 where something could not be read or understood.
    """  # noqa: D301 click knows a backspace
    asked = parse(query)
    known = [(text, None) for text in formats]
    shown = before if before is not None else context, after if after is not None else context
    _refuse(
        (
            (count or group_by or per) and (follow or last),
            "--count, --group-by and --per cannot be used with --follow or --last",
        ),
        (last and any(shown), "--last shows no context"),
        (follow and any(shown), "--follow shows no context"),
        (follow and "-" in paths, "--follow needs files, folders or a database"),
        (as_json and as_text, "--json and --pretty are two ways to print"),
    )
    printer = _Printer(asked, as_json=as_json, as_text=as_text, color=color)
    source = _opened(paths, known, query)
    try:
        if follow:
            with contextlib.closing(source.follow(asked)) as following:
                return printer.entries(_following(following, last))
        if group_by or per:
            names = _fields(group_by)
            found = printer.groups(_ranked(source.group(asked, names, _span(per)), per), names)
        elif count:
            found = printer.count(source.count(asked))
        elif last:
            found = printer.entries(source.last(asked, last))
        else:
            found = printer.entries(source.select(asked, before=shown[0], after=shown[1]), gaps=any(shown))
        if found == 1:
            _hint(asked.where)
        return 2 if _complain(source) else found
    finally:
        source.close()


def _refuse(*wrong: tuple[object, str]) -> None:
    for is_so, why in wrong:
        if is_so:
            raise click.UsageError(why)


def _opened(paths: tuple[str, ...], known: Sequence[tuple[str, str | None]], query: str) -> Source:
    try:
        return open_source(paths or _DEFAULT, known)
    except NoLogsError as error:
        if paths or not Path(query).exists():
            raise
        raise NoLogsError(f"{error}; the query comes first: cordwood search '' {query}") from None


def _ranked(groups: list[Group], per: str | None) -> list[Group]:
    """In order of time; where it is not asked for, the most frequent first."""
    return groups if per else sorted(groups, key=lambda group: (-group.count, group.values))


def _complain(source: Source | Following) -> bool:
    notices = source.notices()
    for notice in notices:
        click.echo(f"cordwood: {notice}", err=True)
    return bool(notices)


def _hint(node: Node) -> None:
    """Nothing was found: perhaps because of a field's name. Any name may be a record's own, so it is no error."""
    match node:
        case Field(name) if name not in FIELDS and (meant := closest(name, FIELDS)):
            click.echo(f"cordwood: nothing was found; did you mean {meant} by {name}?", err=True)
        case Not(inner):
            _hint(inner)
        case All(nodes) | AnyOf(nodes):
            for one in nodes:
                _hint(one)


def _following(following: Following, last: int | None) -> Iterator[Entry]:
    yield from following.before() if last is None else following.last(last)
    from cordwood.views.tail import PAUSE

    while True:
        _complain(following)
        new = following.new()
        yield from new
        if not new:
            sys.stdout.flush()
            time.sleep(PAUSE)


def _fields(text: str | None) -> list[str]:
    names = [name.strip() for name in (text or "").split(",")] if text else []
    for name in names:
        if not _FIELD.fullmatch(name):
            raise click.UsageError(f"--group-by: {name!r} is no field's name")
    return [ALIASES.get(name, name) for name in names]


def _span(text: str | None) -> int:
    if text is None:
        return 0
    try:
        per = duration(text)
    except ValueError as error:
        raise click.UsageError(f"--per: {error}") from None
    if per < SECOND:
        raise click.UsageError("--per: the shortest span is 1s")
    return per


class _Printer:
    """What was found, on standard output."""

    def __init__(self, query: Query, *, as_json: bool, as_text: bool, color: str) -> None:
        self.as_json, self.as_text = as_json, as_text
        self._coloured = not as_json and colours(color)
        self._mark = marker(query.where) if self._coloured else None

    def entries(self, found: Iterable[Entry], *, gaps: bool = False) -> int:
        """Print each; 0 where one answered. With `gaps`, `--` stands between groups of context."""
        any_found = False
        ended: tuple[str, int] | None = None
        for entry in found:
            any_found = any_found or entry.answers
            if gaps and not self.as_json:
                if ended is not None and ended != (entry.source, entry.place):
                    sys.stdout.write("--\n")
                ended = entry.source, entry.place + len(entry.text.encode("utf-8", "replace")) + 1
            sys.stdout.write(self._line(entry))
            sys.stdout.write("\n")
            if entry.source == STDIN_NAME:
                sys.stdout.flush()
        return 0 if any_found else 1

    def _line(self, entry: Entry) -> str:
        if self.as_json:
            return json.dumps(entry.as_json(), ensure_ascii=False)
        mark = self._mark if entry.answers else None
        if self.as_text:
            return pretty(entry, coloured=self._coloured, mark=mark)
        return mark(entry.text) if mark else entry.text

    def count(self, count: int) -> int:
        """Print the number."""
        click.echo(json.dumps({"count": count}) if self.as_json else count)
        return 0 if count else 1

    def groups(self, groups: list[Group], names: list[str]) -> int:
        """Print a line for each group: time, values, count."""
        if self.as_json:
            for group in groups:
                begin = {} if group.begin is None else {"time": group.begin / SECOND}
                values = dict(zip(names, group.values, strict=False))
                click.echo(json.dumps({**begin, **values, "count": group.count}, ensure_ascii=False))
        else:
            rows = [[*_begin(group), *(value or "-" for value in group.values), str(group.count)] for group in groups]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
                click.echo("  ".join([*cells, row[-1].rjust(widths[-1])]))
        for place, name in enumerate(names):
            nobody = groups and not any(group.values[place] for group in groups)
            if nobody and name not in FIELDS and (meant := closest(name, FIELDS)):
                click.echo(f"cordwood: no record has {name}; did you mean {meant}?", err=True)
        return 0 if groups else 1


def _begin(group: Group) -> list[str]:
    if group.begin is None:
        return []
    return [datetime.fromtimestamp(group.begin // SECOND).strftime("%Y-%m-%d %H:%M:%S")]  # noqa: DTZ006 local time
