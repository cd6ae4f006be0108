"""`cordwood doctor --ledger [DIR]`: accepted = delivered + waiting + dropped by reason, for each sink of a folder.

Each side is counted by another process: what is accepted by whoever logs, what is delivered and dropped by whoever
delivers. The counts survive crashes. A difference is a fault of Cordwood's, and the exit status says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cordwood import _native
from cordwood.delivery.report import sink_name
from cordwood.query.spooled import spools_of
from cordwood.spool import file_sinks, shared_sinks

_LOOKS = 3  # before a difference counts: processes may be at work meanwhile
_COLUMNS = ("accepted", "delivered", "waiting", "dropped", "unexplained")
_NOT_KEPT = ("spool_full", "recursion")  # refused at the call: never accepted


def examine(log_dir: str) -> dict[str, Any]:
    """The ledger of each spool of a log directory.

    Args:
        log_dir: the log directory.
    """
    spools = [_spool(folder) for folder in spools_of(log_dir)]
    return {"log_dir": log_dir, "spools": spools, "problems": [text for spool in spools for text in problems(spool)]}


def read(folder: str) -> dict[str, Any]:
    """What the core says of a spool's ledger, with its sinks' names."""
    found = _native.read_ledger(folder)
    for _ in range(_LOOKS - 1):
        if not any(_differs(sink) for sink in found["sinks"].values()):
            break
        found = _native.read_ledger(folder)
    names = _names(folder)
    return {**found, "sinks": {names.get(name, f"sink {name}"): sink for name, sink in found["sinks"].items()}}


def _spool(folder: str) -> dict[str, Any]:
    dropped = _native.spool_status(folder)["dropped"]
    return {"folder": folder, **read(folder), "refused": {reason: dropped[reason] for reason in _NOT_KEPT}}


def _names(folder: str) -> dict[str, str]:
    """What people call the sinks that the spool knows by a number."""
    names = {sink_name(f"console:{stream}"): stream for stream in ("stderr", "stdout")}
    names |= {name: str(spec.get("path", name)) for name, spec in file_sinks(folder).items()}
    return names | {name: str(spec["identity"]) for name, spec in shared_sinks(folder).items()}


def _differs(sink: Mapping[str, Any]) -> bool:
    return bool(sink["missing"] or sink["surplus"])


def problems(spool: Mapping[str, Any]) -> Iterator[str]:
    """What does not add up."""
    for name, sink in spool["sinks"].items():
        if sink["missing"]:
            yield f"{name}: {sink['missing']} accepted records are neither delivered, waiting, nor known to be dropped"
        if sink["surplus"]:
            yield f"{name}: {sink['surplus']} records more are delivered or dropped than were accepted"


def _row(name: str, sink: Mapping[str, Any]) -> tuple[str, ...]:
    dropped = sum(sink["dropped"].values())
    unexplained = sink["missing"] - sink["surplus"]
    return (name, *map(str, (sink["accepted"], sink["delivered"], sink["spooled"], dropped, unexplained)))


def _table(sinks: Mapping[str, Any]) -> Iterator[str]:
    rows = [("sink", *_COLUMNS), *(_row(name, sink) for name, sink in sorted(sinks.items()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *counts in rows:
        yield "  ".join((name.ljust(widths[0]), *map(str.rjust, counts, widths[1:]))).rstrip()


def _notes(spool: Mapping[str, Any]) -> Iterator[str]:
    """What a table cannot say: reasons, and what was never counted."""
    for name, sink in sorted(spool["sinks"].items()):
        for reason, count in sink["dropped"].items():
            if count:
                yield f"{name}: {count} dropped ({reason})"
        if sink["uncounted"]:
            yield f"{name}: unknown for {sink['uncounted']} segments of a version that did not count"
    for reason, count in spool["refused"].items():
        if count:
            yield f"{count} records were refused at the call ({reason}): they were never accepted"
    if spool["since"]:
        yield f"what was removed from the spool is counted since {_time(spool['since'])}; before, it is unknown"
    if spool["older"]:
        yield f"a version that does not count delivered until {_time(spool['older'])}: what it removed is unknown"


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).astimezone().isoformat(sep=" ", timespec="seconds")


def sentences(report: Mapping[str, Any]) -> Iterator[str]:
    """The report for people."""
    if not report["spools"]:
        yield f"no spool in {report['log_dir']}: nothing has been logged there, or everything went elsewhere"
    for spool in report["spools"]:
        yield f"spool {spool['folder']}"
        yield from (_table(spool["sinks"]) if spool["sinks"] else ["nothing has been accepted yet"])
        yield from _notes(spool)
        yield ""
    yield from (f"problem: {problem}" for problem in report["problems"])
    if report["spools"] and not report["problems"]:
        yield "accepted = delivered + waiting + dropped, for every sink"
