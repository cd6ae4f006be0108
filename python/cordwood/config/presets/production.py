"""For a server: files only; costs up to 550 MB of disk for each of its two files."""

from __future__ import annotations

from cordwood.config.directories import environment_log_dir
from cordwood.config.model import FileConfig, LogConfig
from cordwood.config.presets.development import DETAILED
from cordwood.sinks.file import MEGABYTE


def production(name: str = "app") -> LogConfig:
    """INFO in `logs/prod`, errors in a file of their own, nothing on the console; 50 MB, 10 backups."""
    return LogConfig(
        level="INFO",
        log_dir=environment_log_dir("production"),
        console_output=False,
        max_bytes=50 * MEGABYTE,
        backup_count=10,
        format_string=DETAILED,
        files=(FileConfig(f"{name}.log"), FileConfig(f"{name}_errors.log", level="ERROR")),
    )
