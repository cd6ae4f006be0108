"""A process that logs on one slot until told to stop, or killed: python -m tests.crash.writer BACKEND FOLDER SLOT."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.crash.backends import BACKENDS
from tests.crash.oracle import Oracle

if __name__ == "__main__":
    name, folder, slot = sys.argv[1:]
    oracle = Oracle(Path(folder, "oracle"))
    logger = BACKENDS[name].setup(Path(folder, "logs"))
    oracle.log(logger.info, int(slot))
    BACKENDS[name].teardown()
