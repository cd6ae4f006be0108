"""The second call from one place goes a shorter way than the first: what changes in between shows in it too."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cordwood
import pytest
from cordwood import _native

from tests.logged import Logged

LOG = "usual"
FORMAT = "%(lineno)d|%(levelname)s|%(threadName)s|%(request_id)s|%(tone)s|%(message)s"
NAMES = [5, 20.5, "alice", None, True]


def call(*args: object, message: str = "user %s did %s") -> None:
    logging.getLogger(LOG).info(message, *args)


def settle(log: Logged) -> None:
    """Two calls from that place. In the test itself: pytest adds its handlers after a fixture."""
    log.alone()
    call("alice", 1)
    call("alice", 2)


class Line:
    """A record as far as its line tells of it."""

    def __init__(self, text: str) -> None:
        line, self.level_name, self.thread_name, *fields, self.message = text.split("|", 5)
        self.line = int(line)
        self.fields = {name: value for name, value in zip(("request_id", "tone"), fields, strict=True) if value != "-"}


class Written(Logged):
    """The same in a text file: these records go the short way, those for a memory carry a task's name and do not."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._handler.close()
        self._path = path
        self._handler = cordwood.Handler(str(path), format_string=FORMAT)

    def records(self, _logger: str = "") -> list[Any]:
        self._handler.flush()
        return [Line(text) for text in self._path.read_text().splitlines()]


