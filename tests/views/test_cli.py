"""The `cordwood` command: what it prints, its status, and its one line where the input is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cordwood import _native
from cordwood.views.cli import main


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("cordwood: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the core says of the spool in the test's folder."""
    (tmp_path / ".cordwood" / "sinks").mkdir(parents=True)
    (tmp_path / ".cordwood" / "sinks" / "00ab.json").write_text('{"kind": "file", "path": "/logs/app.log"}')
    said: dict[str, Any] = {
        "segments": 2, "bytes": 4096, "leader": os.getpid(),
        "beat": 0, "sinks": {"00ab": 0}, "dropped": {"full": 0},
    }  # fmt: skip
    monkeypatch.setattr(_native, "spool_status", lambda folder: said, raising=False)
    return said


@pytest.mark.parametrize(
    "args",
    [("tail", "nowhere.log"), ("tail", "-n", "many"), ("tail", "-n", "-1"), ("tail", "--nonsense"), ("recover", "."),
     ("recover",), ("doctor", "--config", "nonsense"), ("nonsense",), ("tail",)],
    ids=" ".join,
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(args: tuple[str, ...]) -> None:
    """On stderr, with the name of what was wrong."""
    refused(run(*args))


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    """Here a folder that looks like a log file."""
    (tmp_path / "app.log").mkdir()
    assert "no logs in this folder" in refused(run("tail", "app.log"))


def test_tail_prints_the_last_records(tmp_path: Path) -> None:
    """Of ./logs without an argument; as text or as JSON."""
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "app.log"
    path.write_text("".join(f"2026-11-20 10:00:{n:02},000 - {n}\n" for n in range(20)))
    assert [line.split()[-1] for line in run("tail").stdout.splitlines()] == [str(n) for n in range(10, 20)]
    found = json.loads(run("tail", "-n", "1", "--json").stdout)
    assert found["text"].endswith("- 19")
    assert found["file"] == "logs/app.log"


def test_recover_reports_and_fails_where_records_remain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Status 1 is for whoever runs it from a script."""
    (tmp_path / ".cordwood").mkdir()
    asked = []

    def recover(folder: str) -> dict[str, Any]:
        asked.append(folder)
        return {"delivered": 7, "remaining": len(asked) - 1, "led": True, "sinks": {"/l/app.log": 7}, "notices": ["n"]}

    monkeypatch.setattr(_native, "recover", recover, raising=False)
    done = run("recover", str(tmp_path))
    assert done.exit_code == 0
    assert done.stdout == "delivered 7 records, 0 remain\nn\n"
    left = run("recover", str(tmp_path / ".cordwood"), "--json")
    assert left.exit_code == 1
    assert json.loads(left.stdout)["remaining"] == 1
    assert asked == [str(tmp_path / ".cordwood")] * 2


def test_doctor_tells_every_setting_and_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also what could not be used, in the environment as in a file."""
    monkeypatch.setenv("CORDWOOD_LEVEL", "ERROR")
    monkeypatch.setenv("CORDWOOD_BACKUP_COUNT", "many")
    found = run("doctor", "--json")
    report = json.loads(found.stdout)
    assert report["settings"]["level"] == {"value": "ERROR", "source": "CORDWOOD_LEVEL"}
    assert "spool.max_bytes" in report["settings"]
    assert found.exit_code == 1
    assert any("CORDWOOD_BACKUP_COUNT" in problem for problem in report["problems"])
    assert "problem: CORDWOOD_BACKUP_COUNT" in run("doctor").stdout


def test_doctor_finds_nothing_wrong(tmp_path: Path, status: dict[str, Any]) -> None:
    """And says so."""
    done = run("doctor", str(tmp_path))
    assert done.exit_code == 0, done.stdout
    assert "2 segments, 4096 bytes" in done.stdout
    assert "/logs/app.log: 0 records behind" in done.stdout
    assert done.stdout.endswith("nothing is wrong\n")


def test_doctor_names_a_stopped_leader(tmp_path: Path, status: dict[str, Any]) -> None:
    """With the line that wakes it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        status["leader"] = process.pid
        done = run("doctor", str(tmp_path))
        process.kill()
    assert done.exit_code == 1
    assert f"kill -CONT {process.pid}" in done.stdout


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"leader": 0, "sinks": {"a": 5}}, "type: cordwood recover"),
        ({"sinks": {"a": 5000}}, "a is 5000 records behind"),
        ({"dropped": {"full": 3}}, "3 records were lost (full)"),
    ],
)
def test_doctor_says_what_to_type(tmp_path: Path, status: dict[str, Any], change: dict[str, Any], hint: str) -> None:
    """For each trouble it knows."""
    status.update(change)
    done = run("doctor", str(tmp_path))
    assert done.exit_code == 1
    assert hint in done.stdout


def test_doctor_knows_folders_that_cannot_be_used(tmp_path: Path) -> None:
    """A missing one, and one that is a file."""
    assert "mkdir -p" in run("doctor", str(tmp_path / "none")).stdout
    (tmp_path / "file").write_text("")
    assert "is not a folder" in run("doctor", str(tmp_path / "file")).stdout


def test_trouble_with_the_system_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool of another user, say: status 1."""
    (tmp_path / ".cordwood").mkdir()

    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(_native, "recover", refuse)
    done = run("recover", str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr == f"cordwood: {tmp_path}/.cordwood: Permission denied\n"


def test_doctor_tells_the_source_of_single_levels_what_is_switched_and_the_folder_s_size(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "logging:\n  components:\n    auth: DEBUG\n  database:\n    enabled: false\ndatabase:\n  password: hush\n"
    )
    assert run("level", "services", "DEBUG", "logs").exit_code == 0
    Path("logs/app.log").write_text("12345")
    done = run("doctor", "--config", "config.yml", "logs")
    assert "component_levels.auth" in done.stdout
    assert "'DEBUG'  (config.yml:3)" in done.stdout
    assert "services switched to DEBUG; type: cordwood level services reset" in done.stdout
    assert "hush" not in done.stdout + run("doctor", "--config", "config.yml", "logs", "--json").stdout
    report = json.loads(run("doctor", "logs", "--json").stdout)
    assert report["log_dir_bytes"] >= 5
    assert report["switched_levels"] == {"services": "DEBUG"}


def test_the_command_alone_shows_its_commands_each_on_one_whole_line() -> None:
    shown = run()
    assert shown.exit_code == 2
    _, commands = shown.output.split("Commands:\n")
    assert "  recover  Deliver what crashed processes left behind.\n" in commands
    assert "..." not in commands


def test_examples_in_a_help_stand_as_they_were_written() -> None:
    assert "    since:1h user_id:42             of the last hour, with this field\n" in run("search", "--help").stdout


def test_what_doctor_says_to_type_is_of_the_folder_it_looked_at(tmp_path: Path) -> None:
    assert run("level", "services", "DEBUG", "elsewhere").exit_code == 0
    said = run("doctor", "elsewhere").stdout.partition("type: cordwood ")[2].splitlines()[0]
    assert run(*said.split()).exit_code == 0
    assert json.loads(run("doctor", "elsewhere", "--json").stdout)["switched_levels"] == {}
