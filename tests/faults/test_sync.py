"""When bytes are forced to the disk, seen from outside: which calls wait for which of the kernel's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys
import cordwood
cordwood.configure(preset="default", log_dir=sys.argv[1], console_output=False, sync=sys.argv[2])
log = logging.getLogger("sync")
log.info("first")
cordwood.flush(5)
for number in range(10):
    log.info("info %d", number)
log.error("error")
cordwood.shutdown(5)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed: apt-get install strace")
@pytest.mark.parametrize(("sync", "calls"), [("always", 12), ("level", 1), ("interval", 0)])
def test_a_call_waits_for_the_disk_as_sync_says(sync: str, calls: int, tmp_path: Path) -> None:
    """`always` each call, `level` the ERROR's alone, `interval` none; the file itself is forced in any case."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-o", trace, "-e", "trace=msync,fsync,fdatasync"]
    command = [*strace, sys.executable, "-c", PROGRAM, tmp_path / "logs", sync]
    subprocess.run([str(word) for word in command], check=True, timeout=60)
    lines = trace.read_text().splitlines()
    assert sum("msync(" in line and "resumed" not in line for line in lines) == calls
    assert any("fdatasync(" in line for line in lines)
