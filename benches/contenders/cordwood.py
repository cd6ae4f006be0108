"""Cordwood with its defaults (redaction on), writing one file without a console."""

import logging
import subprocess
import sys
from pathlib import Path

import cordwood

from benches.contenders import BACKUPS, STDLIB_CALLS, TEXT_FORMAT, Task

IMPORT = "import cordwood"
USE = "cordwood.configure, cordwood.get_logger"  # its names load when first used
CALLS = STDLIB_CALLS


def setup(task: Task) -> logging.Logger:
    cordwood.configure(
        cordwood.LogConfig(
            level="INFO",
            log_dir=str(task.path.parent),
            console_output=False,
            files=(cordwood.FileConfig(task.path.name),),
            format="json" if task.json else "text",
            format_string=TEXT_FORMAT,
            date_format=None,
            max_bytes=task.max_bytes or 0,
            backup_count=BACKUPS,
            sync=task.sync,
        )
    )
    return logging.getLogger("bench")


def teardown() -> None:
    cordwood.shutdown(timeout=60)


def recover(task: Task) -> None:
    command = Path(sys.executable).with_name("cordwood")
    subprocess.run([command, "recover", task.path.parent], check=True, capture_output=True)
