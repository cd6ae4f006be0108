"""The console alone, with levels from `config.yml`, as the AI platform's LOGGER module: costs no disk."""

from __future__ import annotations

from cordwood.config.model import LogConfig
from cordwood.formatters.text import DEFAULT_FORMAT


def ai_platform() -> LogConfig:
    """INFO on the console; components have levels, and the database is asked for, in `config.yml`."""
    return LogConfig(
        level="INFO",
        file_output=False,
        format_string=DEFAULT_FORMAT,
    )
