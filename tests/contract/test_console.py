"""The console: colours where they are wanted, and an application that never waits for a reader."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import termios
import time
from pathlib import Path
from typing import Any

import cordwood
import pytest

from tests.contract import streams

PLAIN = b"ERROR m\n"
RED = b"\x1b[31mERROR\x1b[0m m\n"
LIMIT = 0.1  # seconds that no call may reach, whoever does not read


@pytest.fixture
def log() -> logging.Logger:
    return logging.Logger("app")  # noqa: LOG001 of no hierarchy


def shown(log: logging.Logger, reader: streams.Reader, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What one record looks like on standard error as it is now."""
    with open(2, "w", closefd=False, encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        handler = cordwood.Handler("stderr", format_string="%(levelname)s %(message)s")
        log.addHandler(handler)
        log.error("m")
        handler.close()
    return reader.read()


@pytest.mark.parametrize(
    ("environ", "on_a_terminal", "on_a_pipe"),
    [
        ({}, RED, PLAIN),
        ({"NO_COLOR": "1"}, PLAIN, PLAIN),
        ({"NO_COLOR": ""}, RED, PLAIN),
        ({"FORCE_COLOR": "1"}, RED, RED),
        ({"FORCE_COLOR": "0"}, PLAIN, PLAIN),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, PLAIN, PLAIN),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, RED, RED),
        ({"CI": "true"}, RED, PLAIN),
        ({"TERM": "dumb"}, PLAIN, PLAIN),
    ],
)
def test_colours_follow_the_environment_and_what_the_stream_is(
    log: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    on_a_terminal: bytes,
    on_a_pipe: bytes,
) -> None:
    for name, value in {"TERM": "xterm", **environ}.items():
        monkeypatch.setenv(name, value)
    with streams.terminal() as reader:
        assert shown(log, reader, monkeypatch) == on_a_terminal
    log.handlers.clear()
    with streams.pipe() as reader:
        assert shown(log, reader, monkeypatch) == on_a_pipe


def test_a_terminal_is_written_before_the_call_returns(log: logging.Logger) -> None:
    with streams.terminal() as reader:
        log.addHandler(cordwood.Handler("stderr", format_string="%(message)s", colour="never"))
        log.error("at once")
        assert reader.read() == b"at once\n"
        log.handlers[0].close()


def longest_call(log: logging.Logger, calls: int) -> float:
    longest = 0.0
    for number in range(calls):
        begun = time.perf_counter()
        log.error("%06d %s", number, "x" * 100)
        longest = max(longest, time.perf_counter() - begun)
    return longest


def the_spool() -> dict[str, Any]:
    (counts,) = cordwood.stats()["spools"].values()  # type: ignore[attr-defined]
    return dict(counts)


def whole_lines(seen: bytes) -> list[int]:
    """The numbers of the records that came out; no line is torn."""
    *lines, rest = seen.decode().split("\n")
    assert rest == ""
    records = [line for line in lines if not line.startswith("(")]
    assert all(len(line) == 107 for line in records)
    return [int(line[:6]) for line in records]


@pytest.mark.parametrize("stopped", ["not read", "flow stopped"])
def test_a_stopped_terminal_is_skipped_and_what_it_missed_is_counted_and_said(
    log: logging.Logger, stopped: str
) -> None:
    with streams.terminal() as reader:
        if stopped == "flow stopped":
            termios.tcflow(2, termios.TCOOFF)
        handler = cordwood.Handler("stderr", format_string="%(message)s", colour="never")
        log.addHandler(handler)
        assert longest_call(log, 2000) < LIMIT
        skipped = the_spool()["terminal_skipped"]
        assert skipped > 0
        if stopped == "flow stopped":
            termios.tcflow(2, termios.TCOON)
        reader.read()
        log.error("%06d %s", 2000, "x" * 100)
        reader.read()
        log.error("%06d %s", 2001, "x" * 100)
        seen = reader.read()
        missed = the_spool()["terminal_skipped"]
        handler.close()
    numbers = whole_lines(seen)
    assert numbers == sorted(set(numbers))
    assert len(numbers) + missed == 2002
    assert numbers[-1] == 2001
    said = [line for line in seen.decode().split("\n") if line.startswith("(")]
    # A kernel that hands on some bytes in between makes two stops of one.
    assert all(line.endswith("records not shown: the terminal was stopped)") for line in said)
    assert sum(int(line[1:].split()[0]) for line in said) == missed


def test_the_flags_of_an_inherited_descriptor_stay(log: logging.Logger) -> None:
    with streams.pipe() as reader:
        before = fcntl.fcntl(2, fcntl.F_GETFL)
        handler = cordwood.Handler("stderr", format_string="%(message)s")
        log.addHandler(handler)
        log.error("m")
        handler.close()
        assert fcntl.fcntl(2, fcntl.F_GETFL) == before
        assert reader.read() == b"m\n"


def test_a_stopped_pipe_reader_blocks_nobody_and_gets_all_when_it_reads_again(log: logging.Logger) -> None:
    with streams.pipe() as reader:
        handler = cordwood.Handler("stderr", format_string="%(message)s")
        log.addHandler(handler)
        assert longest_call(log, 5000) < LIMIT
        assert handler._outlet is not None
        assert handler._outlet.spool.flush(0.1) > 0
        counts = the_spool()
        while handler._outlet.spool.flush(0.05):
            reader.read()
        seen = reader.read()
        assert the_spool()["dropped"]["stream_stopped"] == 0
        handler.close()
    assert counts["accepted"] == 5000
    assert whole_lines(seen) == list(range(5000))


def test_a_closed_pipe_reader_breaks_nothing_and_what_it_missed_is_counted(log: logging.Logger) -> None:
    reading, writing = os.pipe()
    with streams.led_to(writing, 2):
        os.close(writing)
        os.close(reading)
        handler = cordwood.Handler("stderr", format_string="%(message)s")
        log.addHandler(handler)
        assert longest_call(log, 1000) < LIMIT
        handler.flush()
        counts = the_spool()
        handler.close()
    assert counts["accepted"] == 1000
    assert counts["undelivered"] + sum(counts["dropped"].values()) == 1000


def test_a_stream_led_into_a_file_is_written_like_a_file(log: logging.Logger, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file, streams.led_to(file.fileno(), 2):
        handler = cordwood.Handler("stderr", format_string="%(message)s")
        log.addHandler(handler)
        longest_call(log, 3)
        handler.flush()
        os.write(2, b"somebody else's\n")
        longest_call(log, 1)
        handler.close()
    lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert [line[:6] for line in lines] == ["000000", "000001", "000002", "somebo", "000000"]
