"""concurrent-log-handler: stdlib's front, a file that processes may share, a lock around every write."""

import logging

from concurrent_log_handler import ConcurrentRotatingFileHandler

from benches.contenders import BACKUPS, STDLIB_CALLS, Task
from benches.contenders.stdlib import add

IMPORT = "import concurrent_log_handler"
CALLS = STDLIB_CALLS


def setup(task: Task) -> logging.Logger:
    return add(ConcurrentRotatingFileHandler(task.path, maxBytes=task.max_bytes or 0, backupCount=BACKUPS), task)


def teardown() -> None:
    logging.shutdown()
