"""Which port is free, who holds one that is not, and how to make them let go.

Holders are found in /proc. Only processes of one's own user are ended, never this one and those it
was started by.
"""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cordwood import _native
from cordwood.errors import ConfigError, CordwoodError

LAST_PORT = 65535
TRIES = 100  # ports after the first
PATIENCE = 5.0  # seconds for a polite end
_PROC = Path("/proc")
_LISTENING = "0A"
_SHOWN = 120  # characters of a command line


@dataclass(frozen=True)
class Holder:
    """A process that listens on a port.

    Args:
        pid: its number; None if the system does not show it, as for another user's.
        uid: its real user.
        command: its command line, redacted.
    """

    pid: int | None
    uid: int
    command: str


def is_free(port: int) -> bool:
    """Whether a server could listen on all addresses of this machine.

    Raises:
        ConfigError: this user may not listen there at all.
    """
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 asks, and lets go
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's rest is no holder
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except PermissionError:  # noqa: PERF203 two families
            raise ConfigError("port", f"{port} needs rights that this user has not", "a port from 1024") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            if family == socket.AF_INET:  # IPv6 may be switched off
                raise ConfigError("port", f"{port} cannot be used: {error.strerror}") from None
    return True


def first_free(port: int, say: Callable[[str], None]) -> int:
    """This port or the next that is free; each that is not is said.

    Raises:
        CordwoodError: none was found.
    """
    for candidate in range(port, min(port + TRIES, LAST_PORT) + 1):
        if is_free(candidate):
            return candidate
        if candidate < LAST_PORT:
            say(f"WARNING: Port {candidate} already in use, trying port {candidate + 1}")
    raise CordwoodError(f"no port from {port} on is free; choose another: --port")


def end_holders(port: int, say: Callable[[str], None], patience: float = PATIENCE) -> None:
    """End the own user's processes that listen on a port: SIGTERM, and after `patience` seconds SIGKILL."""
    kept = set(_own_line())
    for holder in holders(port):
        who = f"process {holder.pid} ({holder.command})" if holder.pid is not None else "a process that is not shown"
        if holder.uid != os.getuid() or holder.pid is None:
            say(f"Port {port} is held by {who} of user {holder.uid}: left alone, only own processes are ended")
        elif holder.pid in kept:
            say(f"Port {port} is held by {who}, which started this command: left alone")
        else:
            say(f"Port {port} is held by {who}: ending it")
            _end(holder.pid, port, say, patience)


def _end(pid: int, port: int, say: Callable[[str], None], patience: float) -> None:
    """End one process; a descriptor of it makes sure that no other gets its number meanwhile."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if all(holder.pid != pid for holder in holders(port)):
                return
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if not ended.poll(patience * 1000):
                say(f"Process {pid} has not ended in {patience:g} seconds: killing it")
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                ended.poll(patience * 1000)
        finally:
            os.close(handle)


def holders(port: int) -> list[Holder]:
    """The processes that listen on a port of this machine (of this network namespace)."""
    sockets = dict(_listening(port))
    found: list[Holder] = []
    seen: set[str] = set()
    for folder in _PROC.glob("[0-9]*"):
        if inodes := _sockets_of(folder) & set(sockets):
            seen |= inodes
            with suppress(OSError, StopIteration):  # it may end while it is looked at
                found.append(Holder(int(folder.name), _uid(folder), _command(folder)))
    return found + [Holder(None, uid, "") for inode, uid in sockets.items() if inode not in seen]


def _listening(port: int) -> Iterator[tuple[str, int]]:
    """Socket numbers and their users from the kernel's tables."""
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):  # IPv6 may be switched off
            for line in (_PROC / table).read_text().splitlines()[1:]:
                _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield inode, int(uid)


def _sockets_of(folder: Path) -> set[str]:
    """The numbers of a process's sockets; none if they are not ours to see."""
    found = set()
    with suppress(OSError):
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):
                if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):  # noqa: PTH115 not a path
                    found.add(match[1])
    return found


def _uid(folder: Path) -> int:
    lines = (folder / "status").read_text(errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def _command(folder: Path) -> str:
    words = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    return _native.redact(" ".join(words))[:_SHOWN]


def _own_line() -> Iterator[int]:
    """This process and those it was started by."""
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            pid = int((_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            return
