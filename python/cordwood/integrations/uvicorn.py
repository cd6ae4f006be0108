"""uvicorn's own loggers, its access log included, through Cordwood.

    take_over()                       # in the module of the application, beside `cordwood.configure()`

For `uvicorn shop:app` that is all: the module is imported after uvicorn has configured its loggers. A program that
calls `uvicorn.run` gives it `log_config=None`, so that it does not configure them again. `--log-level` and
`--no-access-log` do what they did.
"""

from __future__ import annotations

import logging

from cordwood.integrations import loggers

LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


class _Plain(logging.Filter):
    """Takes off the copy of the message with terminal codes that uvicorn makes for its own formatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).pop("color_message", None)
        return True


def take_over() -> loggers.Undo:
    """Lead uvicorn's loggers to the root logger, where Cordwood is; the result gives them back."""
    return loggers.take_over(LOGGERS, [("uvicorn.error", _Plain())])
