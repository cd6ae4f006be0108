"""The program `cordwood`: the commands of `cordwood.views.cli`, begun and ended without delay.

Two things that Python does for programs which run for long take a fifth of a search's time.
"""

from __future__ import annotations

import gc
import os
import sys
import threading

# What is loaded stays loaded: to look through it again and again, as it comes, finds nothing.
gc.set_threshold(100_000)

from cordwood.views.cli import main  # noqa: E402 loaded under that threshold


def run() -> None:
    """The commands, and an end at once: nothing is taken apart where no log of our own and no thread hang on it."""
    try:
        main()
    except SystemExit as end:
        if "cordwood.pipeline" in sys.modules or threading.active_count() > 1 or not isinstance(end.code, int):
            raise
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except OSError:
            raise end from None  # Python says what it thinks of that
        os._exit(end.code)
