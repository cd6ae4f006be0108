"""Every sink writes every format to the byte: tests/golden/<format>/records.log is what stands in it.

REWRITE_GOLDEN=1 writes the golden files anew; the difference is then to be read in the commit.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cordwood
import pytest
from cordwood import MemorySink
from cordwood.formatters import FORMATS

from tests.contract import streams

GOLDEN = Path(__file__).parent.parent / "golden"
LONG_TEXT = (
    "%(asctime)s.%(msecs)03d %(levelname)-8s|%(levelno)d|%(name)s|%(pathname)s|%(filename)s|%(module)s|%(lineno)d|"
    "%(funcName)s|%(created).6f|%(thread)d|%(threadName)s|%(process)d|%(processName)s|%(taskName)s|%(order_id)s|%(message)s"
)
OPTIONS: dict[str, dict[str, object]] = {
    **{name: {"format": name} for name in FORMATS},
    "text_long": {"format_string": LONG_TEXT, "date_format": "%Y-%m-%dT%H:%M:%S%z"},
}
Error = ValueError("bad value\nof two lines")  # never raised: its traceback is the same in every place


def made(number: int, level: int, message: object, args: object = (), /, **given: Any) -> logging.LogRecord:
    created = 1_763_531_545.25 + number
    fixed = {
        "name": "shop.cart", "msg": message, "args": args, "levelno": level, "levelname": logging.getLevelName(level),
        "pathname": "/srv/shop/cart.py", "filename": "cart.py", "module": "cart", "lineno": 40 + number,
        "funcName": "add", "created": created, "msecs": 250.0, "relativeCreated": 1000.0, "thread": 4711,
        "threadName": "MainThread",
        "process": 1234, "processName": "MainProcess", "taskName": None,
    }  # fmt: skip
    return logging.makeLogRecord({**fixed, **given})


def records() -> list[logging.LogRecord]:
    """One record of each kind."""
    forged = "a\nb\r\nc\rd\x1b[31m\u202e\u2028\x85\0\x7f\ttab"
    return [
        made(0, logging.DEBUG, "plain"),
        made(1, logging.INFO, "paid %d of %.2f to %s", (7, 9.5, "Zoë €😀")),
        made(2, logging.WARNING, forged, name=f"shop.{forged}", threadName=forged, order_id=forged),
        made(3, logging.ERROR, "failed", exc_info=(ValueError, Error, None)),
        made(4, logging.CRITICAL, "down", stack_info='Stack (most recent call last):\n  File "x.py", line 1, in f'),
        made(5, 25, "fields", order_id=7, ratio=0.5, ok=True, none=None, big=2**70, items=[1, "two", {"three": None}]),
        made(6, logging.INFO, "taken", level="gold", time=3, host="h", thread_id=1, Body="b", severity="s", pid=0),
        made(7, logging.INFO, "trace", trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7"),
        made(8, logging.INFO, "token=%s", ("abcdefgh",), password="hunter2", taskName="Task-1"),
        made(9, logging.INFO, "%d", ("no number",)),
        made(10, logging.INFO, "lone \ud800", surrogate="\udfff"),
        made(11, logging.INFO, ""),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def check(name: str, found: bytes) -> None:
    """The bytes are those of the golden file; this machine's name stands as HOST there."""
    found = found.replace(f'"{socket.gethostname()}"'.encode(), b'"HOST"')
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found)
    assert found.splitlines() == path.read_bytes().splitlines()
    assert found == path.read_bytes()


def log_all(handler: logging.Handler, formatter: logging.Formatter | None) -> None:
    if formatter is not None:
        handler.setFormatter(formatter)
    for record in records():
        handler.handle(record)
    handler.flush()


def to_file(options: dict[str, object], formatter: logging.Formatter | None = None) -> bytes:
    handler = cordwood.Handler("out.log", **options)  # type: ignore[arg-type]
    log_all(handler, formatter)
    handler.close()
    return Path("out.log").read_bytes()


def to_stream(way: Callable[..., Any], options: dict[str, object], formatter: logging.Formatter | None) -> bytes:
    with way(1) as reader:
        handler = cordwood.Handler("stdout", colour="never", **options)  # type: ignore[arg-type]
        log_all(handler, formatter)
        handler.close()
        found: bytes = reader.read()
    return found


def to_terminal(options: dict[str, object], formatter: logging.Formatter | None = None) -> bytes:
    return to_stream(streams.terminal, options, formatter)


def to_pipe(options: dict[str, object], formatter: logging.Formatter | None = None) -> bytes:
    return to_stream(streams.pipe, options, formatter)


@pytest.mark.parametrize("sink", [to_file, to_terminal, to_pipe])
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_sink_writes_every_format_to_the_byte(name: str, sink: Callable[[dict[str, object]], bytes]) -> None:
    check(f"{name}/records.log", sink(OPTIONS[name]))


@pytest.mark.parametrize("sink", [to_file, to_terminal, to_pipe])
def test_a_python_formatter_s_text_is_written_as_it_is(sink: Callable[..., bytes]) -> None:
    """What Python rendered is the user's own: nothing in it is escaped."""
    check("python/records.log", sink({}, logging.Formatter("%(levelname)s %(message)s %(exc_text)s")))


def test_a_terminal_shows_levels_in_colour() -> None:
    with streams.terminal(1) as reader:
        handler = cordwood.Handler("stdout", colour="always", format_string="%(levelname)-8s %(message)s")
        log_all(handler, None)
        handler.close()
        check("console/records.log", reader.read())


def test_memory_holds_every_record_whole() -> None:
    sink = MemorySink()
    handler = cordwood.Handler(sink=sink)
    log_all(handler, None)
    handler.close()
    found = [dataclasses.asdict(record) for record in sink.records]
    for record in found:
        record["segment"] = 0
    check("memory/records.json", (json.dumps(found, indent=1, ensure_ascii=True) + "\n").encode())


@pytest.mark.parametrize("name", ["json", "ecs", "otel", "gcp"])
def test_every_json_line_is_one_object_with_each_name_once(name: str) -> None:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    lines = to_file(OPTIONS[name]).decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(records())
    for line in lines:
        assert isinstance(json.loads(line, object_pairs_hook=once, parse_constant=pytest.fail), dict)


def test_text_has_each_record_at_the_margin_once() -> None:
    """Whatever the values hold, only records, tracebacks and stacks begin at the margin."""
    lines = to_file({"format_string": "RECORD %(name)s %(message)s"}).decode().split("\n")
    margin = [line.split()[0] for line in lines if line and not line.startswith("  ")]
    assert margin.count("RECORD") == len(records())
    assert set(margin) == {"RECORD", "ValueError:", "Stack"}
    assert not [c for line in lines for c in line if c != "\t" and not c.isprintable()]
