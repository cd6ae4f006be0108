"""Files: rotation, names, modes, and what others do to a log file while it is written."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cordwood
import pytest

LINE = 100  # bytes, with the newline


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.Logger("app")  # noqa: LOG001 of no hierarchy
    yield logger
    close(logger)


def close(log: logging.Logger) -> None:
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


def write(log: logging.Logger, numbers: range, **settings: Any) -> None:
    """Numbered lines of exactly LINE bytes."""
    if settings:
        log.addHandler(cordwood.Handler("logs/app.log", format_string="%(message)s", **settings))
    for number in numbers:
        log.info("%06d %s", number, "x" * (LINE - 8))
    log.handlers[0].flush()


def content(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout
    return path.read_bytes()


def numbers(path: Path | str) -> list[int]:
    """The numbers in a file, none of whose lines is torn."""
    *lines, rest = content(Path(path)).split(b"\n")
    assert rest == b""
    assert {len(line) for line in lines} <= {LINE - 1}
    return [int(line[:6]) for line in lines]


def files() -> list[str]:
    return sorted(name for name in os.listdir("logs") if name != ".cordwood")


def until_packed(suffix: str) -> list[str]:
    """The files once everything closed is packed."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = files()
        if all(name == "app.log" or name.endswith(suffix) for name in found):
            return found
        time.sleep(0.01)
    return files()


def test_by_size_no_file_is_larger_and_backups_count(log: logging.Logger) -> None:
    write(log, range(95), max_bytes=10 * LINE + 1, backup_count=3)
    assert files() == ["app.log", "app.log.1", "app.log.2", "app.log.3"]
    assert numbers("logs/app.log") == list(range(90, 95))
    assert [numbers(f"logs/app.log.{n}") for n in (3, 2, 1)] == [list(range(n, n + 10)) for n in (60, 70, 80)]


def test_a_size_of_nought_and_no_backups_never_rotate(log: logging.Logger) -> None:
    write(log, range(50), max_bytes=0)
    assert files() == ["app.log"]
    close(log)
    write(log, range(50, 100), max_bytes=LINE, backup_count=0)
    assert files() == ["app.log"]
    assert numbers("logs/app.log") == list(range(100))


def test_a_record_larger_than_the_limit_stands_alone(log: logging.Logger) -> None:
    write(log, range(1), max_bytes=LINE + 1, backup_count=9)
    log.info("y" * 1000)
    write(log, range(1, 2))
    assert files() == ["app.log", "app.log.1", "app.log.2"]
    assert (numbers("logs/app.log.2"), numbers("logs/app.log")) == ([0], [1])
    assert Path("logs/app.log.1").read_bytes() == b"y" * 1000 + b"\n"


def test_by_time(log: logging.Logger) -> None:
    write(log, range(3), when=1, backup_count=5)
    begun = time.time() // 1
    while time.time() // 1 == begun:
        time.sleep(0.01)
    write(log, range(3, 6))
    names = files()
    assert "app.log" in names
    assert len(names) > 1
    assert sorted(number for name in names for number in numbers(f"logs/{name}")) == list(range(6))
    assert numbers("logs/app.log")[-1] == 5


def test_by_time_or_size_whichever_is_first(log: logging.Logger) -> None:
    write(log, range(25), when="midnight", max_bytes=10 * LINE + 1, backup_count=5)
    assert [numbers(f"logs/{name}") for name in files()] == [
        list(range(20, 25)), list(range(10, 20)), list(range(10)),
    ]  # fmt: skip


def test_names_by_date_keep_all_without_a_count(log: logging.Logger) -> None:
    write(log, range(35), max_bytes=10 * LINE + 1, backup_count=0, naming="date")
    names = files()
    today = time.strftime("%Y-%m-%d")
    assert len(names) == 4
    assert all(name == "app.log" or re.fullmatch(rf"app\.log\.{today}(\S*)", name) for name in names), names
    assert sorted(number for name in names for number in numbers(f"logs/{name}")) == list(range(35))


