"""One server with one log file, as `amibackend`: costs up to 60 MB of disk."""

from __future__ import annotations

from cordwood.config.model import ConsoleConfig, FileConfig, LogConfig
from cordwood.formatters.text import DEFAULT_FORMAT
from cordwood.sinks.file import MEGABYTE


def ami_backend() -> LogConfig:
    """INFO in `logs/amibackend.log`, 10 MB, 5 backups; packed after 30 days, deleted after 60."""
    return LogConfig(
        level="INFO",
        log_dir="./logs",
        max_bytes=10 * MEGABYTE,
        backup_count=5,
        format_string=DEFAULT_FORMAT,
        date_format=None,
        files=(FileConfig("amibackend.log"),),
        console=ConsoleConfig(format_string="%(levelname)s: %(message)s"),
        retention={"archive_days": 30, "delete_days": 60},  # type: ignore[arg-type]  # a mapping becomes a section
    )
