"""`make bench-analysis`: every question of text and JSON, every contender, in rounds; docs/figures-analysis.md.

python -m benches.analysis [--size 1G] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from benches.analysis.contenders import CORDWOOD, ROWS, Program
from benches.analysis.make_log import HOURS, TEMPLATES

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures-analysis.md"
SINCE = "2026-11-20 11:00:00"  # the last hour of the log
NEEDLE = "user777"
UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
LEVELS = {"DEBUG": 1, "INFO": 2, "WARNING": 3, "ERROR": 4}
LONG = 8.0  # seconds from which on a contender is asked once
WORKER = (
    "import json, sys; from benches.analysis.contenders import ROWS; "
    "form, row, name, *asked = sys.argv[1:]; print(json.dumps(ROWS[form][row][name](*asked)))"
)
MAKER = (
    "import sys; from pathlib import Path; from benches.analysis.make_log import make; "
    "make(Path(sys.argv[1]), int(sys.argv[2]), as_json=sys.argv[3] == 'JSON')"
)
QUESTIONS = {
    "errors": "errors by logger in the last hour",
    "count": f"`{NEEDLE}` counted",
    "templates": "templates of every record, by level and hour",
}
Cell = tuple[float, int, bool] | None
Found = dict[str, dict[str, Cell]]


def ask(form: str, row: str, name: str, log: Path, what: str) -> tuple[float, int, Any]:
    """Seconds, peak memory in MB (the largest process of the answer), and the answer."""
    contender = ROWS[form][row][name]
    if isinstance(contender, Program):
        arguments, answer = contender.arguments(str(log), what), contender.answer
    else:
        arguments = [sys.executable, "-c", WORKER, form, row, name, str(log), what]
        answer = _last_line
    begin = time.perf_counter()
    try:
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "TZ": "UTC", "POLARS_MAX_THREADS": "1"}
        )
    except FileNotFoundError:
        return 0.0, 0, None
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - begin
    # 1 is grep's word for nothing found.
    return took, usage.ru_maxrss // 1024, answer(out, what) if process.returncode in {0, 1} and out else None


def _last_line(out: str, _: str) -> Any:
    return json.loads(out.splitlines()[-1])


def is_right(row: str, name: str, answer: Any, truth: list[dict[str, Any]], log: Path) -> bool:
    """Whether the answer is the generator's."""
    if row == "errors":
        wanted: Counter[str] = Counter()
        for one in truth:
            if one["level"] == "ERROR":
                wanted[one["logger"]] += one["hours"][HOURS - 1]
        return bool(answer == dict(wanted))
    if row == "count":
        with log.open(encoding="utf-8") as lines:
            return bool(answer == sum(NEEDLE in line for line in lines))
    total = sum(sum(one["hours"]) for one in truth)
    if name != "cordwood":
        return bool(answer[0][1] == total)
    return _same_templates(answer, truth)


def _same_templates(answer: list[list[Any]], truth: list[dict[str, Any]]) -> bool:
    """Each template of the truth is one of ours, with the same counts by level and hour."""
    ours = sorted(
        sorted((LEVELS[level], count) for _, levels in hours for level, count in levels.items()) for _, hours in answer
    )
    theirs = sorted(sorted((LEVELS[one["level"]], count) for count in one["hours"] if count) for one in truth)
    return len(answer) == len(TEMPLATES) and ours == theirs


def measure(form: str, log: Path, rounds: int) -> Found:
    """Medians; None where a contender is not installed or failed."""
    truth = json.loads(log.with_name(f"{log.name}.truth.json").read_text(encoding="utf-8"))
    found: Found = {}
    for row, contenders in ROWS[form].items():
        what = {"errors": SINCE, "count": NEEDLE, "templates": ""}[row]
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        memory, right = dict.fromkeys(contenders, 0), dict.fromkeys(contenders, True)
        for number in range(rounds):
            for name in contenders:
                if number and (not seconds[name] or seconds[name][0] > LONG):
                    continue  # it is not there, or once is enough
                took, peak, answer = ask(form, row, name, log, what)
                if answer is None:
                    continue
                seconds[name].append(took)
                memory[name] = max(memory[name], peak)
                right[name] = right[name] and is_right(row, name, answer, truth, log)
        found[row] = {
            name: (median(took), memory[name], right[name]) if took else None for name, took in seconds.items()
        }
        print(form, row, found[row], flush=True)
    return found


