"""A real process under hardship: what it logged stands in its file once, and nothing else is harmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PREPARE = """
import json, logging, os, shutil, sys, threading, time, warnings
warnings.simplefilter("ignore")
import cordwood
from cordwood import _native
folder = sys.argv[1]
os.chdir(folder)

def configure():
    cordwood.configure(preset="default", log_dir=folder, console_output=False)

def spool(where):
    spool = _native.Spool(where, max_bytes=4 << 20, max_message_bytes=1 << 20, sync="interval")
    spec = {"kind": "file", "path": folder + "/app.log", "format": {"kind": "text", "format": "%(message)s"},
            "max_bytes": 0, "backup_count": 0, "when": None, "naming": "number", "compress": None, "mode": 0o600}
    return spool, spool.add_sink("file", json.dumps(spec), False)

def record(n):
    return logging.LogRecord("x", 20, "/a.py", 1, "%s line=%d", ("x" * 1000, n), None)

log = logging.getLogger("hardship")
"""


def run(folder: Path, program: str, first: str = "") -> tuple[str, list[int]]:
    """What the program said, and the numbers after `line=` in its file; `first` comes before Cordwood is imported."""
    arguments = [sys.executable, "-c", first + PREPARE + program, str(folder)]
    # Nobody reads its standard output before it ends: a pipe that is full stays so.
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.wait(60) == 0, process.stderr and process.stderr.read()
        said = process.stderr.read() if process.stderr else ""
    lines = (folder / "app.log").read_text().splitlines()
    return said, [int(line.rpartition("line=")[2]) for line in lines]


def test_a_child_that_only_flushes_and_ends_leaves_its_parents_segment_open(tmp_path: Path) -> None:
    program = """
configure()
log.warning("line=%d", 0)
child = os.fork()
if not child:
    cordwood.flush(1)
    cordwood.shutdown(1)
    os._exit(0)
os.waitpid(child, 0)
log.warning("line=%d", 1)
assert cordwood.shutdown(5) == 0
"""
    assert run(tmp_path, program)[1] == [0, 1]


def test_what_a_fork_hook_logs_in_the_child_before_cordwoods_own_hook_is_kept(tmp_path: Path) -> None:
    hook = "import os\nos.register_at_fork(after_in_child=lambda: log.warning('line=%d', 1))\n"
    program = """
configure()
log.warning("line=%d", 0)
child = os.fork()
if not child:
    log.warning("line=%d", 2)
    assert cordwood.flush(5) == 0
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
log.warning("line=%d", 3)
assert cordwood.shutdown(5) == 0
"""
    assert run(tmp_path, program, hook)[1] == [0, 1, 2, 3]


def test_a_spool_folder_deleted_while_in_use_costs_no_record(tmp_path: Path) -> None:
    program = """
configure()
for n in range(300):
    log.warning("line=%d", n)
    if n % 100 == 40:
        assert cordwood.flush(5) == 0  # somebody leads from here on
    if n % 100 == 50:
        shutil.rmtree(folder + "/.cordwood", ignore_errors=True)  # what comes meanwhile stays
    if n % 100 == 60:
        until = time.monotonic() + 20
        while not os.path.exists(folder + "/.cordwood/control") and time.monotonic() < until:
            log.warning("line=%d", -1)
            time.sleep(0.01)
assert cordwood.shutdown(5) == 0
"""
    numbers = run(tmp_path, program)[1]
    assert [number for number in numbers if number >= 0] == list(range(300))


def test_a_spool_folder_deleted_again_and_again_costs_two_processes_no_record(tmp_path: Path) -> None:
    program = """
configure()
child = os.fork()
for n in range(10_000):
    log.warning("line=%d", n if child else 100_000 + n)
    if child and n % 2000 == 1000:
        shutil.rmtree(folder + "/.cordwood", ignore_errors=True)
    if n % 50 == 0:
        time.sleep(0.005)
assert cordwood.shutdown(20) == 0
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    numbers = run(tmp_path, program)[1]
    assert [number for number in numbers if number < 100_000] == list(range(10_000))
    assert [number for number in numbers if number >= 100_000] == list(range(100_000, 110_000))


def test_a_deleted_spool_costs_a_database_no_row_where_the_leader_does_not_know_it(tmp_path: Path) -> None:
    program = """
import sqlite3, subprocess
leads = "import cordwood, sys; cordwood.configure(preset='default', log_dir=sys.argv[1], console_output=False);"
leads += "cordwood.get_logger('x').warning('line=-1'); print(cordwood.flush(5), flush=True); sys.stdin.read()"
leader = subprocess.Popen([sys.executable, "-c", leads, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert leader.stdout.readline() == b"0\\n"
cordwood.configure(preset="default", log_dir=folder, console_output=False, database=f"sqlite:///{folder}/logs.db")
for n in range(900):
    log.warning("line=%d", n)
    if n % 300 == 150:
        shutil.rmtree(folder + "/.cordwood", ignore_errors=True)
    if n % 10 == 0:
        time.sleep(0.005)
assert cordwood.shutdown(20) == 0
leader.communicate()
rows = sqlite3.connect(folder + "/logs.db").execute("SELECT message FROM app_logs").fetchall()
assert sorted(int(message[5:]) for message, in rows if message != "line=-1") == list(range(900)), len(rows)
"""
    said, numbers = run(tmp_path, program)
    assert [number for number in numbers if number >= 0] == list(range(900))
    assert "was removed" not in said


def test_many_threads_in_the_midst_of_rendering_lose_nothing(tmp_path: Path) -> None:
    program = """
configure()
together = threading.Barrier(50)
class Slow:
    def __init__(self, n): self.n = n
    def __str__(self):
        together.wait(20)
        return f"line={self.n}"
threads = [threading.Thread(target=log.warning, args=("%s", Slow(n))) for n in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert cordwood.shutdown(5) == 0
"""
    assert sorted(run(tmp_path, program)[1]) == list(range(50))


def test_a_spool_in_memory_touches_no_file_of_the_working_directory(tmp_path: Path) -> None:
    for number in range(1, 30):
        (tmp_path / str(number)).write_text("the user's own")
    program = """
memory, bit = spool(None)
for n in range(10_000): _native.capture(record(n), memory, 1 << bit)
assert memory.close(5) == 0
"""
    assert run(tmp_path, program)[1] == list(range(10_000))
    assert all((tmp_path / str(number)).exists() for number in range(1, 30))


def test_a_stopped_pipe_and_an_unread_sink_hold_nothing_up_for_the_file(tmp_path: Path) -> None:
    program = """
spool, file = spool(folder + "/.cordwood")
text = {"kind": "text", "format": "%(message)s"}
pipe = spool.add_sink("pipe", json.dumps({"kind": "console", "stream": "stdout", "format": text, "theme": None}), True)
unread = spool.add_sink("python", json.dumps({"kind": "python"}), True)
spool.set_failing(unread, True)
for n in range(10_000): _native.capture(record(n), spool, 1 << file | 1 << pipe | 1 << unread)
spool.close(1)
print(json.dumps(spool.stats()), file=sys.stderr)
"""
    said, numbers = run(tmp_path, program)
    assert numbers == list(range(10_000))
    assert '"spool_full": 0' in said
