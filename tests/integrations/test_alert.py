"""AlertSink: many errors are told of once, from another thread, to a function or a web address."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import cordwood
import pytest
from cordwood.errors import ConfigError
from cordwood.integrations.alert import Alert, AlertSink

log = logging.getLogger("shop")


@pytest.fixture
def alerting() -> Iterator[Callable[[AlertSink], cordwood.Handler]]:
    handlers = []

    def attach(sink: AlertSink) -> cordwood.Handler:
        handler = cordwood.Handler(sink=sink, level="ERROR")
        log.addHandler(handler)
        handlers.append(handler)
        return handler

    yield attach
    for handler in handlers:
        log.removeHandler(handler)
        handler.close()


def test_C7_a_threshold_within_a_window_is_one_alert_until_the_pause_is_over(alerting: Any) -> None:
    told: list[Alert] = []
    handler = alerting(AlertSink(told.append, threshold=3, window=60, pause=300))
    log.warning("no error")
    for number in range(2):
        log.error("broken %d", number)
    handler.flush()
    assert told == []
    for number in range(2, 10):
        log.error("broken %d", number)
    handler.flush()
    (alert,) = told
    assert alert.last.message == f"broken {alert.count - 1}"
    assert alert.text == (
        f"{alert.count} errors in 60 s on {alert.last.hostname}, the last from shop: broken {alert.count - 1}"
    )


def record(time: float, sequence: int) -> Any:
    return cordwood.Record(
        time=int(time * 1e9), level=40,
        level_name="ERROR", logger="x", message="m", template="m", pathname="", filename="",
        module="", line=1, function="", pid=1, process_name="", thread_id=1, thread_name="", hostname="h", fields={},
        exception=None, stack_info=None, task_name=None, segment=1, sequence=sequence,
    )  # fmt: skip


def test_errors_far_apart_are_no_alert_and_after_the_pause_there_is_another() -> None:
    told: list[Alert] = []
    sink = AlertSink(told.append, threshold=2, window=10, pause=100)
    for sequence, time in enumerate([0, 10, 20, 21, 22, 50, 51, 121, 122]):
        sink.write([record(1000 + time, sequence)])
    assert [(alert.last.time / 1e9 - 1000, alert.count) for alert in told] == [(21, 2), (122, 2)]


def test_an_alert_that_fails_is_told_when_the_batch_comes_again_and_counts_nothing_twice() -> None:
    told: list[Alert] = []
    fail = [True]

    def tell(alert: Alert) -> None:
        if fail.pop():
            raise OSError("down")
        told.append(alert)

    sink = AlertSink(tell, threshold=2)
    batch = [record(1000, 1), record(1001, 2)]
    with pytest.raises(OSError, match="down"):
        sink.write(batch)
    fail.append(False)
    sink.write([*batch, record(1002, 3)])
    assert [alert.count for alert in told] == [2]
    sink.write([record(1003, 4)])
    assert len(sink._state.times) == 4


def test_C7_a_webhook_gets_json_and_no_secret(alerting: Any) -> None:
    received: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        handler = alerting(AlertSink(f"http://127.0.0.1:{server.server_port}/x"))
        log.error("login failed, password=%s", "hunter2secret")
        handler.flush()
        thread.join()
    (told,) = received
    assert set(told) == {"text", "count", "window", "logger", "level", "message", "host", "time"}
    assert (told["count"], told["logger"], told["level"]) == (1, "shop", "ERROR")
    assert "hunter2secret" not in json.dumps(told)


def test_C7_a_target_that_hangs_holds_nobody_up(alerting: Any) -> None:
    inside, release = threading.Event(), threading.Event()

    def hang(_: Alert) -> None:
        inside.set()
        release.wait()

    handler = alerting(AlertSink(hang, pause=0.001))
    log.error("first")
    assert inside.wait(30)
    for _ in range(1000):
        log.error("more")
    assert not release.is_set(), "all calls came back while the target hung"
    release.set()
    handler.flush()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"target": "ftp://x"}, "target"),
        ({"target": print, "threshold": 0}, "threshold"),
        ({"target": print, "pause": -1}, "pause"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AlertSink(**settings)
    assert caught.value.field == field
