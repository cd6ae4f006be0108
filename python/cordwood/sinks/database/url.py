"""Where a database is: its address without the password, which stands nowhere else than in memory."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlencode, urlsplit

from cordwood.errors import ConfigError

DEFAULT_PREFIX = "app"
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}", re.ASCII)
_SECRETS = frozenset({"password", "sslpassword", "passfile", "oauth_client_secret"})
_POSTGRES = re.compile(r"postgres(ql)?(\+psycopg)?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^\[\]:]*)(:\d*)?")
_OPTION = re.compile(r"[a-z_]+")


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
            text = text.replace(secret, "***")
        return text

    @property
    def masked(self) -> str:
        """The address as it may be shown to who set it: it tells that there is a password."""
        return self.shown.replace("@", ":***@", 1) if self.secrets else self.shown

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
        login, hosts, name, options = _parts(url)
        user, _, password = login.partition(":")
        at = f"{user}@" if user else ""
        # The driver ends a login at its first @, wherever that was meant to stand.
        secret = f"{_quoted(user)}:{_quoted(password)}@" if password else at
        return cls(
            "postgresql",
            _joined(at + hosts, name, [(key, value) for key, value in options if key not in _SECRETS]),
            _joined(secret + hosts, name, options),
            _spellings([password, *(value for key, value in options if key in _SECRETS)]),
        )


def _parts(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Login, hosts, database and options.

    Raises:
        ConfigError: a / ? or # in a password would end it, and what follows would be taken for a host, and shown.
    """
    with suppress(ValueError):
        url.encode()  # half a character has no number to be written by
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        name = parts.path.lstrip("/")
        options = parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
        words = all(_OPTION.fullmatch(key) for key, _ in options)
        if words and not parts.fragment and "@" not in name and all(map(_HOST.fullmatch, hosts.split(","))):
            return login, hosts, name, options
    raise ConfigError(
        "url",
        "it cannot be taken apart",
        "postgresql://user:p%40ss@host:5432/name, signs such as @ / ? # [ as %40 %2F …",
    )


def _quoted(text: str) -> str:
    """As it may stand in an address, whether or not it was written so."""
    return quote(unquote_to_bytes(text), safe="")


def _spellings(secrets: list[str]) -> tuple[str, ...]:
    """Each secret as it is, as it was written and as it is sent on; the longest first, lest a part of one stay."""
    found = {each for secret in secrets for each in (secret, unquote(secret), _quoted(secret), quote(secret, safe="/"))}
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def _joined(netloc: str, name: str, options: list[tuple[str, str]]) -> str:
    query = f"?{urlencode(options, quote_via=quote, safe='/')}" if options else ""
    return f"postgresql://{netloc}/{name}{query}"
