"""Writes to a standard stream: a terminal at once on the caller's thread, pipes and files through delivery.

On a crash: what a terminal took is there; what waited for a pipe goes with the process (files keep it).
When the reader is stopped or gone: lines are skipped and counted; the application neither waits nor breaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from cordwood.plain import Frozen

# Continuous-integration systems that show colours though their streams are pipes.
_COLOURED_CI = ("GITHUB_ACTIONS", "GITLAB_CI", "GITEA_ACTIONS", "CIRCLECI", "TRAVIS", "BUILDKITE", "DRONE", "APPVEYOR")


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


class ConsoleSink(Frozen):
    """Standard error or standard output of this process.

    Args:
        format: a formatter's spec.
        stream: `stderr` or `stdout`.
        theme: level name to colour words, such as `{"INFO": "bold green"}`, over the default theme; None is without
            colour.
    """

    format: Mapping[str, object]
    stream: Literal["stderr", "stdout"] = "stderr"
    theme: Mapping[str, str] | None = None

    local = True

    @property
    def identity(self) -> str:
        """The stream."""
        return f"console:{self.stream}"

    def spec(self) -> str:
        """All options; the core knows the colours."""
        return json.dumps({"kind": "console", **vars(self)})
