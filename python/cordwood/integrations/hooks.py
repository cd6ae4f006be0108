"""What the interpreter would print on stderr becomes records: warnings and exceptions that nobody caught.

undo = hooks.take_over()

warnings                  → py.warnings, WARNING, at the place that is warned of
uncaught exception        → cordwood.unhandled, CRITICAL; then what was installed before, as a rule the traceback
                            on stderr, for the process ends and somebody may look there
… in a thread             → cordwood.unhandled, ERROR
… in `__del__` and such   → cordwood.unhandled, ERROR
… in an asyncio callback  → asyncio, ERROR; asyncio's own handler logs too, but in text alone
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

_log = logging.getLogger("cordwood.unhandled")
_warnings = logging.getLogger("py.warnings")
_asyncio = logging.getLogger("asyncio")

Undo = Callable[[], None]


def take_over(loop: asyncio.AbstractEventLoop | None = None) -> Undo:
    """Log what the interpreter's hooks are told.

    Args:
        loop: the event loop whose exception handler is taken; None takes the running one, if there is one.

    Returns:
        What gives the hooks back. Where somebody has put a hook over ours in the meantime theirs stays, and ours, below
        it, only hands on.
    """
    undos = [
        _install(warnings, "showwarning", _show_warning),
        _install(sys, "excepthook", _excepthook),
        _install(threading, "excepthook", _thread_excepthook),
        _install(sys, "unraisablehook", _unraisablehook),
    ]
    if loop is None:
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
    if loop is not None:
        undos.append(_install_in_loop(loop))

    def undo() -> None:
        while undos:
            undos.pop()()

    return undo


def _install(module: Any, name: str, ours: Callable[..., None]) -> Undo:
    previous = getattr(module, name)
    active = True

    def hook(*args: Any, **kwargs: Any) -> None:
        if active:
            ours(previous, *args, **kwargs)
        else:
            previous(*args, **kwargs)

    def undo() -> None:
        nonlocal active
        active = False
        if getattr(module, name) is hook:
            setattr(module, name, previous)

    setattr(module, name, hook)
    return undo


def _install_in_loop(loop: asyncio.AbstractEventLoop) -> Undo:
    previous = loop.get_exception_handler()
    loop.set_exception_handler(loop_exception)

    def undo() -> None:
        if loop.get_exception_handler() is loop_exception:
            loop.set_exception_handler(previous)

    return undo


def loop_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception of a callback or task: for `loop.set_exception_handler`."""
    task = context.get("task") or context.get("future")
    extra = {"task": task.get_name()} if isinstance(task, asyncio.Task) else {}
    message = context.get("message") or "Unhandled exception in event loop"
    _asyncio.error("%s", message, exc_info=context.get("exception"), extra=extra)


def _excepthook(
    previous: Callable[..., None], kind: type[BaseException], value: BaseException, tb: TracebackType | None
) -> None:
    if issubclass(kind, Exception):  # Ctrl-C is no fault
        _log.critical("Unhandled exception: %s", kind.__name__, exc_info=(kind, value, tb))
        for handler in logging.getLogger().handlers:
            with contextlib.suppress(Exception):
                handler.flush()  # so that on a console the two do not mix
    previous(kind, value, tb)


def _thread_excepthook(_: Callable[..., None], args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    name = "?" if args.thread is None else args.thread.name
    _log.error(
        "Unhandled exception in thread %s", name, exc_info=_info(args.exc_type, args.exc_value, args.exc_traceback)
    )


def _unraisablehook(_: Callable[..., None], args: sys.UnraisableHookArgs) -> None:
    # The object's name, never the object: it may be half destroyed, and its repr may fail.
    name = getattr(args.object, "__qualname__", type(args.object).__qualname__)
    info = _info(args.exc_type, args.exc_value, args.exc_traceback)
    _log.error("%s: %s", args.err_msg or "Exception ignored in", name, exc_info=info)


def _info(kind: type[BaseException], value: BaseException | None, tb: TracebackType | None) -> Any:
    return (kind, kind() if value is None else value, tb)


def _show_warning(
    previous: Callable[..., None],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None:  # asked for: not ours to take
        previous(message, category, filename, lineno, file, line)
        return
    if _warnings.isEnabledFor(logging.WARNING):
        args = (category.__name__, str(message))
        record = _warnings.makeRecord(
            _warnings.name, logging.WARNING, os.fspath(filename), lineno, "%s: %s", args, None
        )
        record.funcName = "<module>"  # a warning knows its line only
        _warnings.handle(record)
