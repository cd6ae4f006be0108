"""Django: request id in every record, each request logged, in sync and async servers alike.

    MIDDLEWARE = ["cordwood.integrations.django.request_log", ...]     # first: it sees all
    LOGGING_CONFIG = None                                              # and cordwood.configure() in settings.py

With Django's LOGGING instead, `cordwood.Handler` is a handler like any other.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cordwood.capture.context import context
from cordwood.errors import MissingExtraError
from cordwood.instruments.request import RequestLogger
from cordwood.integrations import request_id

try:
    from django.http import HttpRequest, HttpResponseBase
    from django.utils.decorators import sync_and_async_middleware
except ImportError:
    raise MissingExtraError("cordwood.integrations.django", "pip install django") from None

_CLIENT_CLOSED = 499  # nginx's number for a client that went away before it was answered
_ERROR = 500

_logger = RequestLogger()


@sync_and_async_middleware  # type: ignore[untyped-decorator]
def request_log(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The middleware, for settings.MIDDLEWARE."""
    if inspect.iscoroutinefunction(get_response):
        return _asynchronous(get_response)
    return _synchronous(get_response)


def _synchronous(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        begin = time.perf_counter()
        identity = request_id.accept(request.headers.get(request_id.HEADER))
        with context(request_id=identity):
            try:
                response = get_response(request)
            except BaseException as error:
                _log(request, _status_of(error), begin)
                raise
            return _answered(request, response, identity, begin)

    return middleware


def _asynchronous(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    async def middleware(request: HttpRequest) -> HttpResponseBase:
        begin = time.perf_counter()
        identity = request_id.accept(request.headers.get(request_id.HEADER))
        with context(request_id=identity):
            try:
                response = await get_response(request)
            except BaseException as error:
                _log(request, _status_of(error), begin)
                raise
            return _answered(request, response, identity, begin)

    return middleware


def _answered(request: HttpRequest, response: Any, identity: str, begin: float) -> HttpResponseBase:
    response.headers.setdefault(request_id.HEADER, identity)
    _log(request, response.status_code, begin)
    return response


def _log(request: HttpRequest, status: int, begin: float) -> None:
    _logger.log_request(request.method or "-", request.path, status, time.perf_counter() - begin, _user(request))


def _user(request: Any) -> str | None:
    """Who asked, if the application has looked already: asking here could cost a query of the database."""
    user = getattr(request, "_cached_user", None)
    return user.get_username() or None if user is not None and user.is_authenticated else None


def _status_of(error: BaseException) -> int:
    return _CLIENT_CLOSED if isinstance(error, asyncio.CancelledError) else _ERROR
