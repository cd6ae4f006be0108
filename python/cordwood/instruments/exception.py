"""Exceptions that were caught, with what was being done."""

from __future__ import annotations

import logging

from cordwood.instruments import logger_of

LOGGER = "cordwood.exception"


class ExceptionLogger:
    """Logs exceptions with their traceback.

    Args:
        logger: a logger, or its name.
    """

    def __init__(self, logger: str | logging.Logger = LOGGER) -> None:
        self._logger = logger_of(logger)

    def log_exception(
        self,
        error: BaseException,
        context: str | None = None,
        *,
        level: int = logging.ERROR,
        stacklevel: int = 1,
        **fields: object,
    ) -> None:
        """Log an exception, wherever it was caught: `Processing payment: ValueError: card expired`, and the traceback.

        Args:
            error: the exception.
            context: what was being done; it becomes the field `context` too.
            level: of the record.
            stacklevel: as in `logging`, where 1 is the caller.
            fields: more fields of the record.
        """
        kind = type(error).__name__
        if context is None:
            template, args = "%s: %s", (kind, error)
        else:
            template, args = "%s: %s: %s", (context, kind, error)  # type: ignore[assignment]
            fields["context"] = context
        self._logger.log(level, template, *args, exc_info=error, extra=fields, stacklevel=stacklevel + 1)
