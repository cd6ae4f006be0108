"""`cordwood doctor [DIR]`: the environment, every setting with its source, the spool, and what is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cordwood import _native
from cordwood.config import LogConfig, Resolved, resolve, switches
from cordwood.delivery.report import StateFile
from cordwood.query.spooled import spools_of
from cordwood.spool import file_sinks, shared_sinks
from cordwood.views import ledger

_LATE = 1000  # undelivered records of a sink that are worth a word while somebody delivers


def examine(folder: str | None, config: str | None = None) -> dict[str, Any]:
    """Everything there is to say.

    Args:
        folder: a log directory; None is the configured one.
        config: a configuration file or preset, as for `configure`.

    Raises:
        ConfigError: `config` names no preset and no file.
    """
    resolved = resolve(config)
    log_dir = _log_dir(folder, resolved)
    spools = [_status(spool) for spool in spools_of(log_dir)]
    problems = [*_config_problems(resolved), *_folder_problems(log_dir, given=folder is not None)]
    for status in spools:
        problems += _spool_problems(status, log_dir)
        unbalanced = ledger.problems(ledger.read(status["folder"]))
        problems += [f"{text}; see cordwood doctor --ledger {log_dir}" for text in unbalanced]
    return {
        "environment": _environment(),
        "settings": {
            name: {"value": value, "source": _source(name, resolved.origins)}
            for name, value in _settings(resolved.config)
        },
        "log_dir": log_dir,
        "log_dir_bytes": _bytes(log_dir),
        "switched_levels": switches.read(spools[0]["folder"]) if spools else {},
        "spools": spools,
        "problems": problems,
    }


def log_dir_of(folder: str | None, config: str | None) -> str:
    """The log directory that is meant: the given one, else the configured one."""
    return folder or _log_dir(folder, resolve(config))


def _log_dir(folder: str | None, resolved: Resolved) -> str:
    return folder or os.fspath(resolved.config.log_dir)


def _source(name: str, origins: Mapping[str, str]) -> str:
    return origins.get(name) or origins.get(name.partition(".")[0], "default")


def _bytes(folder: str) -> int:
    """The size of all files in a folder, the spool's too."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone since
                found += (Path(place) / name).lstat().st_size
    return found


def _status(spool: str) -> dict[str, Any]:
    """What the core says of a spool, with the paths of its sinks; the leader only where it is alive."""
    said = _native.spool_status(spool)
    specs = file_sinks(spool)
    databases = {name: str(spec["identity"]) for name, spec in shared_sinks(spool).items()}
    leader = said["leader"]
    return {
        **said,
        "folder": spool,
        "leader": leader if leader and _process_state(leader) else 0,
        "sinks": {
            databases.get(name) or str(specs.get(name, {}).get("path", name)): lag
            for name, lag in said["sinks"].items()
        },
        "databases": {identity: dict(StateFile(spool, identity).read()) for identity in databases.values()},
    }


def _environment() -> dict[str, str]:
    return {
        "cordwood": _version(),
        "python": f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
    }


def _version() -> str:
    try:
        return metadata.version("cordwood")
    except metadata.PackageNotFoundError:
        return "not installed as a package"


def _settings(config: LogConfig) -> Iterator[tuple[str, object]]:
    """Single settings, dotted."""
    for name, value in vars(config).items():
        if dataclasses.is_dataclass(value):
            yield from ((f"{name}.{inner}", _plain(single)) for inner, single in vars(value).items())
        elif name == "component_levels" and value:
            yield from ((f"{name}.{logger}", level) for logger, level in value.items())
        else:
            yield name, _plain(value)


