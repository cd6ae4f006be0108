"""LogRecord → spool: the standard path, for records that `logging` itself has built.

No lock is held and nothing is written here: filters run, the record is copied into the spool, the call returns. Only
a formatter that the core cannot express runs on the caller's thread; its text then travels with the record.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from typing import Any

from cordwood import _native
from cordwood.capture import context
from cordwood.errors import report


class _Rendering(threading.local):
    active = False


_rendering = _Rendering()


def tells_usual_time(formatter: logging.Formatter | type[logging.Formatter]) -> bool:
    """Whether nobody has changed how a formatter, or all of them, tell the time."""
    return (
        formatter.converter is time.localtime
        and formatter.default_time_format == "%Y-%m-%d %H:%M:%S"
        and formatter.default_msec_format == "%s,%03d"
    )


def native_format(formatter: logging.Formatter) -> dict[str, object] | None:
    """The core's spec of a formatter that is plain `%`-style; None for one that needs Python."""
    style = formatter._style  # noqa: SLF001 logging offers no other way to ask
    plain = (
        type(formatter) is logging.Formatter
        and type(style) is logging.PercentStyle
        and not getattr(style, "_defaults", None)
        and tells_usual_time(formatter)
        and "%f" not in (formatter.datefmt or "")  # ours are microseconds, `time.strftime` leaves it as it is
    )
    template = style._fmt  # noqa: SLF001
    if plain and _native.compile_text(template, formatter.datefmt):
        return {"kind": "text", "format": template, "date_format": formatter.datefmt}
    return None


def _as_shown(record: logging.LogRecord) -> logging.LogRecord:
    """The record as a formatter of ours sees it: with the context's fields, without secrets.

    A copy where that makes a difference, for other handlers see the original.
    """
    fields = context.current()
    shown = copy.copy(record) if fields else record
    for name, value in (fields or {}).items():
        vars(shown).setdefault(name, value)
    instead = _native.masked_attributes(shown)
    if instead:
        shown = copy.copy(shown)
        vars(shown).update(instead)
    return shown


class SpoolHandler(logging.Handler):
    """A handler whose records go to one sink of a spool.

    Attributes:
        spool: the open spool; None once closed.
        mask: the sink's bit in it.
        needs_record: whether a LogRecord must be built: for a formatter that runs here in Python, or to open anew.
        wants_task: whether the sink's format shows the asyncio task's name.
    """

    spool: _native.Spool | None = None
    mask: int = 0
    needs_record: bool = False
    wants_task: bool = False
    _prerenders: bool = False

    def createLock(self) -> None:  # noqa: N802 logging's name
        """No lock: the spool takes records from any number of threads."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> Any:
        """Run the filters, then emit what they let pass: since Python 3.12 that may be another record."""
        passed: Any = self.filter(record)
        if isinstance(passed, logging.LogRecord):
            record = passed
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Copy the record into the spool."""
        spool = self.spool or self.reopen()
        if spool is not None:
            _native.capture(record, spool, self.mask, self._rendered(record) if self._prerenders else None)

    def _rendered(self, record: logging.LogRecord) -> str | None:
        """The formatter's text; None, for the sink's own format, where it fails or logs itself."""
        if _rendering.active:
            return None
        _rendering.active = True
        try:
            return self.format(_as_shown(record))
        except Exception as error:  # noqa: BLE001 any formatter, any failure: the record is kept
            report(
                f"formatter {type(self.formatter).__name__} failed ({type(error).__name__}: {error}); "
                "the record is written in the default format",
                key=f"formatter {type(self.formatter).__qualname__}",
            )
            return None
        finally:
            _rendering.active = False

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 logging's name
        """Use a formatter: natively where the core can express it, else in Python on each call."""
        super().setFormatter(fmt)
        self._prerenders = fmt is not None and not self.adopt(native_format(fmt))
        self.needs_record = self._prerenders or self.spool is None

    def adopt(self, spec: dict[str, object] | None) -> bool:  # noqa: ARG002 for those that can
        """Take over a format natively; False where that cannot be."""
        return False

    def reopen(self) -> _native.Spool | None:
        """The spool for a record that comes after `close`; None where there is none."""
        return None
