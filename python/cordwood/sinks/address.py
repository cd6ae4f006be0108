"""Where a message goes: a unix socket, or a host and port by UDP or TCP."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cordwood.errors import ConfigError

TIMEOUT = 5.0  # seconds for connecting, and for each message to be taken
_ALLOWED = "unix:/dev/log, udp://host:514 or tcp://host:601"


@dataclass(frozen=True, slots=True)
class Address:
    """A place to send to.

    Args:
        kind: `unix`, `udp` or `tcp`.
        path: of the unix socket.
        host: name or number.
        port: from 1.
    """

    kind: str
    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Address:
        """An address as users write it.

        Raises:
            ConfigError: it is none.
        """
        if text.startswith(("/", "unix:/")):
            return cls("unix", path="/" + text.removeprefix("unix:").lstrip("/"))
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(text)
            if parts.scheme in {"udp", "tcp"} and parts.hostname and parts.port and not parts.path.strip("/"):
                return cls(parts.scheme, host=parts.hostname, port=parts.port)
        except ValueError:
            pass
        raise ConfigError("address", f"{text!r} is not an address", _ALLOWED)

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        return f"{self.kind}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def send(self, messages: Iterable[bytes]) -> None:
        """Send each message: a datagram of its own; by TCP with its length before it (RFC 6587).

        A TCP connection lasts one batch: that the peer closes after us shows that it has read all of it.

        Raises:
            OSError: not all went out, or the peer did not read all.
        """
        if self.kind == "tcp":
            with socket.create_connection((self.host, self.port), TIMEOUT) as link:
                link.sendall(b"".join(b"%d %s" % (len(message), message) for message in messages))
                link.shutdown(socket.SHUT_WR)
                while link.recv(4096):
                    pass
            return
        with self._datagrams() as link:
            for message in messages:
                link.send(message)

    def _datagrams(self) -> socket.socket:
        target: Any = self.path
        if self.kind == "unix":
            link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        else:
            family, kind, protocol, _, target = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
            link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(TIMEOUT)
            link.connect(target)
        except OSError:
            link.close()
            raise
        return link
