"""A: one server, its log file and its archive."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cordwood import archive, cleanup_old_logs

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DAY = 86_400

EVERY_LEVEL = """
from utilities import logger
logger.debug("Detailed information")
logger.info("Confirmation that things are working as expected")
logger.warning("An indication that something unexpected happened")
logger.error("The application has failed to perform some function")
logger.critical("A very serious error")
"""


def test_A1_console_and_file_have_the_documented_formats_from_info(run: Run, tmp_path: Path) -> None:
    console = run("ami_backend", EVERY_LEVEL).stderr
    assert console.splitlines() == [
        "INFO: Confirmation that things are working as expected",
        "WARNING: An indication that something unexpected happened",
        "ERROR: The application has failed to perform some function",
        "CRITICAL: A very serious error",
    ]
    lines = (tmp_path / "logs/amibackend.log").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    for line, shown in zip(lines, console.splitlines(), strict=True):
        level, _, message = shown.partition(": ")
        assert re.fullmatch(rf"{stamp} - amibackend - {level} - {message}", line)


def test_A1_the_level_can_be_any_of_the_five(run: Run) -> None:
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    for number, level in enumerate(levels):
        console = run("ami_backend", EVERY_LEVEL, CORDWOOD_LEVEL=level).stderr
        assert [line.partition(":")[0] for line in console.splitlines()] == levels[number:]


def test_A2_the_file_rotates_at_10_mb_and_5_backups_stay(run: Run, tmp_path: Path) -> None:
    run(
        "ami_backend",
        """
        from utilities import logger
        for number in range(6_700):
            logger.info("%05d %s", number, "x" * 10_000)
        """,
        CORDWOOD_CONSOLE_OUTPUT="no",
    )
    files = sorted(path.name for path in (tmp_path / "logs").glob("*.log*"))
    assert files == ["amibackend.log", *(f"amibackend.log.{number}" for number in range(1, 6))]
    for number in range(1, 6):
        size = (tmp_path / f"logs/amibackend.log.{number}").stat().st_size
        assert 10 * 1024 * 1024 - 10_100 <= size <= 10 * 1024 * 1024
    assert " 06699 x" in (tmp_path / "logs/amibackend.log").read_text()


def test_A8_from_utilities_import_logger_works_at_every_level(run: Run, tmp_path: Path) -> None:
    run("ami_backend", EVERY_LEVEL, CORDWOOD_LEVEL="DEBUG")
    text = (tmp_path / "logs/amibackend.log").read_text()
    assert re.findall(r" - amibackend - (\w+) - ", text) == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def old(path: Path, days: float, text: str = "a line\n") -> Path:
    """A file last written to so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log directory with files of all kinds."""
    folder = tmp_path / "logs"
    for name, days in {
        "amibackend.log": 90,  # live, though nothing was logged for long
        "amibackend.log.1": 10,
        "amibackend.log.2": 40,
        "amibackend.log.3": 70,
        "daily.log.2026-01-02": 40,
        "console_20260102_030405.log": 40,
        "console_20260202_030405.log": 35,  # the newest: it may be written to
        "notes.txt": 90,
        "backup.log.old": 90,
        "amibackend.log.1x": 90,
        "log.1": 90,
        ".cordwood/segment.log.1": 90,
    }.items():
        old(folder / name, days)
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_A9_by_command_old_backups_are_packed_and_nothing_else(cordwood: Run, logs: Path) -> None:
    before = names(logs)
    dry = cordwood("archive", "--dry-run", "logs").stdout
    assert names(logs) == before
    expected = {"amibackend.log.2", "amibackend.log.3", "daily.log.2026-01-02", "console_20260102_030405.log"}
    assert {line.removeprefix("would pack ") for line in dry.splitlines()[:-1]} == expected
    age = (logs / "amibackend.log.2").stat().st_mtime
    cordwood("archive", "logs")
    assert names(logs) == before - expected | {f"{name}.gz" for name in expected}
    packed = logs / "amibackend.log.2.gz"
    assert gzip.decompress(packed.read_bytes()) == b"a line\n"
    assert packed.stat().st_mtime == pytest.approx(age), "its age goes on"
    assert cordwood("archive", "logs").stdout == "packed 0 files of 0 bytes\n"


def test_A9_by_command_what_is_older_than_60_days_is_deleted_packed_or_not(cordwood: Run, logs: Path) -> None:
    old(logs / "amibackend.log.4.gz", 61)
    old(logs / "amibackend.log.5.zst", 61)
    before = names(logs)
    assert '"amibackend.log.3"' in cordwood("prune", "--dry-run", "--json", "logs").stdout
    assert names(logs) == before
    cordwood("prune", "logs")
    assert before - names(logs) == {"amibackend.log.3", "amibackend.log.4.gz", "amibackend.log.5.zst"}


def test_A9_what_others_rotate_in_a_directory_of_ours_is_left_alone(run: Run, cordwood: Run, logs: Path) -> None:
    """The spool knows which logs are written there; old ones of a name that it has forgotten stay, too."""
    run("ami_backend", "from utilities import logger; logger.info('ours')")
    old(logs / "nginx.log.1", 90)
    before = names(logs)
    cordwood("prune", "logs")
    gone = before - names(logs)
    assert gone == {"amibackend.log.3"}


def test_A9_zstd_by_choice(cordwood: Run, logs: Path) -> None:
    cordwood("archive", "--compress", "zstd", "logs")
    assert (logs / "amibackend.log.2.zst").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


def test_A9_links_are_not_followed(logs: Path, tmp_path: Path) -> None:
    target = old(tmp_path / "precious.log.1", 90)
    (logs / "amibackend.log.9").symlink_to(target)
    archive.archive(logs, 0)
    archive.prune(logs, 0)
    assert target.read_text() == "a line\n"
    assert (logs / "amibackend.log.9").is_symlink()


def test_A9_an_existing_packed_file_is_not_overwritten(logs: Path) -> None:
    (logs / "amibackend.log.2.gz").write_bytes(b"another's")
    outcome = archive.archive(logs, 30)
    assert list(outcome.failed) == ["amibackend.log.2"]
    assert (logs / "amibackend.log.2.gz").read_bytes() == b"another's"
    assert (logs / "amibackend.log.2").exists()
    assert not list(logs.glob("*.tmp"))


def test_A9_by_schedule_inside_the_application(start: Callable[..., subprocess.Popen[str]], logs: Path) -> None:
    program = start(
        "ami_backend",
        """
        import os, sys, time
        from utilities import logger
        logger.info("runs")
        while os.path.exists("logs/amibackend.log.3") or not os.path.exists("logs/amibackend.log.2.gz"):
            time.sleep(0.02)
        """,
    )
    assert program.wait(30) == 0, program.communicate()
    assert gzip.decompress((logs / "amibackend.log.2.gz").read_bytes()) == b"a line\n"


def test_A9_rotation_goes_on_over_packed_siblings_of_the_documented_find(run: Run, logs: Path, tmp_path: Path) -> None:
    subprocess.run(r'find logs -name "*.log.[0-9]" -mtime +30 -exec gzip {} \;', shell=True, check=True, cwd=tmp_path)
    assert {"amibackend.log.1", "amibackend.log.2.gz", "amibackend.log.3.gz"} <= names(logs)
    run(
        "ami_backend",
        """
        from utilities import logger
        for number in range(2):
            logger.info("%s", "x" * 900)
        """,
        CORDWOOD_MAX_BYTES="1000",
        CORDWOOD_RETENTION__DELETE_DAYS="none",
        CORDWOOD_RETENTION__ARCHIVE_DAYS="none",
    )
    found = sorted(path.name for path in logs.glob("amibackend.log.[0-9]*") if not path.name.endswith("x"))
    assert found[-2:] == ["amibackend.log.4.gz", "amibackend.log.5.gz"] or "amibackend.log.4.gz" in found
    assert gzip.decompress((logs / "amibackend.log.4.gz").read_bytes()) == b"a line\n"


def test_A9_cleanup_from_python_says_how_many_went(logs: Path) -> None:
    assert cleanup_old_logs(log_dir=logs) == 4
    assert {"amibackend.log", "amibackend.log.1"} <= names(logs)


def test_A9_search_knows_the_packed_siblings_of_the_documented_find(cordwood: Run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for number, name in enumerate(["amibackend.log.3", "amibackend.log.2", "amibackend.log.1", "amibackend.log"]):
        old(
            logs / name,
            40 if number < 2 else 0,
            f"2026-01-0{number + 1} 10:00:00,000 - amibackend - ERROR - failed {number}\n",
        )
    subprocess.run(r'find logs -name "*.log.[0-9]" -mtime +30 -exec gzip {} \;', shell=True, check=True, cwd=tmp_path)
    assert {"amibackend.log.3.gz", "amibackend.log.2.gz", "amibackend.log.1"} <= names(logs)
    found = cordwood("search", "level:error failed", "logs/amibackend.log").stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in found] == ["0", "1", "2", "3"]
    assert cordwood("search", "--count", "since:2026-01-02 until:2026-01-04", "logs").stdout == "2\n"
