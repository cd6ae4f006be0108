"""`cordwood analyze`: what a log says as a whole, on one screen."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cordwood.analysis import Report
from cordwood.analysis import analyze as count
from cordwood.analysis.patterns import Template, plain
from cordwood.analysis.rules import load
from cordwood.analysis.window import parse as parse_comparison
from cordwood.errors import NoLogsError
from cordwood.query import parse
from cordwood.views.lines import colours
from cordwood.views.query import QueryCommand
from cordwood.views.report import Choice, View
from cordwood.views.report.html import html
from cordwood.views.report.markdown import markdown
from cordwood.views.report.text import text

_DEFAULT = ("logs",)
_LIKE_A_PATH = re.compile(r"[^\s:]*(?:/|\.log|\.jsonl|\.gz|\.zst|\.parquet)[^\s:]*")
_URL = re.compile(r"(?:sqlite|postgres(?:ql)?(?:\+\w+)?)://")
_NARROWEST = 80  # columns
_LONG = 50 << 20  # bytes from which on a progress bar is shown


@click.command(cls=QueryCommand, short_help="Say what is wrong: errors, issues, patterns.")
@click.argument("arguments", metavar="[QUERY] [PATHS]...", nargs=-1)
@click.option("--compare", metavar="WHAT", help="Tell what changed: yesterday, 'since TIME', or a file or folder.")
@click.option("--rules", "rule_files", multiple=True, type=click.Path(), help="Known issues of your own, in YAML.")
@click.option("--format", "formats", multiple=True, metavar="FORMAT", help="How lines are written, as for search.")
@click.option("--errors-only", is_flag=True, help="Only what is wrong.")
@click.option("--most", type=click.IntRange(min=1), help="Lines of each list: 5 on a terminal's screen, else more.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour the screen.")
@click.option("--json", "how", flag_value="json", help="Print all of it as a JSON object.")
@click.option("--markdown", "how", flag_value="markdown", help="Print Markdown.")
@click.option("--html", "how", flag_value="html", help="Print one HTML file with pictures, complete in itself.")
@click.option("--plain", "as_plain", is_flag=True, help="PATHS is one file of bare messages, one a line.")
@click.option("--assignments", type=click.Path(), help="With --plain: write the pattern of each line there.")
def analyze(
    arguments: tuple[str, ...],
    *,
    compare: str | None,
    rule_files: tuple[str, ...],
    formats: tuple[str, ...],
    errors_only: bool,
    most: int | None,
    color: str,
    how: str | None,
    as_plain: bool,
    assignments: str | None,
) -> int:
    """Say what is wrong in PATHS (./logs): counts, errors, known issues, patterns; with --compare, what is new.

    PATHS are log files (with their rotated and packed siblings), folders, - for standard input, or a database's
    URL.
    QUERY is as for search.

    Exit status: 0, or 2 where something could not be read or understood.
    """
    if assignments and not as_plain:
        raise click.UsageError("--assignments needs --plain")
    if as_plain:
        return _plain(arguments, assignments, how)
    query, paths = _split(arguments)
    with _bar() as progress:
        report = count(
            paths or _DEFAULT,
            parse(query),
            rules=load(rule_files),
            compare=parse_comparison(compare) if compare else None,
            formats=[(one, None) for one in formats],
            progress=progress,
        )
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else Choice().width
    choice = Choice(errors_only=errors_only, most=most, coloured=how is None and colours(color), width=width)
    click.echo(_shown(report, how, choice), color=choice.coloured or None)
    for notice in report.notices:
        click.echo(f"cordwood: {notice}", err=True)
    return 2 if report.notices else 0


def _split(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The query, which comes first unless that is something to read, and the paths."""
    if not arguments or arguments[0] == "-" or _URL.match(arguments[0]) or Path(arguments[0]).exists():
        return "", arguments
    if _LIKE_A_PATH.fullmatch(arguments[0]):
        raise NoLogsError(f"{arguments[0]}: there is no such file or folder")
    return arguments[0], arguments[1:]


_VIEWS: dict[str | None, View] = {None: text, "markdown": markdown, "html": html}


def _shown(report: Report, how: str | None, choice: Choice) -> str:
    return report.as_json().decode() if how == "json" else _VIEWS[how](report, choice)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, once it is worth one."""
    if not sys.stderr.isatty():
        yield None
        return
    with contextlib.ExitStack() as stack:
        bars: list[click._termui_impl.ProgressBar[int]] = []

        def progress(done: int, total: int) -> None:
            if total < _LONG:
                return
            if not bars:
                bars.append(stack.enter_context(click.progressbar(length=total, label="reading", file=sys.stderr)))
            bars[0].update(done - bars[0].pos)

        yield progress


def _plain(arguments: tuple[str, ...], assignments: str | None, how: str | None) -> int:
    if len(arguments) != 1:
        raise click.UsageError("--plain takes one file")
    if how not in (None, "json"):
        raise click.UsageError(f"--plain prints text or JSON, not {how}")
    try:
        templates = plain("/dev/stdin" if arguments[0] == "-" else arguments[0], assignments)
    except OSError as error:
        raise NoLogsError(error.strerror or str(error)) from None
    if how == "json":
        click.echo(json.dumps([dataclasses.asdict(one) for one in templates], ensure_ascii=False))
    elif assignments is None:
        click.echo("\n".join(map(_line, templates)))
    return 0


def _line(template: Template) -> str:
    return f"{template.count:>9,}  {template.text}"
