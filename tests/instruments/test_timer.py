"""LogTimer and @timed: what ends is said with its time, what fails with its name, from the caller's place."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing
from typing import Any

import pytest
from cordwood import LogTimer, timed

from tests.logged import Logged


def shape(message: str) -> str:
    return re.sub(r"\d+\.\d{3}", "N", message)


def test_L4_a_timed_block_says_how_long_it_took(logged: Logged) -> None:
    with LogTimer("database_query") as timer:
        assert timer.duration >= 0
    record = logged.one()
    assert (shape(record.message), record.level_name) == ("database_query completed in N s", "INFO")
    assert record.fields == {"timer": "database_query", "duration": timer.duration}
    assert record.logger == "cordwood.timer"
    assert (record.function, record.filename) == ("test_L4_a_timed_block_says_how_long_it_took", "test_timer.py")


def test_L4_a_failing_block_is_timed_and_named_and_its_exception_goes_on(logged: Logged) -> None:
    with pytest.raises(ValueError, match="no table"), LogTimer("database_query"):
        raise ValueError("no table")
    record = logged.one()
    assert shape(record.message) == "database_query failed after N s: ValueError: no table"
    assert record.level_name == "ERROR"
    assert record.exception is None
    assert record.function == "test_L4_a_failing_block_is_timed_and_named_and_its_exception_goes_on"


def test_logger_and_level_are_the_callers_choice(logged: Logged) -> None:
    with LogTimer("x", logger="services.x", level=logging.DEBUG):
        pass
    assert (logged.one().logger, logged.one().level_name) == ("services.x", "DEBUG")


def test_a_timer_can_be_used_again(logged: Logged) -> None:
    timer = LogTimer("x")
    assert timer.duration == 0
    for _ in range(2):
        with timer:
            pass
    assert len(logged.records()) == 2


def test_L4_a_timed_function_is_logged_at_its_callers_place(logged: Logged) -> None:
    @timed("api_call")
    def fetch(n: int) -> int:
        """Fetch."""
        return n + 1

    assert fetch(1) == 2
    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch.")
    record = logged.one()
    assert shape(record.message) == "api_call completed in N s"
    assert record.function == "test_L4_a_timed_function_is_logged_at_its_callers_place"


def test_a_timed_function_that_fails_is_named(logged: Logged) -> None:
    @timed()
    def fetch() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        fetch()
    name = "test_a_timed_function_that_fails_is_named"
    assert shape(logged.one().message) == f"{name}.<locals>.fetch failed after N s: KeyError: 'k'"
    assert logged.one().function == name


@timed("step")
async def step(*, fail: bool = False) -> int:
    await asyncio.sleep(0)
    if fail:
        raise ValueError("bad")
    return 7


def test_L4_a_timed_coroutine_is_logged_where_it_is_awaited(logged: Logged) -> None:
    async def main() -> int:
        with pytest.raises(ValueError, match="bad"):
            await step(fail=True)
        return await step()

    assert asyncio.iscoroutinefunction(step) if hasattr(asyncio, "iscoroutinefunction") else True
    assert asyncio.run(main()) == 7
    failed, completed = logged.records("cordwood")
    assert shape(failed.message) == "step failed after N s: ValueError: bad"
    assert shape(completed.message) == "step completed in N s"
    assert failed.function == completed.function == "main"


def test_a_timed_task_is_logged_where_its_loop_is_run_and_its_cancellation_is_no_failure(logged: Logged) -> None:
    async def main() -> None:
        await asyncio.gather(step())
        task = asyncio.ensure_future(step())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    completed, stopped = logged.records("cordwood")
    assert shape(completed.message) == "step completed in N s"
    assert (shape(stopped.message), stopped.level_name) == ("step stopped after N s: CancelledError", "INFO")
    assert completed.filename == stopped.filename == "test_timer.py"


def test_L4_a_timed_generator_is_logged_at_its_end(logged: Logged) -> None:
    @timed("rows")
    def rows() -> Generator[int, int, None]:
        sent = yield 1
        yield sent

    generator: Any = rows()
    assert next(generator) == 1
    assert logged.records() == []
    assert generator.send(5) == 5
    with pytest.raises(StopIteration):
        next(generator)
    for _ in rows():
        break
    assert [shape(message) for message in logged.messages()] == [
        "rows completed in N s",
        "rows stopped after N s: GeneratorExit",
    ]
    assert logged.records()[0].function == "test_L4_a_timed_generator_is_logged_at_its_end"


def test_a_timed_async_generator_passes_on_what_is_sent_thrown_and_closed(logged: Logged) -> None:
    seen: list[object] = []

    @timed("pages")
    async def pages() -> AsyncIterator[object]:
        try:
            seen.append((yield 1))
            yield 2
        except LookupError as error:
            seen.append(error)
            yield 3
        finally:
            seen.append("closed")

    async def main() -> None:
        generator: Any = pages()
        assert await generator.__anext__() == 1
        assert await generator.asend("sent") == 2
        assert await generator.athrow(LookupError("thrown")) == 3
        with pytest.raises(StopAsyncIteration):
            await generator.__anext__()
        async with aclosing(pages()) as other:  # type: ignore[type-var]
            async for _ in other:
                break

    asyncio.run(main())
    assert [str(item) for item in seen] == ["sent", "thrown", "closed", "closed"]
    assert [shape(message) for message in logged.messages("cordwood")] == [
        "pages completed in N s",
        "pages stopped after N s: GeneratorExit",
    ]
