"""Trouble is said on stderr, seldom, and never in the application's way."""

from __future__ import annotations

import os
import sys

import pytest
from cordwood.errors import MissingExtraError, report


def test_the_same_trouble_is_said_once_a_minute_with_a_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr("cordwood.errors.time.monotonic", lambda: now)
    for _ in range(5):
        report("disk full", key="disk")
    now += 61
    report("disk still full", key="disk")
    assert capsys.readouterr().err == "cordwood: disk full\ncordwood: disk still full (4 more in between)\n"


def fill(writer: int) -> None:
    while True:
        os.write(writer, b"x" * 4096)


def test_a_full_pipe_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        fill(writer)
    os.set_blocking(writer, True)
    with os.fdopen(writer, "w") as stream, os.fdopen(reader):
        monkeypatch.setattr(sys, "stderr", stream)
        report("nobody reads this")
        monkeypatch.undo()


@pytest.mark.parametrize("stream", [None, object()])
def test_a_missing_or_foreign_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    report("into the void")
    monkeypatch.undo()


def test_a_missing_part_names_the_line_to_type() -> None:
    error = MissingExtraError("Reading TOML on Python 3.10", "pip install tomli")
    assert str(error).endswith("type: pip install tomli")
    assert isinstance(error, ImportError)
