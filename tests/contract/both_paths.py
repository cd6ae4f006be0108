"""The two ways of a record: the native call, and the LogRecord that a foreign handler in the chain makes necessary."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import cordwood
from cordwood import _native
from cordwood.capture.logger import give_back, take_over

TEXT = (
    "%(name)s %(levelno)s %(levelname)-8s %(pathname)s %(filename)s %(module)s %(lineno)d %(funcName)s "
    "%(thread)d %(threadName)s %(process)d %(processName)s [%(message)s]"
)
JSON = ("json", "ecs", "otel", "gcp")
TIMES = re.compile(rb'("(?:timestamp|@timestamp|Timestamp|time)":)"[^"]*"')

Scenario = Callable[[logging.Logger], object]


class Collecting(logging.Handler):
    """Somebody else's handler."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Run:
    """One run of a scenario: what was written in every format, times masked, and how many LogRecords were taken."""

    def __init__(
        self, folder: Path, scenario: Scenario, foreign: logging.Handler | None, formats: tuple[str, ...] = JSON
    ) -> None:
        root = logging.getLogger()
        before = (root.level, root.handlers)
        self.taken = 0
        handlers: list[logging.Handler] = [cordwood.Handler(folder / "text.log", format_string=TEXT)]
        handlers += [cordwood.Handler(folder / f"{name}.log", format=name) for name in formats]
        capture = _native.capture

        def counting(*args: object, **keywords: object) -> None:
            self.taken += 1
            capture(*args, **keywords)  # type: ignore[arg-type]

        _native.capture = counting
        root.setLevel(1)
        root.handlers = handlers if foreign is None else [*handlers, foreign]
        take_over()
        try:
            scenario(logging.getLogger("app"))
        finally:
            _native.capture = capture
            give_back()
            root.handlers = before[1]
            root.setLevel(before[0])
            for handler in handlers:
                handler.close()
        self.texts = {
            path.name: TIMES.sub(rb'\1"-"', path.read_bytes())
            for path in sorted(folder.glob("*.log"))
            if path.is_file()
        }

    @property
    def text(self) -> str:
        return self.texts["text.log"].decode()

    @property
    def messages(self) -> list[str]:
        """What stands after the fixed part of each record's first line, to the end of its last."""
        found = re.findall(r"\[(.*?)\](?:\n(?=app|root)|\n\Z)", self.text, re.DOTALL)
        return [str(message) for message in found]


def both(folder: Path, scenario: Scenario, formats: tuple[str, ...] = JSON) -> tuple[Run, Run]:
    """The scenario natively, then with a foreign handler in the chain; called from one line, for `stack_info`."""
    ways = {"native": None, "standard": Collecting()}
    native, standard = [Run(folder / way, scenario, foreign, formats) for way, foreign in ways.items()]
    return native, standard


def standard_library(scenario: Scenario) -> str:
    """The same calls on `logging` alone, with its own Formatter."""
    root = logging.getLogger()
    before = (root.level, root.handlers)
    kept = Collecting()
    root.setLevel(1)
    root.handlers = [kept]
    try:
        scenario(logging.getLogger("app"))
    finally:
        root.handlers = before[1]
        root.setLevel(before[0])
    formatter = logging.Formatter(TEXT)
    return "".join(formatter.format(record) + "\n" for record in kept.records)