@pytest.fixture(params=["memory", "text"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logged]:
    logged = Logged() if request.param == "memory" else Written(tmp_path / "a.log")
    logged.open()
    yield logged
    logged.close()
    logger = logging.getLogger(LOG)
    logger.handlers, logger.filters, logger.disabled, logger.propagate = [], [], False, True
    logger.setLevel(logging.NOTSET)
    logging.addLevelName(logging.INFO, "INFO")


class Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_each_record_is_its_own(log: Logged) -> None:
    """Arguments, messages and times of calls from one place are those of each call."""
    settle(log)
    for name in NAMES:
        call(name, name)
    call(3, 4, message="other %d %d")
    call(3)
    records = log.records(LOG)
    wanted = ["user alice did 1", "user alice did 2", *(f"user {name} did {name}" for name in NAMES), "other 3 4"]
    assert [record.message for record in records][:-1] == wanted
    assert records[-1].message.startswith("user %s did %s [arguments: 3; not formatted: TypeError")
    assert len({record.line for record in records}) == 1


def test_a_message_without_arguments_is_itself(log: Logged) -> None:
    """`%` in a message without arguments stands as it is, at every call."""
    settle(log)
    for _ in range(3):
        call(message="100% sure")
    assert log.messages(LOG)[2:] == ["100% sure"] * 3


@pytest.mark.parametrize("level", ["logger", "root", "disable"])
def test_a_level_that_is_raised_holds_from_the_next_call(log: Logged, level: str) -> None:
    """SetLevel on the logger or above it, and `logging.disable`, take the next record."""
    settle(log)
    before = logging.getLogger().level
    change: dict[str, Callable[[], object]] = {
        "logger": lambda: logging.getLogger(LOG).setLevel(logging.ERROR),
        "root": lambda: logging.getLogger().setLevel(logging.ERROR),
        "disable": lambda: logging.disable(logging.ERROR),
    }
    try:
        change[level]()
        call("bob", 3)
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger().setLevel(before)
    assert len(log.records(LOG)) == 2


def test_a_handlers_own_level_holds_from_the_next_call(log: Logged) -> None:
    """So does a handler's."""
    settle(log)
    logging.getLogger().handlers[0].setLevel(logging.ERROR)
    call("bob", 3)
    assert len(log.records(LOG)) == 2


@pytest.mark.parametrize("way", ["addHandler", "append", "assigned"])
def test_a_foreign_handler_gets_the_next_record(log: Logged, way: str) -> None:
    """However it came into the list of handlers."""
    settle(log)
    keep, logger = Keep(), logging.getLogger(LOG)
    if way == "addHandler":
        logger.addHandler(keep)
    elif way == "append":
        logger.handlers.append(keep)
    else:
        logger.handlers = [keep]
    call("bob", 3)
    assert keep.messages == ["user bob did 3"]
    assert len(log.records(LOG)) == 3


def test_lists_that_change_leave_the_native_way_open(log: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    """No LogRecord is made once a foreign handler has gone again, nor because of a NullHandler or another of ours."""
    settle(log)
    logger, keep, null = logging.getLogger(LOG), Keep(), logging.NullHandler()
    ours = cordwood.Handler(sink=cordwood.MemorySink())
    taken = mock.Mock(side_effect=_native.capture)
    monkeypatch.setattr(_native, "capture", taken)
    logger.addHandler(keep)
    call("bob", 3)
    assert taken.call_count == 1
    logger.removeHandler(keep)
    for change in (logger.addHandler, logger.removeHandler):
        for handler in (null, ours):
            change(handler)
            call("bob", 4)
            call("bob", 5)
    assert taken.call_count == 1
    assert len(log.records(LOG)) == 11
    ours.close()


def test_a_handler_gets_the_next_record_though_it_lies_where_another_lay(log: Logged) -> None:
    """As a rule a new object gets the memory of the one that went last."""
    settle(log)
    logger = logging.getLogger(LOG)
    for number in range(100):
        logger.handlers = [logging.NullHandler()]
        call("alice", number)
        logger.handlers.clear()
        keep = Keep()
        logger.handlers.append(keep)
        call("bob", number)
        assert keep.messages == [f"user bob did {number}"]
        logger.handlers = []


@pytest.mark.parametrize("level", [sys.maxsize, 1 << 80, float("inf")])
def test_a_handler_is_muted_by_any_number(log: Logged, level: float) -> None:
    """Whatever compares with a level is one, as for `logging`."""
    settle(log)
    logging.getLogger().handlers[0].level = level  # type: ignore[assignment]
    call("bob", 3)
    assert len(log.records(LOG)) == 2


@pytest.mark.parametrize("where", ["logger", "handler"])
def test_a_filter_sees_the_next_record(log: Logged, where: str) -> None:
    """One on the logger as one on the handler."""
    settle(log)
    filterer = logging.getLogger(LOG) if where == "logger" else logging.getLogger().handlers[0]
    filterer.filters.append(lambda record: "bob" not in record.getMessage())
    call("bob", 3)
    call("eve", 4)
    assert log.messages(LOG)[2:] == ["user eve did 4"]


def test_a_logger_cut_off_from_the_root_says_nothing_there(log: Logged) -> None:
    """`propagate = False` and `disabled = True` hold from the next call."""
    settle(log)
    logger = logging.getLogger(LOG)
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    call("bob", 3)
    logger.propagate, logger.disabled = True, True
    call("bob", 4)
    assert len(log.records(LOG)) == 2


def test_a_patched_method_gets_the_next_call(log: Logged) -> None:
    """On the class, and on the one logger."""
    settle(log)
    for target in (logging.Logger, logging.getLogger(LOG)):
        with mock.patch.object(target, "handle") as handle:
            call("bob", 3)
        assert handle.call_count == 1
        call("eve", 4)
    assert log.messages(LOG)[2:] == ["user eve did 4"] * 2


@pytest.mark.parametrize("method", ["handle", "emit"])
def test_a_handlers_patched_method_gets_the_next_call(log: Logged, method: str) -> None:
    """So does a handler's."""
    settle(log)
    with mock.patch.object(logging.getLogger().handlers[0], method) as instead:
        call("bob", 3)
    assert instead.call_count == 1
    call("eve", 4)
    assert log.messages(LOG)[2:] == ["user eve did 4"]


def test_another_record_factory_makes_the_next_record(log: Logged) -> None:
    """`setLogRecordFactory` holds from the next call, and until it is set back."""
    settle(log)
    factory = logging.getLogRecordFactory()

    def shout(*args: object, **kwargs: object) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.tone = "loud"
        return record

    logging.setLogRecordFactory(shout)
    try:
        call("bob", 3)
    finally:
        logging.setLogRecordFactory(factory)
    call("bob", 4)
    assert [record.fields for record in log.records(LOG)] == [{}, {}, {"tone": "loud"}, {}]


def test_a_level_has_the_name_that_it_has_now(log: Logged) -> None:
    """`addLevelName` shows in the next record."""
    settle(log)
    logging.addLevelName(logging.INFO, "NOTE")
    call("bob", 3)
    assert [record.level_name for record in log.records(LOG)] == ["INFO", "INFO", "NOTE"]


def test_a_thread_has_the_name_that_it_has_now(log: Logged) -> None:
    """Each record carries its own thread's, renamed or not."""
    settle(log)
    thread = threading.current_thread()
    before = thread.name
    thread.name = "renamed"
    try:
        call("bob", 3)
    finally:
        thread.name = before
    other = threading.Thread(target=call, args=("bob", 4), name="other")
    other.start()
    other.join()
    call("bob", 5)
    assert [record.thread_name for record in log.records(LOG)] == [before, before, "renamed", "other", before]


def test_a_context_gives_its_fields_to_the_next_record(log: Logged) -> None:
    """And none to the one after it."""
    settle(log)
    with cordwood.context(request_id="r1"):
        call("bob", 3)
    call("bob", 4)
    assert [record.fields for record in log.records(LOG)][2:] == [{"request_id": "r1"}, {}]


@pytest.mark.parametrize("secret", ["password=hunter2", "4111 1111 1111 1111", 4111111111111111])
def test_a_secret_is_hidden_in_whichever_call_it_comes(log: Logged, secret: object) -> None:
    """An argument that may not wait is rendered and redacted at once, also where others waited."""
    settle(log)
    call(secret, 3)
    shown = log.messages(LOG)[2]
    assert "***" in shown
    assert str(secret).removeprefix("password=") not in shown


def test_what_is_logged_while_an_argument_is_rendered_is_kept_too(log: Logged) -> None:
    """A call within a call, from the same place."""
    settle(log)

    class Chatty:
        def __str__(self) -> str:
            call("inner", 3)
            return "chatty"

    call(Chatty(), 4)
    assert log.messages(LOG)[2:] == ["user inner did 3", "user chatty did 4"]
