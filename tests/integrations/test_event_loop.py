"""One loop for all threads: it survives being closed, refuses what is another loop's, and says so."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import Iterator

import cordwood
import pytest
from cordwood.errors import EventLoopError
from cordwood.integrations import event_loop
from cordwood.integrations.event_loop import get_event_loop, run_async, run_in_thread

from tests.logged import Logged


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Each test starts without a loop."""
    yield
    stop()


def stop() -> None:
    loop, thread = event_loop._loop, event_loop._thread
    if loop is not None and thread is not None:
        if thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
        thread.join()
    event_loop._loop = event_loop._thread = None


async def double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


def test_A6_a_coroutine_runs_from_any_thread_in_one_loop(logged: Logged) -> None:
    seen: list[tuple[int, asyncio.AbstractEventLoop]] = []

    async def work(n: int) -> None:
        seen.append((await double(n), asyncio.get_running_loop()))

    threads = [threading.Thread(target=lambda n=n: run_async(work(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result for result, _ in seen) == list(range(0, 16, 2))
    assert len({id(loop) for _, loop in seen}) == 1
    assert logged.messages("cordwood.event_loop") == ["Global event loop initialized"]


def test_A6_a_closed_loop_is_made_anew(logged: Logged) -> None:
    first = get_event_loop()
    thread = event_loop._thread
    assert thread is not None
    first.call_soon_threadsafe(first.stop)
    thread.join()
    assert first.is_closed()
    assert run_async(double(4)) == 8
    assert get_event_loop() is not first
    assert logged.messages("cordwood.event_loop") == ["Global event loop initialized"] * 2


def test_who_waits_when_the_loop_is_stopped_learns_it() -> None:
    loop = get_event_loop()
    started = threading.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    stopper = threading.Thread(target=lambda: (started.wait(), loop.call_soon_threadsafe(loop.stop)))
    stopper.start()
    with pytest.raises(concurrent.futures.CancelledError):
        run_async(forever())
    stopper.join()


def test_A6_a_future_of_another_loop_is_refused_with_what_to_do() -> None:
    other = asyncio.new_event_loop()
    try:
        with pytest.raises(EventLoopError, match="belongs to another event loop; pass the coroutine itself") as caught:
            run_async(other.create_future())
        assert isinstance(caught.value, RuntimeError)
    finally:
        other.close()


def test_A6_a_coroutine_that_awaits_anothers_future_fails_and_the_loop_goes_on() -> None:
    other = asyncio.new_event_loop()

    async def awaits() -> None:
        await other.create_future()

    try:
        with pytest.raises(RuntimeError, match="attached to a different loop"):
            run_async(awaits())
        assert run_async(double(1)) == 2
    finally:
        other.close()


def test_a_future_of_the_loop_itself_is_awaited() -> None:
    async def make() -> asyncio.Task[int]:
        return asyncio.ensure_future(double(3))

    assert run_async(run_async(make())) == 6


def test_waiting_for_itself_is_refused() -> None:
    async def nested() -> None:
        run_async(double(1))

    with pytest.raises(EventLoopError, match="use await"):
        run_async(nested())


def test_what_takes_too_long_is_cancelled() -> None:
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError, match=r"not done after 0\.01 seconds"):
        run_async(forever(), timeout=0.01)
    assert cancelled.wait(30)


def test_an_exception_reaches_the_caller() -> None:
    async def fails() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        run_async(fails())


def test_A6_a_thread_says_its_start_end_and_failure_and_keeps_the_context(logged: Logged) -> None:
    with cordwood.context(request_id="r1"):
        good = run_in_thread(logging.getLogger("work").info, "at %s", "work")
    good.join()
    bad = run_in_thread(int, "x")
    bad.join()
    ours = logged.records("cordwood.event_loop")
    number = ours[0].thread_id
    assert [(r.message, r.level_name) for r in ours[:2]] == [
        (f"Thread {number} started", "INFO"), (f"Thread {number} completed", "INFO"),
    ]  # fmt: skip
    assert logged.one("work").fields == {"request_id": "r1"}
    failed = ours[3]
    assert failed.message == (f"Error in thread {failed.thread_id}: invalid literal for int() with base 10: 'x'")
    assert (failed.level_name, failed.exception is not None) == ("ERROR", True)
    assert len(ours) == 4


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_gets_a_loop_of_its_own() -> None:
    assert run_async(double(1)) == 2
    child = os.fork()
    if child == 0:
        os._exit(0 if run_async(double(2), timeout=30) == 4 else 1)
    assert os.waitpid(child, 0)[1] == 0
