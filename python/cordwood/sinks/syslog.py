"""Sends RFC 5424 messages to a syslog server: by unix socket, UDP or TCP, with fields as structured data.

On a crash: what waited goes with the process; files keep it. When the server is down: records wait in the spool and
come again, at least once, told apart by (segment, sequence); by UDP what the network loses is lost unseen.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cordwood import _native
from cordwood.errors import ConfigError, closest
from cordwood.record import Record
from cordwood.sinks.address import Address

FACILITIES = {
    name: number
    for number, name in enumerate(
        ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp"]
        + ["security", "console", "solaris-cron"]
        + [f"local{number}" for number in range(8)]
    )
}
_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
_ENTERPRISE = "32473"  # the number that RFC 5612 keeps for those that have none of their own
_NAME_LENGTH = 32
_NOT_IN_NAMES = re.compile(r'[^!-~]|[= \]"]')
_CUT = b" [cut]"


def severity(level: int) -> int:
    """The syslog severity of a level."""
    return next((number for least, number in _SEVERITIES if level >= least), _DEBUG)


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """One syslog server.

    Args:
        address: `unix:/dev/log`, `udp://host:514` or `tcp://host:601` (octet counting).
        facility: `user`, `daemon`, `local0`, …
        app_name: the program's name; empty is the name of the script.
        max_bytes: longer messages are cut, with a mark; rsyslog itself cuts at 8 kB unless told otherwise.

    Raises:
        ConfigError: an option cannot be used.
    """

    address: str = "unix:/dev/log"
    facility: str = "user"
    app_name: str = ""
    max_bytes: int = 8192
    _target: Address = field(init=False, repr=False, compare=False)

    local = True

    def __post_init__(self) -> None:
        if self.facility not in FACILITIES:
            raise ConfigError(
                "facility", f"there is no facility {self.facility!r}", hint=closest(self.facility, FACILITIES)
            )
        object.__setattr__(self, "_target", Address.parse(self.address))

    @property
    def identity(self) -> str:
        """The server."""
        return f"syslog:{self._target}"

    def spec(self) -> str:
        """That Python delivers."""
        return '{"kind": "python"}'

    def write(self, batch: Sequence[Record]) -> None:
        """Send each record as a message."""
        self._target.send(self._message(record) for record in batch)

    def _message(self, record: Record) -> bytes:
        priority = FACILITIES[self.facility] * 8 + severity(record.level)
        time = record.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        name = self.app_name or os.path.basename(sys.argv[0]) or "python"  # noqa: PTH119 maybe no path at all
        head = f"<{priority}>1 {time} {_word(record.hostname, 255)} {_word(name, 48)} {record.pid} -"
        origin = dict(_origin(record))
        data = _element("cordwood", origin) + (_element("fields", record.fields) if record.fields else "")
        if len(data) > self.max_bytes // 2:  # a cut through structured data would make it unreadable
            data = _element("cordwood", {**origin, "cut": "fields"})
        whole = f"{head} {data} {_text(record)}".encode(errors="backslashreplace")
        if len(whole) <= self.max_bytes:
            return whole
        kept = whole[: self.max_bytes - len(_CUT)].decode(errors="ignore").encode()
        return kept + _CUT


def _word(text: str, longest: int) -> str:
    return re.sub("[^!-~]", "_", text)[:longest] or "-"


def _origin(record: Record) -> Iterator[tuple[str, object]]:
    """What is known of a record besides its fields; the pair that tells it from others comes first."""
    yield "segment", f"{record.segment:016x}"
    yield "sequence", record.sequence
    yield "level", record.level_name
    yield "logger", record.logger
    yield "file", record.pathname
    yield "line", record.line
    yield "function", record.function
    yield "process", record.process_name
    yield "thread", record.thread_name
    if record.task_name:
        yield "task", record.task_name
    if record.exception:
        yield "exception", record.exception["type"]


def _element(name: str, parameters: Mapping[str, object]) -> str:
    """One element of structured data."""
    named = ((_NOT_IN_NAMES.sub("_", key)[:_NAME_LENGTH] or "_", value) for key, value in parameters.items())
    inner = "".join(f' {key}="{_value(value)}"' for key, value in named)
    return f"[{name}@{_ENTERPRISE}{inner}]"


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return re.sub(r'["\\\]]', r"\\\g<0>", _native.escape(text))


def _text(record: Record) -> str:
    parts = [record.message]
    if record.exception:
        parts.append(record.exception["text"])
    if record.stack_info:
        parts.append(record.stack_info)
    return _native.escape("\n".join(parts))
