"""However a process ends, it waits for delivery: main, forked, spawned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import importlib.util, logging, multiprocessing, os, sys
from tests import fake_native
sys.modules["cordwood._native"] = fake_native.module()
import cordwood
cordwood._native = sys.modules["cordwood._native"]

class Spool(fake_native.Spool):
    def flush(self, timeout):
        waiting = [record.message for done in self.delivered.values() for record, _ in done]
        with open("flushed", "a") as file:
            file.write(f"{multiprocessing.current_process().name} {waiting}\\n")
        return 0

cordwood._native.Spool = Spool

def child(configure):
    if configure:
        cordwood.configure(preset="default", console_output=False)
    logging.getLogger("x").warning("child")

if __name__ == "__main__":
    method = sys.argv[1]
    if method != "spawn":
        cordwood.configure(preset="default", console_output=False)
        logging.getLogger("x").warning("parent")
    process = multiprocessing.get_context(method).Process(target=child, args=(method != "fork",), name="Child")
    process.start()
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fork", {"Child ['parent', 'child']", "MainProcess ['parent']"}),
        ("spawn", {"Child ['child']"}),
        ("forkserver", {"Child ['child']", "MainProcess ['parent']"}),
    ],
)
def test_every_process_waits_for_delivery_at_its_end(method: str, expected: set[str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    subprocess.run(
        [sys.executable, str(program), method],
        check=True,
        cwd=tmp_path,
        timeout=60,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parent.parent), *sys.path]), "PATH": "/usr/bin:/bin"},
    )
    assert set((tmp_path / "flushed").read_text(encoding="utf-8").splitlines()) == expected
