"""A record is the same to the byte, whichever way it took: text and every naming of JSON."""

# ruff: noqa: G201, PLE1205, PLE1206, TRY301, TRY400, G003, LOG014
from __future__ import annotations

import asyncio
import builtins
import logging
import multiprocessing
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import cordwood
import pytest

from tests.contract.both_paths import Run, Scenario, both, standard_library

Log = Any  # a logger, whose class may take more than stdlib's


class Shown:
    def __init__(self, text: str = "shown") -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.text}>"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "its own text"


class Number(int):
    def __str__(self) -> str:
        return "a number's own text"


def plain(log: Log) -> None:
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    log.critical("c")
    log.log(logging.INFO, "by number")
    log.fatal("f")


def text_args(log: Log) -> None:
    for value in ("", "a", "ünïcödé €", "😀", "it's", 'quo"te', "back\\slash", "tab\t", "x" * 300):
        log.info("%s", value)
        log.info("<%10s|%-10s|%.3s|%10.2s>", value, value, value, value)
        log.info("%r %a", value, value)


def int_args(log: Log) -> None:
    for value in (0, 1, -1, 7, 2**31, -(2**63), 2**63, 2**70, -(2**90), True, False):
        log.info("%d %i %s %r %5d %-5d| %05d %+d % d", *[value] * 9)
        log.info("%x %X %o %#x %#o %c", value, value, value, value, value, abs(value) % 100 + 32)
        log.info("%f %e %g", value, value, value)


def float_args(log: Log) -> None:
    for value in (0.0, -0.0, 0.1, 1e300, 1e-300, 1.5, -2.5, 3.0, 1e16, 1e15, 123456789.123456789, 1 / 3):
        log.info("%s %r %f %.2f %e %g %G %10.3f %-10.1f| %+.1f %08.2f", *[value] * 11)
        log.info("%d %i", value, value)
    for value in (float("nan"), float("inf"), float("-inf")):
        log.info("%s %r %f %g %5.1f", *[value] * 5)


def other_args(log: Log) -> None:
    values: list[Any] = [
        None, b"bytes", bytearray(b"x"), [1, "a"], (1, 2), {"k": 1}, {1}, frozenset({2}), Decimal("1.50"),
        Fraction(1, 3), 3 + 4j, UUID(int=7), Path("/a/b"), Shown(), Text("hidden"), Number(7),
        ValueError("v"), int, len, range(3),
        ...,
    ]  # fmt: skip
    for value in values:
        log.info("%s", (value))
        log.info("%s and %r", value, value)
    log.info("%s %s", [Shown()], {"a": Shown()})
    log.info("%(a)s-%(b)d", {"a": "mapped", "b": 3})
    log.info("%s", {"a": 1})
    log.info("%s", {})
    log.info("100%% %s", "sure")
    log.info("100% sure")
    log.info("%*d|%.*f", 5, 3, 2, 1.2345)


def no_text_messages(log: Log) -> None:
    for message in (None, 7, 1.5, Shown("object"), ["list"], {"d": 1}, Text("x"), ValueError("as message"), b"raw"):
        log.info(message)
        log.info(message, "with an argument")


def fields(log: Log) -> None:
    log.info(
        "x", extra={"order_id": 7, "ratio": 0.5, "ok": True, "none": None, "text": 'a "b"\n', "list": [1, {"a": 2}]}
    )
    log.info("x", extra={"big": 2**80, "nan": float("nan"), "inf": float("-inf"), "object": Shown(), "tuple": (1, "z")})
    log.info("%s", "arg", extra={"level": "gold", "time": 3, "host": "h", "trace_id": "t", "timestamp": 1, "ünï": "ö"})
    log.info("x", extra={})
    log.info("x", extra=None)
    log.info("deep", extra={"deep": {"a": [{"b": (1, 2, {"c": None})}]}, "keys": {1: "one", None: "none", (1, 2): 3}})
    log.info("custom", extra={"t": Text("hidden"), "n": Number(3), "b": b"bytes", "d": Decimal("1.5")})


def keyword_fields(log: Log) -> None:
    log.info("paid", order_id=7, total=9.99, who="ann", ok=None)
    log.info("paid %s", "x", order_id=7, extra={"shop": "s", "order_id": "loses"})


def in_contexts(log: Log) -> None:
    with cordwood.context(request_id="r1", user="ann"):
        log.info("outer")
        with cordwood.context(user="bob", step=2):
            log.info("inner", extra={"step": "call wins"})
        log.info("outer again")
    log.info("none")


