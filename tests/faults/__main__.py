"""Run the faults over Cordwood, the standard library and loguru: python -m tests.faults [NAME...].

Without names all are run and docs/faults.md is written (`make faults`).
"""

from __future__ import annotations

import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.contenders import CONTENDERS
from tests.faults.harness import ROOT, Fault, Scene, lacking
from tests.faults.table import FAULTS, GROUPS

PAGE = ROOT / "docs" / "faults.md"
HEAD = """# Faults

Every fault below was brought about for real, against a process that logs: once with Cordwood, once with the standard
library's `FileHandler` (`RotatingFileHandler` where it says rotating), once with loguru. `make faults` runs them all
and writes this page; the tests run Cordwood's column. "Counted" means that the logger itself can say how many records
its files did not get.
"""


def run(fault: Fault, contender: str) -> tuple[str, list[str]]:
    """One cell of the table, and what is wrong with it if it is Cordwood's."""
    missing = next(filter(None, map(lacking, fault.needs)), "")
    if missing:
        return f"not tried: {missing}", []
    if fault.spool and contender != "cordwood":
        return "has no spool", []
    with tempfile.TemporaryDirectory() as folder:
        outcome = Scene(contender, Path(folder) / "scene").run(fault.inject)
    return outcome.words(), fault.complaints(outcome) if contender == "cordwood" else []


def main(names: list[str]) -> int:
    """0 where Cordwood kept all its promises."""
    chosen = [FAULTS[name] for name in names or FAULTS]
    with ThreadPoolExecutor(2) as pool:
        cells = {(fault.name, who): pool.submit(run, fault, who) for fault in chosen for who in CONTENDERS}
        wrong = 0
        for fault in chosen:
            print(f"{fault.title} [{fault.name}]")
            for who in CONTENDERS:
                words, complaints = cells[fault.name, who].result()
                print(f"  {who:9} {words}", flush=True)
                for complaint in complaints:
                    print(f"            NOT AS PROMISED: {complaint}")
                wrong += bool(complaints)
    if not names:
        PAGE.write_text(page({key: cell.result()[0] for key, cell in cells.items()}), encoding="utf-8")
    return 1 if wrong else 0


def page(cells: dict[tuple[str, str], str]) -> str:
    """docs/faults.md."""
    parts = [HEAD]
    for module, faults in GROUPS.items():
        doc = (sys.modules[module].__doc__ or "").partition("\n")[0].rstrip(".")
        parts.append(f"\n## {doc}\n\n| fault | how | Cordwood | standard library | loguru |\n|---|---|---|---|---|\n")
        for fault in faults:
            row = [fault.title, fault.how, *(cells[fault.name, who] for who in CONTENDERS)]
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n")
    parts.append(f"\nRun on Linux {platform.release()}, Python {platform.python_version()}.\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
