"""ENCODE: a record becomes one line.

In comes a delivered record, out go its bytes; the encoding itself is native and runs on the delivery thread, so what
stands here are the options of each format. Nothing here writes, and nothing here knows a sink.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from cordwood.formatters.jsonl import JsonFormatter
from cordwood.formatters.text import TextFormatter


class Formatter(Protocol):
    """The options of one format."""

    def spec(self) -> dict[str, object]:
        """What the core needs to compile the format; plain JSON values."""
        ...


FORMATS: Mapping[str, Callable[[], Formatter]] = {
    "text": TextFormatter,
    "json": JsonFormatter,
    "ecs": lambda: JsonFormatter("ecs"),
    "otel": lambda: JsonFormatter("otel"),
    "gcp": lambda: JsonFormatter("gcp", os.environ.get("GOOGLE_CLOUD_PROJECT")),
}
