"""Writes to a standard stream: a terminal at once on the caller's thread, pipes and files through delivery.

On a crash: what a terminal took is there; what waited for a pipe goes with the process (files keep it).
When the reader is stopped or gone: lines are skipped and counted; the application neither waits nor breaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# Continuous-integration systems that show colours though their streams are pipes.
_COLOURED_CI = ("GITHUB_ACTIONS", "GITLAB_CI", "GITEA_ACTIONS", "CIRCLECI", "TRAVIS", "BUILDKITE", "DRONE", "APPVEYOR")

COLOURS: Mapping[str, int] = {
    name: code for code, name in enumerate(("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"), 30)
}
STYLES: Mapping[str, int] = {"bold": 1, "dim": 2, "italic": 3, "underline": 4, "reverse": 7}
DEFAULT_THEME: Mapping[str, str] = {
    "DEBUG": "cyan",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "magenta",
}


def sgr(words: str) -> str | None:
    """The terminal's code for `red`, `bold red`, `bright_black` or a number of the 256 colours; None if unknown."""
    codes: list[str] = []
    for word in words.lower().split():
        if word in STYLES:
            codes.append(str(STYLES[word]))
        elif word in COLOURS:
            codes.append(str(COLOURS[word]))
        elif word.removeprefix("bright_") in COLOURS:
            codes.append(str(COLOURS[word.removeprefix("bright_")] + 60))
        elif word.isdecimal() and int(word) < 256:
            codes.append(f"38;5;{int(word)}")
        else:
            return None
    return ";".join(codes) or None


def wants_colour(setting: str, *, terminal: bool, environ: Mapping[str, str]) -> bool:
    """Whether to colour: the setting, else NO_COLOR, else FORCE_COLOR, else a terminal or a CI that shows colours."""
    if setting != "auto":
        return setting == "always"
    if environ.get("NO_COLOR"):
        return False
    if force := environ.get("FORCE_COLOR"):
        return force not in {"0", "false"}
    if terminal:
        return environ.get("TERM") != "dumb"
    return any(environ.get(name) for name in _COLOURED_CI)


@dataclass(frozen=True, slots=True)
class ConsoleSink:
    """Standard error or standard output of this process.

    Args:
        format: a formatter's spec.
        stream: `stderr` or `stdout`.
        theme: level name to colour words, such as `{"INFO": "bold green"}`; None is without colour.
    """

    format: Mapping[str, object]
    stream: Literal["stderr", "stdout"] = "stderr"
    theme: Mapping[str, str] | None = None

    local = True

    @property
    def identity(self) -> str:
        return f"console:{self.stream}"

    def spec(self) -> str:
        theme = None if self.theme is None else {level: sgr(words) for level, words in self.theme.items()}
        return json.dumps({"kind": "console", "stream": self.stream, "format": dict(self.format), "theme": theme})
