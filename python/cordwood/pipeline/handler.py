"""The handler as users make it: for `dictConfig`, Django's LOGGING, and hand-made set-ups."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from cordwood import _native
from cordwood.capture import native
from cordwood.capture.handler import SpoolHandler
from cordwood.config import ConsoleConfig, FileConfig, LogConfig, SinkConfig
from cordwood.config.model import unknown
from cordwood.errors import ConfigError, report
from cordwood.pipeline.outlets import Outlet, outlets
from cordwood.pipeline.plan import Planned, plan, spool_options
from cordwood.sinks import DatabaseSink, PythonSink
from cordwood.spool import SpoolOptions

_STREAMS = ("stderr", "stdout")
_OF_THE_WHOLE = frozenset(
    {"level", "log_dir", "console_output", "file_output", "component_levels", "files", "console", "redaction"}
)  # settings that one handler has no part in


class Handler(SpoolHandler):
    """A `logging.Handler` that leads to one file, one stream or one sink.

        logging.getLogger().addHandler(cordwood.Handler("logs/app.log", max_bytes="10 MB"))
        {"class": "cordwood.Handler", "filename": "logs/app.log", "level": "INFO", "formatter": "verbose"}

    Args:
        filename: the file; its folder holds the spool. The words `stderr` and `stdout` mean these streams.
        level: the least level that is handled.
        stream: `stderr` or `stdout`, or that stream itself.
        sink: a sink of one's own, such as `MemorySink()`, or a mapping of its options and its `kind`.
        settings: of `LogConfig`, for a stream of `ConsoleConfig` too: `format="json"`, `max_bytes="5 MB"`, …

    Raises:
        ConfigError: an argument cannot be used; it names the field and what is allowed.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        level: int | str = logging.NOTSET,
        *,
        stream: str | TextIO | None = None,
        sink: PythonSink | DatabaseSink | Mapping[str, object] | None = None,
        **settings: object,
    ) -> None:
        if [filename, stream, sink].count(None) != 2:  # noqa: PLR2004 exactly one of three is given
            raise ConfigError("filename", "exactly one target is needed", "one of filename, stream, sink")
        super().__init__(level)
        if sink is not None:
            config = _configured(LogConfig(file_output=False), settings)
            planned = Planned(SinkConfig(sink).sink, self.level, "", None)  # type: ignore[arg-type]  # parsed there
        else:
            config = _target(filename, stream, settings)
            (planned,) = plan(config)
        self._connect(planned, spool_options(config, planned.sink))

    @classmethod
    def planned(cls, planned: Planned, options: SpoolOptions) -> Handler:
        """A handler for a part of a configuration."""
        handler = cls.__new__(cls)
        SpoolHandler.__init__(handler, planned.level)
        handler._connect(planned, options)  # noqa: SLF001 its own
        return handler

    def _connect(self, planned: Planned, options: SpoolOptions) -> None:
        self._sink = planned.sink
        self._options = options
        self._outlet: Outlet | None = None
        self.needs_record = True
        self.reopen()
        if planned.formatter is not None:
            self.setFormatter(planned.formatter)

    def reopen(self) -> _native.Spool | None:
        """Open the sink, at first and for a record that comes after `close`; None, said on stderr, if that fails."""
        with outlets.lock:
            if self._outlet is None:
                try:
                    self._outlet = outlets.open(self._sink, self._options)
                except OSError as error:
                    name = self._sink.identity
                    report(f"{name} cannot be opened ({error}); its records are lost until it can", key=f"open {name}")
                    return None
                self._follow(self._outlet)
            return self._outlet.spool

    def _follow(self, outlet: Outlet) -> None:
        """Take over what the fast path reads; `needs_record` last, for it opens that path."""
        self._sink = outlet.sink
        self.mask = outlet.mask
        self.wants_task = outlet.wants_task
        self.spool = outlet.spool
        self.needs_record = self._prerenders

    def adopt(self, spec: dict[str, object] | None) -> bool:
        """Have the core write the format, unless another handler leads to the same target."""
        if spec is None or self._outlet is None or not outlets.adopt_format(self._outlet, spec):
            return False
        self._follow(self._outlet)
        return True

    @property
    def identity(self) -> str:
        """The target: a path, a stream, a sink of one's own."""
        return self._sink.identity

    def flush(self) -> None:
        """Wait, at most five seconds, until this process's records are delivered."""
        outlet = self._outlet
        if outlet is not None:
            if outlet.loop is not None:
                outlet.loop.wake()
            outlet.spool.flush(outlets.patience())

    def close(self) -> None:
        """Wait, at most five seconds, until the records are delivered, then let go of the target."""
        with outlets.lock:
            outlet, self._outlet = self._outlet, None
            self.needs_record = True  # first: it closes the fast path, and a later record opens the target again
            self.spool = None
        if outlet is not None:
            outlets.release(outlet)
        super().close()

    def __repr__(self) -> str:
        return f"<Handler {self._sink.identity} ({logging.getLevelName(self.level)})>"


native.join()
_native.install_handler(Handler)  # the core knows it by its exact class


def _target(
    filename: str | os.PathLike[str] | None, stream: str | TextIO | None, settings: Mapping[str, object]
) -> LogConfig:
    """The configuration of one file or one stream."""
    if filename in _STREAMS:
        filename, stream = None, str(filename)
    if filename is not None:
        folder, name = os.path.split(filename)
        return _configured(LogConfig(log_dir=folder or ".", files=(FileConfig(name),), console_output=False), settings)
    for name in _STREAMS:
        if stream is not None and stream in (getattr(sys, name), getattr(sys, f"__{name}__")):
            stream = name
    return _configured(LogConfig(file_output=False, console=ConsoleConfig(stream=stream)), settings)  # type: ignore[arg-type]  # checked there


def _configured(config: LogConfig, settings: Mapping[str, object]) -> LogConfig:
    """The settings put where they belong: a console's own into its section."""
    for name, value in settings.items():
        section = config.console if config.console_output and hasattr(config.console, name) else config
        if not hasattr(section, name) or name in _OF_THE_WHOLE:
            raise unknown(name, LogConfig)
        setattr(section, name, value)
    return config