def exceptions(log: Log) -> None:
    try:
        raise ValueError("bad value")
    except ValueError as error:
        log.exception("caught %d", 1)
        log.error("caught", exc_info=True)
        log.error("caught", exc_info=error)
        log.error("caught", exc_info=sys.exc_info())
    log.error("none is handled", exc_info=True)
    log.error("no", exc_info=False)
    log.error("no", exc_info=None)
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise RuntimeError("outer\nof two lines") from inner
    except RuntimeError:
        log.exception("cause")
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise RuntimeError  # noqa: B904
    except RuntimeError:
        log.exception("context")


def noted_exceptions(log: Log) -> None:
    try:
        error = ValueError("with notes")
        error.add_note("first note")  # type: ignore[attr-defined,unused-ignore]
        error.add_note("second\nof two lines")  # type: ignore[attr-defined,unused-ignore]
        raise error
    except ValueError:
        log.exception("noted")


def exception_groups(log: Log) -> None:
    group: Any = getattr(builtins, "ExceptionGroup")  # noqa: B009 since 3.11
    try:
        raise group("several", [ValueError("one"), group("more", [TypeError("two"), KeyError("k")])])
    except group:
        log.exception("group")


def stacks(log: Log) -> None:
    log.info("stack", stack_info=True)
    log.info("none", stack_info=False)
    try:
        raise ValueError
    except ValueError:
        log.exception("both", stack_info=True)


def stack_levels(log: Log) -> None:
    def inner(level: int) -> None:
        log.info("from %d up", level, stacklevel=level)

    def outer(level: int) -> None:
        inner(level)

    for level in (1, 2, 3, 4):
        outer(level)


def adapters(log: Log) -> None:
    adapter = logging.LoggerAdapter(log, {"tenant": "t1"})
    adapter.info("adapted %d", 1)
    adapter.warning("adapted", extra={"lost": 1})
    adapter.log(25, "adapted")
    try:
        raise ValueError("v")
    except ValueError:
        adapter.exception("adapted")
    logging.LoggerAdapter(adapter, {"more": 2}).info("twice")


def module_functions(log: Log) -> None:
    logging.debug("d %s", 1)
    logging.info("i")
    logging.warning("w")
    logging.error("e", extra={"a": 1})
    logging.critical("c")
    logging.log(35, "l")
    try:
        raise ValueError("v")
    except ValueError:
        logging.exception("x")


def levels(log: Log) -> None:
    log.log(25, "custom")
    log.log(1, "least")
    log.log(99, "most")
    logging.addLevelName(25, "NOTICE")
    try:
        log.log(25, "named")
        logging.addLevelName(25, "SPECIAL")
        log.log(25, "renamed")
        logging.addLevelName(logging.INFO, "Information")
        log.info("renamed")
    finally:
        logging.addLevelName(logging.INFO, "INFO")
        logging._levelToName.pop(25)
        logging._nameToLevel.pop("NOTICE")
        logging._nameToLevel.pop("SPECIAL")
        logging._nameToLevel.pop("Information")
    log.log(25, "no name again")


def gates(log: Log) -> None:
    child = logging.getLogger("app.child")
    child.info("before")
    child.disabled = True
    child.info("disabled")
    child.disabled = False
    child.info("enabled")
    child.propagate = False
    child.handlers.append(logging.NullHandler())
    child.info("kept back")
    child.propagate = True
    child.handlers.clear()
    child.info("propagates")
    logging.disable(logging.INFO)
    child.info("below disable")
    child.warning("above disable")
    logging.disable(logging.NOTSET)
    child.info("on again")
    child.setLevel(logging.ERROR)
    child.warning("below")
    child.error("at")
    child.setLevel(logging.NOTSET)
    log.setLevel(logging.WARNING)
    child.info("below the parent's")
    log.setLevel(logging.NOTSET)
    child.info("last")


class Drop(logging.Filter):
    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def filter(self, record: logging.LogRecord) -> bool:
        record.seen = self.word
        return self.word not in record.getMessage()


def filters(log: Log) -> None:
    drop = Drop("secretly")
    log.filters.append(drop)
    log.info("secretly")
    log.info("openly")
    log.filters.remove(drop)
    log.info("secretly, no filter")
    handler = logging.getLogger().handlers[0]
    handler.addFilter(drop)
    log.info("secretly for the text")
    log.info("for both")
    handler.filters.clear()
    log.info("secretly, again")
    log.addFilter(logging.Filter("app.other"))
    log.info("of the wrong name")
    log.filters.clear()
    log.info("last")


