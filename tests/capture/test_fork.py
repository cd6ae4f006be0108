"""A forked child's records carry the child's process id, whoever forked it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging, multiprocessing, os
import cordwood

cordwood.configure(
    preset="default", log_dir="logs", console_output=False, format_string="%(process)d %(processName)s %(message)s"
)

def child():
    logging.getLogger("x").warning("child %d", os.getpid())

logging.getLogger("x").warning("parent %d", os.getpid())
process = multiprocessing.get_context("fork").Process(target=child, name="Child")
process.start()
process.join()
"""


def test_a_forked_childs_records_carry_its_own_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    subprocess.run([sys.executable, "-W", "ignore", "program.py"], cwd=tmp_path, check=True, timeout=60)
    lines = (tmp_path / "logs" / "app.log").read_text(encoding="utf-8").splitlines()
    found = [line.split() for line in lines]
    assert [(name, who) for _, name, who, _ in found] == [("MainProcess", "parent"), ("Child", "child")]
    assert all(logged == real for logged, _, _, real in found)
