"""Run inside a fresh environment: configure, log, shut down, and look into the file; then log both ways."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import tempfile
from pathlib import Path

import cordwood


def main() -> None:
    """Exit with a message where anything is not as promised."""
    package = Path(cordwood.__file__).parent
    assert (package / "py.typed").exists(), "py.typed is not in the wheel"
    assert sys.prefix in str(package), f"cordwood came from {package}, not from the wheel"
    with tempfile.TemporaryDirectory() as folder:
        cordwood.configure(cordwood.LogConfig(level="INFO", log_dir=folder, console_output=False))
        logging.getLogger("smoke").info("one of %d", 2)
        cordwood.get_logger("smoke").warning("two of %d", 2, order_id=7)
        cordwood.get_logger("smoke").debug("below the level")
        cordwood.shutdown()
        text = "".join(path.read_text() for path in sorted(Path(folder).glob("*.log")))
    for wanted in ("smoke - INFO - one of 2\n", "smoke - WARNING - two of 2"):
        assert text.count(wanted) == 1, f"{wanted!r} is not once in the file:\n{text}"
    assert "below the level" not in text
    native, standard = asyncio.run(both_ways())
    assert native == standard, f"not the same both ways:\n{native}\n{standard}"
    assert native["task"], f"no task: {native}"
    print("ok")


async def both_ways() -> list[dict[str, object]]:
    """One record natively, and as a LogRecord, which a foreign handler makes necessary; without their times."""
    log = cordwood.get_logger("smoke")
    with tempfile.TemporaryDirectory() as folder:
        cordwood.configure(preset="default", log_dir=folder, console_output=False, files="app.jsonl", format="json")
        for foreign in (None, logging.StreamHandler(io.StringIO())):
            if foreign is not None:
                log.addHandler(foreign)
            try:
                int("seven")
            except ValueError:
                log.exception("the %s", "same", extra={"order_id": 7, "ratio": 0.5, "list": [1, None]})
        cordwood.shutdown()
        lines = [json.loads(line) for line in (Path(folder) / "app.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "timestamp"} for line in lines]


if __name__ == "__main__":
    main()
