"""However a process ends, it waits for delivery: main, forked, spawned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, multiprocessing, sys
import cordwood

def child(configure):
    if configure:
        cordwood.configure(preset="default", console_output=False, format_string="%(processName)s %(message)s")
    logging.getLogger("x").warning("child")

if __name__ == "__main__":
    method = sys.argv[1]
    if method != "spawn":
        cordwood.configure(preset="default", console_output=False, format_string="%(processName)s %(message)s")
        logging.getLogger("x").warning("parent")
    process = multiprocessing.get_context(method).Process(target=child, args=(method != "fork",), name="Child")
    process.start()
    process.join()
    print(process.exitcode, open("logs/app.log").read().count("Child child"), flush=True)
"""


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fork", {"Child child", "MainProcess parent"}),
        ("spawn", {"Child child"}),
        ("forkserver", {"Child child", "MainProcess parent"}),
    ],
)
def test_every_process_waits_for_delivery_at_its_end(method: str, expected: set[str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(program), method], check=True, cwd=tmp_path, timeout=60, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("0 1\n", ""), "the child's record was there as soon as it had ended"
    assert sorted((tmp_path / "logs/app.log").read_text(encoding="utf-8").splitlines()) == sorted(expected)