def handler_levels(log: Log) -> None:
    text, json = logging.getLogger().handlers[:2]
    log.info("both")
    text.setLevel(logging.ERROR)
    log.info("JSON only")
    json.level = logging.CRITICAL
    log.error("text only")
    text.setLevel(logging.NOTSET)
    json.setLevel(logging.NOTSET)
    log.info("both again")


def lists_in_place(log: Log) -> None:
    handlers = logging.getLogger().handlers
    first = handlers[0]
    log.info("all")
    handlers[0] = logging.NullHandler()
    log.info("not in the text")
    handlers[0] = first
    log.info("all again")
    del handlers[0]
    log.info("not in the text either")
    handlers.insert(0, first)
    log.handlers.append(first)
    log.info("twice in the text")
    log.handlers.clear()
    log.info("last")


def met_twice(log: Log) -> None:
    """A handler of a logger and of one above it, from the first record on."""
    child = logging.getLogger("app.twice")
    child.addHandler(logging.getLogger().handlers[0])
    child.info("twice in the text")
    child.info("twice again")
    child.handlers.clear()
    child.info("once")


def factories(log: Log) -> None:
    class Own(logging.LogRecord):
        def getMessage(self) -> str:
            return f"own {self.msg}"

    before = logging.getLogRecordFactory()

    def factory(*args: Any, **keywords: Any) -> logging.LogRecord:
        record = before(*args, **keywords)
        record.made_by = "factory"
        return record

    log.info("plain")
    for one in (factory, Own):
        logging.setLogRecordFactory(one)
        try:
            log.info("made %s", "so")
        finally:
            logging.setLogRecordFactory(before)
    log.info("plain again")


def patched(log: Log) -> None:
    log.info("before")
    with mock.patch.object(logging.Logger, "makeRecord", autospec=True, side_effect=logging.Logger.makeRecord) as make:
        log.info("makeRecord of the class")
    assert make.call_count == 1
    with mock.patch.object(log, "handle") as handle:
        log.info("handle of the instance: not written")
    assert handle.call_count == 1
    with mock.patch.object(logging.Logger, "callHandlers") as call:
        log.info("callHandlers of the class: not written")
    assert call.call_count == 1
    with mock.patch.object(type(log), "info") as info:
        log.info("info of the class: not written")
    assert info.call_count == 1
    with mock.patch.object(log, "info") as own:
        log.info("info of the instance: not written")
    assert own.call_count == 1
    for owner in (log, type(log)):
        with mock.patch.object(owner, "error") as error:
            log.exception("what calls error: not written")
        assert error.call_count == 1
    with mock.patch.object(logging.Logger, "isEnabledFor", return_value=False):
        log.info("isEnabledFor of the class: not written")
    log.info("after")


def threads(log: Log) -> None:
    def work() -> None:
        log.info("as named")
        log.info("as named")
        threading.current_thread().name = "renamed\nby hand"
        log.info("renamed")

    thread = threading.Thread(target=work, name="worker-ü")
    thread.start()
    thread.join()


def processes(log: Log) -> None:
    process = multiprocessing.current_process()
    log.info("as named")
    log.info("as named")
    before, process.name = process.name, "renamed by hand"
    log.info("renamed")
    process.name = before
    log.info("as before")


def tasks(log: Log) -> None:
    async def main() -> None:
        log.info("in a task")

    async def named() -> None:
        await asyncio.create_task(main(), name="the task")

    asyncio.run(named())


def odd_text(log: Log) -> None:
    for text in (
        "lone \ud800 surrogate",
        "\udcff",
        "NUL \0 here",
        "\ufffe",
        "\x7f",
        "\x80\x9f",
        "a\u0300",
        "\U0010ffff",
    ):
        log.info(text)
        log.info("%s", text)
        log.info("%r %a", text, text)
        log.info("x", extra={"field": text, "nested": [text, {text: text}]})


def odd_text_elsewhere(log: Log) -> None:
    """Lone surrogates where a source file, an exception, a thread, a logger or a field gets its name."""
    code = compile("log.info('from an odd file')", "odd.py", "exec")
    exec(code.replace(co_filename="odd \udce9.py", co_name="odd_\udce9"), {"log": log})
    try:
        raise ValueError("odd \ud800")
    except ValueError:
        log.exception("odd \ud800")
    log.info("x", **{"odd \ud800": 1})
    log.info("x", extra={"odd \ud800": 1})
    logging.getLogger("app.odd \ud800").info("x")


