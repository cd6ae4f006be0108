"""No password of a database is shown: however it is written, whatever goes wrong."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import traceback
from pathlib import Path
from urllib.parse import quote

import cordwood
import psycopg
import pytest
from cordwood.config import resolve
from cordwood.errors import ConfigError
from cordwood.query.sql import Database
from cordwood.sinks.database.url import DatabaseUrl
from cordwood.sinks.postgres import PostgresSink

from tests.databases import Server, sink_stats, until

SIGNS = "@:/?#[]%&=+ \\'\"$;,!*()<>{}|^`~\t\n\0éß漢\ud800"


def passwords(count: int) -> list[str]:
    """Two words that are looked for, with signs before, between and after them; the same in each run."""
    source = random.Random(4)
    return ["".join([*source.choices(SIGNS, k=source.randint(0, 2)), "Fir7st", *source.choices(SIGNS, k=3), "Sec0nd",
                     *source.choices(SIGNS, k=source.randint(0, 2))]) for _ in range(count)]  # fmt: skip


def urls(password: str) -> list[str]:
    """As people write it: raw, quoted as it should be, and as an option."""
    right = quote(password, safe="", errors="surrogatepass")
    return [
        f"postgresql://app:{password}@127.0.0.1:1/logs",
        f"postgresql://app:12{password}@127.0.0.1:1/logs?connect_timeout=2",
        f"postgresql://app:{right}@127.0.0.1:1/logs",
        f"postgresql://app@127.0.0.1:1/logs?password={password}",
        f"postgresql://app@127.0.0.1:1/logs?password={right}",
        f"postgresql://app:{right}@127.0.0.1:1/logs?bad_option=1",
        f"postgresql://app:{right}@127.0.0.1:1,127.0.0.1:2/logs?port=x1",
        f"{password}://app:{password}@h/x",
    ]


def told(error: BaseException) -> str:
    """All that a traceback shows of an error but our own source."""
    return "".join(f"{type(one).__name__}: {one} {one.args}" for one in chain(error))


def chain(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *chain(error.__cause__), *chain(error.__context__)]


def attempt(url: str) -> str:
    """What is said of an address from its parsing to a connection that fails."""
    said = []
    try:
        sink = PostgresSink(url, connect_timeout=1)
    except ConfigError as error:
        return told(error)
    said += [repr(sink), sink.identity, sink.spec(), repr(sink.target), sink.target.masked]
    try:
        psycopg.connect(sink.target.connect)
    except (psycopg.Error, UnicodeError, ValueError) as error:
        said.append(sink.target.scrub(str(error)))
    return "".join(said)


def test_no_password_is_shown_however_its_address_is_written() -> None:
    for password in passwords(200):
        for url in urls(password):
            said = attempt(url)
            assert "Fir7st" not in said, url
            assert "Sec0nd" not in said, url


def test_no_password_of_a_setting_or_a_command_is_shown(tmp_path: Path) -> None:
    for password in passwords(15):
        for url in urls(password):
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                (tmp_path / "config.yml").write_text(
                    "logging: {}\ndatabase: " + json.dumps({"url": url, "password": password})
                )
                print(repr(resolve("config.yml", environ={})))
                print(repr(resolve(environ={"CORDWOOD_DATABASE__URL": url.replace("\0", "")})))
                try:
                    cordwood.LogConfig(database=url)  # type: ignore[arg-type]
                    Database(url)
                except Exception:
                    traceback.print_exc()
            assert "Fir7st" not in said.getvalue(), url
            assert "Sec0nd" not in said.getvalue(), url


def test_a_password_that_is_not_quoted_is_understood_where_it_can_be() -> None:
    address = DatabaseUrl.parse("postgresql://app:p@ss:w%rd@db:5432/logs")
    assert address.shown == "postgresql://app@db:5432/logs"
    assert address.connect == "postgresql://app:p%40ss%3Aw%25rd@db:5432/logs"
    assert psycopg.conninfo.conninfo_to_dict(address.connect)["password"] == "p@ss:w%rd"
    plus = DatabaseUrl.parse("postgresql://app@db/logs?password=a+b")
    assert psycopg.conninfo.conninfo_to_dict(plus.connect)["password"] == "a+b"


@pytest.mark.parametrize("password", ["pa/ss", "12/ss", "pa?ss", "12?ss", "pa#ss", "12#ss", "pa[ss"])
def test_a_password_that_would_end_its_address_is_refused_with_what_to_write(password: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be taken apart.*%40 %2F") as caught:
        DatabaseUrl.parse(f"postgresql://app:{password}@db:5432/logs")
    assert "ss" not in str(caught.value).replace("p%40ss", "")


@pytest.mark.parametrize(
    "url",
    ["postgresql://", "postgresql:///logs", "postgresql://h1:1,h2:2/x", "postgresql://[::1]:5432/x",
     "postgresql:///x?host=/run/pg&port=5432", "postgresql://%2Frun%2Fpg/x", "postgres://u@h/x?options=-c%20a%3Db"],
)  # fmt: skip
def test_an_address_that_the_driver_knows_is_taken_as_it_is(url: str) -> None:
    wanted = psycopg.conninfo.conninfo_to_dict(url)
    assert psycopg.conninfo.conninfo_to_dict(DatabaseUrl.parse(url).connect) == wanted


def test_an_address_shows_no_secret_however_it_is_written() -> None:
    for url in (
        "postgresql://app:s3cr%40t@db:5432/logs?sslmode=require",
        "postgres://app@db/logs?password=s3cr%40t",
        "postgresql+psycopg://app:s3cr%40t@[::1]/logs",
    ):
        address = DatabaseUrl.parse(url)
        assert "s3cr" not in address.shown + repr(address)
        assert address.scrub("FATAL: s3cr@t and s3cr%40t") == "FATAL: *** and ***"
        assert "s3cr" in address.connect


def test_nothing_that_is_written_or_said_has_the_password(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        cordwood.configure(
            log_dir=tmp_path, console_output=False, database="postgresql://app:hunter22@127.0.0.1:1/logs"
        )
        cordwood.get_logger("shop").info("x")
        assert cordwood.flush(1) == 1
        said = [
            str(cordwood.stats()),
            repr(cordwood.LoggingManager().config),
            str(cordwood.LoggingManager().unreachable()),
        ]
        cordwood.shutdown(0.2)
    found = "".join([*said, *capfd.readouterr(), caplog.text])
    assert "hunter22" not in found
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter22" not in path.read_bytes(), path


def test_a_server_that_refuses_a_password_is_quoted_without_it(
    own_postgres: Server, postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hba = own_postgres.folder / "pg_hba.conf"
    before = hba.read_text()
    with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        hba.write_text("local all guest scram-sha-256\n" + before)
        administrator.execute("CREATE ROLE guest LOGIN PASSWORD 'another'; SELECT pg_reload_conf()")
        try:
            url = postgres.replace("postgres:@", "guest:hunter22@")
            cordwood.configure(log_dir=tmp_path, console_output=False, database=url)
            cordwood.get_logger("shop").info("x")
            until(lambda: int(str(sink_stats()["failed_writes"])) >= 5)  # then the console gets it too
            said = str(cordwood.stats()) + str(cordwood.LoggingManager().unreachable())
            cordwood.shutdown(0.2)
        finally:
            hba.write_text(before)
            administrator.execute("DROP ROLE guest")
            administrator.execute("SELECT pg_reload_conf()")
    assert "password authentication failed" in said
    assert "hunter22" not in said + "".join(capfd.readouterr())
    assert not any(b"hunter22" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
