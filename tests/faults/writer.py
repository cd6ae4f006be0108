"""A process that logs what it is told to: python -m tests.faults.writer CONTENDER LOGS FIRST REPLIES OPTIONS.

Each line of standard input is JSON: Python to run, with `log(count)`, `say(template, *args)` and `contender` at hand.
Each is answered on the descriptor REPLIES by what has happened so far.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.faults.contenders import CONTENDERS

PADDING = "x" * 90


class Writer:
    """Counts what was called, what raised, and how long the slowest call took."""

    def __init__(self, name: str, logs: Path, first: int, options: dict[str, Any]) -> None:
        self.contender = CONTENDERS[name](logs, **options)
        self.number = first
        self.refused: list[int] = []
        self.raised: list[str] = []
        self.slowest = 0.0
        self.ledger: dict[str, int] = {}
        self.answer: object = None

    def say(self, template: str, *arguments: object) -> bool:
        """One call, as an application makes it; False if it raised."""
        begun = time.monotonic()
        try:
            self.contender.say(template, *arguments)
        except BaseException as error:
            self.raised.append(f"{type(error).__name__}: {error}"[:200])
            return False
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begun)
        return True

    def log(self, count: int) -> None:
        """Log so many numbered records."""
        for _ in range(count):
            if not self.say("n=%07d %s.", self.number, PADDING):
                self.refused.append(self.number)
            self.number += 1

    def run(self, code: str) -> str:
        names = {"log": self.log, "say": self.say, "contender": self.contender, "writer": self, "os": os}
        exec(code, names)
        report = {name: getattr(self, name) for name in ("number", "refused", "raised", "slowest", "ledger", "answer")}
        return json.dumps(report)


def main() -> None:
    name, logs, first, replies, options = sys.argv[1:]
    writer = Writer(name, Path(logs), int(first), json.loads(options))
    with os.fdopen(int(replies), "w") as answers:
        print(writer.run(""), file=answers, flush=True)
        for line in sys.stdin:
            print(writer.run(json.loads(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
