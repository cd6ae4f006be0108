"""logxide's own Rust handlers; its drop-in FileHandler formats in Python where the format has %(asctime)s."""

import logging as stdlib
from typing import Any

import logxide
from logxide import logging

from benches.contenders import BACKUPS, MILLISECONDS, SECONDS, STDLIB_CALLS, Task, Unsupported

IMPORT = "import logxide"
CALLS = STDLIB_CALLS
added: list[Any] = []


def setup(task: Task) -> Any:
    if task.json:
        raise Unsupported("JSON only through a formatter in Python")
    if task.max_bytes:
        handler = logxide.RustRotatingFileHandler(str(task.path), task.max_bytes, BACKUPS)
    else:
        handler = logxide.RustFileHandler(str(task.path))
    handler.setFormatterSpec(MILLISECONDS, SECONDS)
    added.append(handler)
    logging.getLogger().addHandler(handler)
    log = logging.getLogger("bench")
    log.setLevel(stdlib.INFO)
    return log


def teardown() -> None:
    logxide.flush()
    for handler in added:
        handler.flush()