def test_names_by_date_are_counted_too(log: logging.Logger) -> None:
    write(log, range(95), max_bytes=10 * LINE + 1, backup_count=2, naming="date")
    found = sorted(number for name in files() for number in numbers(f"logs/{name}"))
    assert len(files()) == 3
    assert found == list(range(70, 95))


@pytest.mark.parametrize(("compress", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
def test_closed_files_are_packed(log: logging.Logger, compress: str, suffix: str) -> None:
    if compress == "zstd" and shutil.which("zstd") is None:
        pytest.skip("no zstd command to unpack with")
    write(log, range(35), max_bytes=10 * LINE + 1, backup_count=9, compress=compress)
    names = until_packed(suffix)
    assert names == ["app.log", f"app.log.1{suffix}", f"app.log.2{suffix}", f"app.log.3{suffix}"]
    assert [numbers(f"logs/{name}") for name in names] == [
        list(range(30, 35)), list(range(20, 30)), list(range(10, 20)), list(range(10)),
    ]  # fmt: skip
    assert {stat.S_IMODE(os.stat(f"logs/{name}").st_mode) for name in names} == {0o600}


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_modes_are_private_whatever_the_umask(log: logging.Logger, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(log, range(25), max_bytes=10 * LINE + 1)
    finally:
        os.umask(before)
    assert {mode(f"logs/{name}") for name in files()} == {0o600}
    assert (mode("logs"), mode("logs/.cordwood")) == (0o700, 0o700)
    assert {mode(str(path)) & 0o077 for path in Path("logs/.cordwood").rglob("*")} == {0}


def test_existing_folders_and_files_keep_their_modes(log: logging.Logger) -> None:
    os.makedirs("logs")
    os.chmod("logs", 0o755)
    Path("logs/app.log").touch()
    os.chmod("logs/app.log", 0o644)
    write(log, range(3), file_mode=0o640)
    assert (mode("logs"), mode("logs/app.log")) == (0o755, 0o644)


def test_a_mode_of_ones_own_holds_for_new_files(log: logging.Logger) -> None:
    write(log, range(25), max_bytes=10 * LINE + 1, file_mode=0o640)
    assert {mode(f"logs/{name}") for name in files()} == {0o640}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_a_group_of_ones_own_holds_for_new_files(log: logging.Logger) -> None:
    write(log, range(25), max_bytes=10 * LINE + 1, file_group=4711, file_mode=0o640)
    assert {os.stat(f"logs/{name}").st_gid for name in files()} == {4711}


def test_a_symbolic_link_is_not_followed_and_its_records_wait(
    log: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    os.makedirs("logs")
    Path("victim").write_bytes(b"untouched")
    os.symlink("../victim", "logs/app.log")
    log.addHandler(cordwood.Handler("logs/app.log", format_string="%(message)s"))
    log.info("%06d %s", 0, "x" * (LINE - 8))
    assert log.handlers[0]._outlet.spool.flush(0.3) == 1  # type: ignore[attr-defined]
    assert Path("victim").read_bytes() == b"untouched"
    assert "app.log" in capfd.readouterr().err
    os.unlink("logs/app.log")
    log.handlers[0].flush()
    assert numbers("logs/app.log") == [0]


def test_logrotate_by_rename(log: logging.Logger) -> None:
    write(log, range(10), max_bytes=0)
    for turn in range(1, 4):
        os.rename("logs/app.log", f"logs/app.log.old{turn}")
        write(log, range(10 * turn, 10 * turn + 10))
    names = ["app.log.old1", "app.log.old2", "app.log.old3", "app.log"]
    assert [number for name in names for number in numbers(f"logs/{name}")] == list(range(40))
    assert numbers("logs/app.log")[-1] == 39


def test_logrotate_by_copytruncate(log: logging.Logger) -> None:
    """The file grows on from its beginning: no hole, no line lost that was logged before or after."""
    write(log, range(10), max_bytes=0)
    shutil.copy("logs/app.log", "logs/app.log.copy")
    os.truncate("logs/app.log", 0)
    write(log, range(10, 20))
    assert numbers("logs/app.log.copy") == list(range(10))
    assert numbers("logs/app.log") == list(range(10, 20))


def test_foreign_bytes_in_the_file_stay(log: logging.Logger) -> None:
    write(log, range(2), max_bytes=0)
    with Path("logs/app.log").open("ab") as file:
        file.write(b"somebody else's line\n")
    write(log, range(2, 4))
    lines = Path("logs/app.log").read_bytes().split(b"\n")
    assert [line[:6] for line in lines] == [b"000000", b"000001", b"somebo", b"000002", b"000003", b""]


@pytest.mark.parametrize("gone", ["logs/app.log", "logs/.cordwood", "logs"])
def test_what_is_deleted_while_logging_is_made_again(log: logging.Logger, gone: str) -> None:
    write(log, range(10), max_bytes=0)
    if os.path.isdir(gone):
        shutil.rmtree(gone)
    else:
        os.unlink(gone)
    deadline = time.monotonic() + 20
    number = 10
    while time.monotonic() < deadline:
        write(log, range(number, number + 1))
        number += 1
        if os.path.exists("logs/app.log") and os.path.exists("logs/.cordwood"):
            break
        time.sleep(0.05)
    write(log, range(number, number + 10))
    found = numbers("logs/app.log")
    assert found[-10:] == list(range(number, number + 10)), "new records are in the new file"
    assert found == sorted(set(found))


USERS = """
import hashlib, logging, os, sys, platformdirs, platformdirs.unix, cordwood.pipeline
uid, first, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.chdir("/")
if uid:
    os.setgid(uid); os.setgroups([]); os.setuid(uid)
    os.environ["HOME"] = folder + "/home"
os.environ.pop("XDG_STATE_HOME", None)
cordwood.configure(log_dir=folder + "/logs", console_output=False, format_string="%(message)s", file_mode=0o666)
for number in range(first, first + 500):
    logging.getLogger("app").info("%06d %s", number, "x" * 92)
print(cordwood.flush(10))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_two_users_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    """One has the folder's spool; the other's records wait in a place of its own, and both are in the one file."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "home").mkdir()
    for path in (tmp_path / "logs", tmp_path / "home"):
        path.chmod(0o777)
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/") and path.stat().st_uid == 0 and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    nobody = 65534
    program = [sys.executable, "-c", USERS]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(
            [*program, str(uid), str(first), str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ,
        )
        for uid, first in ((0, 0), (nobody, 500))
    ]  # fmt: skip
    ended = [process.communicate(timeout=60) for process in running]
    assert [out for out, _ in ended] == ["0\n", "0\n"], ended
    assert sorted(numbers(tmp_path / "logs" / "app.log")) == list(range(1000))


def test_two_processes_rotate_one_file_together(tmp_path: Path) -> None:
    """Nothing lost, nothing twice, each process's records in order."""
    program = """
import logging, sys, cordwood
cordwood.configure(log_dir="logs", console_output=False, format_string="%(message)s", max_bytes=20_000, backup_count=99)
for number in range(int(sys.argv[1]), int(sys.argv[1]) + 2000):
    logging.getLogger("app").info("%06d %s", number, "x" * 92)
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(first)]) for first in (0, 2000, 4000)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    names = sorted(files(), key=lambda name: -int(name.partition("log.")[2] or 0))
    assert all(os.path.getsize(f"logs/{name}") <= 20_000 for name in names)
    found = [number for name in names for number in numbers(f"logs/{name}")]
    assert sorted(found) == list(range(6000))
    for first in (0, 2000, 4000):
        own = [number for number in found if first <= number < first + 2000]
        assert own == sorted(own)


def test_json_and_text_of_one_record_agree(log: logging.Logger) -> None:
    for name, options in (("a.log", {"format_string": "%(message)s|%(lineno)d"}), ("b.log", {"format": "json"})):
        log.addHandler(cordwood.Handler(f"logs/{name}", **options))  # type: ignore[arg-type]
    log.info("paid %d", 7)
    for handler in log.handlers:
        handler.flush()
    line = json.loads(Path("logs/b.log").read_bytes())
    assert Path("logs/a.log").read_text(encoding="utf-8") == f"{line['message']}|{line['line']}\n"
