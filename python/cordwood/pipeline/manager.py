"""The one object that a process's logging hangs on: configures, replaces, gives back."""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from cordwood import _native
from cordwood.capture import limits
from cordwood.capture import logger as loggers
from cordwood.config import Fault, LogConfig, Resolved, resolve, switches, values
from cordwood.errors import report
from cordwood.pipeline.handler import Handler
from cordwood.pipeline.levels import Levels
from cordwood.pipeline.outlets import outlets, say_remaining
from cordwood.pipeline.plan import database, plan, spool_options
from cordwood.pipeline.watch import Duty, Watcher
from cordwood.plain import changed

RETENTION_INTERVAL = 3600.0  # seconds between two looks at the age of closed files
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
        self._order: list[logging.Handler] = []  # the root's handlers as they stood when some were set aside
        self._levels = Levels()
        self._watcher: Watcher | None = None
        self.config, self.origins, self.faults = None, {}, ()

    def configure(
        self,
        config: str | os.PathLike[str] | LogConfig | None = None,
        /,
        *,
        preset: str | LogConfig | None = None,
        **settings: object,
    ) -> LoggingManager:
        """Log as configured from now on; what was configured before is delivered and closed.

        Args:
            config: a `LogConfig`, the path of a YAML or TOML file, or a preset's name; None is the preset that
                CORDWOOD_ENV names, else `development`.
            preset: the preset to start from, by name or as an application's own; the environment wins over it.
            settings: single settings of `LogConfig`; they win over environment, file and preset.

        Raises:
            ConfigError: an argument cannot be used; logging stays as it was.
        """
        resolved = resolve(config, preset=preset, settings=settings)
        source = config if resolved.file is None else os.path.abspath(resolved.file)
        return self._apply(resolved, functools.partial(resolve, source, preset=preset, settings=settings))

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
        again = functools.partial(resolve, preset=env, settings=settings, variable=variable)
        return self._apply(again(), again)

    def _apply(self, resolved: Resolved, again: Callable[[], Resolved]) -> LoggingManager:
        with self._lock:
            config = resolved.config
            for fault in resolved.faults:
                report(str(fault))
            if config.database.enabled:
                database(config)  # a missing package is said before anything is changed
            _native.set_redaction(json.dumps(vars(config.redaction)))
            options = spool_options(config)
            attached: list[tuple[logging.Logger, logging.Handler]] = [
                (logging.getLogger(planned.logger), Handler.planned(planned, options)) for planned in plan(config)
            ]
            if not attached:  # silence was asked for: without any handler logging prints warnings itself
                attached = [(logging.getLogger(), logging.NullHandler())]
            old = self._swap(attached)
            folder = outlets.folder(options)
            switched = switches.read(folder) if folder else {}
            self._levels.configure(_levels_of(config), switched)
            loggers.take_over()
            self.config, self.origins, self.faults = config, resolved.origins, resolved.faults
            self._watch(resolved.file, again, folder, switched)
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
            if aside:
                self._order += [handler for handler in root.handlers if handler not in self._order]
            for logger in dict.fromkeys([root, *(logger for logger, _ in (*old, *attached))]):
                gone = [handler for owner, handler in old if owner is logger] + (aside if logger is root else [])
                kept = [handler for handler in logger.handlers if handler not in gone]
                # One assignment: no thread sees the list half changed.
                logger.handlers = [*kept, *(handler for owner, handler in attached if owner is logger)]
        self._set_aside += aside
        return old

    def set_level(self, name: str, level: str | int | None) -> None:
        """Switch the level of a logger and of all below it, those that have one of their own too.

        Args:
            name: the logger; the empty text is the root, and so all loggers.
            level: the new level; None takes the switch back: levels are as configured again.

        Raises:
            ConfigError: there is no such level.
        """
        checked = None if level is None else values.level("level", level)
        with self._lock:
            self._levels.switch(name, checked)

    def _watch(
        self, file: str | None, again: Callable[[], Resolved], folder: str | None, switched: dict[str, str | int]
    ) -> None:
        """Follow the configuration file and the switches of `cordwood level`; keep the closed files' terms."""
        self._stop_watching()
        files: dict[str, Callable[[], None]] = {}
        if file is not None:
            files[os.path.abspath(file)] = functools.partial(self._reread, again)
        if folder is not None:
            path = os.path.join(folder, switches.FILE)
            files[path] = functools.partial(self._follow_switches, folder, switched)
        duties = _retention(self.config) if self.config is not None else ()
        if files or duties:
            self._watcher = Watcher(files, duties)

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.stop(0)  # what it is about may wait for the caller
            self._watcher = None

    def _follow_switches(self, folder: str, seen: dict[str, str | int]) -> None:
        """Switch what was switched by command since `seen`, which is brought up to date."""
        now = switches.read(folder)
        with self._lock:
            if self._watcher is None or not self._watcher.is_current():
                return
            for name in [name for name in seen if name not in now]:
                self._levels.switch(name, None)
            for name, level in now.items():
                if seen.get(name) != level:
                    self._levels.switch(name, level)
        seen.clear()
        seen.update(now)

    def _reread(self, again: Callable[[], Resolved]) -> None:
        """Take the levels of a configuration file that was edited."""
        with self._lock:
            if self.config is None or self._watcher is None or not self._watcher.is_current():
                return
            resolved = again()
            damaged = [fault for fault in resolved.faults if fault.source == resolved.file and not fault.field]
            for fault in resolved.faults:
                report(str(changed(fault, used="the levels there were") if fault in damaged else fault))
            if damaged:
                return
            self.config.level, self.config.component_levels = resolved.config.level, resolved.config.component_levels
            self.origins, self.faults = resolved.origins, resolved.faults
            self._levels.configure(_levels_of(resolved.config))
            planned = list(plan(resolved.config))
            handlers = [handler for _, handler in self._attached if isinstance(handler, Handler)]
            if [handler.identity for handler in handlers] == [new.sink.identity for new in planned]:
                for handler, new in zip(handlers, planned, strict=True):
                    handler.setLevel(new.level)

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
            self._bring_back()
            self._stop_watching()
            self._levels.give_back()
            self.config, self.origins, self.faults = None, {}, ()
            _close(old, deadline - time.monotonic())
        return remaining

    def _bring_back(self) -> None:
        """The handlers that were set aside, each in its old place among those that are still there."""
        root = logging.getLogger()
        with logging._lock:  # type: ignore[attr-defined]  # noqa: SLF001 as in _swap
            present = [*root.handlers, *(handler for handler in self._set_aside if handler not in root.handlers)]
            ordered = [handler for handler in self._order if handler in present]
            root.handlers = [*ordered, *(handler for handler in present if handler not in ordered)]
        self._set_aside, self._order = [], []

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

    def unreachable(self, timeout: float = 3.0) -> dict[str, str]:
        """Ask the configured databases for a sign of life.

        Args:
            timeout: seconds to wait, for all of them together.

        Returns:
            Those that gave none, with what is wrong; records for them wait in the spool.
        """
        return outlets.unreachable(timeout)

    def get_logger(self, name: str | None = None) -> logging.Logger:
        """`cordwood.get_logger`."""
        return loggers.get_logger(name)


LoggingManager()  # here the import lock sees to it that there is one


def _retention(config: LogConfig) -> tuple[Duty, ...]:
    """Packing and deleting closed files as time goes by, where that is asked for."""
    wanted = config.retention
    if not config.file_output or (wanted.archive_days is None and wanted.delete_days is None):
        return ()

    from cordwood import archive

    folder = os.path.abspath(config.log_dir)  # the program may change its directory

    def keep_terms() -> None:
        failed: dict[str, str] = {}
        if wanted.delete_days is not None:
            failed |= archive.prune(folder, wanted.delete_days).failed
        if wanted.archive_days is not None:
            failed |= archive.archive(folder, wanted.archive_days, wanted.compress).failed
        for name, why in failed.items():
            report(f"{name} in {folder} cannot be packed or deleted: {why}; it is tried again in an hour")

    return ((RETENTION_INTERVAL, keep_terms),)


def _levels_of(config: LogConfig) -> dict[str, str | int]:
    return {"": config.level, **config.component_levels}


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
    for spool, remaining in outlets.flush_at_exit(EXIT_TIMEOUT):
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
