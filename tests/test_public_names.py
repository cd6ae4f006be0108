"""The public API is this list, and importing it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import cordwood
import pytest

NAMES = [
    "ConfigError",
    "ConsoleConfig",
    "CordwoodError",
    "DatabaseConfig",
    "ExceptionLogger",
    "FileConfig",
    "Handler",
    "JournaldSink",
    "LogConfig",
    "LogTimer",
    "LoggingManager",
    "MemorySink",
    "MetricsCollector",
    "MissingExtraError",
    "Record",
    "RedactionConfig",
    "RequestLogger",
    "RetentionConfig",
    "SinkConfig",
    "SpoolConfig",
    "SpoolError",
    "SyslogSink",
    "auto_configure",
    "cleanup_old_logs",
    "configure",
    "context",
    "flush",
    "get_logger",
    "in_context",
    "set_level",
    "shutdown",
    "stats",
    "timed",
]


def test_the_public_names() -> None:
    assert cordwood.__all__ == NAMES
    assert set(NAMES) <= set(dir(cordwood))
    for name in NAMES:
        assert getattr(cordwood, name) is not None


def test_importing_loads_no_other_package_and_changes_nothing() -> None:
    code = (
        "import logging, sys; before = (logging.getLoggerClass(), list(logging.root.handlers)); import cordwood;"
        "heavy = {'yaml', 'click', 'msgspec', 'platformdirs', 'dataclasses', 'asyncio'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "assert before == (logging.getLoggerClass(), list(logging.root.handlers))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("pretend", "line"),
    [
        ("sys.implementation.name = 'pypy'", "cordwood runs on CPython, not on pypy"),
        ("sys.abiflags = 't'", "cordwood needs a Python with the GIL; this is a free-threaded build"),
    ],
)
def test_what_it_does_not_run_on_is_refused_in_one_line(pretend: str, line: str) -> None:
    code = f"import sys; {pretend}\ntry: import cordwood\nexcept ImportError as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout == f"{line}\n"