def _plain(value: object) -> object:
    """A value that JSON can hold."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(single) for key, single in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(single) for single in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def _config_problems(resolved: Resolved) -> list[str]:
    return [str(fault) for fault in resolved.faults]


def _folder_problems(folder: str, *, given: bool) -> Iterator[str]:
    path = Path(folder)
    if not path.exists():
        if given:
            yield f"{folder} does not exist; it is made when a process logs there, or type: mkdir -p {folder}"
    elif not path.is_dir():
        yield f"{folder} is not a folder; set log_dir to one"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"{folder} cannot be written by this user; type: sudo chown {os.getuid()} {folder}"


def _spool_problems(status: Mapping[str, Any], log_dir: str) -> Iterator[str]:
    leader = status["leader"]
    state = _process_state(leader) if leader else ""
    waiting = {sink: lag for sink, lag in status["sinks"].items() if lag}
    if state in ("T", "t"):
        yield f"process {leader}, which delivers, is stopped; type: kill -CONT {leader}"
    elif not leader and waiting:
        yield f"{max(waiting.values())} records wait and no process delivers them; type: cordwood recover {log_dir}"
    else:
        for sink, lag in waiting.items():
            if lag >= _LATE and sink not in status["databases"]:
                hint = f"see whether its disk is full or its folder writable: df {log_dir}"
                yield f"{sink} is {lag} records behind; {hint}"
    for database, told in status["databases"].items():
        yield from _database_problems(database, told, waiting.get(database, 0), status["folder"])
    for reason, count in status["dropped"].items():
        if count:
            yield f"{count} records were lost ({reason}); a larger spool keeps more: CORDWOOD_SPOOL__MAX_BYTES"


def _database_problems(database: str, told: Mapping[str, Any], lag: int, spool: str) -> Iterator[str]:
    if lag and not _process_state(told.get("pid", 0)):
        yield f"{lag} records wait for {database} and no process delivers them; start one that is configured for it"
    elif told.get("failed_writes") and told.get("state") != "connected":
        yield f"{database} does not take records: {told.get('last_error')}; {lag} wait and are tried again"
    if told.get("quarantined"):
        yield f"{told['quarantined']} records were refused by {database}; they are kept in {spool}/quarantine"
    if told.get("quarantine_failures"):
        yield f"{told['quarantine_failures']} times {spool}/quarantine took no records; see: df {spool}"


def _process_state(pid: int) -> str:
    """The state letter of a process as the kernel tells it, empty where it does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def _told(state: Mapping[str, Any]) -> Iterator[str]:
    """How a database fares, in the words of whoever delivers to it."""
    if not state:
        yield "nobody has delivered to it yet"
        return
    yield f"{state['state']} (process {state['pid']})"
    yield f"{state['delivered']} rows in {state['batches']} batches at {state['rows_per_second']:g} rows/s"
    yield f"{state['failed_writes']} failed, {state['retries']} retries"


def sentences(report: Mapping[str, Any]) -> Iterator[str]:
    """The report for people."""
    for name, text in report["environment"].items():
        yield f"{name:<10} {text}"
    yield ""
    width = max(map(len, report["settings"]))
    for name, setting in report["settings"].items():
        yield f"{name:<{width}}  {setting['value']!r}  ({setting['source']})"
    yield ""
    yield f"log_dir    {report['log_dir']}: {report['log_dir_bytes']} bytes"
    for logger, level in report["switched_levels"].items():
        undo = f"cordwood level {logger or 'root'} reset {report['log_dir']}"
        yield f"           {logger or 'all loggers'} switched to {level}; type: {undo}"
    if not report["spools"]:
        yield f"spool      none in {report['log_dir']}: nothing has been logged there, or everything went elsewhere"
    for spool in report["spools"]:
        leader = spool["leader"]
        yield f"spool      {spool['folder']}"
        yield f"           {spool['segments']} segments, {spool['bytes']} bytes"
        yield f"           {f'delivered by process {leader}' if leader else 'no process delivers now'}"
        for sink, lag in spool["sinks"].items():
            yield f"           {sink}: {lag} records behind"
        for database, told in spool["databases"].items():
            yield f"           {database}: {', '.join(_told(told))}"
    yield ""
    yield from (f"problem: {problem}" for problem in report["problems"])
    if not report["problems"]:
        yield "nothing is wrong"
