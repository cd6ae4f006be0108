"""What a soak found, as lines and as a page of the documentation."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence

from tests.soak.bounds import Course
from tests.soak.soak import DATABASE, FILES, Findings


def sentence(findings: Findings) -> str:
    """What was done and what became of the records."""
    ends = "; ".join(ending(findings, where) for where in (FILES, DATABASE))
    return (
        f"{findings.seconds / 60:.1f} minutes, {sum(findings.faults.values())} faults, {findings.accepted:,} records: "
        f"{findings.lines:,} lines, {findings.rows:,} rows; {ends}; "
        f"after later lines, where something was deleted: {findings.late:,}"
    )


def ending(findings: Findings, where: str) -> str:
    """What did not come to a place."""
    dropped = ", ".join(f"{number:,} {why}" for why, number in sorted(findings.dropped[where].items()) if number)
    return f"not in {where}: {dropped or '0'} dropped and counted, {findings.taken[where]:,} gone with what was deleted"


def result(findings: Findings, measured: Sequence[Course], seed: int, without: set[str]) -> Iterator[str]:
    """The lines of the page."""
    yield (
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {os.cpu_count()} processors, seed {seed}: "
        f"**{sentence(findings)}.**\n\n"
    )
    yield "| | second quarter | last quarter | highest | allowed |\n|---|---|---|---|---|\n"
    for course in measured:
        yield (
            f"| {course.name} ({course.unit}) | {course.early:,.1f} | {course.late:,.1f} | {course.highest:,.1f} "
            f"| {course.most:,.1f} |\n"
        )
    yield "\n| fault | times |\n|---|---|\n"
    for name, times in sorted(findings.faults.items()):
        yield f"| {name.replace('_', ' ')} | {times:,} |\n"
    if without:
        yield f"\nLeft out on this machine: {', '.join(sorted(without)).replace('_', ' ')}.\n"
