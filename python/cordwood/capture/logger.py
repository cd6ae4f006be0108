"""The Python half of the logger classes: what stdlib's methods do not do with keywords, and who is of which class.

The native methods are put on `Logger` from outside. Where they, or nobody, take a call to a handler directly, stdlib's
own methods run unchanged and end in `_log`: that is the one method replaced here.
"""

# ruff: noqa: D102  the methods are those of `logging`
from __future__ import annotations

import logging
import sys
import weakref
from typing import TYPE_CHECKING, Any, cast

from cordwood import _native
from cordwood.capture import limits

_SOURCE = logging._srcfile  # noqa: SLF001 what stdlib itself compares frames with
_PARAMETERS = ("level", "msg", "args", "exc_info", "extra", "stack_info", "stacklevel")  # of logging.Logger._log


class Logger(logging.Logger):
    """A `logging.Logger` whose methods take any keyword as a field: `log.info("paid", order_id=7)`.

    `once=True`, `every_n=100` and `every_seconds=10` limit the one call they stand in (`cordwood.capture.limits`).

    Raises KeyError for a field named like an attribute of LogRecord, as stdlib does for `extra`.
    """

    if TYPE_CHECKING:  # stdlib's own methods, or native ones, do the work; this is what they take here

        def debug(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def info(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def warning(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def error(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def critical(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def exception(self, msg: object, *args: object, **keywords: Any) -> None: ...
        def log(self, level: int, msg: object, *args: object, **keywords: Any) -> None: ...

    def _log(self, *given: Any, **keywords: Any) -> None:
        known = {name: keywords.pop(name) for name in _PARAMETERS[len(given) :] if name in keywords}
        level = known.get("stacklevel", 1)
        if keywords:
            fields = _fields(keywords, level)
            if fields is None:
                return
            if fields:
                known["extra"] = {**(known.get("extra") or {}), **fields}
        if len(given) < len(_PARAMETERS):
            known["stacklevel"] = level + 1  # this method stands between the caller and stdlib's
        super()._log(*given, **known)


class RootLogger(Logger, logging.RootLogger):
    """The root logger, likewise."""


_CLASSES: dict[type[logging.Logger], type[logging.Logger]] = {
    logging.Logger: Logger,
    logging.RootLogger: RootLogger,
}
_kept: weakref.WeakSet[logging.Logger] = weakref.WeakSet()  # handed out by get_logger: of our class for good


def _fields(keywords: dict[str, Any], stacklevel: int) -> dict[str, Any] | None:
    """The keywords that are fields; None where the call's limit holds it back."""
    limit = {name: keywords.pop(name) for name in limits.KEYWORDS if name in keywords}
    if limit:
        code, offset = _caller(stacklevel)
        held_back = limits.admit(code, offset, **limit)
        if held_back < 0:
            return None
        if held_back:
            keywords["suppressed"] = held_back
    return keywords


def _caller(stacklevel: int) -> tuple[Any, int]:
    """The place of the log call: the first frame outside logging, or as many further as `stacklevel` says."""
    frame = sys._getframe(3)  # noqa: SLF001 over _fields and _log
    while frame.f_back is not None and (frame.f_code.co_filename == _SOURCE or stacklevel > 1):
        stacklevel -= frame.f_code.co_filename != _SOURCE
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def get_logger(name: str | None = None) -> Logger:
    """`logging.getLogger(name)`; the logger takes keyword fields from now on, whether Cordwood is configured or not.

    A logger whose class is somebody else's is returned as it is.
    """
    logger = logging.getLogger(name)
    _adopt(logger)
    if isinstance(logger, Logger):
        _kept.add(logger)
    return cast("Logger", logger)


def take_over() -> None:
    """Give every logger of stdlib's own class, made before or after this, Cordwood's class."""
    if logging.getLoggerClass() is logging.Logger:
        logging.setLoggerClass(Logger)
    for logger in _all_loggers():
        _adopt(logger)
    _native.forget_plans()


def give_back() -> None:
    """Undo `take_over`, except for loggers that came from `get_logger`."""
    if logging.getLoggerClass() is Logger:
        logging.setLoggerClass(logging.Logger)
    for logger in _all_loggers():
        for theirs, ours in _CLASSES.items():
            if type(logger) is ours and logger not in _kept:
                logger.__class__ = theirs
    _native.forget_plans()


def _adopt(logger: logging.Logger) -> None:
    ours = _CLASSES.get(type(logger))
    if ours is not None:
        logger.__class__ = ours


def _all_loggers() -> list[logging.Logger]:
    made = tuple(logging.root.manager.loggerDict.values())  # one C call: nobody adds in between
    return [logging.root, *(logger for logger in made if isinstance(logger, logging.Logger))]
