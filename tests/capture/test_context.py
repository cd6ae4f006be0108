"""Fields for every record of a piece of work."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cordwood.capture import context as module
from cordwood.capture.context import context, current, in_context, on_first_use


def test_inner_contexts_add_to_outer_ones_and_win() -> None:
    """And leaving restores what was."""
    assert current() is None
    with context(a=1, b=1):
        held = current()
        with context(b=2):
            assert current() == {"a": 1, "b": 2}
        assert current() == {"a": 1, "b": 1}
        assert held == {"a": 1, "b": 1}
    assert current() is None


def test_leaving_by_an_exception_restores_too() -> None:
    """The exception goes on."""
    with pytest.raises(ValueError, match="x"), context(a=1):
        raise ValueError("x")
    assert current() is None


def test_a_function_is_decorated() -> None:
    """Recursion and metadata included."""

    @context(a=1)
    def work(n: int) -> dict[str, Any] | None:
        """Doc."""
        return work(n - 1) if n else current()

    assert work(3) == {"a": 1}
    assert work.__doc__ == "Doc."
    assert current() is None


def test_a_coroutine_function_is_decorated() -> None:
    """The fields hold while it runs, also across its awaits, and nowhere else."""

    @context(a=1)
    async def work() -> dict[str, Any] | None:
        await asyncio.sleep(0)
        return current()

    async def main() -> tuple[object, ...]:
        task = asyncio.ensure_future(work())
        outside = current()
        return await task, outside, current()

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == ({"a": 1}, None, None)


def test_a_generator_function_is_refused() -> None:
    """Its body would run in its caller's context: the error says what to do."""

    def numbers() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, more):
        with pytest.raises(TypeError, match=r"use `with cordwood\.context"):
            context(a=1)(function)


def test_tasks_inherit_and_do_not_disturb_each_other() -> None:
    """Each task sees its own fields and those where it was made."""

    async def work(n: int) -> dict[str, Any] | None:
        with context(n=n):
            await asyncio.sleep(0)
            return current()

    async def main() -> list[dict[str, Any] | None]:
        with context(request="r"):
            return await asyncio.gather(*(work(n) for n in range(3)))

    assert asyncio.run(main()) == [{"request": "r", "n": n} for n in range(3)]


def test_a_generator_left_open_does_not_keep_the_outer_fields() -> None:
    """The outer `with` ends what began in it."""

    def numbers() -> Iterator[int]:
        with context(inner=1):
            yield 1

    numbers_ = numbers()
    with context(outer=1):
        next(numbers_)
    assert current() is None
    assert list(numbers_) == []
    assert current() is None


def test_one_instance_serves_many_threads() -> None:
    """Threads that share an instance do not undo each other."""
    shared = context(a=1)
    seen: list[object] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with shared:
            inside.set()
            leave.wait(10)
            seen.append(current())
        seen.append(current())

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with shared:
        pass
    assert current() is None
    leave.set()
    thread.join()
    assert seen == [{"a": 1}, None]


def test_a_thread_pool_works_in_context() -> None:
    """`in_context` carries the fields, for any number of calls at once; the pool keeps none of them."""
    barrier = threading.Barrier(3)

    def work(n: int) -> dict[str, Any] | None:
        barrier.wait(10)
        with context(n=n):
            return dict(current() or {})

    with ThreadPoolExecutor(3) as pool:
        with context(request="r"):
            found = list(pool.map(in_context(work), range(3)))
            single = pool.submit(in_context(current)).result()
        after = pool.submit(current).result()
    assert found == [{"request": "r", "n": n} for n in range(3)]
    assert single == {"request": "r"}
    assert after is None


def test_the_first_use_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Native code need not ask for fields before; who comes later is told at once."""
    monkeypatch.setattr(module, "_used", False)
    told: list[int] = []
    on_first_use(lambda: told.append(1))
    assert told == []
    for _ in range(2):
        with context(a=1):
            pass
    assert told == [1]
    on_first_use(lambda: told.append(2))
    assert told == [1, 2]
