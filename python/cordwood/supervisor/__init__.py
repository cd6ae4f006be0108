"""RUN: a command under supervision, for `cordwood run`.

In come a command and where it shall run; out go its exit status, a stamped copy of its console, and the records it left
in its spool if it crashed.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cordwood import _native
from cordwood.errors import CordwoodError, report
from cordwood.spool import FOLDER, spools
from cordwood.supervisor import port as ports
from cordwood.supervisor.child import Child
from cordwood.supervisor.console import ConsoleCopy

__all__ = ["Job", "supervise"]


@dataclass(frozen=True)
class Job:
    """What to run.

    Args:
        command: program and arguments; `{port}` and `{level}` in them are replaced.
        port: the port to begin with; None leaves ports alone.
        level: the name of the log level; None leaves CORDWOOD_LEVEL as it is.
        force_kill: whether to end who holds the port.
        log_dir: where the console's copy goes, and where records are recovered.
    """

    command: Sequence[str]
    port: int | None = None
    level: str | None = None
    force_kill: bool = False
    log_dir: str = "logs"

    def words(self, port: int | None, level: str) -> list[str]:
        """The command with `{port}` and `{level}` filled in; other braces stay."""
        return [word.replace("{port}", str(port)).replace("{level}", level) for word in self.command]


def supervise(job: Job, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command to its end.

    Returns:
        Its exit status; 128 and the signal's number if a signal ended it; 127 and 126 if it was not found or cannot be
        run.

    Raises:
        CordwoodError: the port or the command cannot be used; nothing was started.
    """
    level = job.level or environ.get("CORDWOOD_LEVEL") or logging.getLevelName(logging.INFO)
    if job.port is None and any("{port}" in word for word in job.command):
        raise CordwoodError("the command has {port} in its words; say which: cordwood run --port 5000 -- …")
    copy = ConsoleCopy(job.log_dir)
    try:

        def say(line: str) -> None:
            os.write(sys.stderr.fileno(), f"{line}\n".encode(errors="backslashreplace"))
            copy.line(line)

        port = None if job.port is None else _port(job.port, force_kill=job.force_kill, say=say)
        # A line is stamped when it is printed, and survives a crash.
        environment = {"PYTHONUNBUFFERED": "1", **environ}
        if port is not None:
            environment["PORT"] = str(port)
        if job.level is not None:
            environment["CORDWOOD_LEVEL"] = job.level
        status = Child(job.words(port, level), environment, copy).run()
    finally:
        copy.close()
    recover(job.log_dir)
    return status


def _port(port: int, *, force_kill: bool, say: Callable[[str], None]) -> int:
    if force_kill and not ports.is_free(port):
        ports.end_holders(port, say)
    return ports.first_free(port, say)


def recover(log_dir: str) -> None:
    """Deliver what the command left in the spools of the log directory and of what is in it; says what is not."""
    folder = Path(log_dir).resolve()  # the core trusts targets below it by their whole path
    for place in [folder, *(sorted(folder.iterdir()) if folder.is_dir() else ())]:
        for spool in spools(str(place / FOLDER)):
            _recover(spool, place)


def _recover(spool: str, log_dir: Path) -> None:
    try:
        found = _native.recover(spool)
    except OSError as error:
        report(f"{spool} cannot be recovered ({error}); type: cordwood recover {log_dir}")
        return
    for notice in found["notices"]:
        report(notice)
    if found["remaining"]:
        report(f"{found['remaining']} records are not delivered yet; type: cordwood recover {log_dir}")
