"""Levels by name and number, as `logging` has them; it is loaded for names of the application's own alone."""

from __future__ import annotations

from collections.abc import Mapping

from cordwood.errors import ConfigError, closest

LEVELS: Mapping[str, int] = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_NAMES: Mapping[str, int] = {**LEVELS, "WARN": 30, "FATAL": 50, "NOTSET": 0}


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
        known = _NAMES.get(text.upper())
        if known is not None:
            return known
        import logging

        for name in (text.upper(), text):
            number = logging.getLevelName(name)
            if isinstance(number, int):
                return number
    hint = closest(level, LEVELS) if isinstance(level, str) else ""
    raise ConfigError("level", f"{level!r} is not a level", f"{', '.join(LEVELS)} or a number from 0", hint)


def level_name(number: int) -> str:
    """The name of a level number, as `logging` prints it (`Level 25` where it has none)."""
    import logging

    return logging.getLevelName(number)
