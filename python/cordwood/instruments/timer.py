"""How long a piece of work took: `with LogTimer("x"):` and `@timed("x")`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from types import FrameType, TracebackType
from typing import Any, TypeVar, cast

from cordwood.instruments import logger_of

_F = TypeVar("_F", bound=Callable[..., Any])

LOGGER = "cordwood.timer"
_STOPPED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)  # an end, but no failure


class LogTimer:
    """Log how long the block took, when it ends.

        with LogTimer("database_query"):      # database_query completed in 0.123 s
            ...                               # database_query failed after 0.123 s: ValueError: no such table

    A failure is logged at ERROR without a traceback, for the exception goes on to whoever handles it; what ends the
    block without being a failure (cancellation, exit) is `stopped`. The record has the fields `timer` and `duration`.

    Args:
        name: what is timed.
        logger: a logger, or its name.
        level: of the record of a block that did not fail.

    Attributes:
        duration: seconds; while the block runs, those so far; 0 before.
    """

    def __init__(self, name: str, *, logger: str | logging.Logger = LOGGER, level: int = logging.INFO) -> None:
        self.name = name
        self._logger = logger_of(logger)
        self._level = level
        self._begin: float | None = None
        self._end: float | None = None

    @property
    def duration(self) -> float:
        """Seconds the block took, or has taken so far."""
        if self._begin is None:
            return 0.0
        return (time.perf_counter() if self._end is None else self._end) - self._begin

    def __enter__(self) -> LogTimer:  # noqa: PYI034 `Self` is not in 3.10's typing
        self._end = None
        self._begin = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.finish(value, stacklevel=2)

    def finish(self, error: BaseException | None, *, stacklevel: int = 1) -> None:
        """Log the end; `stacklevel` as in `logging`, where 1 is the caller of this method."""
        self._end = time.perf_counter()
        fields = {"timer": self.name, "duration": self.duration}
        if error is None:
            self._logger.log(
                self._level, "%s completed in %.3f s", self.name, self.duration, extra=fields, stacklevel=stacklevel + 1
            )
        elif isinstance(error, _STOPPED):
            self._logger.log(
                self._level, "%s stopped after %.3f s: %s", self.name, self.duration, type(error).__name__,
                extra=fields, stacklevel=stacklevel + 1,
            )  # fmt: skip
        else:
            self._logger.error(
                "%s failed after %.3f s: %s: %s", self.name, self.duration, type(error).__name__, error,
                extra=fields, stacklevel=stacklevel + 1,
            )  # fmt: skip


def timed(
    name: str | None = None, *, logger: str | logging.Logger = LOGGER, level: int = logging.INFO
) -> Callable[[_F], _F]:
    """Log how long each call of a function takes, as `LogTimer` does.

    Functions, coroutine functions, generators and async generators; a generator's time is that from its first item to
    its end, the consumer's included. The function and line of the record are those of the call.

    Args:
        name: what is timed; None is the function's qualified name.
        logger: a logger, or its name.
        level: of the record of a call that did not fail.
    """

    def decorate(function: _F) -> _F:
        label = function.__qualname__ if name is None else name

        def timer() -> LogTimer:
            return LogTimer(label, logger=logger, level=level)

        if inspect.isasyncgenfunction(function):
            wrapper: Any = _async_generator(function, timer)
        elif inspect.iscoroutinefunction(function):
            wrapper = _coroutine(function, timer)
        elif inspect.isgeneratorfunction(function):
            wrapper = _generator(function, timer)
        else:
            wrapper = _function(function, timer)
        return cast("_F", functools.wraps(function)(wrapper))

    return decorate


def _function(function: Callable[..., Any], timer: Callable[[], LogTimer]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        clock = timer().__enter__()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            clock.finish(error, stacklevel=2)
            raise
        clock.finish(None, stacklevel=2)
        return result

    return run


def _coroutine(function: Callable[..., Any], timer: Callable[[], LogTimer]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        clock = timer().__enter__()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            clock.finish(error, stacklevel=_caller())
            raise
        clock.finish(None, stacklevel=_caller())
        return result

    return run


def _generator(function: Callable[..., Any], timer: Callable[[], LogTimer]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        clock = timer().__enter__()
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as error:
            clock.finish(error, stacklevel=2)
            raise
        clock.finish(None, stacklevel=2)
        return result

    return run


def _async_generator(function: Callable[..., Any], timer: Callable[[], LogTimer]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        clock = timer().__enter__()
        inner = function(*args, **kwargs)
        try:
            item = await inner.__anext__()
            while True:
                try:
                    sent = yield item
                except GeneratorExit:  # noqa: PERF203 each item may be answered with an exception
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 what the consumer throws in belongs to the generator
                    item = await inner.athrow(error)
                else:
                    item = await inner.asend(sent)
        except StopAsyncIteration:
            clock.finish(None, stacklevel=_caller())
        except BaseException as error:
            clock.finish(error, stacklevel=_caller())
            raise

    return run


def _caller() -> int:
    """The stacklevel of who awaits the calling coroutine; for a task, of who runs the event loop."""
    level = 2
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 the one awaiting; what logging itself does
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("asyncio", "uvloop"):
        frame = frame.f_back
        level += 1
    return level
