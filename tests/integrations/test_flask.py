"""Flask: the request's id is in every record, the streamed ones too; each request is one record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from cordwood.integrations.flask import install
from flask import Flask, Response

from tests.integrations.servers import wait_until
from tests.logged import Logged


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def address(logged: Logged) -> Iterator[str]:
    app = Flask("shop")
    install(app, user=lambda environ: environ.get("HTTP_X_USER"))
    log = logging.getLogger("shop.views")

    @app.get("/ok/<name>")
    def ok(name: str) -> str:
        app.logger.warning("hello %s", name)
        log.info("at work")
        return "fine"

    @app.get("/fails")
    def fails() -> str:
        raise LookupError("nothing there")

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            log.info("streaming")
            yield "part"
            log.info("closing")

        return Response(parts(), headers={"X-Request-ID": "own"})

    @app.get("/breaks")
    def breaks() -> Response:
        def parts() -> Iterator[str]:
            yield "part"
            raise LookupError("half way")

        return Response(parts())

    with make_server("127.0.0.1", 0, app.wsgi_app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ended(logged: Logged) -> Any:
    wait_until(lambda: logged.records("cordwood.request"), "no record")
    return logged.one("cordwood.request")


def test_the_requests_id_is_in_every_record(address: str, logged: Logged) -> None:
    answer = httpx.get(f"{address}/ok/ann?x=1", headers={"x-request-id": "r-17", "x-user": "john_doe"})
    assert answer.headers["x-request-id"] == "r-17"
    record = ended(logged)
    assert record.message.startswith("GET /ok/ann 200 in ")
    assert (record.fields["path"], record.fields["user"]) == ("/ok/ann", "john_doe")
    assert logged.messages("shop") == ["hello ann", "at work"]
    assert {r.fields["request_id"] for r in [*logged.records("shop"), record]} == {"r-17"}


def test_what_is_logged_while_the_answer_is_streamed_has_it_too(address: str, logged: Logged) -> None:
    answer = httpx.get(f"{address}/stream")
    assert (answer.text, answer.headers.get_list("x-request-id")) == ("part", ["own"])
    identity = ended(logged).fields["request_id"]
    assert [(r.message, r.fields["request_id"]) for r in logged.records("shop.views")] == [
        ("streaming", identity), ("closing", identity),
    ]  # fmt: skip


def test_a_failing_request_is_an_error_with_flasks_own_record_of_the_exception(address: str, logged: Logged) -> None:
    assert httpx.get(f"{address}/fails").status_code == 500
    record = ended(logged)
    assert (record.fields["status_code"], record.level_name) == (500, "ERROR")
    own = logged.one("shop")
    assert own.exception is not None
    assert own.fields["request_id"] == record.fields["request_id"]


def test_an_answer_that_breaks_off_is_an_error(address: str, logged: Logged, capfd: pytest.CaptureFixture[str]) -> None:
    httpx.get(f"{address}/breaks")
    record = ended(logged)
    assert (record.fields["status_code"], record.fields["error"]) == (500, "LookupError")
    assert "LookupError: half way" in capfd.readouterr().err, "wsgiref prints what it gets"
