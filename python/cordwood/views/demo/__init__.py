"""`cordwood demo`: a real web service under load, a worker killed, every accepted record counted.

service   the application: Starlette, ordinary `logging` calls, httpx to talk to itself
server    uvicorn with several workers of it
ledger    what the workers say was accepted, kept outside Cordwood
load      a client that keeps the service busy, and the kill in the middle
check     the ledger against the files
show      what is printed
run       one after the other
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cordwood.errors import DemoError, MissingExtraError

_NEEDED = ("httpx", "starlette", "uvicorn")


def demonstrate(folder: Path | None, echo: Callable[..., None], *, as_json: bool = False) -> bool:
    """Run it and tell the story; whether all numbers agree.

    Args:
        folder: where everything is written and left; None is a temporary folder, kept only if the numbers disagree.
        echo: takes each line, as `click.echo`.
        as_json: tell the result alone, as JSON.

    Raises:
        MissingExtraError: a package that the demo needs is not installed.
        DemoError: the folder holds something already, or the service did not start or end.
    """
    if not all(find_spec(name) for name in _NEEDED):
        raise MissingExtraError("The demo", "pip install 'cordwood[demo]'")
    from cordwood.sinks.console import wants_colour
    from cordwood.views.demo.run import as_json as json_of
    from cordwood.views.demo.run import run, story

    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DemoError(f"{folder} is not empty; the demo counts files and needs a folder of its own")
    place = Path(tempfile.mkdtemp(prefix="cordwood-demo-")) if folder is None else folder.resolve()
    colour = wants_colour("auto", terminal=sys.stdout.isatty(), environ=os.environ)
    agree = False
    try:
        result = run(place, lambda line: echo(line, err=as_json))
        agree = result.agree
        if as_json:
            echo(json_of(result))
        else:
            for line in story(result, place):
                echo(line, color=colour)
    finally:
        if folder is None and agree:
            shutil.rmtree(place, ignore_errors=True)
    return agree
