"""Levels by name and number."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cordwood.errors import ConfigError, closest

LEVELS: Mapping[str, int] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}
_ALIASES: Mapping[str, int] = {"WARN": logging.WARNING, "FATAL": logging.CRITICAL, "NOTSET": logging.NOTSET}


def level_number(level: int | str) -> int:
    """The number of a level given by name (any case; WARN and FATAL too), number, or number as text.

    Names made with `logging.addLevelName` count.

    Raises:
        ConfigError: the level is none of these.
    """
    if isinstance(level, int) and not isinstance(level, bool):
        if level >= 0:
            return level
    elif isinstance(level, str):
        text = level.strip()
        if text.isdecimal():
            return int(text)
        for name in (text.upper(), text):
            number = _ALIASES.get(name, logging.getLevelName(name))
            if isinstance(number, int):
                return number
    hint = closest(level, LEVELS) if isinstance(level, str) else ""
    raise ConfigError("level", f"{level!r} is not a level", f"{', '.join(LEVELS)} or a number from 0", hint)


def level_name(number: int) -> str:
    """The name of a level number, as `logging` prints it (`Level 25` where it has none)."""
    return logging.getLevelName(number)
