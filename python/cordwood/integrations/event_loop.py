"""One event loop for the whole process, in a thread of its own: coroutines from any thread, without a loop at hand.

    result = run_async(fetch(url))
    thread = run_in_thread(work, item)

A loop that somebody closed is replaced at the next call. `RuntimeError: Event loop is closed` and `got Future attached
to a different loop` come from loops that are made and closed by the way; with this one neither has a reason.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cordwood.capture.context import in_context
from cordwood.errors import EventLoopError

_T = TypeVar("_T")

_log = logging.getLogger("cordwood.event_loop")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def get_event_loop() -> asyncio.AbstractEventLoop:
    """The global loop, running; made at the first call and again where it was closed or stopped."""
    global _loop, _thread  # noqa: PLW0603 there is one in a process
    with _lock:
        if _loop is None or _loop.is_closed() or _thread is None or not _thread.is_alive():
            _loop = asyncio.new_event_loop()
            running = threading.Event()
            _thread = threading.Thread(target=_run, args=(_loop, running), name="event loop", daemon=True)
            _thread.start()
            running.wait()
        else:
            return _loop
        loop = _loop
    _log.info("Global event loop initialized")  # without the lock: a filter may well run something in the loop
    return loop


def _run(loop: asyncio.AbstractEventLoop, running: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(running.set)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()  # whoever waits for it learns that it ends here
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def run_async(awaitable: Awaitable[_T], timeout: float | None = None) -> _T:
    """Run a coroutine in the global loop and wait for its result.

    Args:
        awaitable: a coroutine, or a future or task of the global loop.
        timeout: seconds to wait; then it is cancelled. None waits for ever.

    Raises:
        EventLoopError: the future belongs to another loop, or the call comes from the global loop itself, which would
            wait for itself.
        TimeoutError: it took longer.
        Exception: what the coroutine raised.
    """
    loop = get_event_loop()
    try:
        _check(awaitable, loop)
    except EventLoopError:
        if inspect.iscoroutine(awaitable):
            awaitable.close()  # else it warns that it was never awaited
        raise
    future = asyncio.run_coroutine_threadsafe(_await(awaitable), loop)
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError as error:
        if future.done():  # the coroutine's own
            raise
        raise TimeoutError(f"not done after {timeout} seconds; it is cancelled") from error
    finally:
        future.cancel()


async def _await(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


def _check(awaitable: object, loop: asyncio.AbstractEventLoop) -> None:
    if asyncio.isfuture(awaitable) and awaitable.get_loop() is not loop:
        raise EventLoopError(
            f"this {type(awaitable).__name__} belongs to another event loop; "
            "pass the coroutine itself, or await it in the loop where it was made"
        )
    if threading.current_thread() is _thread:
        raise EventLoopError("run_async was called in the global event loop, which would wait for itself; use await")


def run_in_thread(function: Callable[..., object], *args: Any, **kwargs: Any) -> threading.Thread:
    """Start a thread that logs its start, its end and its failure; it has the context fields of here and now."""

    def run() -> None:
        identity = threading.get_ident()
        _log.info("Thread %d started", identity)
        try:
            function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 whatever it is, it is said
            _log.exception("Error in thread %d: %s", identity, error)
        else:
            _log.info("Thread %d completed", identity)

    thread = threading.Thread(target=in_context(run))
    thread.start()
    return thread


def _after_fork() -> None:
    global _lock, _loop, _thread  # noqa: PLW0603
    _lock = threading.Lock()
    _loop = _thread = None  # its thread stayed with the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
