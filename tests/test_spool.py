"""Where a spool may stand, and how it is found again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cordwood
import pytest
from cordwood.query.spooled import spools_of
from cordwood.spool import file_sinks, spool_folder


def test_a_spool_elsewhere_delivers_to_the_log_directory(tmp_path: Path) -> None:
    spool = tmp_path / "state" / "spool"
    cordwood.configure(log_dir="logs", console_output=False, files="app.log", spool={"dir": spool})
    logging.getLogger("shop").error("kept")
    assert cordwood.shutdown() == 0
    assert "kept" in (tmp_path / "logs" / "app.log").read_text()
    assert not (tmp_path / "logs" / ".cordwood").exists()
    assert spools_of(str(spool)) == [str(spool)]


def test_the_spool_of_a_log_directory_is_found_by_that_directory(tmp_path: Path) -> None:
    assert spools_of("logs") == []
    cordwood.configure(log_dir="logs", console_output=False, files="app.log")
    cordwood.shutdown()
    assert spools_of("logs") == spools_of(spool_folder("logs")) == [str(tmp_path / "logs" / ".cordwood")]


SECOND_USER = """
import logging, os, sys
import cordwood.pipeline, hashlib, json, platformdirs.unix
os.setgid(65534)
os.setuid(65534)
import cordwood
cordwood.configure(log_dir=sys.argv[1], console_output=False, files="app.log", file_mode="0666")
logging.getLogger("shop").error("of the second")
sys.exit(cordwood.shutdown())
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users may search, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        for inner in ("logs", "home"):
            (folder / inner).mkdir()
            (folder / inner).chmod(0o777)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its user")
def test_a_second_user_of_a_folder_has_a_spool_of_its_own_and_loses_nothing(shared: Path) -> None:
    log = shared / "logs" / "app.log"
    cordwood.configure(log_dir=log.parent, console_output=False, files="app.log", file_mode="0666")
    logging.getLogger("shop").error("of the first")
    cordwood.flush()
    log.chmod(0o666)
    environ = {**os.environ, "HOME": str(shared / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("XDG_STATE_HOME", None)
    command = [sys.executable, "-c", SECOND_USER, str(log.parent)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    cordwood.shutdown()
    assert done.returncode == 0, done.stderr
    assert "belongs to another user" in done.stderr
    assert [line.rpartition("of the ")[2] for line in log.read_text().splitlines()] == ["first", "second"]
    assert (shared / "home" / ".local" / "state" / "cordwood").is_dir()


def test_what_stands_in_the_place_of_a_sinks_options_is_not_followed(tmp_path: Path) -> None:
    """A link to a device without an end, a pipe that nobody writes, a folder: as if they were not there."""
    sinks = tmp_path / "sinks"
    sinks.mkdir()
    (sinks / "1.json").write_text('{"kind": "file", "path": "a.log"}')
    (sinks / "2.json").symlink_to("/dev/zero")
    os.mkfifo(sinks / "3.json")
    (sinks / "4.json").mkdir()
    assert file_sinks(str(tmp_path)) == {"1": {"kind": "file", "path": "a.log"}}