FORGED = "a\nb\r\nc\rd\x1b[31mred\x1b[0m\u202eltr\u2066\u200f\u2028\u2029\x85\x0b\x0c\x1c\ufeff\x07\tend"


def forging(log: Log) -> None:
    log.info(FORGED)
    log.info("%s", FORGED)
    log.info("%s %s", FORGED, Shown(FORGED))
    log.info("x", extra={"field": FORGED})
    logging.getLogger(f"app.{FORGED}").info("name")
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("x")


def failing(log: Log) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

    log.info("%s", Bad())
    log.info("%s %d", Bad(), 1)
    log.info("%r", Bad())
    log.info(Bad())
    log.info("x", extra={"bad": Bad(), "list": [Bad()]})
    log.info("%d", "no number")
    log.info("%s")
    log.info("%s %s", 1)
    log.info("none", 1)
    log.info("%s", 1, 2)
    log.info("%z", 1)
    log.info("%(a)s", {"b": 1})
    log.info("%(a)s", 1)
    log.info("%c", 10**9)
    log.info("%", 1)


def secrets(log: Log) -> None:
    log.info("password=%s", "hunter2")
    log.info("token: %s user: %s", "abcdefgh", "ann")
    log.info("password=hunter2 ok")
    log.info("login %s", {"password": "hunter2", "user": "ann"})
    log.info("x", extra={"password": "hunter2", "api_key": 7, "session_id": "kept", "nested": {"secret": "x"}})
    log.info("card %s", "4111 1111 1111 1111")
    log.info("card %d", 4111111111111111)
    log.info("password=%d", 12345)
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        log.exception("token=%s", "abcdefgh")


class Chatty:
    """Logs when it is rendered."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def __str__(self) -> str:
        self.log.info("from inside")
        return "rendered"


SCENARIOS: list[Scenario] = [
    plain, text_args, int_args, float_args, other_args, no_text_messages, fields, keyword_fields, in_contexts,
    exceptions, stacks, stack_levels, adapters, module_functions, levels, gates, filters, handler_levels,
    lists_in_place, met_twice, factories, patched, threads, processes, tasks, odd_text, odd_text_elsewhere, forging, failing,
    secrets,
]  # fmt: skip
if sys.version_info >= (3, 11):
    SCENARIOS += [noted_exceptions, exception_groups]

# Where stdlib's Formatter says the same: nothing to escape, to mask or to mend.
AS_STDLIB = [
    plain, text_args, int_args, float_args, other_args, fields, levels, gates, adapters, module_functions,
]  # fmt: skip
NATIVE = [
    plain,
    text_args,
    int_args,
    float_args,
    fields,
    keyword_fields,
    in_contexts,
    exceptions,
    odd_text,
    forging,
    secrets,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_ways_write_the_same_bytes(scenario: Scenario, tmp_path: Path) -> None:
    fast, standard = both(tmp_path, scenario)
    assert fast.texts["text.log"]
    for name in standard.texts:
        assert fast.texts[name].splitlines() == standard.texts[name].splitlines(), name
    assert fast.texts == standard.texts


@pytest.mark.parametrize("scenario", NATIVE, ids=lambda scenario: scenario.__name__)
def test_only_one_of_the_two_ways_makes_log_records(scenario: Scenario, tmp_path: Path) -> None:
    """Else the test above would compare a thing with itself."""
    fast, standard = both(tmp_path, scenario)
    assert fast.taken == (5 if scenario is exceptions else 0)  # `exc_info` where none is handled
    assert standard.taken >= 5 * len(standard.texts["json.log"].splitlines())


@pytest.mark.parametrize("scenario", AS_STDLIB, ids=lambda scenario: scenario.__name__)
def test_the_text_is_what_stdlib_writes(scenario: Scenario, tmp_path: Path) -> None:
    run = Run(tmp_path, scenario, None)
    assert run.text.splitlines() == standard_library(scenario).splitlines()


def test_a_str_that_logs_is_written_after_its_own_record(tmp_path: Path) -> None:
    fast, standard = both(tmp_path, lambda log: log.info("%s and %d", Chatty(log), 1), formats=())
    assert fast.texts == standard.texts
    assert fast.messages == ["from inside", "rendered and 1"]


class Endless:
    """Logs itself when it is rendered."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def __str__(self) -> str:
        self.log.info("%s", self)
        return "rendered"


