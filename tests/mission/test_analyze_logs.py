"""Row A7: the AMI backend's log analyser, with the options of its document."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.mission.conftest import EXAMPLES, Ran, environment

SCRIPT = EXAMPLES / "ami_backend" / "analyze_logs.py"
CLOSED = """\
Traceback (most recent call last):
  File "/srv/app/server.py", line 7, in handle
    loop.run_until_complete(work())
RuntimeError: Event loop is closed
"""


def ago(hours: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S,000")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log with one closed loop two hours ago and one issue thirty hours ago, and two console logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "amibackend.log").write_text(
        f"{ago(30)} - amibackend - ERROR - [Errno 48] Address already in use\n"
        f"{ago(3)} - amibackend - INFO - Thread 1 started\n"
        f"{ago(2)} - amibackend - ERROR - Error in thread 1: stopped\n{CLOSED}"
    )
    (folder / "amibackend.log.1").write_text(f"{ago(5)} - amibackend - INFO - Starting server on port 5000\n")
    (folder / "console_20200101_000000.log").write_text(f"{ago(1)} OSError: [Errno 10048] Address in use\n")
    os.utime(folder / "console_20200101_000000.log", (time.time() - 3600,) * 2)
    (folder / "console_20260101_000000.log").write_text(
        f"{ago(1)} RuntimeError: got Future <Future pending> attached to a different loop\n"
        f"{ago(0.5)} ModuleNotFoundError: No module named 'flask'\n"
    )
    return folder


def analyse(folder: Path, *options: str) -> Ran:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        cwd=folder.parent,
        env=environment("ami_backend"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_A7_the_last_day_of_the_log_and_of_the_newest_console_log_with_advice(logs: Path) -> None:
    done = analyse(logs)
    assert (done.returncode, done.stderr) == (0, "")
    for issue, advice in (
        ("A closed event loop was used", "Keep one"),
        ("A future of another event loop", "run_coroutine_threadsafe"),
        ("A module is not installed", "pip install -r requirements.txt"),
    ):
        assert issue in done.stdout
        assert advice in " ".join(done.stdout.split())
    assert "The port is taken" not in done.stdout  # thirty hours ago, and in the older console log
    assert "Error in thread 1: stopped" in done.stdout
    assert "Thread <*> started" in done.stdout


@pytest.mark.parametrize("number", [48, 98, 10048])
def test_A7_an_address_in_use_is_known_on_every_system(logs: Path, number: int) -> None:
    (logs / "amibackend.log").write_text(f"{ago(1)} - amibackend - ERROR - [Errno {number}] cannot bind\n")
    assert "The port is taken" in analyse(logs).stdout


def test_A7_last_hours_errors_only_and_stats(logs: Path) -> None:
    hours = analyse(logs, "--last-hours", "48")
    assert "The port is taken" in hours.stdout
    short = analyse(logs, "-t", "0.75", "-e")
    assert "A module is not installed" in short.stdout
    assert "Event loop is closed" not in short.stdout
    errors = analyse(logs, "--errors-only")
    assert "Error in thread 1: stopped" in errors.stdout
    assert "Thread <*> started" not in errors.stdout
    stats = analyse(logs, "--stats")
    assert "Levels   ERROR 1" in stats.stdout
    assert "Levels" not in errors.stdout


def test_A7_a_specific_log_file_and_console_log(logs: Path) -> None:
    one = analyse(logs, "--log-file", "logs/amibackend.log.1", "--stats")
    assert "Starting server on port <*>" in one.stdout
    assert "Error in thread" not in one.stdout
    other = analyse(logs, "-f", "logs/amibackend.log.1", "-c", "logs/console_20200101_000000.log")
    assert "The port is taken" in other.stdout
    assert "A module is not installed" not in other.stdout


@pytest.mark.parametrize("options", [["-f", "none.log"], ["-t", "soon"], ["-t", "0"], ["--nope"]])
def test_A7_bad_values_get_a_clear_error_and_status_2(logs: Path, options: list[str]) -> None:
    done = analyse(logs, *options)
    assert done.returncode == 2
    assert "analyze_logs.py: " in done.stderr
    assert "Traceback" not in done.stderr
