"""The `cordwood` command: one short function for each subcommand.

Bad input is one line on stderr and exit status 2; trouble that was found is exit status 1.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cordwood.errors import CordwoodError

if TYPE_CHECKING:
    from cordwood.query.entries import Entry

# Subcommands with modules of their own, which are only loaded for those that are used: loading all takes longer than
# searching a gigabyte.
_HOMES = {
    "analyze": "analyze",
    "archive": "archive",
    "level": "level",
    "prune": "archive",
    "run": "run",
    "search": "search",
}


class _Group(click.Group):
    """A group whose errors are one line, and whose subcommands are loaded when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in order."""
        return sorted([*super().list_commands(ctx), *_HOMES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of this name."""
        if home := _HOMES.get(cmd_name):
            command: click.Command = getattr(importlib.import_module(f"cordwood.views.{home}"), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand, and end what it prints."""
        try:
            status = super().invoke(ctx)
        except OSError as error:
            if _flushed() and not (isinstance(error, BrokenPipeError) and _is_left()):
                raise
            return 0
        _flushed()
        return status

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> Any:
        """Run, and end the process with the status."""
        try:
            status = super().main(args, prog_name="cordwood", standalone_mode=False)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.ClickException as error:
            click.echo(f"cordwood: {' '.join(error.format_message().split())}", err=True)
            status = error.exit_code
        except CordwoodError as error:
            click.echo(f"cordwood: {error}", err=True)
            status = 2
        except OSError as error:
            click.echo(f"cordwood: {error.filename or 'the spool'}: {error.strerror or error}", err=True)
            status = 1
        except (click.Abort, KeyboardInterrupt):
            status = 130
        sys.exit(status if isinstance(status, int) else 0)


class _OutputError(click.ClickException):
    exit_code = 2


def _is_left() -> bool:
    """Whether nobody reads standard output any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _flushed() -> bool:
    """Whether all that was printed has gone out; a reader that leaves early, as `head` does, has what it wanted.

    Raises:
        _OutputError: it cannot go out, for the disk is full.
    """
    try:
        if sys.stdout:  # None where the descriptor was closed
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still held goes nowhere
        if not isinstance(error, BrokenPipeError):
            raise _OutputError(f"standard output: {error.strerror}") from None
        return False
    return True


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cordwood", message="%(version)s")
def main() -> None:
    """Logging that keeps every record and finds it again."""


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_folder = click.argument("folder", type=click.Path())


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


@main.command(short_help="Deliver what crashed processes left behind.")
@_folder
@_as_json
def recover(folder: str, *, as_json: bool) -> int:
    """Deliver what crashed processes left behind in the log directory FOLDER."""
    from cordwood.views.recover import recover as recovered
    from cordwood.views.recover import sentences

    report = recovered(folder)
    if as_json:
        _print_json(report)
    else:
        click.echo("\n".join(sentences(report, folder)))
    return 1 if report["remaining"] else 0


@main.command(short_help="Say what is set and how the spool stands.")
@click.argument("folder", type=click.Path(), required=False)
@click.option("--config", help="A configuration file or preset, as for cordwood.configure().")
@click.option("--ledger", is_flag=True, help="What became of every record, for each sink.")
@_as_json
def doctor(folder: str | None, config: str | None, *, ledger: bool, as_json: bool) -> int:
    """Say what is set and from where, how the spool stands, what is wrong and what to type."""
    from cordwood.views.doctor import examine, log_dir_of, sentences

    if ledger:
        from cordwood.views.ledger import examine as balance
        from cordwood.views.ledger import sentences as tell

        report = balance(log_dir_of(folder, config))
        lines = tell(report)
    else:
        report = examine(folder, config)
        lines = sentences(report)
    if as_json:
        _print_json(report)
    else:
        click.echo("\n".join(lines))
    return 1 if report["problems"] else 0


@main.command(short_help="Show the last records of files, merged by time.")
@click.argument("paths", nargs=-1, type=click.Path(readable=False))
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), default=10, show_default=True, help="How many records."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, through rotation and truncation.")
@_as_json
def tail(paths: tuple[str, ...], count: int, *, follow: bool, as_json: bool) -> int:
    """Show the last records of files and folders PATHS (./logs), merged by time."""
    from cordwood.query.times import SECOND
    from cordwood.views.tail import tail as show

    def write(entry: Entry) -> None:
        if as_json:
            _print_json({"time": (entry.time or 0) / SECOND, "file": entry.source, "text": entry.text})
        else:
            click.echo(entry.text)

    complaints = []

    def complain(notice: str) -> None:
        complaints.append(notice)
        click.echo(f"cordwood: {notice}", err=True)

    show(paths or ("logs",), count, write, complain, follow=follow, stop=lambda: False)
    return 2 if complaints else 0


@main.command(short_help="Run a service, kill a worker, count every record.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@_as_json
def demo(folder: Path | None, *, as_json: bool) -> int:
    """Run a web service under load, kill a worker, and count every record.

    All it writes goes to FOLDER, which must be empty, and stays there; without one, to a temporary folder.
    """
    from cordwood.views.demo import demonstrate

    return 0 if demonstrate(folder, click.echo, as_json=as_json) else 1
