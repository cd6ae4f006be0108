"""RequestLogMiddleware on a real server: every request and WebSocket is in the log, with its id in every record."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cordwood.integrations.asgi import RequestLogMiddleware
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integrations.servers import serving, wait_until
from tests.logged import Logged

log = logging.getLogger("shop")
reached = threading.Event()


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        name = conn.headers.get("x-user")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


async def ok(_: Request) -> PlainTextResponse:
    log.info("async work")
    return PlainTextResponse("fine", status_code=201)


def in_thread(_: Request) -> PlainTextResponse:
    log.info("thread work")
    return PlainTextResponse("fine", headers={"x-request-id": "own"})


async def fails(_: Request) -> PlainTextResponse:
    raise LookupError("nothing there")


async def slow(request: Request) -> PlainTextResponse:
    reached.set()
    while not await request.is_disconnected():  # noqa: ASYNC110 Starlette has no event for it
        await asyncio.sleep(0.01)
    return PlainTextResponse("too late")


async def breaks(_: Request) -> StreamingResponse:
    async def body() -> Any:
        yield b"part"
        raise LookupError("half way")

    return StreamingResponse(body())


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            log.info("chat")
            if text == "fail":
                raise LookupError("bad word")
            await websocket.send_text(text)
    except WebSocketDisconnect:
        pass


async def refuse(websocket: WebSocket) -> None:
    await websocket.close(4003)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = Starlette(
        routes=[
            Route("/ok", ok, methods=["GET", "POST"]),
            Route("/thread", in_thread),
            Route("/fails", fails),
            Route("/slow", slow),
            Route("/breaks", breaks),
            WebSocketRoute("/echo", echo),
            WebSocketRoute("/refuse", refuse),
        ],
        middleware=[Middleware(RequestLogMiddleware), Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    with serving(app) as address:
        yield address


def ended(logged: Logged, event: str | None = None) -> Any:
    """The last record of a request or event, waited for: it is logged after the answer is sent."""

    def found() -> list[Any]:
        return [r for r in logged.records("cordwood.request") if event is None or r.fields.get("event_type") == event]

    wait_until(found, f"no record {event or ''}")
    return found()[-1]


def test_a_request_is_one_record_with_its_user_and_the_id_it_brought(address: str, logged: Logged) -> None:
    headers = {"x-request-id": "r-17", "x-user": "john_doe"}
    answer = httpx.post(f"http://{address}/ok?page=2", headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"]) == (201, "r-17")
    record = ended(logged)
    assert record.message.startswith("POST /ok 201 in 0.")
    assert record.message.endswith(" s, user john_doe")
    duration = record.fields["duration"]
    assert record.fields == {
        "method": "POST", "path": "/ok", "status_code": 201, "duration": duration, "user": "john_doe",
        "request_id": "r-17",
    }  # fmt: skip
    assert 0 < duration < 30
    assert logged.one("shop").fields == {"request_id": "r-17"}


@pytest.mark.parametrize("given", [None, "two words", "x" * 129])
def test_an_id_is_made_where_none_can_be_used(given: str | None, address: str, logged: Logged) -> None:
    answer = httpx.get(f"http://{address}/thread", headers={} if given is None else {"x-request-id": given})
    identity = ended(logged).fields["request_id"]
    assert len(identity) == 32
    assert logged.one("shop").fields == {"request_id": identity}, "the id reaches a thread of the pool too"
    assert answer.headers.get_list("x-request-id") == ["own"], "the application's own header stays"
    assert "user" not in ended(logged).fields


def test_a_failing_request_is_an_error(address: str, logged: Logged) -> None:
    assert httpx.get(f"http://{address}/fails").status_code == 500
    record = ended(logged)
    assert (record.fields["status_code"], record.fields["error"], record.level_name) == (500, "LookupError", "ERROR")


def test_an_answer_that_breaks_off_is_an_error(address: str, logged: Logged) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{address}/breaks")
    record = ended(logged)
    assert record.fields["status_code"] == 500
    assert record.level_name == "ERROR"


def test_a_request_whose_client_went_away_is_cancelled(address: str, logged: Logged) -> None:
    reached.clear()
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reached.wait(30)
    record = ended(logged)
    assert record.message.startswith("GET /slow 499 in ")
    assert record.fields["cancelled"] is True


def test_a_request_cancelled_by_its_server_is_logged_and_the_cancellation_goes_on(logged: Logged) -> None:
    async def hangs(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        task = asyncio.ensure_future(RequestLogMiddleware(hangs)(scope, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    fields = logged.one("cordwood.request").fields
    assert (fields["status_code"], fields["cancelled"]) == (499, True)


def test_a_websockets_connect_messages_and_disconnect_are_logged(address: str, logged: Logged) -> None:
    headers = {"x-request-id": "w-1", "x-user": "ann"}
    with connect(f"ws://{address}/echo", additional_headers=headers) as websocket:
        assert websocket.response is not None
        assert websocket.response.headers["x-request-id"] == "w-1"
        websocket.send("hello")
        assert websocket.recv() == "hello"
    ended(logged, "disconnect")
    records = logged.records("cordwood.request")
    assert [(r.message, r.level_name) for r in records] == [
        ("WebSocket connect, user ann", "INFO"),
        ("WebSocket message, user ann", "DEBUG"),
        ("WebSocket message, user ann", "DEBUG"),
        ("WebSocket disconnect, user ann", "INFO"),
    ]
    assert {r.fields["request_id"] for r in logged.records("shop") + records} == {"w-1"}
    assert [(r.fields["direction"], r.fields["size"]) for r in records[1:3]] == [("in", 5), ("out", 5)]
    last = records[-1].fields
    assert (last["path"], last["code"], last["received"], last["sent"]) == ("/echo", 1000, 1, 1)


def test_a_websocket_that_fails_is_an_error_and_a_disconnect(address: str, logged: Logged) -> None:
    with connect(f"ws://{address}/echo") as websocket:
        websocket.send("fail")
        with pytest.raises(ConnectionClosed):
            websocket.recv()
    assert ended(logged, "disconnect").fields["received"] == 1
    error = ended(logged, "error")
    assert (error.level_name, error.fields["error"]) == ("ERROR", "LookupError")


def test_a_refused_websocket_is_a_warning(address: str, logged: Logged) -> None:
    with pytest.raises(InvalidStatus), connect(f"ws://{address}/refuse"):
        pass
    assert ended(logged, "refused").level_name == "WARNING"
    assert len(logged.records("cordwood.request")) == 1


def test_what_is_neither_request_nor_websocket_passes_untouched(logged: Logged) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    asyncio.run(RequestLogMiddleware(app)({"type": "lifespan"}, "receive", "send"))  # type: ignore[arg-type]
    assert seen == [({"type": "lifespan"}, "receive", "send")]
    assert logged.records("cordwood") == []
