"""One file a level and one for all services, as `clipizi`: costs up to 240 MB of disk, and DEBUG calls are written."""

from __future__ import annotations

from cordwood.config.model import ConsoleConfig, FileConfig, LogConfig
from cordwood.sinks.file import MEGABYTE


def clipizi() -> LogConfig:
    """`info.log`, `error.log`, `debug.log`, `services.log`: 10 MB, 5 backups each; services log from INFO."""
    return LogConfig(
        level="DEBUG",
        log_dir="./logs",
        max_bytes=10 * MEGABYTE,
        backup_count=5,
        format_string="%(asctime)s - %(name)s - %(levelname)s - %(funcName)s:%(lineno)d - %(message)s",
        component_levels={"services": "INFO"},
        files=(
            FileConfig("info.log", level="INFO"),
            FileConfig("error.log", level="ERROR"),
            FileConfig("debug.log", level="DEBUG"),
            FileConfig("services.log", logger="services"),
        ),
        console=ConsoleConfig(
            level="INFO", format_string="%(asctime)s - %(levelname)s - %(message)s", date_format="%H:%M:%S"
        ),
    )
