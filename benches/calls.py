"""The loops around a contender's call: a module written to disk, so that callers, lines and tracebacks are real.

The loop is around the call itself, with no function between that would be counted as the contender's.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

DEPTH = 10  # frames of the exception row

TEMPLATE = '''\
"""Written by the bench."""
import random
import time
{imports}

class Name(str):
    """An argument that is not exactly a str: the caller has to format."""


ms = 12.345


def work(log, user, first, last):
    for i in range(first, last):
        {call}


def empty(log, user, first, last):
    for i in range(first, last):
        pass


def timed(log, user, first, last, nanoseconds):
    clock = time.perf_counter_ns
    for i in range(first, last):
        began = clock()
        {call}
        nanoseconds[i - first] = clock() - began


def sparse(log, user, gaps, called):
    for i, gap in enumerate(gaps):
        time.sleep(gap)
        called.append(time.monotonic_ns())
        {call}


def announced(log, user, first, counter):
    i = first
    while True:
        {call}
        i += 1
        counter[0] = i - first


def failing(log, user, first, last):
    for i in range(first, last):
        try:
            f0(i)
        except ValueError:
            {exception}

{frames}
'''


def write(folder: Path, calls: dict[str, str], shape: str) -> ModuleType:
    """The loops for one shape of call, imported from a file in `folder` under the name `bench`."""
    frames = "".join(f"\ndef f{n}(i):\n    return f{n + 1}(i)\n" for n in range(DEPTH - 2))
    frames += f"\ndef f{DEPTH - 2}(i):\n    raise ValueError(i)\n"
    call = "pass" if shape == "exception" else calls[shape]
    source = folder / "bench.py"
    source.write_text(
        TEMPLATE.format(
            imports="import eliot" if "eliot." in calls.get("exception", "") else "",
            call=call,
            exception=calls.get("exception", "raise"),
            frames=frames,
        )
    )
    spec = importlib.util.spec_from_file_location("bench", source)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
