"""LogConfig → sinks: what a configuration asks for, before anything is opened."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cordwood import _native
from cordwood.config import ConsoleConfig, FileConfig, LogConfig
from cordwood.formatters import FORMATS
from cordwood.formatters.text import DEFAULT_FORMAT, TextFormatter
from cordwood.record import level_number
from cordwood.sinks import Sink
from cordwood.sinks.console import ConsoleSink, wants_colour
from cordwood.sinks.file import FileSink
from cordwood.spool import SpoolOptions, spool_folder


@dataclass(frozen=True)
class Planned:
    """One handler to be made.

    Args:
        sink: where it leads.
        level: the handler's level.
        logger: the logger it belongs to; the empty text is the root.
        formatter: for a format that the core cannot express.
    """

    sink: Sink
    level: int
    logger: str
    formatter: logging.Formatter | None


def spool_options(config: LogConfig) -> SpoolOptions:
    """Where the records of a configuration wait. Without files nobody else could deliver them: in memory."""
    folder = None
    if config.file_output:
        given = config.spool.dir
        folder = spool_folder(config.log_dir) if given is None else os.path.realpath(given)
    log_dir = None if folder is None else str(Path(config.log_dir).resolve())
    return SpoolOptions(folder, int(config.spool.max_bytes), int(config.max_message_bytes), config.sync, log_dir)


def plan(config: LogConfig, environ: Mapping[str, str] = os.environ) -> Iterator[Planned]:
    """The handlers a configuration asks for, the console first."""
    if config.console_output:
        yield _console(config, config.console, environ)
    if config.file_output:
        for file in config.files:
            yield _file(config, file)
    for entry in config.sinks:
        yield Planned(entry.sink, _level(entry.level), entry.logger, None)


def _file(config: LogConfig, file: FileConfig) -> Planned:
    spec, formatter = _format(config, file, config.format)
    own: dict[str, Any] = {}
    for name in ("max_bytes", "backup_count", "when", "naming", "compress", "file_mode", "file_group"):
        value = getattr(file, name)
        own[name.removeprefix("file_")] = getattr(config, name) if value is None else value
    sink = FileSink(str(Path(config.log_dir) / file.name), spec, sync=config.sync, **own)
    return Planned(sink, _level(file.level), file.logger, formatter)


def _console(config: LogConfig, console: ConsoleConfig, environ: Mapping[str, str]) -> Planned:
    terminal = _is_terminal(console.stream)
    spec, formatter = _format(config, console, "text" if terminal else config.format)
    coloured = spec["kind"] == "text" and wants_colour(console.colour, terminal=terminal, environ=environ)
    sink = ConsoleSink(spec, console.stream, console.theme if coloured else None)
    return Planned(sink, _level(console.level), "", formatter)


def _format(
    config: LogConfig, own: FileConfig | ConsoleConfig, usual: str
) -> tuple[dict[str, object], logging.Formatter | None]:
    """The core's spec, and a formatter where the core cannot express what is asked."""
    name = own.format or ("text" if own.format_string else usual)
    if name != "text":
        return FORMATS[name]().spec(), None
    template = own.format_string or config.format_string or DEFAULT_FORMAT
    date_format = own.date_format or config.date_format
    if _native.compile_text(template, date_format):
        return TextFormatter(template, date_format).spec(), None
    return TextFormatter().spec(), logging.Formatter(template, date_format)


def _level(level: str | int | None) -> int:
    return logging.NOTSET if level is None else level_number(level)


def _is_terminal(stream: str) -> bool:
    try:
        return bool(getattr(sys, stream).isatty())
    except (AttributeError, ValueError, OSError):  # no such stream, or closed
        return False
