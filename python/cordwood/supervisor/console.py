"""The copy of a console: `logs/console_<timestamp>.log`.

Each line has the time at which it was printed; colours and other terminal codes are gone, secrets are hidden. If the
file cannot be made or written, that is said once and the console goes on without it.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from cordwood import _native
from cordwood.errors import report

LONGEST = 64 * 1024  # bytes after which a line without an end is written all the same
_KEY_LINES = 200  # lines that a private key may have
# CSI (colours, cursor), OSC (titles, links), and the two-character codes.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_UNSEEN = (*range(9), *range(10, 32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F))
_ESCAPED = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 one byte
    for code in (*_UNSEEN, *range(0x2066, 0x206A), 0xFEFF)
}
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----")


def plain(line: str) -> str:
    """A line as it stands on a terminal in the end: no codes, and of what was overwritten only the last."""
    text = _TERMINAL.sub("", line).rstrip("\r").rpartition("\r")[2]
    return text.translate(_ESCAPED)


class ConsoleCopy:
    """The file of one run.

    Args:
        log_dir: where to make it; made when needed.
    """

    def __init__(self, log_dir: str) -> None:
        self.path: Path | None = None
        self._file: int | None = None
        self._key: list[str] = []  # lines of a private key whose end has not come yet
        try:
            Path(log_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._make(Path(log_dir))
        except OSError as error:
            report(f"the console is not copied to {log_dir}: {error.strerror}")

    def _make(self, folder: Path) -> int:
        stamp = time.strftime("%Y%m%d_%H%M%S")
        number = 1
        while True:
            path = folder / f"console_{stamp}{'' if number == 1 else f'_{number}'}.log"
            try:
                made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            except FileExistsError:  # another run of the same second
                number += 1
            else:
                self.path = path
                return made

    def line(self, line: str) -> None:
        """Copy one line, given without its end."""
        text = plain(line)
        if self._key or _KEY_BEGINS.search(text):
            self._key.append(text)
            if not _KEY_ENDS.search(text) and len(self._key) < _KEY_LINES:
                return
            text, self._key = "\n".join(self._key), []
        self._write(text)

    def _write(self, text: str) -> None:
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now * 1000) % 1000:03d}"
        lines = "".join(f"{stamp} {line}\n" for line in _native.redact(text).split("\n"))
        data = lines.encode(errors="backslashreplace")
        while data and self._file is not None:
            try:
                data = data[os.write(self._file, data) :]
            except OSError as error:  # noqa: PERF203 a short write goes on
                report(f"the console is not copied to {self.path}: {error.strerror}", key="console copy")
                return

    def close(self) -> None:
        """Write what is held back, and close."""
        if self._key:
            self._write("\n".join(self._key))
            self._key = []
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Lines:
    """Lines out of blocks of bytes.

    Args:
        copy: where they go.
    """

    def __init__(self, copy: ConsoleCopy) -> None:
        self._copy = copy
        self._rest = b""

    def feed(self, block: bytes) -> None:
        """Take what came."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._copy.line(line.decode(errors="backslashreplace"))
        if len(self._rest) > LONGEST:
            self.end()

    def end(self) -> None:
        """Nothing more comes: a last line without its end is a line too."""
        if self._rest:
            self._copy.line(self._rest.decode(errors="backslashreplace"))
            self._rest = b""
