"""RequestLogger: one record a request or event, with its fields, from the caller's place."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from cordwood import RequestLogger

from tests.logged import Logged


def test_L5_a_request_is_one_record_with_its_fields(logged: Logged) -> None:
    RequestLogger().log_request(method="GET", path="/api/users", status_code=200, duration=0.123, user="john_doe")
    record = logged.one()
    assert record.message == "GET /api/users 200 in 0.123 s, user john_doe"
    assert record.template == "%s %s %d in %.3f s, user %s"
    assert record.fields == {
        "method": "GET", "path": "/api/users", "status_code": 200, "duration": 0.123, "user": "john_doe",
    }  # fmt: skip
    assert record.logger == "cordwood.request"
    assert record.function == "test_L5_a_request_is_one_record_with_its_fields"


@pytest.mark.parametrize(
    ("status", "level"),
    [(101, "INFO"), (399, "INFO"), (HTTPStatus.NOT_FOUND, "WARNING"), (499, "WARNING"), (500, "ERROR")],
)
def test_the_level_follows_the_status(status: int, level: str, logged: Logged) -> None:
    RequestLogger("web").log_request("GET", "/", status, 0.5, tenant="a")
    record = logged.one()
    assert (record.level_name, record.message) == (level, f"GET / {int(status)} in 0.500 s")
    assert record.fields["tenant"] == "a"
    assert record.logger == "web"


def test_a_token_in_the_query_is_not_logged(logged: Logged) -> None:
    RequestLogger().log_request("GET", "/login?token=abcdef123456&page=2", 200, 0.1)
    record = logged.one()
    assert "abcdef123456" not in f"{record.message} {record.fields}"
    assert "page=2" in record.message


def test_L5_a_websocket_event_is_one_record(logged: Logged) -> None:
    request_logger = RequestLogger()
    request_logger.log_websocket_event(event_type="connect", user="john_doe", room="lobby")
    request_logger.log_websocket_event("error")
    connect, error = logged.records()
    assert (connect.message, connect.level_name) == ("WebSocket connect, user john_doe", "INFO")
    assert connect.fields == {"event_type": "connect", "user": "john_doe", "room": "lobby"}
    assert (error.message, error.level_name) == ("WebSocket error", "ERROR")
    assert connect.function == error.function == "test_L5_a_websocket_event_is_one_record"
