"""What the interpreter would print on stderr is in the log, and stderr is given back by the undo."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from cordwood.integrations import hooks

from tests.logged import Logged


@pytest.fixture(autouse=True)
def _taken(logged: Logged) -> Iterator[None]:
    before = (warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook)
    undo = hooks.take_over()
    yield
    undo()
    assert (warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_a_warning_is_a_record_at_the_place_that_is_warned_of(logged: Logged) -> None:
    text = io.StringIO()
    warnings.showwarning(DeprecationWarning("old name"), DeprecationWarning, __file__, 7)
    with pytest.warns(UserWarning, match="asked for"):
        warnings.showwarning(UserWarning("asked for"), UserWarning, "x.py", 1, file=text)
    record = logged.one("py.warnings")
    assert (record.message, record.level_name) == ("DeprecationWarning: old name", "WARNING")
    assert (record.filename, record.line) == ("test_hooks.py", 7)


def test_an_uncaught_exception_is_critical_and_still_printed(
    logged: Logged, capsys: pytest.CaptureFixture[str]
) -> None:
    error = LookupError("nothing there")
    sys.excepthook(LookupError, error, None)
    record = logged.one()
    assert (record.message, record.level_name) == ("Unhandled exception: LookupError", "CRITICAL")
    assert record.exception is not None
    assert record.exception["message"] == "nothing there"
    assert "LookupError: nothing there" in capsys.readouterr().err


def test_an_interrupt_is_no_fault(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert logged.records() == []
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_a_threads_exception_is_an_error(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise LookupError("in thread")

    for target in (fail, sys.exit):
        thread = threading.Thread(target=target, name="worker-1")
        thread.start()
        thread.join()
    record = logged.one()
    assert (record.message, record.level_name) == ("Unhandled exception in thread worker-1", "ERROR")
    assert record.exception is not None
    assert capsys.readouterr().err == ""


def test_an_exception_that_cannot_be_raised_is_an_error(logged: Logged) -> None:
    class Bad:
        def __del__(self) -> None:
            raise LookupError("in del")

    Bad()
    gc.collect()
    record = logged.one()
    assert record.message.startswith("Exception ignored")
    assert record.message.endswith("Bad.__del__")
    assert record.exception is not None


def test_an_event_loops_exceptions_are_records_and_its_handler_is_given_back(logged: Logged) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        undo = hooks.take_over()
        loop.call_soon(fail)
        task = loop.create_task(fails(), name="lost")
        await asyncio.sleep(0.001)
        del task
        gc.collect()
        undo()
        assert loop.get_exception_handler() is None

    def fail() -> None:
        raise LookupError("in callback")

    async def fails() -> None:
        raise LookupError("in task")

    asyncio.run(main())
    callback, task = [r for r in logged.records("asyncio") if r.level_name == "ERROR"]
    assert callback.message.startswith("Exception in callback ")
    assert callback.exception is not None
    assert task.message == "Task exception was never retrieved"
    assert task.fields == {"task": "lost"}


def test_a_hook_put_over_ours_stays_and_ours_only_hands_on(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    below = sys.excepthook
    undo = hooks.take_over()
    ours = sys.excepthook

    def theirs(*args: object) -> None:
        ours(*args)  # type: ignore[arg-type]

    sys.excepthook = theirs
    try:
        undo()
        assert sys.excepthook is theirs
        sys.excepthook(KeyError, KeyError("k"), None)
        assert len(logged.records()) == 1, "only that of the fixture's hooks, below"
    finally:
        sys.excepthook = below


PROGRAM = """
import cordwood, threading, warnings
from cordwood.integrations import hooks
cordwood.configure(preset="production", log_dir="logs")
hooks.take_over()
warnings.warn("old name")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise LookupError("the end")
"""


def test_a_program_that_dies_of_an_exception_leaves_all_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last):")
    assert "ZeroDivisionError" not in ended.stderr
    text = (tmp_path / "logs/app.log").read_text(encoding="utf-8")
    assert " - py.warnings - WARNING - program.py:6 - UserWarning: old name" in text
    assert "ZeroDivisionError: division by zero" in text
    assert " - cordwood.unhandled - CRITICAL - " in text
    assert "LookupError: the end" in text
    assert logging.getLogger("cordwood.unhandled").level == logging.NOTSET
