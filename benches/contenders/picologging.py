"""picologging's FileHandler or RotatingFileHandler. Its default date format prints garbage, so it gets one, without milliseconds (it has no msecs)."""

import json

import picologging
import picologging.handlers

from benches.contenders import BACKUPS, SECONDS, STDLIB_CALLS, TEXT_FORMAT, Task

IMPORT = "picologging"
CALLS = STDLIB_CALLS
FIELDS = ("order_id", "amount", "currency", "customer", "express")


class JsonFormatter(picologging.Formatter):
    def format(self, record):
        line = {
            "timestamp": record.created,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            "function": record.funcName,
            "line": record.lineno,
        }
        return json.dumps(line | {name: getattr(record, name) for name in FIELDS if hasattr(record, name)})


def setup(task: Task):
    if task.max_bytes:
        handler = picologging.handlers.RotatingFileHandler(task.path, maxBytes=task.max_bytes, backupCount=BACKUPS)
    else:
        handler = picologging.FileHandler(task.path)
    handler.setFormatter(JsonFormatter() if task.json else picologging.Formatter(TEXT_FORMAT, SECONDS))
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
