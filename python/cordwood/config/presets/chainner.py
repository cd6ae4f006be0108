"""Several processes with a file each in one directory, as `chaiNNer`: costs up to 60 MB of disk a file."""

from __future__ import annotations

import os

from cordwood.config.directories import application_log_dir
from cordwood.config.model import ConsoleConfig, FileConfig, LogConfig
from cordwood.sinks.file import MEGABYTE


def chainner(*processes: str, log_dir: str | os.PathLike[str] | None = None) -> LogConfig:
    """The files of process types; `worker` if none is given.

    Args:
        processes: names such as `host` and `worker`. All that a process of one type logs, its frameworks' records too,
            goes to that type's file; where one process is several types, each file has its own logger's records.
        log_dir: None is `application_log_dir("chaiNNer")`.
    """
    processes = processes or ("worker",)
    alone = len(processes) == 1
    return LogConfig(
        level="INFO",
        log_dir=application_log_dir("chaiNNer", log_dir),
        max_bytes=10 * MEGABYTE,
        backup_count=5,
        format_string="%(asctime)s.%(msecs)03d [%(process)d] [%(levelname)s] %(message)s",
        files=tuple(FileConfig(f"{name}.log", logger="" if alone else name) for name in processes),
        console=ConsoleConfig(
            format_string="[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s", date_format="%H:%M:%S"
        ),
    )
