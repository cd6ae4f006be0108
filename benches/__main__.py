"""`make bench`: every row, every contender, in rounds that interleave them; results.json and docs/figures.md.

python -m benches [--rows text,json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median
from typing import Any

from benches.contenders import NAMES
from benches.harness import ROOT, Outcome, run
from benches.report import markdown, versions
from benches.rows import ROWS, Row

RESULTS = ROOT / "benches" / "results.json"
FIGURES = ROOT / "docs" / "figures.md"

Results = dict[str, Any]


def measure(row: Row, quick: bool) -> Results:
    """Every contender of a row: medians, ratios to stdlib in the same round, and what was wrong."""
    rounds = min(row.rounds, 3) if quick else row.rounds
    outcomes: dict[str, list[Outcome]] = {name: [] for name in row.only or NAMES}
    for number in range(rounds):
        names = list(outcomes)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            before = outcomes[name]
            if before and not before[-1].figures:
                continue  # it hangs, fails or does not offer this: once is enough
            before.append(run(row, name, quick=quick))
    return {name: summary(row, found, outcomes.get("stdlib", [])) for name, found in outcomes.items()}


def summary(row: Row, found: list[Outcome], stdlib: list[Outcome]) -> Results:
    """One cell of the table."""
    faults = [outcome.fault for outcome in found if outcome.fault]
    cell: Results = {"fault": faults[0] if faults else "", "unsupported": any(outcome.unsupported for outcome in found)}
    whole = [outcome.figures for outcome in found if outcome.figures]
    if whole and len(whole) == len(found):
        cell["median"] = {metric: median(figures[metric] for figures in whole) for metric in row.metrics}
        if row.ratio and all(outcome.figures for outcome in stdlib):
            pairs = list(zip(whole, stdlib, strict=True))
            cell["ratio"] = {
                metric: median(figures[metric] / base.figures[metric] for figures, base in pairs)
                for metric in row.metrics
            }
    return cell


def main() -> int:
    """Measure the rows asked for; 0 where Cordwood's answers are right in all of them."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="", help="names, or beginnings of names, separated by commas")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the calls, three rounds; nothing is written to docs/"
    )
    asked = parser.parse_args()
    prefixes = tuple(asked.rows.split(",")) if asked.rows else ("",)
    rows = [row for row in ROWS if row.name.startswith(prefixes)]
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() and not asked.quick else {"rows": {}}
    well = True
    for row in rows:
        began = time.monotonic()
        cells = measure(row, asked.quick)
        results["rows"][row.name] = cells
        well &= not cells.get("cordwood", {}).get("fault")
        print(f"\n{row.title} ({row.name}; {time.monotonic() - began:.0f} s)", flush=True)
        for name, cell in cells.items():
            print(f"  {name:24}{line(cell)}", flush=True)
    results |= versions()
    if not asked.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_text(markdown(results))
        print(f"\nwritten: {FIGURES.relative_to(ROOT)}, {RESULTS.relative_to(ROOT)}")
    return 0 if well else 1


def line(cell: Results) -> str:
    """A cell for the terminal."""
    figures = "  ".join(f"{metric} {value:,.6g}" for metric, value in cell.get("median", {}).items())
    ratios = "  ".join(f"{metric} {value:.3f}" for metric, value in cell.get("ratio", {}).items())
    return "   ".join(part for part in (figures, ratios and f"ratio {ratios}", cell["fault"]) if part)


if __name__ == "__main__":
    sys.exit(main())
