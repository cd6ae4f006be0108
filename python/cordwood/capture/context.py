"""Fields for every record of a piece of work: `with cordwood.context(request_id=…):`.

The fields stand in a context variable, so asyncio tasks inherit them and neither threads nor tasks see each other's.
A thread of a pool gets them through `in_context`. They are never changed in place: each `with` makes a new dict.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


class _Fields(dict[str, Any]):
    """The merged fields; besides, who set them and what held before."""

    __slots__ = ("outer", "owner")

    def __init__(self, owner: context, outer: _Fields | None, added: dict[str, Any]) -> None:
        super().__init__(outer or ())
        self.update(added)
        self.owner = owner
        self.outer = outer


_current: contextvars.ContextVar[_Fields | None] = contextvars.ContextVar("cordwood_context", default=None)

current: Callable[[], dict[str, Any] | None] = _current.get
"""The fields that hold here, None where there are none; not to be changed. A C function: cheap to call natively."""

_used = False
_first_use_hooks: list[Callable[[], object]] = []


def on_first_use(hook: Callable[[], object]) -> None:
    """Call `hook` once, when the first context of the process is entered: until then nobody need ask `current`."""
    if _used:
        hook()
    else:
        _first_use_hooks.append(hook)


def _first_use() -> None:
    global _used  # noqa: PLW0603 one fact about the process
    _used = True
    while _first_use_hooks:
        _first_use_hooks.pop()()


class context:  # noqa: N801 a verb to its users: `with context(…)`
    """Add fields to every record logged inside.

    As a context manager, or as a decorator of a function or coroutine function:

        with cordwood.context(request_id="r1"):
            log.info("paid")              # has request_id

        @cordwood.context(job="nightly")
        async def run(): ...

    Inner contexts add to outer ones and win over them; a field given in the call itself wins over both.
    Raises TypeError for a generator function: its body runs in its caller's context, so use `with` inside.
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        if not _used:
            _first_use()
        _current.set(_Fields(self, _current.get(), self._fields))

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        # By owner and not by token: one instance may be in use by many threads, and a generator may end elsewhere.
        fields = _current.get()
        while fields is not None:
            if fields.owner is self:
                _current.set(fields.outer)
                return
            fields = fields.outer

    def __call__(self, function: _F) -> _F:
        """Decorate a function or coroutine function."""
        import inspect  # costs more than all else here

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = f"{function.__qualname__} is a generator: use `with cordwood.context(...)` inside it"
            raise TypeError(message)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return run_async  # type: ignore[return-value]

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return run  # type: ignore[return-value]


def in_context(function: Callable[..., _T]) -> Callable[..., _T]:
    """The function, bound to the context variables of here and now: for threads and thread pools.

        executor.submit(cordwood.in_context(work), item)
        executor.map(cordwood.in_context(work), items)

    Carries Cordwood's fields, the trace of OpenTelemetry and every other context variable; what the function itself
    sets stays with that one call.
    """
    here = contextvars.copy_context()

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> _T:
        return here.copy().run(function, *args, **kwargs)

    return run
