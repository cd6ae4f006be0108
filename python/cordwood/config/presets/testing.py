"""For test runs: all there is, on the console alone; costs no disk unless `file_output` is asked for."""

from __future__ import annotations

from cordwood.config.directories import environment_log_dir
from cordwood.config.model import FileConfig, LogConfig

SIMPLE = "%(levelname)s: %(message)s"


def testing(name: str = "app") -> LogConfig:  # noqa: PT028 a preset, not a test
    """DEBUG on the console in a simple format; with `file_output=True` one file in `logs/test`."""
    return LogConfig(
        level="DEBUG",
        log_dir=environment_log_dir("testing"),
        file_output=False,
        format_string=SIMPLE,
        files=(FileConfig(f"{name}.log"),),
    )
