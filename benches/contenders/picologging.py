"""picologging's FileHandler or RotatingFileHandler.

Its default date format prints garbage, so it gets one, without milliseconds (it has no %(msecs)s).
"""

from typing import Any

import picologging
import picologging.handlers

from benches.contenders import BACKUPS, SECONDS, STDLIB_CALLS, TEXT_FORMAT, Task, Unsupported

IMPORT = "import picologging"
CALLS = STDLIB_CALLS


def setup(task: Task) -> Any:
    if task.json:
        raise Unsupported("`extra` does not reach its records")
    if task.max_bytes:
        handler = picologging.handlers.RotatingFileHandler(task.path, maxBytes=task.max_bytes, backupCount=BACKUPS)
    else:
        handler = picologging.FileHandler(task.path)
    handler.setFormatter(picologging.Formatter(TEXT_FORMAT, SECONDS))
    root = picologging.getLogger()
    root.addHandler(handler)
    root.setLevel(picologging.INFO)
    log = picologging.getLogger("bench")
    log.setLevel(picologging.INFO)  # it does not inherit a level that is set later
    return log


def teardown() -> None:
    for handler in picologging.getLogger().handlers:
        handler.flush()
        handler.close()
