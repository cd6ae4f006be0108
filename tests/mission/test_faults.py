"""A fault of the surroundings never stops an application: it runs, and is told what was done instead."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PRESETS = ("ami_backend", "clipizi", "alonechat", "chainner", "ai_platform", "development", "production", "testing")
WITHOUT_FILES = ("ai_platform", "testing")
PROGRAM = """
import logging, sys
import cordwood
cordwood.configure({configure})
log = logging.getLogger("services.app")
for number in range({records}):
    log.warning("record %d", number)
cordwood.shutdown(0.3)
print("ran to its end")
"""


def program(configure: str, records: int = 20) -> str:
    return PROGRAM.format(configure=configure, records=records)


@pytest.mark.parametrize(
    ("preset", "trap"),
    [*((preset, "a file in its place") for preset in PRESETS), ("development", "a folder in a file")],
)
def test_a_log_directory_that_cannot_be_used_is_said(run: Run, tmp_path: Path, preset: str, trap: str) -> None:
    (tmp_path / "blocked").write_text("")
    log_dir = "blocked" if trap == "a file in its place" else "blocked/logs"
    done = run("", program(f"preset='{preset}', log_dir='{log_dir}'"))
    assert done.stdout == "ran to its end\n"
    if preset not in WITHOUT_FILES:
        assert f"cordwood: the spool folder {tmp_path}/{log_dir}/.cordwood cannot be used" in done.stderr
        assert "records wait in the spool; trying again" in done.stderr
        assert "20 records are not delivered yet; the next process does it" in done.stderr
    if preset != "production":
        assert done.stderr.count("record 19") == 1, "the console has all"
    assert "Traceback" not in done.stderr


@pytest.fixture
def waiting(run: Run, tmp_path: Path) -> Path:
    """A log directory that can be used again, and twenty records that wait elsewhere for it."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    run("", program("preset='production', log_dir='blocked'"))
    blocked.unlink()
    return blocked


def test_what_waited_for_a_log_directory_is_written_by_the_next_process_and_first(run: Run, waiting: Path) -> None:
    done = run("", program("preset='production', log_dir='blocked'", records=1))
    assert "20 records that waited in " in done.stderr
    written = [line.rpartition(" - ")[2] for line in (waiting / "app.log").read_text().splitlines()]
    assert written == [f"record {number}" for number in [*range(20), 0]]


@pytest.mark.parametrize("used_again", [False, True])
def test_what_waited_for_a_log_directory_is_found_by_its_name(
    cordwood: Run, waiting: Path, *, used_again: bool
) -> None:
    if used_again:
        (waiting / ".cordwood").mkdir(mode=0o700, parents=True)
    assert "20 records wait and no process delivers them" in cordwood("doctor", "blocked", status=1).stdout
    if used_again:
        assert cordwood("tail", "blocked").stdout.splitlines()[-1].endswith("record 19")
    assert cordwood("recover", "blocked").stdout.startswith("delivered 20 records, 0 remain")
    assert (waiting / "app.log").read_text().count("record ") == 20


@pytest.mark.parametrize("preset", PRESETS)
def test_a_wrong_level_name_is_said_and_the_preset_s_is_used(run: Run, preset: str) -> None:
    done = run("", program(f"preset='{preset}', log_dir='logs'"), CORDWOOD_LEVEL="INFOO", CORDWOOD_CONSOLE_OUTPUT="yes")
    assert done.stdout == "ran to its end\n"
    assert "cordwood: CORDWOOD_LEVEL: level: 'INFOO' is not a level" in done.stderr
    assert "did you mean 'INFO'" in done.stderr
    assert done.stderr.count("record 19") == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_a_yaml_file_with_a_tab_is_said_with_its_line(run: Run, tmp_path: Path, preset: str) -> None:
    (tmp_path / "config.yml").write_text("logging:\n  level: ERROR\n\tlog_dir: elsewhere\n")
    done = run("", program(f"'config.yml', preset='{preset}', log_dir='logs', console_output=True"))
    assert done.stdout == "ran to its end\n"
    assert "cordwood: config.yml:3: it is not YAML: " in done.stderr
    assert done.stderr.count("record 19") == 1


@contextmanager
def mounted(disk: Path, size: str) -> Iterator[None]:
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("file systems cannot be mounted here; root can")
    yield
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[None]:
    """A disk of 16 kB."""
    with mounted(tmp_path / "disk", "16k"):
        yield


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[None]:
    """A disk that nothing can be written to."""
    with mounted(tmp_path / "disk", "8m"):
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        yield


@pytest.mark.parametrize("home", ["home", "disk/home"], ids=["log directory", "state directory too"])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.usefixtures("full")
def test_a_full_disk_stops_nothing_and_is_said_in_few_words(run: Run, tmp_path: Path, preset: str, home: str) -> None:
    configure = f"preset='{preset}', log_dir='disk/logs', console_output=True"
    done = run("", program(configure, records=2000), HOME=str(tmp_path / home))
    assert done.stdout == "ran to its end\n"
    ours = [line for line in done.stderr.splitlines() if line.startswith("cordwood: ")]
    assert len(ours) < 20
    if preset not in WITHOUT_FILES:
        assert any("No space left on device" in line for line in ours)
        assert any("records wait in memory" in line for line in ours) is (home == "disk/home")
    assert done.stderr.count("record 1999") == 1


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset not in WITHOUT_FILES])
@pytest.mark.usefixtures("read_only")
def test_where_nothing_can_be_written_at_all_it_runs_and_says_so_in_few_words(
    run: Run, tmp_path: Path, preset: str
) -> None:
    """As in a container whose file systems are read-only, home and temporary directory too."""
    disk = str(tmp_path / "disk")
    configure = program(f"preset='{preset}', log_dir='disk/logs', console_output=True", records=200)
    done = run("", f"import tempfile; tempfile.tempdir = {disk!r}\n{configure}", HOME=disk, TMPDIR=disk)
    assert done.stdout == "ran to its end\n"
    ours = [line for line in done.stderr.splitlines() if line.startswith("cordwood: ")]
    assert any("Read-only file system" in line for line in ours)
    assert any("records wait in memory" in line for line in ours)
    assert len(ours) < 20
    assert done.stderr.count("record 199") == 1


def test_where_no_more_files_can_be_opened_what_is_left_is_said(run: Run, cordwood: Run, tmp_path: Path) -> None:
    few = "import cordwood.pipeline, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))"
    configure = program("preset='production', log_dir='logs'")
    done = run("", f"{few}\n{configure}")
    assert done.stdout == "ran to its end\n"
    assert "20 records are not delivered yet" in done.stderr
    assert cordwood("recover", "logs").stdout.startswith("delivered 20 records, 0 remain")
    assert (tmp_path / "logs/app.log").read_text().count("record ") == 20
