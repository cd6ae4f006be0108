"""What happens to a PostgreSQL, and to who writes to it: no record is lost, none stands there twice."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cordwood
import psycopg
import pytest
from typing_extensions import Self

from tests.databases import Server, at, rows, sink_stats, until

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cordwood delivery'"
QUICK = {"batch_size": 10, "flush_interval": 0.2, "connect_timeout": 2, "query_timeout": 1}


def configure(url: str, log_dir: Path, **settings: object) -> None:
    cordwood.configure(
        log_dir=log_dir,
        console_output=False,
        file_output=True,
        database={"enabled": True, "url": url, **QUICK, **settings},
    )


def numbers(url: str) -> list[int]:
    return [int(row["message"]) for row in rows(url, "SELECT message FROM app_logs ORDER BY id")]


class Steady:
    """A thread that logs numbers without a pause in the application; how many, it knows."""

    def __init__(self) -> None:
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        log = cordwood.get_logger("shop")
        while not self._stop.wait(0.001):
            log.info("%d", self.count)
            self.count += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_P4_a_server_that_is_stopped_and_started_again_has_every_record_once(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    configure(postgres, tmp_path)
    with Steady() as steady:
        until(lambda: steady.count > 100)
        own_postgres.stop()
        until(lambda: bool(sink_stats()["failed_writes"]))
        own_postgres.start()
        until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


def test_P4_a_server_frozen_for_longer_than_every_timeout_has_every_record_once(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    configure(postgres, tmp_path)
    with Steady() as steady:
        until(lambda: steady.count > 100)
        own_postgres.freeze()
        until(lambda: int(str(sink_stats()["failed_writes"])) >= 2)  # the watchdog has ended two waits
        own_postgres.thaw()  # and what was on its way commits now
        until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


def test_connections_that_an_administrator_ends_again_and_again_cost_no_record(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    configure(postgres, tmp_path)
    with Steady() as steady, psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        for _ in range(30):
            administrator.execute(END_ALL)  # also in the middle of a COPY
            time.sleep(0.05)
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


class Proxy:
    """Between client and server: hands bytes on until it is told to swallow the server's."""

    def __init__(self, socket_file: str) -> None:
        self._target = socket_file
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.swallow_after: bytes | None = None
        self.swallowed = threading.Event()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._ends += [client, server]
                threading.Thread(target=self._carry, args=[client, server], daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        mute = False
        with contextlib.suppress(OSError), client, server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is client:
                        if self.swallow_after is not None and self.swallow_after in data:
                            mute, self.swallow_after = True, None
                            self.swallowed.set()
                        server.sendall(data)
                    elif not mute:
                        client.sendall(data)

    def close(self) -> None:
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxied(own_postgres: Server, postgres: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy, and the address of the same database through it."""
    folder = re.search("host=([^&]*)", own_postgres.url)
    assert folder is not None
    proxy = Proxy(f"{folder[1]}/.s.PGSQL.5432")
    yield proxy, at(f"postgresql://postgres@127.0.0.1:{proxy.port}/", postgres.partition("?")[0].rpartition("/")[2])
    proxy.close()


@pytest.mark.parametrize("statement", [b"COMMIT", b"BEGIN", b"COPY"])
def test_P4_a_statement_whose_answer_never_comes_is_neither_lost_nor_done_twice(
    proxied: tuple[Proxy, str], postgres: str, tmp_path: Path, statement: bytes
) -> None:
    proxy, url = proxied
    configure(url, tmp_path)
    with Steady() as steady:
        until(lambda: bool(sink_stats()["delivered"]))
        proxy.swallow_after = statement
        assert proxy.swallowed.wait(20)
        until(lambda: bool(sink_stats()["failed_writes"]))
        until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


def test_a_table_whose_making_is_not_answered_is_made_all_the_same(
    proxied: tuple[Proxy, str], postgres: str, tmp_path: Path
) -> None:
    proxy, url = proxied
    proxy.swallow_after = b"pg_advisory_xact_lock"
    configure(url, tmp_path)
    with Steady() as steady:
        assert proxy.swallowed.wait(20)
        until(lambda: bool(sink_stats()["failed_writes"]))
        until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


MAKING = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_advisory_xact_lock%'"


def test_a_server_that_freezes_while_the_table_is_made_holds_the_sender_up_no_longer_than_else(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    with psycopg.connect(postgres) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(b"app_logs")]
        )  # somebody makes the table just now
        configure(postgres, tmp_path)
        with Steady() as steady:
            until(lambda: bool(rows(postgres, MAKING)))
            own_postgres.freeze()
            until(lambda: bool(sink_stats()["failed_writes"]))
            own_postgres.thaw()
            other.rollback()
            until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))


def test_a_table_whose_making_takes_long_is_waited_for_while_the_server_works(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute(
            "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(4); END $$;"
            "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slow()"
        )
    configure(postgres, tmp_path)  # with a query_timeout of a second
    cordwood.get_logger("shop").info("%d", 0)
    until(lambda: sink_stats()["state"] == "connected")
    assert numbers(postgres) == [0]
    assert sink_stats()["failed_writes"] == 0


def test_a_table_that_is_dropped_is_made_again(postgres: str, tmp_path: Path) -> None:
    configure(postgres, tmp_path)
    log = cordwood.get_logger("shop")
    log.info("%d", 0)
    assert cordwood.flush(20) == 0
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute("DROP TABLE app_logs; DROP TABLE app_logs_ledger")
    for number in range(1, 100):
        log.info("%d", number)
    until(lambda: cordwood.flush(1) == 0)
    assert numbers(postgres) == list(range(1, 100))


def test_a_database_that_is_down_at_the_start_gets_what_was_logged_before_it_came_up(
    own_postgres: Server, postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own_postgres.stop()
    configure(postgres, tmp_path)
    for number in range(100):
        cordwood.get_logger("shop").info("%d", number)
    until(lambda: bool(sink_stats()["failed_writes"]))
    own_postgres.start()
    until(lambda: cordwood.flush(1) == 0)
    assert numbers(postgres) == list(range(100))
    assert "does not take records" in capfd.readouterr().err


def test_a_password_that_is_changed_is_asked_for_by_configuring_anew(
    own_postgres: Server, postgres: str, tmp_path: Path
) -> None:
    hba = own_postgres.folder / "pg_hba.conf"
    before = hba.read_text()
    with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        administrator.execute("CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'old-secret'")
        hba.write_text("local all shop scram-sha-256\n" + before)
        administrator.execute("SELECT pg_reload_conf()")
        try:
            url = postgres.replace("postgres:@", "shop:{}@")
            configure(url.format("old-secret"), tmp_path)
            cordwood.get_logger("shop").info("%d", 0)
            assert cordwood.flush(20) == 0
            administrator.execute("ALTER ROLE shop PASSWORD 'new-secret'")
            administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
            cordwood.get_logger("shop").info("%d", 1)
            until(lambda: bool(sink_stats()["failed_writes"]))
            assert "secret" not in str(cordwood.stats())
            configure(url.format("new-secret"), tmp_path)
            cordwood.get_logger("shop").info("%d", 2)
            until(lambda: cordwood.flush(1) == 0)
            assert numbers(postgres) == [0, 1, 2]
        finally:
            cordwood.shutdown(5)
            hba.write_text(before)
            administrator.execute("SELECT pg_reload_conf()")
            administrator.execute("REASSIGN OWNED BY shop TO postgres; DROP OWNED BY shop")
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute("REASSIGN OWNED BY shop TO postgres; DROP OWNED BY shop; DROP ROLE shop")


PROGRAM = """
    import os, sys, time, cordwood
    url, log_dir, name, count, *limit = sys.argv[1:]
    cordwood.configure(log_dir=log_dir, console_output=False, database={
        "enabled": True, "url": url, "batch_size": 10, "flush_interval": 0.05, "query_timeout": float([*limit, 30][0])})
    log = cordwood.get_logger("shop")
    accepted = open(f"{log_dir}/{name}.accepted", "a")
    for number in range(int(count)):
        log.info("%s %d", name, number)
        accepted.write("x")
        accepted.flush()
        time.sleep(0.0005)
    print(cordwood.flush(30), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start_(*arguments: object) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", textwrap.dedent(PROGRAM), *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env={**os.environ, "TZ": "UTC"}))
        return started[-1]

    yield start_
    for process in started:
        process.kill()
        process.communicate()


def check_accepted(url: str, log_dir: Path) -> None:
    """Of each process: none twice, none missing, in order; the one that was under way when it was killed may stand."""
    found: dict[str, list[int]] = {}
    for row in rows(url, "SELECT message FROM app_logs ORDER BY id"):
        name, number = row["message"].split()
        found.setdefault(name, []).append(int(number))
    for path in log_dir.glob("*.accepted"):
        seen, accepted = found[path.stem], path.stat().st_size
        assert seen == list(range(len(seen))), path.stem
        assert accepted <= len(seen) <= accepted + 1, path.stem


def all_delivered(log_dir: Path) -> bool:
    """Whether the spool has no more than its last process's open segment."""
    return len(list((log_dir / ".cordwood").glob("*.seg"))) <= 1


def test_processes_killed_in_the_middle_lose_nothing_that_was_accepted(
    postgres: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    killed = [start(postgres, tmp_path, f"killed{number}", 1_000_000) for number in range(3)]
    for process in killed:
        path = tmp_path / f"killed{killed.index(process)}.accepted"
        until(lambda path=path: path.exists() and path.stat().st_size > 500)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)  # the first of them delivers for all
        process.wait()
    last = start(postgres, tmp_path, "last", 100)
    assert last.stdout is not None
    assert last.stdout.readline() == "0\n"
    until(lambda: all_delivered(tmp_path))
    check_accepted(postgres, tmp_path)


def test_every_fault_at_once_loses_nothing_and_doubles_nothing(
    own_postgres: Server, postgres: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """A frozen server, its connections ended, a crash of it, and whoever delivers killed, each in the others."""
    working = {f"w{number}": start(postgres, tmp_path, f"w{number}", 1_000_000, 1) for number in range(2)}

    def waits_for(name: str) -> None:
        path = tmp_path / f"{name}.accepted"
        until(lambda: path.exists() and path.stat().st_size > 200)

    def kill(name: str) -> None:
        working[name].send_signal(signal.SIGKILL)
        working.pop(name).wait()

    for number in range(2, 5):
        waits_for(f"w{number - 2}")
        own_postgres.freeze()
        working[f"w{number}"] = start(postgres, tmp_path, f"w{number}", 1_000_000, 1)
        waits_for(f"w{number}")
        kill(f"w{number - 2}")  # it may have been delivering: its COMMIT is in the frozen server
        time.sleep(2.5)  # longer than every timeout
        own_postgres.thaw()
        with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
            administrator.execute(END_ALL)
        own_postgres.stop()
        own_postgres.start()
    for name in list(working):
        kill(name)
    last = start(postgres, tmp_path, "last", 100)
    assert last.stdout is not None
    assert "0\n" in iter(last.stdout.readline, "")  # before that, what was printed while the server was down
    until(lambda: all_delivered(tmp_path), 60)
    check_accepted(postgres, tmp_path)


@pytest.fixture
def small_disk(own_postgres: Server) -> Iterator[Path]:
    """A tablespace on a disk of its own, of 16 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = own_postgres.folder.parent / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    data = own_postgres.folder.stat()
    os.chown(folder, data.st_uid, data.st_gid)
    with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        administrator.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield folder
        administrator.execute("DROP TABLESPACE small")
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def test_a_server_whose_disk_is_full_gets_every_record_once_when_there_is_room_again(
    own_postgres: Server, small_disk: Path, postgres: str, tmp_path: Path
) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        name = postgres.partition("?")[0].rpartition("/")[2]
        administrator.execute(f"ALTER DATABASE {name} SET default_tablespace = small")
    configure(postgres, tmp_path)
    with Steady() as steady:
        until(lambda: bool(sink_stats()["delivered"]))
        with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        until(lambda: "DiskFull" in str(sink_stats()["last_error"]), 60)
        (small_disk / "ballast").unlink()
        until(lambda: sink_stats()["state"] == "connected")
    assert cordwood.flush(30) == 0
    assert numbers(postgres) == list(range(steady.count))
    cordwood.shutdown(5)


OURS = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'cordwood %%' AND datname = %s"


def test_many_processes_share_the_connections_of_one(
    postgres: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    open_: list[int] = []
    over = threading.Event()

    def count() -> None:
        with psycopg.connect(postgres, autocommit=True) as administrator:
            name = administrator.info.dbname
            while not over.wait(0.02):
                open_.append((administrator.execute(OURS, [name]).fetchone() or (0,))[0])

    counting = threading.Thread(target=count)
    counting.start()
    workers = [start(postgres, tmp_path, f"worker{number}", 50) for number in range(24)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "0\n"
    over.set()
    counting.join()
    assert max(open_) <= 2  # one for records, one for maintenance, at every moment
    assert open_[-1] >= 1
    assert rows(postgres, "SELECT count(*) AS n, count(DISTINCT message) AS m FROM app_logs") == [
        {"n": 1200, "m": 1200}
    ]
