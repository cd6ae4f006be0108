"""Run inside a fresh environment: configure, log, shut down, and look into the file."""

from __future__ import annotations

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
    print("ok")


if __name__ == "__main__":
    main()
