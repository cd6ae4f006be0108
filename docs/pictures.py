"""Makes docs/pictures/*.svg from what Cordwood really prints: `python docs/pictures.py`.

The program below is run; its console and its files become the picture. Nothing in it is drawn by hand; only the names
of the folder and of the machine are replaced.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures"

PROGRAM = """\
import cordwood

cordwood.configure(
    format_string="%(asctime)s %(levelname)-8s %(name)s: %(message)s", date_format="%H:%M:%S",
    console={"colour": "always"}, level="DEBUG",
    files=["app.log", {"name": "app.jsonl", "format": "json"}], log_dir="logs",
)
log = cordwood.get_logger("shop.orders")

with cordwood.context(request_id="r-81"):
    log.debug("basket %s has %d items", "b-7", 3)
    log.info("order %d paid: %.2f EUR", 1042, 29.85, extra={"customer": "c-17"})
    log.warning("gateway slow, password=%s", "hunter2")
    try:
        raise KeyError("address")
    except KeyError:
        log.exception("order %d cannot be shipped", 1042)
log.critical("a forged line?\\n2026-01-01 00:00:00 INFO root: nothing happened")
"""

COLUMNS = 108
_CHARACTER, _LINE, _MARGIN = 8.43, 19, 16
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "35": "#d2a8ff", "36": "#76e3ea"}
_PLAIN, _DIM, _BACK = "#e6edf3", "#7d8590", "#0d1117"


def outputs() -> dict[str, str]:
    """Run the program; what each output holds."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "shop.py"
        script.write_text(PROGRAM, encoding="utf-8")
        done = subprocess.run([sys.executable, script.name], cwd=folder, capture_output=True, text=True, check=True)
        logs = Path(folder) / "logs"
        found = {"console": done.stderr} | {path.name: path.read_text(encoding="utf-8") for path in logs.glob("app.*")}
    names = {str(Path(folder).resolve()): "/srv/shop", f'"host":"{os.uname().nodename}"': '"host":"web-1"'}
    for theirs, ours in names.items():
        found = {name: text.replace(theirs, ours) for name, text in found.items()}
    return found


def wrapped(line: str) -> Iterator[str]:
    """A line in pieces that fit, cut behind commas."""
    while len(line) > COLUMNS:
        cut = 1 + line.rfind(",", 0, COLUMNS)
        yield line[:cut]
        line = line[cut:]
    yield line


def rows() -> Iterator[str]:
    """The picture's text, each part under its name."""
    found = outputs()
    json_line = next(line for line in found["app.jsonl"].splitlines() if "paid" in line)
    parts = {
        "the console, coloured": found["console"].splitlines(),
        "logs/app.jsonl, one line of it": list(wrapped(json_line)),
    }
    for number, (title, lines) in enumerate(parts.items()):
        if number:
            yield ""
        yield f"\x1b[2m{title}\x1b[0m"
        yield from lines


def spans(row: str) -> Iterator[tuple[str, str]]:
    """(colour, text) of a row with terminal colours."""
    colour, at = _PLAIN, 0
    for code in _SGR.finditer(row):
        if row[at : code.start()]:
            yield colour, row[at : code.start()]
        words = code[1].split(";")
        colour = _DIM if "2" in words else next((_COLOURS[word] for word in words if word in _COLOURS), _PLAIN)
        at = code.end()
    if row[at:]:
        yield colour, row[at:]


def svg(lines: Sequence[str]) -> str:
    """Rows of a terminal as a picture."""
    width = round(2 * _MARGIN + COLUMNS * _CHARACTER)
    height = 2 * _MARGIN + len(lines) * _LINE
    texts = []
    for number, line in enumerate(lines):
        parts = "".join(f'<tspan fill="{colour}">{html.escape(text)}</tspan>' for colour, text in spans(line))
        texts.append(f'<text x="{_MARGIN}" y="{_MARGIN + 14 + number * _LINE}" xml:space="preserve">{parts}</text>\n')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{_BACK}"/>\n{"".join(texts)}</svg>\n'
    )


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "output.svg").write_text(svg(list(rows())), encoding="utf-8")


if __name__ == "__main__":
    main()
