#!/usr/bin/env python3
"""Analyses the AMI backend's logs: known issues, errors and patterns of its log file and of its newest console log."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from cordwood.analysis import analyze
from cordwood.errors import CordwoodError
from cordwood.query.model import Query
from cordwood.views.report import Choice
from cordwood.views.report.text import text

HERE = Path(__file__).resolve().parent
HOUR = 3600
MOST = 1e6


def main() -> int:
    """Print the analysis; 2 where a file cannot be read."""
    options = arguments()
    folder = Path("logs") if Path("logs").is_dir() else HERE / "logs"
    log = options.log_file or folder / "amibackend.log"
    console = options.console_log or newest(folder)
    since = time.time_ns() - int(options.last_hours * HOUR * 1e9)
    try:
        report = analyze(
            [str(path) for path in (log, console) if path],
            Query(since=since),
        )
    except CordwoodError as error:
        print(f"analyze_logs.py: {error}", file=sys.stderr)
        return 2
    print(text(report, Choice(errors_only=options.errors_only, stats=options.stats)))
    for notice in report.notices:
        print(f"analyze_logs.py: {notice}", file=sys.stderr)
    return 2 if report.notices else 0


def arguments() -> argparse.Namespace:
    """As the document has them."""
    parser = argparse.ArgumentParser(prog="analyze_logs.py", description=__doc__)
    add = parser.add_argument
    add("-f", "--log-file", type=Path, metavar="FILE", help="the log file (default: logs/amibackend.log)")
    add("-c", "--console-log", type=Path, metavar="FILE", help="a console log (default: the newest in logs/)")
    add("-t", "--last-hours", type=hours, metavar="HOURS", default=24, help="only the last HOURS (default: 24)")
    add("-e", "--errors-only", action="store_true", help="show only errors")
    add("-s", "--stats", action="store_true", help="show statistics: levels, hours, loggers")
    return parser.parse_args()


def hours(text_: str) -> float:
    """A number of hours above zero."""
    value = float(text_)
    if not 0 < value < MOST:
        raise argparse.ArgumentTypeError(f"{text_} is no number of hours")
    return value


def newest(folder: Path) -> Path | None:
    """The console log that was written to last."""
    found = sorted(folder.glob("console_*.log"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


if __name__ == "__main__":
    sys.exit(main())
