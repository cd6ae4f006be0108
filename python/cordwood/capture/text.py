"""A text format that the core cannot express: the same line, rendered by Python on the caller's thread."""

from __future__ import annotations

import logging
import os
from typing import Any

from cordwood import _native
from cordwood.capture import exceptions


class _Safe:
    """A value whose text cannot forge a line."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return _native.escape(str(self._value))

    def __repr__(self) -> str:
        return _native.escape(repr(self._value))


class _Values(dict[str, Any]):
    """What a format may name: the record's attributes and fields; `-` is any other."""

    def __missing__(self, name: str) -> object:
        return os.uname().nodename if name == "hostname" else "-"

    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        is_safe = isinstance(value, (int, float)) or (type(value) is str and _native.escape(value) == value)
        return value if is_safe else _Safe(value)


class TextInPython(logging.Formatter):
    """`logging.Formatter` with what the core's text format has besides: safe values, `-` for a missing field."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, exception and stack after it."""
        values = _Values(vars(record), message=record.getMessage())
        if self.usesTime():
            values["asctime"] = self.formatTime(record, self.datefmt)
        parts = [self._style._fmt % values]  # noqa: SLF001 logging offers no other way to ask
        if record.exc_info:
            parts.append(_lines(exceptions.render(*record.exc_info[1:])[2]))
        elif record.exc_text:
            parts.append(_lines(record.exc_text))
        if record.stack_info:
            parts.append(_lines(record.stack_info))
        return "\n".join(parts)


def _lines(text: str) -> str:
    """Text whose own lines stand at the margin."""
    return "\n".join(map(_native.escape, text.split("\n")))
