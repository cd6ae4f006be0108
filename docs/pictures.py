"""Makes docs/pictures/*.svg from what Cordwood really prints: `python docs/pictures.py [NAME]`.

The commands of a scene (docs/scenes.py) are run in a terminal, in a folder of their own; what that terminal got becomes
the picture. Nothing in it is drawn by hand; only the names of the folder and of the machine are replaced.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import runpy
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "pictures"
SCENES: dict[str, Any] = runpy.run_path(str(DOCS / "scenes.py"))["SCENES"]

COLUMNS = 110
_WIDTH, _LINE, _MARGIN, _BAR = 8.4, 19, 18, 38
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}
_PLAIN, _DIM, _BACK, _EDGE = "#e6edf3", "#7d8590", "#0d1117", "#30363d"
_PROMPT = "\x1b[32m$\x1b[0m "


def screen(name: str) -> list[str]:
    """The lines of a scene's terminal, with their colour codes."""
    scene = SCENES[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "work"
        facade = DOCS.parent / "examples" / scene.facade if scene.facade else None
        if facade is None:
            folder.mkdir()
        else:
            shutil.copytree(facade, folder, ignore=shutil.ignore_patterns("__pycache__", "logs"))
        for file, text in scene.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        environ = _environment(folder.parent)
        text = ""
        with _held(scene.taken):
            for command in scene.commands:
                text += f"{_PROMPT}\x1b[1m{command}\x1b[0m\n{typed(command, folder, environ)}"
    text = text.replace(str(folder), f"/srv/{name if facade else 'shop'}")
    return text.replace(f'"host":"{os.uname().nodename}"', '"host":"web-1"').splitlines()


def _environment(folder: Path) -> dict[str, str]:
    """`python` and `cordwood` are those that run this."""
    for command, run in {"python": "", "cordwood": ' -c "from cordwood.views.cli import main; main()"'}.items():
        (folder / command).write_text(f'#!/bin/sh\nexec {sys.executable}{run} "$@"\n')
        (folder / command).chmod(0o755)
    inherited = [path for path in sys.path if path]
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(folder / "work"), *inherited]),
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }


class _held:  # noqa: N801 a verb: `with _held(port)`
    """A port that is taken meanwhile; whoever has it already will do."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._port = port

    def __enter__(self) -> None:
        if self._port:
            with suppress(OSError):
                self._socket.bind(("127.0.0.1", self._port))
                self._socket.listen()

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def typed(command: str, folder: Path, environ: dict[str, str]) -> str:
    """What a terminal shows of a command."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with subprocess.Popen(
        ["bash", "-c", f"{command}\n:"], cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # EIO: everybody let go of it
            while block := os.read(ours, 65536):
                shown += block
    os.close(ours)
    text = shown.decode().replace("\r\n", "\n")
    return re.sub(r"^bash: line \d+: +\d+ Killed.*$", "Killed", text, flags=re.MULTILINE)


def wrapped(line: str) -> Iterator[str]:
    """A line as a terminal breaks it: after as many characters as it has columns; colours go on."""
    colour, row, room = "", "", COLUMNS
    for part in re.split(r"(\x1b\[[\d;]*m)", line):
        if _SGR.fullmatch(part):
            colour, row = part, row + part
            continue
        rest = part
        while len(rest) > room:
            yield row + rest[:room]
            row, rest, room = colour, rest[room:], COLUMNS
        row, room = row + rest, room - len(rest)
    yield row


def spans(row: str) -> Iterator[tuple[str, str]]:
    """(style, text) of a row with terminal colours."""
    style, at = f'fill="{_PLAIN}"', 0
    for code in _SGR.finditer(row):
        if row[at : code.start()]:
            yield style, row[at : code.start()]
        words = code[1].split(";")
        colour = _DIM if "2" in words else next((_COLOURS[word] for word in words if word in _COLOURS), _PLAIN)
        style, at = f'fill="{colour}"' + (' font-weight="bold"' if "1" in words else ""), code.end()
    if row[at:]:
        yield style, row[at:]


def svg(name: str, lines: list[str]) -> str:
    """Rows of a terminal as a picture of its window."""
    rows = [row for line in lines for row in wrapped(line)]
    width, height = round(2 * _MARGIN + COLUMNS * _WIDTH), _BAR + 2 * _MARGIN + len(rows) * _LINE - 4
    title = html.escape(SCENES[name].title)
    texts = []
    for number, row in enumerate(rows):
        length = len(_SGR.sub("", row))
        if length:
            parts = "".join(f"<tspan {style}>{html.escape(text, quote=False)}</tspan>" for style, text in spans(row))
            texts.append(
                f'<text x="{_MARGIN}" y="{_BAR + _MARGIN + 11 + number * _LINE}" textLength="{length * _WIDTH:.1f}" '
                f'xml:space="preserve">{parts}</text>\n'
            )
    dots = "".join(
        f'<circle cx="{22 + 20 * number}" cy="{_BAR / 2:g}" r="6" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">\n'
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10" fill="{_BACK}" stroke="{_EDGE}"/>\n'
        f'<path d="M1 {_BAR}H{width - 1}" stroke="{_EDGE}"/>{dots}\n'
        f'<text x="{width / 2:g}" y="{_BAR / 2 + 5:g}" text-anchor="middle" fill="{_DIM}">{title}</text>\n'
        f"{''.join(texts)}</svg>\n"
    )


def main() -> None:
    """Write the pictures, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SCENES:
        (FOLDER / f"{name}.svg").write_text(svg(name, screen(name)), encoding="utf-8")


if __name__ == "__main__":
    main()
