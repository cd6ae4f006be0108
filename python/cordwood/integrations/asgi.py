"""Requests and WebSockets of any ASGI application (Starlette, FastAPI, Litestar, Quart), logged as they end.

    app.add_middleware(RequestLogMiddleware)          # or: app = RequestLogMiddleware(app)

Every record logged inside has the field `request_id`, from the header `x-request-id` or made, and the answer has the
header. An HTTP request is one record when it ends, however it ends; a WebSocket is one at `connect`, `message` (at
DEBUG: its direction and size, never its text) and `disconnect`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cordwood.capture.context import context
from cordwood.instruments.request import RequestLogger
from cordwood.integrations import request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLIENT_CLOSED = 499  # nginx's number for a client that went away before it was answered
_ERROR = 500
_ABNORMAL = 1006


def user_of(scope: Scope) -> str | None:
    """Whom an authentication middleware found, by Starlette's interface; None for nobody."""
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    return str(getattr(user, "display_name", user)) or None


class RequestLogMiddleware:
    """Logs what passes through an ASGI application.

    Args:
        app: the application inside.
        logger: where to log; None is a `RequestLogger` of its own.
        user: tells the user of a scope, asked when the request ends.
    """

    def __init__(
        self, app: App, logger: RequestLogger | None = None, user: Callable[[Scope], str | None] = user_of
    ) -> None:
        self._app = app
        self._logger = RequestLogger() if logger is None else logger
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application inside, watching its messages."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == request_id.HEADER.encode()), None)
        identity = request_id.accept(None if given is None else given.decode("latin-1"))
        watch = (_Request if scope["type"] == "http" else _Socket)(scope, identity, self._logger, self._user)
        with context(request_id=identity):
            try:
                await self._app(scope, watch.receiving(receive), watch.sending(send))
            except BaseException as error:
                watch.end(error)
                raise
            watch.end(None)


class _Watch:
    """What has been seen of one connection."""

    def __init__(self, scope: Scope, identity: str, logger: RequestLogger, user: Callable[[Scope], str | None]) -> None:
        self._scope = scope
        self._header = (request_id.HEADER.encode(), identity.encode("latin-1"))
        self._logger = logger
        self._find_user = user
        self._begin = time.perf_counter()

    def receiving(self, receive: Receive) -> Receive:
        async def watched() -> Message:
            message = await receive()
            self.received(message)
            return message

        return watched

    def sending(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                self._add_header(message)
            await send(message)
            self.sent(message)

        return watched

    def _add_header(self, message: Message) -> None:
        headers = list(message.get("headers") or ())
        if not any(name.lower() == self._header[0] for name, _ in headers):
            message["headers"] = [*headers, self._header]

    def _duration(self) -> float:
        return time.perf_counter() - self._begin

    def _user(self) -> str | None:
        try:
            return self._find_user(self._scope)
        except Exception:  # noqa: BLE001 whatever an application's user object does, its request goes on
            return None

    def received(self, message: Message) -> None:
        """A message came from the client."""

    def sent(self, message: Message) -> None:
        """A message went to the client."""

    def end(self, error: BaseException | None) -> None:
        """The application is done."""


class _Request(_Watch):
    _status: int | None = None
    _complete = False
    _gone = False

    def received(self, message: Message) -> None:
        if message["type"] == "http.disconnect" and not self._complete:
            self._gone = True

    def sent(self, message: Message) -> None:
        if self._gone:  # the server throws it away
            return
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._complete = True

    def end(self, error: BaseException | None) -> None:
        fields: dict[str, Any] = {}
        cancelled = isinstance(error, asyncio.CancelledError) or self._gone
        if cancelled:
            fields["cancelled"] = True
        elif error is not None:
            fields["error"] = type(error).__name__
        status = self._status
        if not self._complete and cancelled:
            status = CLIENT_CLOSED
        elif status is None or (error is not None and not self._complete):
            status = _ERROR
        self._logger.log_request(
            self._scope["method"], self._scope["path"], status, self._duration(), self._user(), **fields
        )


class _Socket(_Watch):
    _open = False
    _closed_with: int | None = None
    _refused = False
    _received = 0
    _sent = 0

    def received(self, message: Message) -> None:
        if message["type"] == "websocket.disconnect":
            self._close(message.get("code", _ABNORMAL))
        elif message["type"] == "websocket.receive":
            self._received += 1
            self._message("in", message)

    def sent(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._open = True
            self._event("connect")
        elif kind == "websocket.send":
            self._sent += 1
            self._message("out", message)
        elif kind == "websocket.close":
            self._refused = not self._open
            self._close(message.get("code", 1000))
        elif kind == "websocket.http.response.start":
            self._refused = True

    def _close(self, code: int) -> None:
        if self._closed_with is None:
            self._closed_with = code

    def _message(self, direction: str, message: Message) -> None:
        size = len(message.get("bytes") or message.get("text") or "")
        self._event("message", level=logging.DEBUG, direction=direction, size=size)

    def _event(self, event: str, *, level: int | None = None, **fields: Any) -> None:
        self._logger.log_websocket_event(event, self._user(), level=level, path=self._scope["path"], **fields)

    def end(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._event("error", error=type(error).__name__)
        if self._refused:
            self._event("refused", level=logging.WARNING)
        elif self._open:
            self._event(
                "disconnect",
                code=_ABNORMAL if self._closed_with is None else self._closed_with,
                duration=self._duration(),
                received=self._received,
                sent=self._sent,
            )
