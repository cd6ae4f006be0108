"""A real gunicorn: arbiter's and workers' records, the access log too, are in our file and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.integrations.servers import free_socket, wait_until

APP = """
import logging

def app(environ, start_response):
    logging.getLogger("shop").info("at work")
    if environ["PATH_INFO"] == "/fails":
        raise LookupError("nothing there")
    start_response("200 OK", [("Content-Length", "4")])
    return [b"fine"]
"""
CONF = """
import cordwood
cordwood.configure(preset="production", log_dir="logs")
logger_class = "cordwood.integrations.gunicorn.Logger"
accesslog = "-"
workers = 2
"""


def test_H7_arbiter_workers_and_access_log(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    (tmp_path / "gunicorn.conf.py").write_text(CONF, encoding="utf-8")
    with free_socket() as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "shop:app"]
    with (tmp_path / "console").open("wb") as console:
        server = subprocess.Popen(
            command, cwd=tmp_path, stdout=console, stderr=console, env={**os.environ, "HOME": str(tmp_path)}
        )
        try:
            wait_until(lambda: answers(port, "/x"), "no answer")
            assert answers(port, "/fails") is False
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    text = (tmp_path / "logs/app.log").read_text(encoding="utf-8")
    assert "gunicorn.error - INFO" in text
    assert "Listening at: http://127.0.0.1" in text
    assert text.count("Booting worker with pid") == 2
    assert '"GET /x HTTP/1.1" 200 4 ' in text
    assert " - shop - INFO - shop.py:5 - at work" in text
    assert "Error handling request " in text
    assert "LookupError: nothing there" in text
    assert "GET /x" not in (tmp_path / "console").read_text(encoding="utf-8")


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    except httpx.TransportError:
        return False
