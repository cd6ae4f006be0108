"""The logger classes: keyword fields, who is of which class, and that nobody else can tell."""

# ruff: noqa: LOG007  every way to call is the subject
from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cordwood.capture import logger as loggers
from cordwood.capture.logger import Logger, RootLogger, get_logger, give_back, take_over


class Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _own_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a tree of loggers of its own."""
    root = logging.RootLogger(logging.WARNING)
    manager = logging.Manager(root)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    monkeypatch.setattr(logging.Logger, "manager", manager)
    yield
    logging.setLoggerClass(logging.Logger)


def listening(cls: type[logging.Logger] = Logger) -> tuple[Any, list[logging.LogRecord]]:
    log = cls("app", logging.DEBUG)
    handler = Keep()
    log.addHandler(handler)
    return log, handler.records


def test_unknown_keywords_become_fields() -> None:
    """`log.info("paid", order_id=7)` is `extra={"order_id": 7}`, beside an `extra` of its own."""
    log, records = listening()
    log.info("paid %d", 3, order_id=7, level="gold", extra={"shop": "x"})
    assert records[0].getMessage() == "paid 3"
    assert {k: records[0].__dict__[k] for k in ("order_id", "level", "shop")} == {
        "order_id": 7, "level": "gold", "shop": "x",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["name", "args", "lineno", "message", "asctime"])
def test_a_reserved_name_raises_what_stdlib_raises(name: str) -> None:
    """A field cannot overwrite an attribute of LogRecord."""
    log, records = listening()
    with pytest.raises(KeyError, match=f"Attempt to overwrite '{name}' in LogRecord"):
        log.info("x", **{name: 1})
    assert not records


def test_below_the_level_nothing_is_looked_at() -> None:
    """A call that is not enabled does nothing, not even count."""
    log, records = listening()
    log.setLevel(logging.WARNING)

    def call() -> None:
        log.log(log.level - 1 if not records else 50, "x", name=1)

    call()
    assert not records


CALLS: list[Callable[..., None]] = [
    lambda log, **k: log.debug("m", **k),
    lambda log, **k: log.info("m", **k),
    lambda log, **k: log.warning("m", **k),
    lambda log, **k: log.error("m", **k),
    lambda log, **k: log.critical("m", **k),
    lambda log, **k: log.log(25, "m", **k),
    lambda log, **k: log.exception("m", **k),
    lambda log, **k: log.exception("m", exc_info=None, **k),
    lambda log, **k: logging.LoggerAdapter(log, {"a": 1}).info("m", **k),
    lambda log, **k: log._log(20, "m", (), **k),
    lambda log, **k: log._log(level=20, msg="m", args=(), **k),
    lambda log, **k: log._log(20, "m", (), None, None, False, **k),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
@pytest.mark.parametrize("stacklevel", [1, 2, 3, 4, 5, 6, 500])
@pytest.mark.parametrize("stack_info", [False, True])
def test_the_caller_is_found_as_stdlib_finds_it(number: int, stacklevel: int, stack_info: bool) -> None:
    """Function, line and stack are those of stdlib, whatever the method and `stacklevel`."""

    def inner(log: logging.Logger) -> None:
        CALLS[number](log, stacklevel=stacklevel, stack_info=stack_info) if number < 11 else CALLS[number](
            log, stacklevel=stacklevel
        )

    def outer(log: logging.Logger) -> None:
        inner(log)

    found = []
    for cls in (logging.Logger, Logger):
        log, records = listening(cls)
        outer(log)
        found.append([(r.pathname, r.lineno, r.funcName, r.stack_info) for r in records])
    assert len(found[0]) == 1
    if stacklevel < 500 or number < 9:  # past the end of the stack 3.10 falls back on who called _log
        assert found[0] == found[1]


def test_a_limited_call_is_limited_where_it_stands() -> None:
    """`once=True` counts for its own place in the source, through wrappers with `stacklevel` too."""
    log, records = listening()

    def warn(text: str) -> None:
        log.warning(text, stacklevel=2, once=True)

    for _ in range(3):
        log.info("a", once=True)
        log.info("b", once=True)
        log.info("c", once=True)
        warn("d")
        warn("e")
    assert [r.getMessage() for r in records] == ["a", "b", "c", "d", "e"]


def test_the_next_record_says_how_many_were_held_back() -> None:
    """`suppressed` is a field of the record that passes after them; the limits themselves are no fields."""
    log, records = listening()
    for _ in range(7):
        log.info("x", every_n=3, n=1)
    assert [getattr(r, "suppressed", 0) for r in records] == [0, 2, 2]
    assert not hasattr(records[0], "every_n")


def test_loggers_made_before_and_after_are_taken_over() -> None:
    """All of stdlib's own class change theirs, the root included; no other does."""

    class Theirs(logging.Logger):
        pass

    before = logging.getLogger("before.child")
    theirs = logging.Logger.manager.loggerDict["theirs"] = Theirs("theirs")
    take_over()
    after = logging.getLogger("after")
    assert [type(log) for log in (before, after, logging.getLogger(), theirs)] == [Logger, Logger, RootLogger, Theirs]
    assert isinstance(logging.Logger.manager.loggerDict["before"], logging.PlaceHolder)
    take_over()
    give_back()
    assert [type(log) for log in (before, after, logging.getLogger(), theirs)] == [
        logging.Logger, logging.Logger, logging.RootLogger, Theirs,
    ]  # fmt: skip
    assert logging.getLoggerClass() is logging.Logger


def test_loggers_from_get_logger_keep_the_class() -> None:
    """Their keyword fields go on working after `give_back`."""
    log, root = get_logger("mine"), get_logger()
    take_over()
    give_back()
    assert (type(log), type(root)) == (Logger, RootLogger)
    assert log is logging.getLogger("mine")


def test_a_logger_class_of_others_is_left_alone() -> None:
    """`setLoggerClass` by another library is neither replaced nor forgotten."""

    class Theirs(logging.Logger):
        pass

    logging.setLoggerClass(Theirs)
    take_over()
    log: object = get_logger("x")
    assert type(log) is Theirs
    give_back()
    assert logging.getLoggerClass() is Theirs


def test_they_look_and_pickle_like_stdlibs() -> None:
    """repr, isinstance and pickle do not tell."""
    log, root = get_logger("mine"), get_logger()
    assert repr(log) == "<Logger mine (WARNING)>"
    assert repr(root) == "<RootLogger root (WARNING)>"
    assert isinstance(root, logging.RootLogger)
    assert pickle.loads(pickle.dumps(log)) is log
    assert pickle.loads(pickle.dumps(root)) is root


def test_a_patched_stdlib_method_is_still_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who replaces `logging.Logger._log` or `makeRecord` for all loggers gets these too."""
    log, records = listening()
    seen = []
    make = logging.Logger.makeRecord

    def spy(*args: Any, **kwargs: Any) -> logging.LogRecord:
        seen.append(args)
        return make(*args, **kwargs)

    monkeypatch.setattr(logging.Logger, "makeRecord", spy)
    log.info("x", a=1)
    assert len(seen) == len(records) == 1
    assert loggers.Logger.makeRecord is spy
