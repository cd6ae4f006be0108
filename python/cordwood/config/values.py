"""Human words become values here, at the edge: each function takes a field's name and what was written for it.

All of them accept text too, because environment variables have nothing else, and raise `ConfigError` naming the field.
"""

from __future__ import annotations

import grp
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from cordwood import _native
from cordwood.errors import ConfigError, closest
from cordwood.level import LEVELS, level_number

Parse: TypeAlias = Callable[[str, object], object]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
# Texts, which `re` compiles when they are first used.
_SIZE = r"(?a:(\d+(?:\.\d+)?)\s*([a-z]*))"
_SHORTEST_MESSAGE = 256
_NAMED_TIMES = ("midnight", "day", "hour", "minute")
_ANY_PERMISSION = 0o777
_OWNER = 0o600
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]{0,40}"


class Secret:
    """A text that is not shown: `reveal()` is it, `str()` and `repr()` are its mask.

    Args:
        value: the text.
        shown: what may be seen of it.
    """

    __slots__ = ("_value", "shown")

    def __init__(self, value: str, shown: str = "***") -> None:
        self._value = value
        self.shown = shown

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return repr(self.shown)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def level(field: str, value: object) -> str | int:
    """A level's name, or its number where it has no name."""
    try:
        number = level_number(value if isinstance(value, (int, str)) else str(value))
    except ConfigError as error:
        raise ConfigError(field, error.problem, error.allowed, error.hint) from None
    for name, known in LEVELS.items():
        if known == number:
            return name
    name = logging.getLevelName(number)
    return number if name.startswith("Level ") else name


def size(field: str, value: object) -> int:
    """Bytes, from a number or text such as `10 MB` (1 kB is 1024 bytes)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        match = re.fullmatch(_SIZE, value.strip().lower().replace("ib", "b"))
        if match and match[2] in _UNITS:
            return int(float(match[1]) * _UNITS[match[2]])
    raise ConfigError(field, f"{value!r} is not a size", "a number of bytes, or text such as '10 MB'")


def message_size(field: str, value: object) -> int:
    """A size that leaves something of a message."""
    bytes_ = size(field, value)
    if bytes_ < _SHORTEST_MESSAGE:
        raise ConfigError(field, f"{value!r} leaves nothing of a message", f"a size from {_SHORTEST_MESSAGE} bytes")
    return bytes_


def count(field: str, value: object) -> int:
    """A number from 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    raise ConfigError(field, f"{value!r} is not a count", "a whole number from 0")


def positive(field: str, value: object) -> int:
    """A number from 1."""
    if number := count(field, value):
        return number
    raise ConfigError(field, "0 is too few", "a whole number from 1")


def seconds(field: str, value: object) -> float:
    """Seconds, with decimals where they are wanted, more than none."""
    try:
        number = 0.0 if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError):
        number = 0.0
    if 0 < number < float("inf"):
        return number
    raise ConfigError(field, f"{value!r} is not a time", "a number of seconds above 0")


def boolean(field: str, value: object) -> bool:
    """True or false, also as yes/no, on/off, 1/0."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ConfigError(field, f"{value!r} is neither true nor false", "true, false, yes, no, on, off, 1, 0")


def text(field: str, value: object) -> str:
    """Text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise ConfigError(field, f"{value!r} is not text", "text that is not empty")


def secret(field: str, value: object) -> Secret:
    """A text that is not shown, in errors neither."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, (str, int, float)):
        return Secret(str(value))
    raise ConfigError(field, "it is not text", "text")


def database_url(field: str, value: object) -> Secret:
    """The address of a database; a password in it is not shown."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ConfigError(field, "it is not the address of a database", "such as postgresql://user@host:5432/name")
    from cordwood.sinks.database.url import DatabaseUrl

    try:
        address = DatabaseUrl.parse(value)
    except ConfigError as error:
        raise ConfigError(field, error.problem, error.allowed) from None
    return Secret(value, address.masked)


def identifier(field: str, value: object) -> str:
    """A part of a table's name."""
    if isinstance(value, str) and re.fullmatch(_IDENTIFIER, value):
        return value
    raise ConfigError(field, f"{value!r} cannot begin a table's name", "letters, digits and _, at most 41")


def logger_name(field: str, value: object) -> str:
    """A logger's name; the empty text is the root logger."""
    if isinstance(value, str):
        return value
    raise ConfigError(field, f"{value!r} is not a logger's name", "text such as 'services', or '' for all loggers")


def path(field: str, value: object) -> str:
    """A folder, `~` expanded."""
    if isinstance(value, (str, os.PathLike)):
        name = os.fspath(value)
        if isinstance(name, str) and name and "\0" not in name:
            return _in_home(name) if name.startswith("~") else name
    raise ConfigError(field, f"{value!r} is not a path", "text or a path object")


