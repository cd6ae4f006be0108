"""`python -m cordwood.views.demo.server PORT`: uvicorn with several workers, in the current folder, until SIGTERM."""

from __future__ import annotations

import sys

import uvicorn

WORKERS = 4


def main() -> None:
    """Serve; a worker that dies is replaced by uvicorn."""
    # log_config=None: uvicorn leaves logging alone, and its records go where the root logger's go.
    uvicorn.run(
        "cordwood.views.demo.service:app",
        host="127.0.0.1", port=int(sys.argv[1]), workers=WORKERS, log_config=None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
