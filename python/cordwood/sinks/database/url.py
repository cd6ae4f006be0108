"""Where a database is: its address without the password, which stands nowhere else than in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from cordwood.errors import ConfigError

DEFAULT_PREFIX = "app"
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}", re.ASCII)
_SECRETS = frozenset({"password", "sslpassword", "passfile", "oauth_client_secret"})
_POSTGRES = re.compile(r"postgres(ql)?(\+psycopg)?")


def check_prefix(prefix: str) -> str:
    """A table's prefix that may stand in SQL.

    Raises:
        ConfigError: it may not.
    """
    if _PREFIX.fullmatch(prefix):
        return prefix
    raise ConfigError(
        "table_prefix", f"{prefix!r} cannot begin a table's name", "letters, digits and _, at most 41, no digit first"
    )


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A database's address, taken apart.

    Args:
        dialect: `postgresql` or `sqlite`.
        shown: the address without any secret: what reports, statistics and the spool hold.
        connect: what the driver needs: a URL with the password, or a path.
        secrets: what must not be shown.
    """

    dialect: str
    shown: str
    connect: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def scrub(self, text: str) -> str:
        """A text, such as a driver's error, without the secrets of this address."""
        for secret in self.secrets:
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text

    @classmethod
    def parse(cls, url: str) -> DatabaseUrl:
        """Take a URL apart: `postgresql://user:password@host:5432/name?sslmode=require`, `sqlite:///logs/app.db`.

        Raises:
            ConfigError: it is the address of no database that is known; its text is not repeated.
        """
        scheme, colon, _ = url.partition("://")
        if colon and scheme == "sqlite":
            return cls._sqlite(url)
        if colon and _POSTGRES.fullmatch(scheme):
            return cls._postgres(url)
        allowed = "postgresql://user:password@host:5432/name, sqlite:///path/to/logs.db"
        raise ConfigError("url", "it is not the address of a database that Cordwood knows", allowed)

    @classmethod
    def _sqlite(cls, url: str) -> DatabaseUrl:
        name = unquote(url[len("sqlite://") :].partition("?")[0])
        # As SQLAlchemy has it: three slashes before a relative path, four before an absolute one.
        path = name.removeprefix("/")
        if not path or path == ":memory:":
            raise ConfigError("url", "a database in memory ends with the process", "sqlite:///path/to/logs.db")
        place = Path(path).expanduser()
        whole = str(place.parent.resolve() / place.name)
        return cls("sqlite", f"sqlite:///{whole}", whole)

    @classmethod
    def _postgres(cls, url: str) -> DatabaseUrl:
        try:
            parts = urlsplit(url)
            hosts = parts.netloc.rpartition("@")[2]
        except ValueError:
            raise ConfigError("url", "it cannot be taken apart", "postgresql://user@host:5432/name") from None
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        name = parts.path.lstrip("/")
        options = parse_qsl(parts.query, keep_blank_values=True)
        open_options = [(key, value) for key, value in options if key not in _SECRETS]
        at = f"{user}@" if user else ""
        secret = f"{user}:{password}@" if password else at
        return cls(
            "postgresql",
            _joined(at + hosts, name, open_options),
            _joined(secret + hosts, name, options),
            tuple(filter(None, [unquote(password), *(value for key, value in options if key in _SECRETS)])),
        )


def _joined(netloc: str, name: str, options: list[tuple[str, str]]) -> str:
    query = f"?{urlencode(options, quote_via=quote, safe='/')}" if options else ""
    return f"postgresql://{netloc}/{name}{query}"
