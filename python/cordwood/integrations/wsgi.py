"""Requests of any WSGI application, logged when their answer has been sent: `app = RequestLogMiddleware(app)`.

As `cordwood.integrations.asgi`: every record logged inside has the field `request_id`, from the header `x-request-id`
or made; the answer has the header; a request is one record, however it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from cordwood.capture.context import context
from cordwood.instruments.request import RequestLogger
from cordwood.integrations import request_id

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

_ERROR = 500


def user_of(environ: Environ) -> str | None:
    """Whom the server authenticated; None for nobody."""
    return environ.get("REMOTE_USER") or None


class RequestLogMiddleware:
    """Logs what passes through a WSGI application.

    Args:
        app: the application inside.
        logger: where to log; None is a `RequestLogger` of its own.
        user: tells the user of an environ, asked when the request ends.
    """

    def __init__(
        self, app: App, logger: RequestLogger | None = None, user: Callable[[Environ], str | None] = user_of
    ) -> None:
        self._app = app
        self._logger = RequestLogger() if logger is None else logger
        self._user = user

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Run the application inside, watching its answer."""
        identity = request_id.accept(environ.get("HTTP_X_REQUEST_ID"))
        request = _Request(environ, identity, self._logger, self._user)
        with context(request_id=identity):
            try:
                body = self._app(environ, request.starting(start_response))
            except BaseException as error:
                request.end(error)
                raise
        return _Body(body, request)


class _Request:
    def __init__(
        self, environ: Environ, identity: str, logger: RequestLogger, user: Callable[[Environ], str | None]
    ) -> None:
        self.identity = identity
        self._environ = environ
        self._logger = logger
        self._find_user = user
        self._begin = time.perf_counter()
        self._status = _ERROR
        self._ended = False

    def starting(self, start_response: Callable[..., Any]) -> Callable[..., Any]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None) -> Any:
            self._status = int(status[:3])
            if not any(name.lower() == request_id.HEADER for name, _ in headers):
                headers = [*headers, (request_id.HEADER, self.identity)]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return start

    def end(self, error: BaseException | None) -> None:
        """Log it, once."""
        if self._ended:
            return
        self._ended = True
        fields: dict[str, Any] = {} if error is None else {"error": type(error).__name__}
        environ = self._environ
        path = (
            (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        )
        self._logger.log_request(
            environ["REQUEST_METHOD"],
            path or "/",
            self._status if error is None else _ERROR,
            time.perf_counter() - self._begin,
            self._user(),
            **fields,
        )

    def _user(self) -> str | None:
        try:
            return self._find_user(self._environ)
        except Exception:  # noqa: BLE001 whatever an application's user function does, its request goes on
            return None


class _Body:
    """The answer's body: what it logs while it is sent has the request's id; its end is the request's."""

    def __init__(self, body: Iterable[bytes], request: _Request) -> None:
        self._body = body
        self._request = request
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        with context(request_id=self._request.identity):
            try:
                if self._parts is None:
                    self._parts = iter(self._body)
                return next(self._parts)
            except StopIteration:
                raise
            except BaseException as error:
                self._request.end(error)
                raise

    def close(self) -> None:
        """Called by the server, whatever happened before."""
        with context(request_id=self._request.identity):
            try:
                close = getattr(self._body, "close", None)
                if close is not None:
                    close()
            finally:
                self._request.end(None)
