"""`cordwood recover DIR`: deliver what crashed processes left in the spool of a log directory."""

from __future__ import annotations

from typing import Any

from cordwood import _native
from cordwood.errors import NoLogsError
from cordwood.query.spooled import spools_of
from cordwood.spool import FOLDER


def recover(folder: str) -> dict[str, Any]:
    """Deliver everything that can be; how many records were delivered and how many remain.

    Raises:
        NoLogsError: there is no spool in this folder.
    """
    spools = spools_of(folder)
    if not spools:
        raise NoLogsError(f"{folder}: there is no spool here ({FOLDER}); type: cordwood recover LOG_DIRECTORY")
    found = [_native.recover(spool) for spool in reversed(spools)]  # what waited elsewhere is older
    return {
        "delivered": sum(one["delivered"] for one in found),
        "remaining": sum(one["remaining"] for one in found),
        "led": all(one["led"] for one in found),
        "sinks": {path: sum(one["sinks"].get(path, 0) for one in found) for one in found for path in one["sinks"]},
        "notices": [notice for one in found for notice in one["notices"]],
    }


def sentences(report: dict[str, Any], folder: str) -> list[str]:
    """The report for people."""
    lines = [f"delivered {report['delivered']} records, {report['remaining']} remain", *report["notices"]]
    if not report["led"]:
        lines.append("another process delivers here; what remains is its work")
    elif report["remaining"]:
        lines.append(f"a file cannot be written; type: cordwood doctor {folder}")
    return lines
