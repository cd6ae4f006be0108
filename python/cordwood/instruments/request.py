"""HTTP requests and WebSocket events, one record each, always with the same fields."""

from __future__ import annotations

import logging

from cordwood.instruments import logger_of

LOGGER = "cordwood.request"
_CLIENT_ERROR = 400
_SERVER_ERROR = 500


def level_of(status_code: int) -> int:
    """ERROR for what the server did wrong, WARNING for what the client did, else INFO."""
    if status_code >= _SERVER_ERROR:
        return logging.ERROR
    return logging.WARNING if status_code >= _CLIENT_ERROR else logging.INFO


class RequestLogger:
    """Logs requests of an application that has no middleware for it.

    Args:
        logger: a logger, or its name.
    """

    def __init__(self, logger: str | logging.Logger = LOGGER) -> None:
        self._logger = logger_of(logger)

    def log_request(
        self,
        method: str,
        path: str,
        status_code: int,
        duration: float,
        user: str | None = None,
        *,
        stacklevel: int = 1,
        **fields: object,
    ) -> None:
        """Log a request that has been answered: `GET /api/users 200 in 0.123 s, user john_doe`.

        Args:
            method: the HTTP method.
            path: the path; a query is redacted as any text is.
            status_code: of the answer: from 400 the record is a WARNING, from 500 an ERROR.
            duration: seconds.
            user: who asked, if known.
            stacklevel: as in `logging`, where 1 is the caller.
            fields: more fields of the record.
        """
        status = int(status_code)  # an HTTPStatus too
        level = level_of(status)
        if not self._logger.isEnabledFor(level):
            return
        fields |= {"method": method, "path": path, "status_code": status, "duration": duration}
        if user is None:
            template, args = "%s %s %d in %.3f s", (method, path, status, duration)
        else:
            template, args = "%s %s %d in %.3f s, user %s", (method, path, status, duration, user)  # type: ignore[assignment]
            fields["user"] = user
        self._logger.log(level, template, *args, extra=fields, stacklevel=stacklevel + 1)

    def log_websocket_event(
        self,
        event_type: str,
        user: str | None = None,
        *,
        level: int | None = None,
        stacklevel: int = 1,
        **fields: object,
    ) -> None:
        """Log what happened on a WebSocket: `WebSocket connect, user john_doe`.

        Args:
            event_type: `connect`, `disconnect`, `message`, `error`, or a name of one's own.
            user: whose connection it is, if known.
            level: of the record; None is ERROR for `error`, else INFO.
            stacklevel: as in `logging`, where 1 is the caller.
            fields: more fields of the record.
        """
        if level is None:
            level = logging.ERROR if event_type == "error" else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        fields["event_type"] = event_type
        if user is None:
            self._logger.log(level, "WebSocket %s", event_type, extra=fields, stacklevel=stacklevel + 1)
        else:
            fields["user"] = user
            self._logger.log(level, "WebSocket %s, user %s", event_type, user, extra=fields, stacklevel=stacklevel + 1)
