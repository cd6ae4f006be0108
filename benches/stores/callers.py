"""What a log call takes of its caller, at the worst of a thousand: while the server is well, and while it is not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

import cordwood

from benches.stores.waiting import TEXT

NOBODY = "postgresql://postgres@127.0.0.1:1/none"  # a port that nobody listens on
BURST, PAUSE = 50, 0.01  # calls at once, seconds between two bursts: some 4,000 a second


def lines(url: str, seconds: float, rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """The row of the page."""
    pairs = [(worst(url, seconds), worst(NOBODY, seconds)) for _ in range(rounds)]
    well, stopped = (median(column) for column in zip(*pairs, strict=True))
    said = f"{well:.1f} µs with the server well, {stopped:.1f} µs with it stopped"
    yield "the caller's p99.9", "–", said, "unchanged"


def worst(url: str, seconds: float) -> float:
    """The call that 999 of 1,000 are quicker than, in microseconds; in a process of its own, unseen."""
    words = [sys.executable, "-m", "benches.stores.callers", url, str(seconds)]
    said = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    return float(said.splitlines()[-1])


def call(url: str, seconds: float) -> float:
    """Log for so long."""
    with tempfile.TemporaryDirectory() as folder:
        cordwood.configure(log_dir=folder, console_output=False, database={"enabled": True, "url": url})
        log = cordwood.get_logger("bench.callers")
        taken: list[int] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for number in range(BURST):
                began = time.perf_counter_ns()
                log.info(TEXT, 7, number)
                taken.append(time.perf_counter_ns() - began)
            time.sleep(PAUSE)
        cordwood.shutdown(5 if url != NOBODY else 0)
    return sorted(taken)[len(taken) * 999 // 1000] / 1000


if __name__ == "__main__":
    print(call(sys.argv[1], float(sys.argv[2])))