def archives(log: Path, rounds: int) -> list[tuple[str, float, float, float]]:
    """Format, ratio, seconds to pack, median of the seconds to search, of Cordwood's archives."""
    with log.open(encoding="utf-8") as lines:
        wanted = sum(NEEDLE in line for line in lines)
    found = []
    for form, ending in (("gzip", ".gz"), ("zstd", ".zst"), ("parquet", ".parquet")):
        with tempfile.TemporaryDirectory(dir=log.parent) as folder:
            closed = Path(folder) / "shop.log.1"
            os.link(log, closed)
            begin = time.perf_counter()
            pack = [CORDWOOD, "archive", "--days", "0", "--format", form, folder]
            subprocess.run(pack, check=True, capture_output=True)
            packed = closed.with_name(closed.name + ending)
            ratio, took = log.stat().st_size / packed.stat().st_size, time.perf_counter() - begin
            search = [CORDWOOD, "search", f'"{NEEDLE}"', "--count", str(packed)]
            seconds: list[float] = []
            while len(seconds) < rounds and not (seconds and seconds[0] > LONG / 4):
                begin = time.perf_counter()
                done = subprocess.run(search, check=True, capture_output=True, text=True)
                seconds.append(time.perf_counter() - begin)
                if int(done.stdout) != wanted:
                    raise AssertionError(f"{form}: {done.stdout.strip()} found, {wanted} are there")
            found.append((form, ratio, took, median(seconds)))
        print(found[-1], flush=True)
    return found


def report(size: str, found: dict[str, Found], packed: list[tuple[str, float, float, float]]) -> str:
    """The page."""
    lines = [
        "# Figures of analysis",
        "",
        f"Measured by `make bench-analysis` on {size} of text and {size} of JSON, {os.cpu_count()} processors, all",
        "in the page cache, start of the process included, medians. An answer that is wrong is marked so.",
    ]
    for form, rows in found.items():
        lines += ["", f"| question, of {form} | who | seconds | beside ours | memory, MB |", "|---|---|---|---|---|"]
        for row, cells in rows.items():
            lines += [_line(QUESTIONS[row], name, cell, cells["cordwood"]) for name, cell in cells.items()]
    lines += ["", "| archive, of text | ratio | packed in, s | searched in, s |", "|---|---|---|---|"]
    lines += [f"| {form} | {ratio:.1f} | {took:.1f} | {search:.2f} |" for form, ratio, took, search in packed]
    return "\n".join([*lines, ""])


def _line(question: str, name: str, cell: Cell, ours: Cell) -> str:
    if cell is None:
        return f"| {question} | {name} | not installed or failed | | |"
    took, peak, right = cell
    share = f"{took / ours[0]:.2f}" if ours else ""
    return f"| {question} | {name}{'' if right else ' (wrong)'} | {took:.2f} | {share} | {peak} |"


def make_logs(folder: Path, size: int) -> dict[str, Path]:
    """A log of each form, made beside each other in processes of their own: their memory is not ours."""
    logs = {"text": folder / "shop.log", "JSON": folder / "shop.jsonl"}
    makers = [subprocess.Popen([sys.executable, "-c", MAKER, str(log), str(size), form]) for form, log in logs.items()]
    if sum(abs(maker.wait()) for maker in makers):
        raise RuntimeError("the logs could not be made")
    return logs


def main() -> int:
    """0 where all of Cordwood's answers are right."""
    parser = argparse.ArgumentParser(prog="make bench-analysis", description=__doc__)
    parser.add_argument("--size", default="1G")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = int(float(options.size[:-1]) * UNITS[options.size[-1].upper()])
    with tempfile.TemporaryDirectory() as folder:
        logs = make_logs(Path(folder), size)
        found = {form: measure(form, log, options.rounds) for form, log in logs.items()}
        FIGURES.write_text(report(options.size, found, archives(logs["text"], options.rounds)), encoding="utf-8")
    print(FIGURES.read_text(encoding="utf-8"))
    ours = [cells["cordwood"] for rows in found.values() for cells in rows.values()]
    return int(any(cell is None or not cell[2] for cell in ours))


if __name__ == "__main__":
    sys.exit(main())