def _in_home(name: str) -> str:
    from pathlib import Path

    return str(Path(name).expanduser())


def file_name(field: str, value: object) -> str:
    """A file's place below the log directory."""
    name = path(field, value)
    if os.path.isabs(name) or ".." in name.split(os.sep) or os.path.basename(name) in {"", "."}:
        raise ConfigError(field, f"{name!r} does not stay below log_dir", "a file name, such as 'app.log'")
    return name


def format_string(field: str, value: object) -> str:
    """A `%`-style format, as `logging.Formatter` accepts it."""
    written = text(field, value)
    try:
        logging.Formatter(written)
    except ValueError as error:
        raise ConfigError(
            field, f"{error}", "%-style with LogRecord attributes: '%(levelname)s: %(message)s'"
        ) from None
    return written


def mode(field: str, value: object) -> int:
    """Permission bits of a file: 0o600, or text in octal."""
    if isinstance(value, str) and re.fullmatch(r"(0o)?[0-7]{3,4}", value.strip()):
        value = int(value.strip().removeprefix("0o"), 8)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _ANY_PERMISSION:
        if value & _OWNER == _OWNER:
            return value
        raise ConfigError(field, f"{value:#o} shuts the owner out", "read and write for the owner, such as 0o600")
    raise ConfigError(field, f"{value!r} is not a file mode", "octal permissions, such as 0o600 or '0600'")


def group(field: str, value: object) -> int:
    """A group's number, from its name or number."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        if value.isdecimal():
            return int(value)
        try:
            return grp.getgrnam(value).gr_gid
        except KeyError:
            raise ConfigError(
                field, f"there is no group {value!r}", hint=closest(value, (entry.gr_name for entry in grp.getgrall()))
            ) from None
    raise ConfigError(field, f"{value!r} is not a group", "a group's name or number")


def when(field: str, value: object) -> str | int:
    """When to rotate by time: a named time, or a number of seconds."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _NAMED_TIMES:
            return word
        if word.isdecimal() and int(word):
            return int(word)
    hint = closest(str(value), _NAMED_TIMES)
    raise ConfigError(field, f"{value!r} is not a time to rotate", f"{', '.join(_NAMED_TIMES)}, or seconds", hint)


def choice(*allowed: str) -> Parse:
    """One of some words, any case."""

    def parse(field: str, value: object) -> str:
        word = str(value).strip().lower()
        if word in allowed:
            return word
        raise ConfigError(field, f"{value!r} is not known", ", ".join(allowed), closest(word, allowed))

    return parse


def optional(parse: Parse) -> Parse:
    """None (in the environment: `none`), or what `parse` accepts."""

    def parse_or_none(field: str, value: object) -> object:
        if value is None or (isinstance(value, str) and value.strip().lower() in {"none", "null"}):
            return None
        return parse(field, value)

    return parse_or_none


def words(field: str, value: object) -> tuple[str, ...]:
    """Several words; in one text, commas part them."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, Iterable):
        given = tuple(value)
        if all(isinstance(word, str) and any(map(str.isalnum, word)) for word in given):
            return given
    raise ConfigError(field, f"{value!r} is not a list of words", "a list of texts")


def patterns(field: str, value: object) -> tuple[str, ...]:
    """Regular expressions that the core can run in linear time; one text is one expression."""
    given = (value,) if isinstance(value, str) else words(field, value)
    for pattern in given:
        _check_pattern(field, pattern)
    return given


def _check_pattern(field: str, pattern: str) -> None:
    try:
        _native.check_pattern(pattern)
    except ValueError as error:
        allowed = "a regular expression without look-around and back-references"
        raise ConfigError(field, f"{pattern!r}: {error}", allowed) from None


def _pairs(field: str, value: object, example: str) -> Mapping[object, object]:
    """A mapping, or text such as `a=1,b=2`."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        if all(equals for _, equals, _ in parts):
            return {name.strip(): given.strip() for name, _, given in parts}
    raise ConfigError(field, f"{value!r} is not a mapping", f"a mapping such as {example}")


def component_levels(field: str, value: object) -> dict[str, str | int]:
    """Logger names with their levels."""
    pairs = _pairs(field, value, "{'uvicorn': 'WARNING'}")
    return {text(field, name): level(f"{field}.{name}", given) for name, given in pairs.items()}


def theme(field: str, value: object) -> dict[str, str]:
    """Level names with colour words."""
    parsed = {}
    for name, words_given in _pairs(field, value, "{'INFO': 'bold green'}").items():
        key, given = str(level(f"{field}.{name}", name)), str(words_given)
        try:
            _native.check_theme(key, given)
        except ValueError as error:
            raise ConfigError(f"{field}.{name}", str(error)) from None
        parsed[key] = given
    return parsed