def test_a_str_that_logs_itself_ends_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    counts: list[Any] = []

    def endless(log: Log) -> None:
        log.info("%s", Endless(log))
        (spool,) = cordwood.stats()["spools"].values()  # type: ignore[attr-defined]
        counts.append(spool["dropped"]["recursion"])

    fast, standard = both(tmp_path, endless, formats=())
    assert set(fast.messages) == set(standard.messages) == {"rendered"}
    assert counts == [1, 1]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_rendering_reaches_the_caller(kind: type[BaseException], tmp_path: Path) -> None:
    """As on stdlib; and the record is kept."""

    class Interrupted:
        def __init__(self) -> None:
            self.calls = 0

        def __str__(self) -> str:
            self.calls += 1
            if self.calls == 1:
                raise kind
            return "later"

    def interrupted(log: Log) -> None:
        for template, args in (("%s", (Interrupted(),)), (Interrupted(), ())):
            with pytest.raises(kind):
                log.info(template, *args)

    fast, standard = both(tmp_path, interrupted, formats=())
    assert len(fast.messages) == len(standard.messages) == 2


def test_an_interrupt_while_an_exception_is_described_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the record is kept, with what little can be said of the exception."""

    def interrupted(log: Log) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("cordwood.capture.exceptions._chain", mock.Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                log.error("m", exc_info=ValueError("why"))

    fast, standard = both(tmp_path, interrupted, formats=())
    for run in (fast, standard):
        assert "[m]\nValueError: why" in run.text or "[m]\nwhy" in run.text, run.text


def test_an_argument_is_rendered_once_by_the_native_way(tmp_path: Path) -> None:
    """What counts its own rendering must not see more of it than stdlib shows."""

    class Counting:
        calls = 0

        def __str__(self) -> str:
            self.calls += 1
            return "password=hunter2 with an anchor in it"

    one = Counting()
    Run(tmp_path, lambda log: log.info("%s", one), None, formats=())
    assert one.calls == 1


@pytest.mark.parametrize("way", ["message", "argument", "arguments", "object", "template"])
def test_a_message_of_any_size_is_cut_alike(way: str, tmp_path: Path) -> None:
    """At `max_message_bytes`, with a mark that says how much is missing; never in the middle of a character."""
    big = "é" * (1 << 20)
    calls: dict[str, Scenario] = {
        "message": lambda log: log.info(big),
        "argument": lambda log: log.info("%s", big),
        "arguments": lambda log: log.info("%s%s", big[: 1 << 19], big[1 << 19 :]),
        "object": lambda log: log.info("%s", Shown(big)),
        "template": lambda log: log.info(big[:-1] + "%s", "é"),
    }
    fast, standard = both(tmp_path, calls[way])
    assert fast.texts == standard.texts
    assert fast.messages == [f"{'é' * (1 << 19)} … [{1 << 20} bytes cut]"]


@pytest.mark.slow
def test_200_megabytes_are_taken_and_cut(tmp_path: Path) -> None:
    def huge(log: Log) -> None:
        log.info("n" * 200_000_000)
        log.info("%s", "n" * 200_000_000)

    run = Run(tmp_path, huge, None, formats=())
    assert run.messages == [f"{'n' * (1 << 20)} … [{200_000_000 - (1 << 20)} bytes cut]"] * 2


def test_time_may_go_backwards(tmp_path: Path) -> None:
    """Records keep their order and their own times, however the clock is set."""

    def backwards(log: Log) -> None:
        for second in (1_700_000_000, 1_600_000_000, 1_700_000_001, 0):
            record = log.makeRecord("app", 20, "x.py", 1, f"at {second}", (), None)
            record.created, record.msecs = second + 0.25, 250
            log.handle(record)

    times = [
        "2023-11-14T22:13:20.250000",
        "2020-09-13T12:26:40.250000",
        "2023-11-14T22:13:21.250000",
        "1970-01-01T00:00:00.25",
    ]
    handler = cordwood.Handler(tmp_path / "json.log", format="ecs")
    log = logging.Logger("app")  # noqa: LOG001 of no hierarchy
    log.addHandler(handler)
    backwards(log)
    handler.close()
    lines = (tmp_path / "json.log").read_text(encoding="utf-8").splitlines()
    assert [line[15:34] for line in lines] == [time[:19] for time in times]
    assert ["at 1700000000" in lines[0], "at 0" in lines[3]] == [True, True]
