"""`cordwood doctor --ledger`: what became of every record, for each sink, and what does not add up."""

from __future__ import annotations

import json
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cordwood.views.cli import main

KILLED = """
import cordwood, os
cordwood.configure(log_dir="logs", files="app.log")
log = cordwood.get_logger("app")
for number in range(500):
    log.info("number %d", number)
{end}
"""
ACCEPTED = 1344  # of a segment's header
RAISED = 1024  # records for which the smallest segment has room


def log(end: str = "") -> None:
    subprocess.run([sys.executable, "-c", KILLED.format(end=end)], check=False, capture_output=True)


def ledger() -> tuple[int, dict[str, Any]]:
    """The command's status, and what it says of the one spool."""
    done = CliRunner().invoke(main, ["doctor", "--ledger", "--json", "logs"])
    report = json.loads(done.output)
    return done.exit_code, {Path(name).name: sink for name, sink in report["spools"][0]["sinks"].items()}


def test_a_killed_process_leaves_a_ledger_that_adds_up_before_and_after_recovery() -> None:
    """File and console each; what only the dead process could have printed is said to be lost with it."""
    log("os.kill(os.getpid(), 9)")
    status, sinks = ledger()
    assert status == 0
    assert sinks["app.log"]["delivered"] + sinks["app.log"]["spooled"] == sinks["app.log"]["accepted"] == 500
    CliRunner().invoke(main, ["recover", "logs"])
    status, sinks = ledger()
    assert status == 0
    file, console = sinks["app.log"], sinks["stderr"]
    assert (file["accepted"], file["delivered"], file["spooled"]) == (500, 500, 0)
    assert console["delivered"] + console["dropped"]["process_ended"] == 500
    log()
    assert ledger()[1]["app.log"]["delivered"] == 1000
    assert len(Path("logs/app.log").read_text().splitlines()) == 1000


@pytest.mark.damages_spool
def test_a_record_that_nobody_can_account_for_is_a_problem() -> None:
    """Here a count is raised from outside, as if one more had been accepted."""
    log("os._exit(0)")
    segments = list(Path("logs/.cordwood").glob("*.seg"))
    assert segments
    for segment in segments:
        with segment.open("r+b") as file:
            file.seek(1032)
            file.write(struct.pack("<QQ", 4096, RAISED))  # sealed, with as many records
            file.seek(ACCEPTED)
            file.write(struct.pack("<Q", RAISED))
    done = CliRunner().invoke(main, ["doctor", "--ledger", "logs"])
    assert done.exit_code == 1
    assert "accepted records are neither delivered, waiting, nor known to be dropped" in done.output


def test_a_databases_rows_are_what_the_ledger_says_was_delivered() -> None:
    """Its own deliverer counts, while another removes the segments."""
    program = """
import cordwood
cordwood.configure(log_dir="logs", files="app.log", console_output=False, database="sqlite:///logs/app.db")
for number in range(300):
    cordwood.get_logger("app").info("number %d", number)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    status, sinks = ledger()
    found = sqlite3.connect("logs/app.db")
    tables = [name for (name,) in found.execute("select name from sqlite_master where type = 'table'") if "log" in name]
    rows = max(found.execute(f"select count(*) from {table}").fetchone()[0] for table in tables)
    found.close()
    (database,) = [sink for name, sink in sinks.items() if name != "app.log"]
    assert (status, database["accepted"], database["delivered"], rows) == (0, 300, 300, 300)


def test_a_folder_without_a_spool_has_no_ledger(tmp_path: Path) -> None:
    """And nothing is wrong."""
    done = CliRunner().invoke(main, ["doctor", "--ledger", str(tmp_path)])
    assert done.exit_code == 0
    assert "nothing has been logged there" in done.output
