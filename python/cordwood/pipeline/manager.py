"""The one object that a process's logging hangs on: configures, replaces, gives back."""

from __future__ import annotations

import atexit
import dataclasses
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Container, Mapping
from typing import ClassVar

from cordwood import _native
from cordwood.capture import limits
from cordwood.capture import logger as loggers
from cordwood.config import Fault, LogConfig, Resolved, resolve
from cordwood.errors import report
from cordwood.pipeline.handler import Handler
from cordwood.pipeline.outlets import outlets, say_remaining
from cordwood.pipeline.plan import plan, spool_options
from cordwood.record import level_number

EXIT_TIMEOUT = 5.0  # seconds that the end of the process waits for delivery


class LoggingManager:
    """Logging of this process; there is one, however often it is made.

    Attributes:
        config: the configuration in force; None while there is none.
        origins: for each setting, dotted, where its value came from.
        faults: what could not be used of the environment and the configuration file.
    """

    _instance: ClassVar[LoggingManager | None] = None
    config: LogConfig | None
    origins: Mapping[str, str]
    faults: tuple[Fault, ...]

    def __new__(cls) -> LoggingManager:  # noqa: PYI034 there is only this one
        """The manager of this process."""
        if cls._instance is None:
            manager = super().__new__(cls)
            manager._begin()
            cls._instance = manager
        return cls._instance

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._attached: list[tuple[logging.Logger, logging.Handler]] = []
        self._set_aside: list[logging.Handler] = []  # root handlers that wrote to the console before
        self._levels: dict[str, int] = {}  # as they were, by logger
        self.config, self.origins, self.faults = None, {}, ()

    def configure(
        self,
        config: str | os.PathLike[str] | LogConfig | None = None,
        /,
        *,
        preset: str | None = None,
        **settings: object,
    ) -> LoggingManager:
        """Log as configured from now on; what was configured before is delivered and closed.

        Args:
            config: a `LogConfig`, the path of a YAML or TOML file, or a preset's name; None is the preset that
                CORDWOOD_ENV names, else `development`.
            preset: the preset to start from.
            settings: single settings of `LogConfig`; they win over environment, file and preset.

        Raises:
            ConfigError: an argument cannot be used; logging stays as it was.
        """
        return self._apply(resolve(config, preset=preset, settings=settings))

    def auto_configure(
        self, env: str | None = None, variable: str = "CORDWOOD_ENV", **settings: object
    ) -> LoggingManager:
        """Configure by the environment's name: `development`, `production`, `testing`, or any other preset.

        Args:
            env: the name; None reads it from the variable, and without that takes `development`.
            variable: the environment variable to read.
            settings: as in `configure`.

        Raises:
            ConfigError: `env` or a setting cannot be used.
        """
        return self._apply(resolve(preset=env, settings=settings, variable=variable))

    def _apply(self, resolved: Resolved) -> LoggingManager:
        with self._lock:
            config = resolved.config
            for fault in resolved.faults:
                report(str(fault))
            _native.set_redaction(json.dumps(dataclasses.asdict(config.redaction)))
            options = spool_options(config)
            attached: list[tuple[logging.Logger, logging.Handler]] = [
                (logging.getLogger(planned.logger), Handler.planned(planned, options)) for planned in plan(config)
            ]
            if not attached:  # silence was asked for: without any handler logging prints warnings itself
                attached = [(logging.getLogger(), logging.NullHandler())]
            old = self._swap(attached)
            self._set_levels(config)
            loggers.take_over()
            self.config, self.origins, self.faults = config, resolved.origins, resolved.faults
            _at_exit_once()
            _close(old, EXIT_TIMEOUT)
        return self

    def _swap(
        self, attached: list[tuple[logging.Logger, logging.Handler]]
    ) -> list[tuple[logging.Logger, logging.Handler]]:
        """Put handlers in place of ours and of the root's console; a record in flight meets the old or the new."""
        root = logging.getLogger()
        old, self._attached = self._attached, attached
        with logging._lock:  # type: ignore[attr-defined]  # noqa: SLF001 what addHandler itself holds
            aside = [handler for handler in root.handlers if _writes_to_console(handler)]
            for logger in dict.fromkeys([root, *(logger for logger, _ in (*old, *attached))]):
                gone = [handler for owner, handler in old if owner is logger] + (aside if logger is root else [])
                kept = [handler for handler in logger.handlers if handler not in gone]
                # One assignment: no thread sees the list half changed.
                logger.handlers = [*kept, *(handler for owner, handler in attached if owner is logger)]
        self._set_aside += aside
        return old

    def _set_levels(self, config: LogConfig) -> None:
        levels = {"": config.level, **config.component_levels}
        self._restore_levels(but=levels)
        for name, level in levels.items():
            logger = logging.getLogger(name)
            self._levels.setdefault(name, logger.level)
            logger.setLevel(level_number(level))

    def _restore_levels(self, but: Container[str] = ()) -> None:
        """Levels as they were before; `but` are about to get another, with no moment in between."""
        for name in [name for name in self._levels if name not in but]:
            logging.getLogger(name).setLevel(self._levels.pop(name))

    def shutdown(self, timeout: float = 5.0) -> int:
        """Deliver, then give `logging` back as it was; loggers got by `cordwood.get_logger` keep their class.

        Args:
            timeout: seconds to wait for delivery.

        Returns:
            How many records remain undelivered; they stay in the spool.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            remaining = self.flush(timeout)
            loggers.give_back()
            old = self._swap([])
            root = logging.getLogger()
            for handler in self._set_aside:
                root.addHandler(handler)
            self._restore_levels()
            self._set_aside = []
            self.config, self.origins, self.faults = None, {}, ()
            _close(old, deadline - time.monotonic())
        return remaining

    def flush(self, timeout: float = 5.0) -> int:
        """Wait until all records of this process are delivered.

        Args:
            timeout: seconds to wait.

        Returns:
            How many are still undelivered then.
        """
        return outlets.flush(timeout)

    def stats(self) -> dict[str, object]:
        """What was accepted, delivered, held back by rate limits, dropped (by reason) and is waiting."""
        return {**outlets.stats(), "suppressed": limits.suppressed_total()}

    def get_logger(self, name: str | None = None) -> logging.Logger:
        """`cordwood.get_logger`."""
        return loggers.get_logger(name)


LoggingManager()  # here the import lock sees to it that there is one


def _close(attached: list[tuple[logging.Logger, logging.Handler]], timeout: float) -> None:
    with outlets.within(timeout):
        for _, handler in attached:
            handler.close()


def _writes_to_console(handler: logging.Handler) -> bool:
    """Whether a handler is what `basicConfig` makes: exactly a StreamHandler on one of the standard streams."""
    standard = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return type(handler) is logging.StreamHandler and any(handler.stream is stream for stream in standard)


_registered = False


def _at_exit_once() -> None:
    """Deliver at the end of the process; `multiprocessing` ends its children without running `atexit`."""
    global _registered  # noqa: PLW0603 once a process
    if not _registered:
        _registered = True
        atexit.register(_at_exit)
    _finalize_child()


def _finalize_child() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _at_exit, exitpriority=-100)


def _at_exit() -> None:
    outlets.exiting = True
    outlets.deadline = time.monotonic() + EXIT_TIMEOUT
    for spool, remaining in outlets.flush_each(EXIT_TIMEOUT):
        say_remaining(spool, remaining)


def _after_fork() -> None:
    manager = LoggingManager._instance  # noqa: SLF001
    if manager is None:
        return
    manager._lock = threading.RLock()  # noqa: SLF001
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _registered:
        # The child forgets finalizers it inherited, then runs these.
        util.register_after_fork(manager, lambda _: _finalize_child())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
