"""The start script of ami-backend (rows A4, A5): exactly the documented options, on top of `cordwood run`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
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
