"""A forked child's records carry the child's process id, whoever forked it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BY_C = """
import ctypes, logging, os
import cordwood

cordwood.configure(preset="default", log_dir="logs", console_output=False, format_string="%(process)d %(message)s")
log = logging.getLogger("x")
log.warning("parent %d", os.getpid())
log.warning("parent %d", os.getpid())
child = ctypes.PyDLL(None).fork()
log.warning("%s %d", "parent" if child else "child", os.getpid())
if not child:
    os._exit(cordwood.flush(20))
assert os.waitpid(child, 0)[1] == 0
"""
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


def test_a_child_that_c_code_forks_logs_for_itself(tmp_path: Path) -> None:
    """Python's own hooks do not run there: a server written in C may fork its workers so."""
    (tmp_path / "program.py").write_text(BY_C, encoding="utf-8")
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, check=True, timeout=60)
    found = [line.split() for line in (tmp_path / "logs" / "app.log").read_text(encoding="utf-8").splitlines()]
    assert sorted(who for _, who, _ in found) == ["child", "parent", "parent", "parent"]
    assert all(logged == real for logged, _, real in found)
    assert len({real for _, _, real in found}) == 2


def test_a_forked_childs_records_carry_its_own_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    subprocess.run([sys.executable, "-W", "ignore", "program.py"], cwd=tmp_path, check=True, timeout=60)
    lines = (tmp_path / "logs" / "app.log").read_text(encoding="utf-8").splitlines()
    found = [line.split() for line in lines]
    assert [(name, who) for _, name, who, _ in found] == [("MainProcess", "parent"), ("Child", "child")]
    assert all(logged == real for logged, _, _, real in found)
