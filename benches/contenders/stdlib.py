"""The standard library: FileHandler or RotatingFileHandler; JSON through a Formatter of ten lines around json.dumps."""

import json
import logging
import logging.handlers
import os

from benches.contenders import BACKUPS, STDLIB_CALLS, TEXT_FORMAT, Task

IMPORT = "import logging"
CALLS = STDLIB_CALLS
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class SyncedHandler(logging.FileHandler):
    """Each line is on the disk when the call returns."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.stream is not None:
            os.fsync(self.stream.fileno())


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            "function": record.funcName,
            "line": record.lineno,
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in STANDARD}
        return json.dumps(line)


def add(handler: logging.Handler, task: Task) -> logging.Logger:
    """Put the handler on the root; also used by contenders that are only a handler."""
    handler.setFormatter(JsonFormatter() if task.json else logging.Formatter(TEXT_FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return logging.getLogger("bench")


def setup(task: Task) -> logging.Logger:
    if task.max_bytes:
        return add(logging.handlers.RotatingFileHandler(task.path, maxBytes=task.max_bytes, backupCount=BACKUPS), task)
    return add(SyncedHandler(task.path) if task.sync == "always" else logging.FileHandler(task.path), task)


def teardown() -> None:
    logging.shutdown()
