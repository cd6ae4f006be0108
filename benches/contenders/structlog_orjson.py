"""structlog with orjson into a BytesLogger, the set-up of its own performance page; JSON only."""

import logging
from typing import Any, BinaryIO

import orjson
import structlog

from benches.contenders import KEYWORDS, Task, Unsupported

IMPORT = "import structlog"
CALLS = {
    "json": f'log.info("paid", {KEYWORDS})',
    "exception": 'log.exception("failed")',
    "below": 'log.debug("user %s did %d in %.3f ms", user, i, ms)',
}
files: list[BinaryIO] = []


def setup(task: Task) -> Any:
    if task.shape == "text":
        raise Unsupported("JSON only")
    if task.max_bytes:
        raise Unsupported("no rotation of its own")
    file = task.path.open("ab")
    files.append(file)
    callsite = structlog.processors.CallsiteParameter
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.CallsiteParameterAdder([callsite.FUNC_NAME, callsite.LINENO, callsite.PROCESS]),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=file),
    )
    return structlog.get_logger("bench").bind(logger="bench")


def teardown() -> None:
    for file in files:
        file.close()
