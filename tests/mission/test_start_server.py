"""The start script of ami-backend (rows A3 to A6), on top of `cordwood run`: a real server, its port, its console."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples/ami_backend/start_server.sh"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script beside a server that prints what the application logs."""
    copy = tmp_path / "start_server.sh"
    copy.write_text(SCRIPT.read_text())
    copy.chmod(0o755)
    (tmp_path / "server.py").write_text(
        "import os; print(f\"INFO: Starting server on port {os.environ['PORT']}\"); print(os.environ['CORDWOOD_LEVEL'])"
    )
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python").symlink_to(sys.executable)
    command = commands / "cordwood"
    command.write_text(f"#!{sys.executable}\nfrom cordwood.views.cli import main\nmain()\n")
    command.chmod(0o755)
    return copy


def start(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    path = f"{script.parent}/bin:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [str(script), *args], capture_output=True, text=True, check=False, timeout=60, env=environ, cwd="/"
    )


SERVER = """
import asyncio, os, sys
from cordwood.integrations.event_loop import run_async, run_in_thread
from utilities import logger

async def answer():
    return 7

run_async(answer())
logger.info("Starting server on port %s", os.environ["PORT"])
print("printed, password=S3CRET", flush=True)
run_in_thread(lambda: None).join()
run_in_thread(lambda: 1 / 0).join()
raise RuntimeError("the end")
"""
STAMPED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (.*)")


def run_server(script: Path) -> tuple[int, list[str]]:
    """Run a server that uses the application's own packages; its port, and what was kept of its console."""
    port = free_port()
    (script.parent / "utilities").symlink_to(SCRIPT.parent / "utilities")
    (script.parent / "server.py").write_text(SERVER)
    done = start(script, "-p", str(port))
    assert done.returncode == 1, done.stderr
    (copy,) = (script.parent / "logs").glob("console_*.log")
    return port, copy.read_text().splitlines()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def test_A4_the_default_level_is_info(script: Path) -> None:
    port = free_port()
    done = start(script, "--port", str(port))
    assert done.stdout == f"INFO: Starting server on port {port}\nINFO\n"
    assert done.returncode == 0
    assert len(list((script.parent / "logs").glob("console_*.log"))) == 1


def test_A4_the_default_port_is_5000(script: Path) -> None:
    """The help names it; the port itself may be taken here, then a next one is used."""
    assert "(default: 5000)" in start(script, "-h").stdout
    assert "INFO: Starting server on port 50" in start(script).stdout


@pytest.mark.parametrize(
    "options", [["-p", "{}", "-l", "DEBUG", "-f"], ["--port={}", "--log-level=DEBUG", "--force-kill"]]
)
def test_A4_long_and_short_options_do_the_same(script: Path, options: list[str]) -> None:
    port = free_port()
    done = start(script, *(option.format(port) for option in options))
    assert done.stdout == f"INFO: Starting server on port {port}\nDEBUG\n"


def test_A4_help_names_every_documented_option(script: Path) -> None:
    done = start(script, "--help")
    assert done.returncode == 0
    for option in ("-p, --port PORT", "-l, --log-level LEVEL", "-f, --force-kill", "-h, --help"):
        assert option in done.stdout


@pytest.mark.parametrize("args", [["-p"], ["-p", "x"], ["-p", "99999"], ["-l", "LOUD"], ["--bogus"], ["word"]])
def test_A4_bad_values_are_one_line_and_status_2(script: Path, args: list[str]) -> None:
    done = start(script, *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_A5_a_taken_port_is_said(script: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = start(script, "-p", str(port))
    assert done.stderr.startswith(f"WARNING: Port {port} already in use, trying port {port + 1}\n")
    assert done.stdout.startswith("INFO: Starting server on port ")


def test_A5_force_kill_ends_the_holder_of_the_port_and_takes_it(script: Path) -> None:
    holding = "import socket; held = socket.create_server(('127.0.0.1', 0)); print(held.getsockname()[1], flush=True); "
    with subprocess.Popen(
        [sys.executable, "-c", f"{holding}import time; time.sleep(60)"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        done = start(script, "-p", str(port), "--force-kill")
        assert holder.wait(10) == -15
    assert done.stdout.startswith(f"INFO: Starting server on port {port}\n")
    assert f"Port {port} is held by process {holder.pid} " in done.stderr


def test_A3_what_reaches_the_console_is_kept_with_the_time_of_each_line(script: Path) -> None:
    began = time.time() - 1
    _, lines = run_server(script)
    found = [STAMPED.fullmatch(line) for line in lines]
    texts = [match[2] for match in found if match]
    assert len(texts) == len(lines), "each line is stamped, those of a traceback too"
    for match in found:
        assert match is not None
        assert began <= time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S")) <= time.time()
    assert texts.count("printed, password=***") == 1
    assert texts.count("Traceback (most recent call last):") == 2
    assert texts.count("RuntimeError: the end") == 1


def test_A6_start_up_and_threads_have_the_documented_messages(script: Path) -> None:
    port, lines = run_server(script)
    shown = [line[24:] for line in lines if re.match(r".{24}[A-Z]+: ", line)]
    (first, second) = [line for line in shown if line.endswith(" started")]
    ids = [re.fullmatch(r"INFO: Thread (\d+) started", line) for line in (first, second)]
    assert all(ids)
    assert shown == [
        "INFO: Global event loop initialized",
        f"INFO: Starting server on port {port}",
        first,
        first.replace("started", "completed"),
        second,
        f"ERROR: Error in thread {ids[1][1]}: division by zero",  # type: ignore[index]  # it matched
    ]
