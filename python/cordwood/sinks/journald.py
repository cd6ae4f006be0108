"""Writes to systemd's journal by its native protocol, each field of a record as a field of the entry.

On a crash: what waited goes with the process; files keep it. When the journal is down: records wait in the spool and
come again, at least once, told apart by CORDWOOD_SEGMENT and CORDWOOD_SEQUENCE.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cordwood.record import Record
from cordwood.sinks.address import TIMEOUT
from cordwood.sinks.syslog import severity

_LONGEST_NAME = 64
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})


@dataclass(frozen=True, slots=True)
class JournaldSink:
    """The journal of this machine.

    Args:
        path: its socket.
        identifier: the program's name, SYSLOG_IDENTIFIER; empty is the name of the script.
    """

    path: str = "/run/systemd/journal/socket"
    identifier: str = ""

    local = True

    @property
    def identity(self) -> str:
        """The socket."""
        return f"journald:{self.path}"

    def spec(self) -> str:
        """That Python delivers."""
        return '{"kind": "python"}'

    def write(self, batch: Sequence[Record]) -> None:
        """Send each record as an entry."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.settimeout(TIMEOUT)
            link.connect(self.path)
            for record in batch:
                _send(link, b"".join(_encode(name, value) for name, value in self._fields(record)))

    def _fields(self, record: Record) -> Iterator[tuple[str, object]]:
        own = dict(self._own(record))
        yield from own.items()
        for name, value in record.fields.items():
            key = _name(name)
            yield (f"{key}_" if key in own else key), value

    def _own(self, record: Record) -> Iterator[tuple[str, object]]:
        exception = record.exception
        yield "MESSAGE", record.message if exception is None else f"{record.message}\n{exception['text']}"
        yield "PRIORITY", severity(record.level)
        # basename: argv[0] may be "-c", which is no path
        yield "SYSLOG_IDENTIFIER", self.identifier or os.path.basename(sys.argv[0]) or "python"  # noqa: PTH119
        yield "TIMESTAMP", record.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield "LEVEL", record.level_name
        yield "LOGGER", record.logger
        yield "CODE_FILE", record.pathname
        yield "CODE_LINE", record.line
        yield "CODE_FUNC", record.function
        yield "PROCESS_NAME", record.process_name
        yield "THREAD_NAME", record.thread_name
        if record.task_name:
            yield "TASK_NAME", record.task_name
        if exception is not None:
            yield "EXCEPTION_TYPE", exception["type"]
            yield "EXCEPTION_MESSAGE", exception["message"]
        if record.stack_info:
            yield "STACK_INFO", record.stack_info
        yield "CORDWOOD_SEGMENT", f"{record.segment:016x}"
        yield "CORDWOOD_SEQUENCE", record.sequence


def _name(name: str) -> str:
    """A field's name as the journal takes it: capitals, digits, underscores; it drops names that begin with `_`."""
    key = re.sub("[^A-Z0-9_]", "_", name.upper()).lstrip("_")[:_LONGEST_NAME]
    return f"FIELD_{key}"[:_LONGEST_NAME] if not key or key[0].isdigit() else key


def _encode(name: str, value: object) -> bytes:
    """`NAME=value`, or with a length where the value has lines."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    data = text.encode(errors="backslashreplace")
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"


def _send(link: socket.socket, entry: bytes) -> None:
    """Send an entry; one that is too large for a datagram goes as a sealed file in memory."""
    try:
        link.send(entry)
    except OSError as error:
        if error.errno not in _TOO_LARGE:
            raise
        memory = os.memfd_create("cordwood", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with os.fdopen(memory, "wb") as file:
            file.write(entry)
            file.flush()
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
            socket.send_fds(link, [b""], [memory])
