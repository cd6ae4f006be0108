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


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed: apt-get install strace")
def test_a_sinks_description_is_on_the_disk_before_anything_is_logged_for_it(tmp_path: Path) -> None:
    """Its bytes before it gets its name, then that name: without it, recovery would take the sink for a removed one."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=fsync,rename"]
    command = [*strace, sys.executable, "-c", PROGRAM, tmp_path / "logs", "always"]
    subprocess.run([str(word) for word in command], check=True, timeout=60)
    lines = trace.read_text().splitlines()
    renamed = next(at for at, line in enumerate(lines) if "rename(" in line and '.json")' in line)
    fresh = lines[renamed].partition('rename("')[2].partition('"')[0]
    forced = [at for at, line in enumerate(lines) if "fsync(" in line and f"<{fresh}>" in line]
    named = [at for at, line in enumerate(lines) if "fsync(" in line and f"<{tmp_path}/logs/.cordwood/sinks>" in line]
    assert forced
    assert named
    assert forced[0] < renamed < named[0]
