"""Files under a real logrotate, while processes log: no line is lost by us, and each one's order is kept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

LOGROTATE = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    LOGROTATE is None, reason="logrotate is not installed; type: apt-get install --no-install-recommends logrotate"
)
PROCESSES, ROTATIONS, LINES = 3, 8, 4000

# Logs LINES lines for each line on standard input; says when each lot is done; ends with the input.
WRITER = """
import logging, sys, cordwood
cordwood.configure(log_dir="logs", console_output=False, files="app.log", max_bytes=0, format_string="%(message)s")
log, number = logging.getLogger("x"), 0
for _ in sys.stdin:
    for _ in range(int(sys.argv[2])):
        log.info("%s %07d", sys.argv[1], number)
        number += 1
    print(cordwood.flush(30), number, flush=True)
"""
CONFIG = """
{folder}/logs/app.log {{
    size 1
    rotate 100
    {mode}
}}
"""


@pytest.fixture
def rotated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rotated]:
    """The parameter is how logrotate does it."""
    made = Rotated(tmp_path, request.param)
    yield made
    for writer in made.writers:
        with writer:  # closes its pipes
            writer.kill()


class Rotated:
    """A folder of logs with writers and a logrotate of its own."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        (folder / "rotate.conf").write_text(CONFIG.format(folder=folder, mode=mode))
        (folder / "rotate.conf").chmod(0o644)
        self.writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, f"w{number}", str(LINES)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=folder,
            )
            for number in range(PROCESSES)
        ]  # fmt: skip

    def begin_lot(self) -> None:
        for writer in self.writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")

    def end_lot(self) -> None:
        for writer in self.writers:
            assert writer.stdout is not None
            assert writer.stdout.readline().startswith("0 "), "all is delivered"

    def rotate(self) -> None:
        assert LOGROTATE is not None
        subprocess.run(
            [LOGROTATE, "--force", "--state", self.folder / "state", self.folder / "rotate.conf"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def close(self) -> None:
        for writer in self.writers:
            assert writer.stdin is not None
            writer.stdin.close()
            assert writer.wait(60) == 0

    def lines(self) -> dict[str, list[int]]:
        """What each writer's lines say, the oldest file first."""
        files = sorted((self.folder / "logs").glob("app.log.*"), key=lambda path: -int(path.suffix[1:]))
        found: dict[str, list[int]] = defaultdict(list)
        for path in [*files, self.folder / "logs/app.log"]:
            data = path.read_text()
            assert data == "" or data.endswith("\n"), f"{path} ends within a line"
            for line in data.splitlines():
                match = re.fullmatch(r"(w\d) (\d{7})", line)
                assert match is not None, f"{path}: {line!r} is torn"
                found[match[1]].append(int(match[2]))
        return found


@pytest.mark.parametrize("rotated", ["create 0600"], indirect=True)
def test_C7_rename_and_create_loses_nothing_while_all_write(rotated: Rotated, tmp_path: Path) -> None:
    rotated.begin_lot()
    rotated.end_lot()
    for _ in range(ROTATIONS):
        rotated.begin_lot()
        rotated.rotate()
        rotated.end_lot()
    rotated.close()
    expected = list(range(LINES * (ROTATIONS + 1)))
    assert rotated.lines() == {f"w{number}": expected for number in range(PROCESSES)}
    assert len(list((tmp_path / "logs").glob("app.log.*"))) == ROTATIONS


@pytest.mark.parametrize("rotated", ["copytruncate"], indirect=True)
def test_C7_copytruncate_loses_nothing_between_lots(rotated: Rotated, tmp_path: Path) -> None:
    """While nothing is written between its copy and its truncation, all is there, and no hole is left in the file."""
    for _ in range(ROTATIONS):
        rotated.begin_lot()
        rotated.end_lot()
        rotated.rotate()
    rotated.begin_lot()
    rotated.end_lot()
    rotated.close()
    expected = list(range(LINES * (ROTATIONS + 1)))
    assert rotated.lines() == {f"w{number}": expected for number in range(PROCESSES)}
    assert b"\0" not in (tmp_path / "logs/app.log").read_bytes()


@pytest.mark.parametrize("rotated", ["copytruncate"], indirect=True)
def test_C7_only_what_comes_between_its_copy_and_its_truncation_is_lost(rotated: Rotated, tmp_path: Path) -> None:
    """The same two steps, taken apart: what is lost is what logrotate loses of any program."""
    log, copy = tmp_path / "logs/app.log", tmp_path / "logs/app.log.1"
    for step in ("before", "between", "after"):
        rotated.begin_lot()
        rotated.end_lot()
        if step == "before":
            shutil.copy(log, copy)
        elif step == "between":
            os.truncate(log, 0)
    rotated.close()
    expected = [*range(LINES), *range(2 * LINES, 3 * LINES)]
    assert rotated.lines() == {f"w{number}": expected for number in range(PROCESSES)}


@pytest.mark.parametrize("rotated", ["copytruncate"], indirect=True)
def test_C7_copytruncate_while_all_write_keeps_order_and_tears_nothing_of_ours(
    rotated: Rotated, tmp_path: Path
) -> None:
    """What is written between its copy and its truncation is lost or cut by it; what is left is in order and once."""
    rotated.begin_lot()
    rotated.end_lot()
    for _ in range(ROTATIONS):
        rotated.begin_lot()
        rotated.rotate()
        rotated.end_lot()
    rotated.begin_lot()
    rotated.end_lot()
    rotated.close()
    files = sorted((tmp_path / "logs").glob("app.log.*"), key=lambda path: -int(path.suffix[1:]))
    seen: dict[str, int] = defaultdict(lambda: -1)
    for path in [*files, tmp_path / "logs/app.log"]:
        data = path.read_bytes()
        assert b"\0" not in data
        lines = data.decode().split("\n")
        for line in lines[1:-1]:  # its copy may begin and end within a line
            writer, number = line.split()
            assert int(number) > seen[writer]
            seen[writer] = int(number)
    assert dict(seen) == {f"w{number}": LINES * (ROTATIONS + 2) - 1 for number in range(PROCESSES)}
