"""Random templates, arguments and formats: what stands in the record and in the file is what `logging` makes of them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cordwood
import pytest
from cordwood import _native
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

NUMBER, TEXT = "diuoxXeEfFgGc", "sra"
NUMBERS = ("created", "levelno", "lineno", "msecs", "process", "thread", "order_id", "ratio")
TEXTS = (
    "asctime", "filename", "funcName", "levelname", "message", "module", "msg", "name", "pathname", "processName",
    "threadName", "who", "tags", *(["taskName"] if sys.version_info >= (3, 12) else []),
)  # fmt: skip
DIRECTIVES = "aAbBdDeFGHIjmMpRSTuUVwWyYzZ%"

_flags = st.text("-+ #0", max_size=3)
_width = st.sampled_from(["", "", "1", "7", "30"])
_precision = st.sampled_from(["", "", ".", ".0", ".2", ".12"])
_size = st.sampled_from(["", "", "", "l"])
_plain = st.text(st.characters(codec="utf-8", exclude_characters="%"), max_size=6)
_printed = st.text(" abcdefgXYZ0189_:[]{}|,.-ü€", max_size=6)


def _conversion(letters: str) -> st.SearchStrategy[str]:
    return st.builds("{}{}{}{}{}".format, _flags, _width, _precision, _size, st.sampled_from(letters))


class Number(int):
    def __str__(self) -> str:
        return "a number's own text"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "its own text"


_numbers = st.one_of(
    st.integers(), st.integers(-(2**65), 2**65), st.integers(-5, 300), st.floats(), st.booleans(), st.just(Number(7))
)
_texts = st.one_of(st.text(max_size=8), st.none(), st.binary(max_size=3), st.just(Text("hidden")), st.just((1, "a")))


@st.composite
def _calls(draw: st.DrawFn) -> tuple[str, tuple[object, ...]]:
    """A template, and as a rule arguments that suit it."""
    template, args = draw(_plain), []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.integers(0, 9)) == 0:
            template += "%%"
            continue
        letters, values = draw(st.sampled_from([(NUMBER, _numbers), (TEXT, _numbers), (TEXT, _texts)]))
        template += f"%{draw(_conversion(letters))}{draw(_plain)}"
        args.append(draw(values))
    if draw(st.integers(0, 19)) == 0:
        args.append(draw(_numbers))
    return template, tuple(args)


@pytest.fixture
def log() -> Iterator[Any]:
    """A logger of no hierarchy, of Cordwood's class; nothing is redacted: random digits may be a card's."""
    _native.set_redaction('{"enabled": false}')
    name = "tests.as_logging"
    logger = cordwood.get_logger(name)
    logger.propagate = False
    logger.setLevel(1)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    del logging.root.manager.loggerDict[name]
    _native.set_redaction("{}")


_random = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_random
@given(calls=st.lists(_calls(), min_size=1, max_size=8))
def test_any_call_has_the_message_that_logging_gives_it(log: Any, calls: list[tuple[str, tuple[object, ...]]]) -> None:
    """And where `logging` has none because the arguments do not fit, the template stands there, and why."""
    sink = cordwood.MemorySink()
    handler = cordwood.Handler(sink=sink)
    log.handlers = [handler]
    for template, args in calls:
        log.info(template, *args)
    handler.flush()
    handler.close()
    assert len(sink.records) == len(calls)
    for record, (template, args) in zip(sink.records, calls, strict=True):
        made = logging.LogRecord("x", 20, "x.py", 1, template, args, None)
        want, failure = outcome(made)
        if failure is None:
            assert record.message == want
        else:
            assert record.message.startswith(f"{template} [arguments: ")
            assert f"; not formatted: {type(failure).__name__}: " in record.message


def outcome(record: logging.LogRecord) -> tuple[str, Exception | None]:
    try:
        return record.getMessage(), None
    except (TypeError, ValueError, OverflowError) as failure:
        return "", failure


_slot = st.one_of(
    st.builds("%({}){}{}".format, st.sampled_from(NUMBERS), _conversion(NUMBER + TEXT), _printed),
    st.builds("%({}){}{}".format, st.sampled_from(NUMBERS + TEXTS), _conversion(TEXT), _printed),
)
_formats = st.builds(lambda start, slots: start + "".join(slots), _printed, st.lists(_slot, min_size=1, max_size=4))
_dates = st.none() | st.lists(
    st.builds("{}%{}".format, _printed, st.sampled_from(DIRECTIVES)), min_size=1, max_size=5
).map("".join)


@_random
@given(format_string=_formats, date_format=_dates, moment=st.integers(0, 4 * 10**15), fields=st.booleans())
def test_any_format_gives_the_line_that_logging_gives(
    log: Any, format_string: str, date_format: str | None, moment: int, fields: bool
) -> None:
    """Natively or not. Fields that are not there are `-`, in as wide a field."""
    record = logging.LogRecord("shop.cart", 20, "/srv/shop/cart.py", 42, "paid %d €", (7,), None, "add")
    record.created = moment / 1e6
    record.msecs = float(int(record.created % 1 * 1000))
    vars(record).update({"order_id": 7, "ratio": 0.5, "who": "ann", "tags": "a b"} if fields else {})
    values = vars(record) if fields else {**vars(record), "order_id": "-", "ratio": "-", "who": "-", "tags": "-"}
    try:
        formatter = logging.Formatter(format_string, date_format)
        want = formatter.format(logging.makeLogRecord(values))
    except (TypeError, ValueError, OverflowError):
        assume(False)
    handler = cordwood.Handler("app.log", format_string=format_string, date_format=date_format)
    begun = Path("app.log").stat().st_size if Path("app.log").exists() else 0
    handler.handle(record)
    handler.close()
    assert Path("app.log").read_bytes()[begun:].decode() == want + "\n"


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One without a summer time: a segment has one offset."""
    monkeypatch.setenv("TZ", "NST3:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
