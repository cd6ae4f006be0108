"""loguru, writing on the caller's thread, without backtrace and diagnosis; JSON by serialize."""

from typing import Any

from loguru import logger

from benches.contenders import KEYWORDS, Task, Unsupported

IMPORT = "import loguru"
FORMAT = "{time:YYYY-MM-DD HH:mm:ss,SSS} [{process}] {name} {level} {function}:{line} {message}"
CALLS = {
    "text": 'log.info("user {} did {} in {:.3f} ms", user, i, ms)',
    "json": f'log.info("paid", {KEYWORDS})',
    "exception": 'log.exception("failed")',
    "below": 'log.debug("user {} did {} in {:.3f} ms", user, i, ms)',
}


def setup(task: Task) -> Any:
    if task.max_bytes and task.processes > 1:
        raise Unsupported("rotates safely only among processes forked from the one that set it up")
    logger.remove()
    logger.add(
        task.path,
        level="INFO",
        format=FORMAT,
        serialize=task.json,
        backtrace=False,
        diagnose=False,
        rotation=task.max_bytes,
    )
    return logger


def teardown() -> None:
    logger.complete()
    logger.remove()
