"""The ledger of a spool, as `cordwood doctor --ledger` says it, against what stands in the files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = "import sys; from cordwood.views.cli import main; sys.exit(main())"


def read(folder: Path) -> dict[str, Any]:
    """What the command says of a log directory, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, "doctor", "--ledger", "--json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    report: dict[str, Any] = json.loads(done.stdout or "{}")
    if not report:
        raise AssertionError(f"the ledger cannot be read: {done.stderr}")
    return report


def differences(folder: Path, *, accepted: int, under_way: int, lines: int | None) -> Iterator[str]:
    """What the ledger of the files says otherwise than the oracle.

    `accepted` calls had returned and at most `under_way` more were made when their processes were killed; `lines`
    stand in the files (None: some were deleted).
    """
    report = read(folder)
    yield from report["problems"]
    for spool in report["spools"]:
        for name, sink in spool["sinks"].items():
            if sink["local"]:
                continue
            if any(sink["dropped"].values()) or sink["uncounted"]:
                yield f"{name}: {sink}"
            if not accepted <= sink["accepted"] <= accepted + under_way:
                yield f"{name}: {sink['accepted']} accepted, the processes say {accepted} and at most {under_way} more"
            if lines is not None and sink["delivered"] != lines:
                yield f"{name}: {sink['delivered']} delivered, {lines} lines stand in the files"
