"""The console, and the database that `config.yml` names, as the AI platform's LOGGER module: no files."""

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
