"""A real Sanic server: its loggers, the access log too, are in our file and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integrations.servers import free_socket, wait_until

APP = """
import sys
import cordwood
from cordwood.integrations import sanic as integration
from sanic import Sanic, text
from sanic.log import logger

cordwood.configure(preset="production", log_dir="logs")
app = Sanic("shop", configure_logging=sys.argv[2] == "later")
integration.take_over()

@app.get("/x")
async def x(request):
    logger.info("at work")
    return text("fine")

@app.get("/fails")
async def fails(request):
    raise LookupError("nothing there")


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]), access_log=True, motd=False, SINGLE)
"""


@pytest.mark.parametrize(("when", "processes"), [("never", "single_process=True"), ("later", "single_process=True"),
                                                 ("never", "workers=1")])  # fmt: skip
def test_H7_sanics_loggers_and_access_log(when: str, processes: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP.replace("SINGLE", processes), encoding="utf-8")
    with free_socket() as listener:
        port = listener.getsockname()[1]
    with (tmp_path / "console").open("wb") as console:
        server = subprocess.Popen(
            [sys.executable, "shop.py", str(port), when],
            cwd=tmp_path, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
        try:
            wait_until(lambda: status(port, "/x") == 200, "no answer")
            assert status(port, "/fails") == 500
            log = tmp_path / "logs/app.log"
            wait_until(lambda: f":{port}/fails 500 " in log.read_text(encoding="utf-8"), "no access record")
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # Sanic's manager does not always end when it is asked to
            server.wait(60)
    console_text = (tmp_path / "console").read_text(encoding="utf-8")
    text = log.read_text(encoding="utf-8")
    assert " - sanic.root - INFO - shop.py:14 - at work" in text
    assert " - sanic.server - INFO - " in text
    assert f"GET http://127.0.0.1:{port}/x 200 4 from 127.0.0.1:" in text
    assert "LookupError: nothing there" in text
    assert "at work" not in console_text
    assert "/x" not in console_text


def status(port: int, path: str) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code
    except httpx.TransportError:
        return 0
