"""What a campaign found, as a sentence and as a page of the documentation."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from tests.crash.campaign import Report


def sentence(report: Report, seed: int) -> str:
    """One line, and another with the way to see a failure again."""
    line = (
        f"seed {seed}: {report.killed} processes killed in {report.episodes} episodes, {report.records} records: "
        f"{faults(report)} ({report.seconds:.0f} s)"
    )
    if report.failed:
        line += f"\nagain: make crash SECONDS=0 SEED={seed + report.episodes - 1}"
    return line


def faults(report: Report) -> str:
    """How often each promise was broken."""
    found = report.verdict
    return (
        f"{len(found.lost)} lost, {len(found.doubled)} doubled, {len(found.torn)} torn, "
        f"{len(found.disorder)} out of order, {len(found.unaccounted)} unaccounted for"
    )


def record(path: Path, report: Report, seed: int) -> None:
    """Put the result into a page."""
    rows = "\n".join(f"| {how} | {number:,} |" for how, number in sorted(report.kills.items()))
    result = (
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {os.cpu_count()} processors, "
        f"{report.seconds / 60:.0f} minutes, first seed {seed}: **{report.killed:,} processes killed**, "
        f"{report.records:,} records accepted, {report.episodes} episodes: **{faults(report)}.**\n\n"
        f"| killed | processes |\n|---|---|\n{rows}\n"
    )
    put(path, result)


def put(path: Path, result: str) -> None:
    """Put text between the marks of a page."""
    text = path.read_text(encoding="utf-8")
    begin, end = "<!-- result -->\n", "<!-- end -->"
    before, _, rest = text.partition(begin)
    path.write_text(before + begin + result + end + rest.partition(end)[2], encoding="utf-8")
