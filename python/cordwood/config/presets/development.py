"""For a developer's machine: all there is, in colour; costs a line on the console for every call."""

from __future__ import annotations

from cordwood.config.directories import environment_log_dir
from cordwood.config.model import FileConfig, LogConfig
from cordwood.sinks.file import MEGABYTE

DETAILED = "%(asctime)s - %(name)s - %(levelname)s - %(filename)s:%(lineno)d - %(message)s"


def development(name: str = "app") -> LogConfig:
    """DEBUG on the coloured console and in `logs/dev`, errors in a file of their own; 5 MB, 3 backups."""
    return LogConfig(
        level="DEBUG",
        log_dir=environment_log_dir("development"),
        max_bytes=5 * MEGABYTE,
        backup_count=3,
        format_string=DETAILED,
        files=(FileConfig(f"{name}.log"), FileConfig(f"{name}_errors.log", level="ERROR")),
    )
