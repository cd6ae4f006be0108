"""The loop for sinks written in Python: in order, again after failures, to the end."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from unittest import mock

import pytest
from cordwood import _native
from cordwood.delivery import pauses
from cordwood.delivery.fallback import write
from cordwood.delivery.loop import Loop
from cordwood.delivery.pauses import backoff
from cordwood.record import Record


class Sink:
    identity = "test"

    def __init__(self, failures: int = 0, failure: BaseException | None = None) -> None:
        self.failures = failures
        self.failure = failure or ConnectionError("down")
        self.batches: list[list[int]] = []

    def write(self, batch: Sequence[Record]) -> None:
        if self.failures:
            self.failures -= 1
            raise self.failure
        self.batches.append([int(record.message) for record in batch])

    def seen(self) -> list[int]:
        return [number for batch in self.batches for number in batch]


@pytest.fixture
def spool() -> _native.Spool:
    spool = _native.Spool(None)
    assert spool.add_sink("test", '{"kind": "python"}', local=True) == 0
    return spool


def log(spool: _native.Spool, *numbers: int) -> None:
    for number in numbers:
        _native.capture(logging.makeLogRecord({"msg": str(number)}), spool, 1)


def test_records_come_in_order_and_in_bounded_batches(spool: _native.Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordwood.delivery.loop.BATCH", 4)
    log(spool, *range(10))
    sink = Sink()
    loop = Loop(spool, 0, sink)
    loop.stop(10)
    assert sink.seen() == list(range(10))
    assert max(map(len, sink.batches)) <= 4
    assert loop.stats() == {"delivered": 10, "failed_writes": 0, "last_error": ""}


def test_a_failed_batch_comes_again_and_is_counted(
    spool: _native.Spool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.0)
    sink = Sink(failures=3)
    loop = Loop(spool, 0, sink)
    log(spool, 1, 2)
    assert spool.flush(10) == 0
    loop.stop(10)
    assert sink.seen() == [1, 2]
    assert loop.stats() == {"delivered": 2, "failed_writes": 3, "last_error": "ConnectionError: down"}
    assert capsys.readouterr().err.count("test does not take records (ConnectionError: down)") == 1


def test_a_sink_that_wants_to_end_the_program_ends_nothing(
    spool: _native.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.0)
    sink = Sink(failures=1, failure=SystemExit())
    loop = Loop(spool, 0, sink)
    log(spool, 1)
    assert spool.flush(10) == 0
    loop.stop(10)
    assert sink.seen() == [1]


def test_where_no_thread_can_be_had_a_flush_tries_again(
    spool: _native.Spool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
        loop = Loop(spool, 0, sink)
    assert "no thread can be made for test (can't start new thread)" in capsys.readouterr().err
    log(spool, 1)
    loop.wake()
    assert spool.flush(10) == 0
    loop.stop(10)
    assert sink.seen() == [1]


def test_a_pipe_gets_what_is_logged_after_its_spool_was_closed(capfd: pytest.CaptureFixture[str]) -> None:
    spool = _native.Spool(None)
    spec = {"kind": "console", "stream": "stdout", "format": {"kind": "text", "format": "%(message)s"}}
    assert spool.add_sink("pipe", json.dumps(spec), local=True) == 0
    log(spool, 1)
    assert spool.close(10) == 0
    log(spool, 2)
    assert spool.close(10) == 0
    assert capfd.readouterr().out == "1\n2\n"


def test_a_flush_cuts_the_pause_after_a_failure_short(spool: _native.Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 1000.0)
    monkeypatch.setattr(pauses, "LONGEST_PAUSE", 1000.0)
    sink = Sink(failures=1)
    failed = threading.Event()
    monkeypatch.setattr("cordwood.delivery.loop.report", lambda *_, **__: failed.set())
    log(spool, 1)
    loop = Loop(spool, 0, sink)
    assert failed.wait(10)
    while spool.flush(0.05):
        loop.wake()
    loop.stop(10)
    assert sink.seen() == [1]


def test_a_sink_that_stays_down_ends_with_its_records_in_the_spool(spool: _native.Spool) -> None:
    log(spool, 1)
    loop = Loop(spool, 0, Sink(failures=10**9))
    loop.stop(10)
    assert spool.flush(0) == 1


def test_pauses_double_to_a_limit_and_are_spread() -> None:
    for failures in range(1, 100):
        longest = min(0.1 * 2 ** (failures - 1), 30.0)
        assert longest / 2 <= backoff(failures) <= longest


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_delivers_its_own_records(spool: _native.Spool) -> None:
    sink = Sink()
    loop = Loop(spool, 0, sink)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            log(spool, 7)
            status = 0 if spool.flush(10) == 0 and sink.seen() == [7] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    loop.stop(10)
    assert sink.seen() == []


def test_what_is_printed_to_a_stream_that_takes_parts_of_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    ours.setblocking(False)
    monkeypatch.setattr("cordwood.delivery.fallback.PIECE", 1 << 20)
    found: list[bytes] = []

    def read() -> None:
        while piece := theirs.recv(100):
            found.append(piece)

    reading = threading.Thread(target=read)
    reading.start()
    text = bytes(range(256)) * 400
    with ours, theirs, ours.makefile("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert write("stderr", text)
        monkeypatch.undo()
        ours.shutdown(socket.SHUT_WR)
        reading.join()
    assert b"".join(found) == text
