"""`cordwood recover DIR`: deliver what crashed processes left in the spool of a log directory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from cordwood import _native
from cordwood.delivery.sender import Sender
from cordwood.errors import CordwoodError, NoLogsError
from cordwood.query.spooled import spools_of
from cordwood.sinks import SINKS
from cordwood.spool import FOLDER, shared_sinks

PATIENCE = 30.0  # seconds for each database


def recover(folder: str) -> dict[str, Any]:
    """Deliver everything that can be; how many records were delivered and how many remain.

    Raises:
        NoLogsError: there is no spool in this folder.
    """
    spools = spools_of(folder)
    if not spools:
        raise NoLogsError(f"{folder}: there is no spool here ({FOLDER}); type: cordwood recover LOG_DIRECTORY")
    notices = [notice for spool in spools for notice in _recover_databases(spool)]
    found = [_native.recover(spool) for spool in reversed(spools)]  # what waited elsewhere is older
    return {
        "delivered": sum(one["delivered"] for one in found),
        "remaining": sum(one["remaining"] for one in found),
        "led": all(one["led"] for one in found),
        "sinks": {path: sum(one["sinks"].get(path, 0) for one in found) for one in found for path in one["sinks"]},
        "notices": [*notices, *(notice for one in found for notice in one["notices"])],
    }


def _recover_databases(folder: str) -> Iterator[str]:
    """Deliver to the databases too; a password comes from where the driver looks for one (PGPASSWORD, ~/.pgpass)."""
    for spec in shared_sinks(folder).values():
        kind = SINKS.get(str(spec["sink"]))
        identity = str(spec["identity"])
        if kind is None:
            yield f"{identity}: this version knows no {spec['sink']}; a newer one delivers there"
            continue
        options = {option.name for option in dataclasses.fields(kind) if option.init}  # type: ignore[arg-type]
        try:
            sink = kind(**{name: value for name, value in spec.items() if name in options})
            sender = Sender(_native.Spool(folder), 0, sink)
        except (CordwoodError, OSError) as error:
            yield f"{identity}: {error}"
            continue
        sender.stop(PATIENCE)
        stats = sender.stats()
        yield f"{identity}: delivered {stats['delivered']} records, {stats['waiting']} remain" + (
            f" ({stats['last_error']})" if stats["failed_writes"] else ""
        )


def sentences(report: dict[str, Any], folder: str) -> list[str]:
    """The report for people."""
    lines = [f"delivered {report['delivered']} records, {report['remaining']} remain", *report["notices"]]
    if not report["led"]:
        lines.append("another process delivers here; what remains is its work")
    elif report["remaining"]:
        lines.append(f"a file cannot be written; type: cordwood doctor {folder}")
    return lines
