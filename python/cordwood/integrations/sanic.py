"""Sanic's own loggers, its access log included, through Cordwood.

    app = Sanic("shop", configure_logging=False)
    take_over()                       # in the module of the application, beside `cordwood.configure()`

Where Sanic has configured its loggers already, `take_over()` after that does the same.
"""

from __future__ import annotations

import logging

from cordwood.integrations import loggers

LOGGERS = ("sanic.root", "sanic.error", "sanic.access", "sanic.server", "sanic.websockets")


class _Access(logging.Filter):
    """Gives access records, which Sanic leaves to its own formatter, a text: `GET http://x/ 200 12 from 1.2.3.4:5`."""

    def filter(self, record: logging.LogRecord) -> bool:
        given = vars(record)
        if not record.msg and not record.args and "request" in given:
            record.msg = "%s %s %s from %s"
            record.args = tuple(given.get(name, "-") for name in ("request", "status", "byte", "host"))
        return True


def take_over() -> loggers.Undo:
    """Lead Sanic's loggers to the root logger, where Cordwood is; the result gives them back."""
    return loggers.take_over(LOGGERS, [("sanic.access", _Access())])
