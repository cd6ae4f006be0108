"""`format_string` and `date_format`: what is beside `logging.Formatter`'s own."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import cordwood
import pytest


def written() -> list[str]:
    """The lines of the file, once all that was logged is there."""
    assert cordwood.flush(10) == 0
    return Path("logs/app.log").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def _hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three of them."""
    monkeypatch.setenv("TZ", "X-3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_format_the_core_cannot_express_is_rendered_in_python() -> None:
    """With what native lines have: no value forges a line, a field that is missing is `-`, secrets are hidden."""
    form = "%(message)s|%(args)s|%(user)s|%(ratio).2f"
    cordwood.configure(preset="default", format_string=form, console_output=False, files=["app.log"])
    log = logging.getLogger("x")
    log.error("a %s", "b\nc", extra={"user": "ann\n\x1b[0m", "ratio": 0.125})
    log.error("failed", exc_info=ValueError("of two\nlines, password=hunter2"), extra={"ratio": 1})
    assert written() == [
        "a b",
        "  c|('b\\nc',)|ann",
        "  \\x1b[0m|0.12",
        "failed|()|-|1.00",
        "ValueError: of two",
        "  lines, password=***",
    ]


@pytest.mark.usefixtures("_hours_east")
def test_time_is_told_as_all_formatters_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application may have changed that for all of them: `logging.Formatter.converter = time.gmtime`."""
    monkeypatch.setattr(logging.Formatter, "converter", time.gmtime)
    monkeypatch.setattr(logging.Formatter, "default_msec_format", "%s.%03dZ")
    cordwood.configure(preset="default", format_string="%(asctime)s", date_format=None, console_output=False)
    logging.getLogger().handle(logging.makeLogRecord({"levelno": 20, "created": 1_795_183_387.25, "msecs": 250.0}))
    assert written() == ["2026-11-20 14:03:07.250Z"]


def test_microseconds_in_a_date_format() -> None:
    cordwood.configure(preset="default", format_string="%(asctime)s", date_format="%S.%f", console_output=False)
    logging.getLogger().handle(logging.makeLogRecord({"levelno": 20, "created": 1_795_183_387.25, "msecs": 250.0}))
    assert written() == ["07.250000"]
