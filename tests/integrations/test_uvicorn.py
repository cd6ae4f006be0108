"""uvicorn's start-up, access and error records go through Cordwood, from Python and from its command."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cordwood import _native
from cordwood.integrations import uvicorn as integration

from tests.integrations.servers import free_socket, serving, wait_until
from tests.logged import Logged


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/fails":
        raise LookupError("nothing there")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


@pytest.fixture
def taken() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in integration.LOGGERS}
    undo = integration.take_over()
    yield
    undo()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("taken")
def test_H7_access_and_errors_of_a_server_started_from_python(logged: Logged) -> None:
    with serving(app, log_config=None, log_level="info") as address:
        httpx.get(f"http://{address}/x?y=1")
        httpx.get(f"http://{address}/fails")
    access = logged.records("uvicorn.access")
    assert [record.message.partition(" - ")[2] for record in access] == [
        '"GET /x?y=1 HTTP/1.1" 200', '"GET /fails HTTP/1.1" 500',
    ]  # fmt: skip
    errors = logged.records("uvicorn.error")
    assert any(record.message.startswith("Started server process") for record in errors)
    assert all("color_message" not in record.fields for record in errors)
    (failure,) = [record for record in errors if record.exception is not None]
    assert failure.exception is not None
    assert "LookupError: nothing there" in failure.exception["text"]


@pytest.mark.usefixtures("taken")
def test_an_access_log_that_is_switched_off_stays_off(logged: Logged) -> None:
    logger = logging.getLogger("uvicorn.access")
    before = (logger.handlers, logger.propagate)
    try:
        with serving(app, log_config=None, access_log=False) as address:
            integration.take_over()()
            httpx.get(f"http://{address}/x")
        assert logged.records("uvicorn.access") == []
    finally:
        logger.handlers, logger.propagate = before


APP = """
import cordwood
from cordwood.integrations import uvicorn
cordwood.configure(preset="production", log_dir="logs")
uvicorn.take_over()

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})
"""


def test_H7_its_command_logs_into_our_file_and_not_on_the_console(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    with free_socket() as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port), "--lifespan", "off"]
    with (tmp_path / "console").open("wb") as console:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=console, stderr=console)
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/x"), "no answer")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    _native.recover(str(tmp_path / "logs" / ".cordwood"))  # uvicorn ends by the signal itself, not by an exit
    text = (tmp_path / "logs/app.log").read_text(encoding="utf-8")
    assert "Uvicorn running on" in text
    assert '"GET /x HTTP/1.1" 200' in text
    assert "Finished server process" in text
    assert "GET /x" not in (tmp_path / "console").read_text(encoding="utf-8")


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
