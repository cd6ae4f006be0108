"""`cordwood run [-p PORT] [-l LEVEL] [-f] -- COMMAND`: the command line of the supervisor."""

from __future__ import annotations

import dataclasses
import json
import os

import click

from cordwood.level import LEVELS

_LAST_PORT = 65535


class _Port(click.ParamType):  # type: ignore[type-arg]  # older releases know no parameter
    name = "port"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A port's number."""
        text = str(value)
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _LAST_PORT):
            self.fail(f"{text!r} is not a port: a number from 1 to {_LAST_PORT}.", param, ctx)
        return int(text)


@click.command(
    short_help="Run a command: port, console copy, recovery.", context_settings={"allow_interspersed_args": False}
)
@click.option("-p", "--port", type=_Port(), help="Run on this port, or the next that is free.")
@click.option("-l", "--level", metavar="LEVEL", help=f"Log level: {', '.join(LEVELS)}.")
@click.option("-f", "--force-kill", is_flag=True, help="End who holds the port: own processes only, politely first.")
@click.option("-d", "--log-dir", help="Where the console's copy goes.  [default: CORDWOOD_LOG_DIR, else logs]")
@click.argument("command", nargs=-1, required=True)
def run(command: tuple[str, ...], port: int | None, level: str | None, log_dir: str | None, *, force_kill: bool) -> int:
    """Run COMMAND with its console kept in logs/console_<timestamp>.log and its records recovered if it crashes.

    It learns port and level as PORT and CORDWOOD_LEVEL, and by {port} and {level} in its words.
    """
    from cordwood import _native
    from cordwood.config import resolve
    from cordwood.supervisor import Job, supervise

    if level is not None and level.upper() not in LEVELS:
        raise click.BadParameter(f"{level!r} is not one of {', '.join(LEVELS)}.", param_hint="'-l' / '--level'")
    if force_kill and port is None:
        raise click.UsageError("--force-kill needs the port: --port PORT")
    environ = dict(os.environ)
    if log_dir is not None:
        environ["CORDWOOD_LOG_DIR"] = log_dir
    _native.set_redaction(json.dumps(dataclasses.asdict(resolve().config.redaction)))
    folder = environ.get("CORDWOOD_LOG_DIR") or "logs"
    return supervise(Job(command, port, level and level.upper(), force_kill, folder), environ)
