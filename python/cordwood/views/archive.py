"""`cordwood archive DIR` and `cordwood prune DIR`: pack closed log files, delete old ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from cordwood.archive import ENDINGS, Outcome
from cordwood.archive import archive as pack
from cordwood.archive import prune as delete
from cordwood.archive import restore as unpack
from cordwood.errors import NoLogsError

CommandT = TypeVar("CommandT", bound=Callable[..., object])
_DIGITS = 1024


def _options(days: int) -> Callable[[CommandT], CommandT]:
    def decorate(command: CommandT) -> CommandT:
        for option in (
            click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
            click.option("--dry-run", is_flag=True, help="Only say which files."),
            click.option(
                "--days",
                type=click.FloatRange(min=0),
                default=days,
                show_default=True,
                help="Least age of files, in days.",
            ),
            click.argument("folder", type=click.Path(), default="logs"),
        ):
            command = option(command)
        return command

    return decorate


@click.command(short_help="Pack old closed log files.")
@_options(30)
@click.option(
    "--format",
    "--compress",
    "compress",
    type=click.Choice(sorted(ENDINGS)),
    default="gzip",
    show_default=True,
    help="How to pack.",
)
@click.option("--restore", is_flag=True, help="FOLDER is a packed file: give back the log it was made of.")
def archive(folder: str, days: float, compress: str, *, restore: bool, dry_run: bool, as_json: bool) -> int:
    """Pack closed log files in FOLDER (./logs) last written to more than DAYS days ago.

    gzip and zstd are read by everybody; parquet is the smallest, and a table that DuckDB and polars read. cordwood
    search and analyze read all three as they read logs.
    """
    if restore:
        return _restored(folder, as_json=as_json)
    outcome = pack(_checked(folder), days, compress, dry_run=dry_run)
    return _say(outcome, "would pack" if dry_run else "packed", as_json=as_json)


@click.command(short_help="Delete old closed log files.")
@_options(60)
def prune(folder: str, days: float, *, dry_run: bool, as_json: bool) -> int:
    """Delete closed log files in FOLDER (./logs), packed or not, last written to more than DAYS days ago."""
    outcome = delete(_checked(folder), days, dry_run=dry_run)
    return _say(outcome, "would delete" if dry_run else "deleted", as_json=as_json)


def _restored(path: str, *, as_json: bool) -> int:
    if not Path(path).is_file():
        raise NoLogsError(f"{path} is not a file; name the packed log")
    if Path(path).suffix not in ENDINGS.values():
        raise NoLogsError(f"{path} is no packed log, whose name ends with {', '.join(ENDINGS.values())}")
    try:
        log = unpack(path)
    except OSError as error:
        click.echo(f"cordwood: {path}: {error.strerror or error}; nothing was changed", err=True)
        return 2
    click.echo(json.dumps({"restored": str(log)}) if as_json else f"restored {log}")
    return 0


def _checked(folder: str) -> str:
    if not Path(folder).is_dir():
        raise NoLogsError(f"{folder} is not a folder; name the log directory")
    return folder


def _say(outcome: Outcome, done: str, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(outcome), ensure_ascii=False))
    else:
        for name in outcome.files:
            click.echo(f"{done} {name}")
        click.echo(f"{done} {len(outcome.files)} files of {_size(outcome.size)}")
    for name, why in outcome.failed.items():
        click.echo(f"cordwood: {name}: {why}; it is left as it is", err=True)
    return 2 if outcome.failed else 0


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < _DIGITS:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= _DIGITS
    return f"{size:.1f} GB"
