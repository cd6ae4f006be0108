"""`cordwood recover DIR`: deliver what crashed processes left in the spool of a log directory."""

from __future__ import annotations

from typing import Any

from cordwood import _native
from cordwood.errors import NoLogsError
from cordwood.spool import FOLDER
from cordwood.views.spooled import spool_of


def recover(folder: str) -> dict[str, Any]:
    """Deliver everything that can be; how many records were delivered and how many remain.

    Raises:
        NoLogsError: there is no spool in this folder.
    """
    spool = spool_of(folder)
    if spool is None:
        raise NoLogsError(f"{folder}: there is no spool here ({FOLDER}); type: cordwood recover LOG_DIRECTORY")
    return _native.recover(spool)


def sentences(report: dict[str, Any], folder: str) -> list[str]:
    """The report for people."""
    lines = [f"delivered {report['delivered']} records, {report['remaining']} remain", *report["notices"]]
    if not report["led"]:
        lines.append("another process delivers here; what remains is its work")
    elif report["remaining"]:
        lines.append(f"a file cannot be written; type: cordwood doctor {folder}")
    return lines
