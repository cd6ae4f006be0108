"""`cordwood level LOGGER LEVEL [DIR]`: switch levels of the processes that log to a directory, while they run."""

from __future__ import annotations

import json
import os

import click

from cordwood.errors import ConfigError
from cordwood.query.spooled import spools_of
from cordwood.spool import spool_folder

RESET = "reset"


@click.command(short_help="Switch levels of running processes.")
@click.argument("logger", required=False)
@click.argument("level", required=False)
@click.argument("folder", type=click.Path(), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def level(logger: str | None, level: str | None, folder: str | None, *, as_json: bool) -> None:
    """Switch LOGGER and all below it to LEVEL, in every process that logs to FOLDER, within about a second.

    FOLDER is the configured log directory unless given. `root` is all loggers; the level `reset` takes a switch back.
    Without a LEVEL: show the switches.
    """
    from cordwood.config import resolve, switches

    log_dir = folder or os.fspath(resolve().config.log_dir)
    spools = spools_of(log_dir) or [spool_folder(log_dir)]
    if logger is not None and level is None:
        raise click.UsageError(f"Missing argument 'LEVEL': a level's name, or {RESET}.")
    if logger is None or level is None:
        now = switches.read(spools[0])
    else:
        wanted = None if level.lower() == RESET else level
        try:
            now, *_ = [switches.write(spool, "" if logger == "root" else logger, wanted) for spool in spools]
        except OSError as error:
            raise ConfigError("folder", f"{log_dir} cannot be written: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"log_dir": log_dir, "levels": now}))
    else:
        for name, held in now.items():
            click.echo(f"{name or 'root'} {held}")
        if not now:
            click.echo(f"no level is switched in {log_dir}")
