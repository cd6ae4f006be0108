"""The two halves of capture joined: native methods on the logger classes, Python functions the core calls back."""

from __future__ import annotations

from cordwood import _native
from cordwood.capture import context, exceptions, limits, trace
from cordwood.capture.logger import Logger, RootLogger
from cordwood.errors import report


def join() -> None:
    """Join them; once a process."""
    _native.install_logger(Logger)
    _native.install_logger(RootLogger)
    _native.set_hooks(exceptions.render, context.current, trace.current_trace, limits.admit, report)
    context.on_first_use(_native.context_used)
