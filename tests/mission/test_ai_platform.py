"""Rows P1 to P11: console and database, as the AI platform's LOGGER module has them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.databases import Server, at, rows
from tests.mission.conftest import Ran, environment

DOCUMENTED = """
CREATE TABLE {prefix}_logs (
    id BIGSERIAL PRIMARY KEY,
    timestamp TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    level VARCHAR(10) NOT NULL,
    logger_name VARCHAR(255) NOT NULL,
    process_id INTEGER NOT NULL,
    thread_id BIGINT NOT NULL,
    thread_name VARCHAR(255),
    hostname VARCHAR(255) NOT NULL,
    message TEXT NOT NULL,
    exception TEXT,
    function_name VARCHAR(255),
    module VARCHAR(255),
    filename VARCHAR(500),
    lineno INTEGER,
    pathname TEXT,
    extra_data JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_{prefix}_logs_timestamp ON {prefix}_logs (timestamp DESC);
CREATE INDEX idx_{prefix}_logs_level ON {prefix}_logs (level);
CREATE INDEX idx_{prefix}_logs_logger ON {prefix}_logs (logger_name);
CREATE INDEX idx_{prefix}_logs_hostname ON {prefix}_logs (hostname);
CREATE INDEX idx_{prefix}_logs_composite ON {prefix}_logs (timestamp, level, logger_name);
"""
CONFIG = """
logging:
  level: "DEBUG"
  database:
    enabled: true
    retention_days: 365
    batch_size: 50
  console:
    enabled: {console}
  components:
    authentication: "DEBUG"
    models: "WARNING"
database:
  url: "{url}"
  host: "nowhere.invalid"
  port: 1
  table_prefix: "myopenaiapi"
"""
TABLE = "myopenaiapi_logs"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., None]:
    def write(url: str, console: str = "false", more: str = "") -> None:
        (tmp_path / "config.yml").write_text(CONFIG.format(url=url, console=console) + more)

    return write


def embedded(folder: Path, query: str = f"SELECT * FROM {TABLE} ORDER BY id") -> list[dict[str, Any]]:
    connection = sqlite3.connect(folder / "logs.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(query)]
    finally:
        connection.close()


def test_P1_the_module_starts_logs_and_shuts_down(
    run: Callable[..., Ran], configured: Callable[..., None], tmp_path: Path
) -> None:
    configured("sqlite:///logs.db", console="true")
    done = run(
        "ai_platform",
        """
        from logger import get_logger, initialize_logger, shutdown_logging
        assert initialize_logger() is True
        get_logger("authentication").debug("signed in")
        get_logger("models").info("below its level")
        get_logger("apikey").error("refused")
        shutdown_logging()
        """,
    )
    assert [(row["logger_name"], row["level"], row["message"]) for row in embedded(tmp_path)] == [
        ("authentication", "DEBUG", "signed in"),
        ("apikey", "ERROR", "refused"),
    ]
    assert [line.split(" - ", 1)[1] for line in done.stderr.splitlines()] == [
        "authentication - DEBUG - signed in",
        "apikey - ERROR - refused",
    ]


def test_P1_it_says_truthfully_and_soon_that_the_database_is_not_there(
    run: Callable[..., Ran], configured: Callable[..., None]
) -> None:
    configured("postgresql://app:topsecret@127.0.0.1:1/logs")
    done = run(
        "ai_platform",
        """
        import os, time
        from logger import initialize_logger
        began = time.monotonic()
        assert initialize_logger() is False
        assert time.monotonic() - began < 10
        os._exit(0)
        """,
    )
    assert "does not answer" in done.stderr
    assert "topsecret" not in done.stderr + done.stdout


def shape(url: str, prefix: str) -> list[tuple[Any, ...]]:
    columns = "column_name, data_type, character_maximum_length, is_nullable, column_default"
    found = rows(
        url,
        f"SELECT {columns} FROM information_schema.columns WHERE table_name = '{prefix}_logs'",
    )
    found += rows(url, f"SELECT indexdef FROM pg_indexes WHERE tablename = '{prefix}_logs' ORDER BY indexname")
    return sorted(tuple(str(value).replace(prefix, "") for value in row.values()) for row in found)


def initialize(run: Callable[..., Ran]) -> None:
    program = "from logger import *; assert initialize_logger(); get_logger('x').error('x'); shutdown_logging()"
    run("ai_platform", program)


def test_P2_the_table_and_its_indexes_are_the_documented_ones(
    run: Callable[..., Ran], configured: Callable[..., None], postgres: str
) -> None:
    configured(postgres)
    initialize(run)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(DOCUMENTED.format(prefix="byhand"))
    assert shape(postgres, "myopenaiapi") == shape(postgres, "byhand")


def test_P2_processes_that_start_at_once_make_one_table(configured: Callable[..., None], postgres: str) -> None:
    configured(postgres)
    program = (
        "from logger import *; initialize_logger(); get_logger('x').error('x'); import cordwood; cordwood.flush(20)"
    )
    # Each with a home of its own, and so a spool of its own: all of them deliver.
    several = []
    for number in range(4):
        found = environment("ai_platform", XDG_STATE_HOME=str(Path.cwd() / f"state{number}"))
        several.append(subprocess.Popen([sys.executable, "-c", program], env=found, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=60)[1] for process in several]
    assert [process.returncode for process in several] == [0] * 4, said
    assert rows(postgres, f"SELECT count(*) AS n FROM {TABLE}") == [{"n": 4}]


def test_P2_a_prefix_that_could_be_sql_is_refused_with_its_line(
    run: Callable[..., Ran], configured: Callable[..., None], tmp_path: Path
) -> None:
    configured("sqlite:///logs.db")
    file = tmp_path / "config.yml"
    file.write_text(file.read_text().replace('"myopenaiapi"', "'x; DROP TABLE users; --'"))
    done = run("ai_platform", "from logger import *; assert initialize_logger()")
    assert re.search(r"config.yml:\d+: database.table_prefix: .* cannot begin a table's name", done.stderr)


def test_P3_a_batch_goes_when_it_is_full_or_has_waited(
    run: Callable[..., Ran], configured: Callable[..., None], tmp_path: Path
) -> None:
    configured("sqlite:///logs.db", more="  flush_interval: 1\n")
    run(
        "ai_platform",
        f"""
        import sqlite3, time
        from logger import *
        assert initialize_logger()
        log = get_logger("x")
        def standing():
            with sqlite3.connect("logs.db") as connection:
                return connection.execute("SELECT count(*) FROM {TABLE}").fetchone()[0]
        def until(count, seconds=20):
            end = time.monotonic() + seconds
            while standing() != count:
                assert time.monotonic() < end, standing()
                time.sleep(0.01)
        log.error("first"); import cordwood; cordwood.flush()   # the table is there
        for number in range(50):
            log.info("%d", number)
        until(51)
        began = time.time()
        log.info("alone")
        until(52)
        assert time.time() - began > 0.9
        """,
    )


def test_P3_a_full_queue_is_counted_and_holds_nobody_up(
    run: Callable[..., Ran], configured: Callable[..., None]
) -> None:
    configured("postgresql://app@127.0.0.1:1/logs")
    done = run(
        "ai_platform",
        """
        import json, os, time, cordwood
        from logger import *
        initialize_logger()
        log = get_logger("x")
        longest = 0
        for number in range(3000):
            began = time.monotonic()
            log.info("%s", "x" * 1000)
            longest = max(longest, time.monotonic() - began)
        (spool,) = cordwood.stats()["spools"].values()
        names = ("accepted", "refused", "dropped", "undelivered")
        print(json.dumps([*(spool[name] for name in names), longest]), flush=True)
        os._exit(0)
        """,
        CORDWOOD_SPOOL__MAX_BYTES="1 MB",
    )
    accepted, refused, dropped, undelivered, longest = json.loads(done.stdout)
    assert accepted + refused == 3000
    assert dropped["sink_behind"] + dropped["spool_full"] > 0
    assert dropped["spool_full"] == refused
    assert undelivered + dropped["sink_behind"] == accepted
    assert longest < 5  # a caller waits a tenth of a second; what is measured here is that it is not forgotten


def test_P4_five_retries_come_with_growing_pauses_and_a_random_part() -> None:
    from cordwood.delivery.pauses import backoff

    for failures, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.6], 1):
        pauses = {backoff(failures) for _ in range(50)}
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
    assert max(backoff(failures) for failures in range(1, 1000)) <= 30


def test_P5_old_rows_go_and_newer_ones_stay(
    run: Callable[..., Ran], configured: Callable[..., None], postgres: str, tmp_path: Path
) -> None:
    configured(postgres)
    file = tmp_path / "config.yml"
    file.write_text(file.read_text().replace("365", "30"))
    initialize(run)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {TABLE} (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
            " SELECT now() - n * interval '1 minute', 'INFO', 'old', 1, 1, 'h', 'm' FROM generate_series(1, 60000) n"
        )
    run(
        "ai_platform",
        """
        import time, cordwood
        from logger import *
        assert initialize_logger()
        get_logger("new").info("inserted meanwhile")
        cordwood.flush(20)
        end = time.monotonic() + 30
        while not list(cordwood.stats()["databases"].values())[0]["removed"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        """,
    )
    found = rows(postgres, f"SELECT count(*) AS n, min(timestamp) > now() - interval '31 days' AS young FROM {TABLE}")
    assert found == [{"n": 30 * 24 * 60 + 2, "young": True}] or abs(found[0]["n"] - 30 * 24 * 60 - 2) <= 2


FALLBACK = """
    import sys, time, cordwood
    from logger import *
    initialize_logger()
    log = get_logger("shop")
    log.info("first %d", 1)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("second")
    print("logged", flush=True)
    sys.stdin.readline()
    log.info("third")
    print(cordwood.flush(30), flush=True)
"""


@pytest.mark.parametrize("console", ["false", "true"])
def test_P6_records_go_to_the_console_and_are_inserted_when_the_database_is_back(
    start: Callable[..., subprocess.Popen[str]],
    configured: Callable[..., None],
    own_postgres: Server,
    postgres: str,
    console: str,
) -> None:
    configured(postgres, console=console)
    own_postgres.stop()
    process = start("ai_platform", FALLBACK)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "logged\n"
    lines: list[str] = []
    while not any("ZeroDivisionError: division by zero" in line for line in lines):
        lines.append(process.stderr.readline())
    if console == "true":
        time.sleep(4)  # five attempts go by: nothing may be printed again
    own_postgres.start()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "0\n"
    process.stdin.close()
    assert process.wait(30) == 0
    said = "".join(lines) + process.stderr.read()
    assert said.count("first 1") == 1
    assert said.count("- second") == 1
    assert [row["message"] for row in rows(postgres, f"SELECT message FROM {TABLE} ORDER BY id")] == [
        "first 1",
        "second",
        "third",
    ]


def test_P6_the_application_never_sees_an_error_with_no_console_to_fall_back_to(
    run: Callable[..., Ran], configured: Callable[..., None]
) -> None:
    configured("postgresql://app@127.0.0.1:1/logs")
    done = run(
        "ai_platform",
        """
        import os, sys, time, cordwood
        from logger import *
        initialize_logger()
        sys.stderr = sys.stdout = None
        os.close(1), os.close(2)
        get_logger("shop").error("nobody hears it")
        end = time.monotonic() + 20
        while not list(cordwood.stats()["databases"].values())[0]["fallback_skipped"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        os._exit(0)
        """,
    )
    assert "Traceback" not in done.stderr


def test_P7_the_url_wins_and_variables_stand_for_values(
    run: Callable[..., Ran], configured: Callable[..., None], tmp_path: Path
) -> None:
    configured("${WHERE:-sqlite:///elsewhere.db}")
    run(
        "ai_platform",
        "from logger import *; assert initialize_logger(); get_logger('x').error('x')",
        WHERE="sqlite:///logs.db",
    )
    assert len(embedded(tmp_path)) == 1
    assert not (tmp_path / "elsewhere.db").exists()


def test_P7_faults_are_named_with_their_line_and_a_default_is_used(
    run: Callable[..., Ran], configured: Callable[..., None], tmp_path: Path
) -> None:
    configured("sqlite:///logs.db", more="  batch_siz: 7\n  flush_interval: soon\n")
    done = run("ai_platform", "from logger import *; assert initialize_logger(); get_logger('x').error('x')")
    assert re.search(r"config.yml:\d+: database.batch_siz: .*did you mean 'batch_size'", done.stderr)
    assert re.search(r"config.yml:\d+: database.flush_interval: 'soon' is not a time.*using 5.0", done.stderr)
    assert len(embedded(tmp_path)) == 1


EVERYTHING = """
    import threading
    from logger import *
    assert initialize_logger()
    log = get_logger("api")
    def work():
        try:
            {}["missing"]
        except KeyError:
            log.error("failed: %s", "it", exc_info=True, extra={"user_id": 123, "ratio": 0.5, "ok": True, "none": None,
                "nested": {"a": [1, "x"]}, "big": 2**70, "nul": chr(0), "half": "\\ud800"})
    thread = threading.Thread(target=work, name="worker-" + "x" * 300)
    thread.start(); thread.join()
    shutdown_logging()
"""


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_P8_P10_every_column_is_filled_and_fields_keep_their_types(
    run: Callable[..., Ran],
    configured: Callable[..., None],
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("postgres") if kind == "postgres" else "sqlite:///logs.db"
    configured(url)
    run("ai_platform", EVERYTHING)
    (row,) = rows(url, f"SELECT * FROM {TABLE}") if kind == "postgres" else embedded(tmp_path)
    extra = row["extra_data"] if kind == "postgres" else json.loads(row["extra_data"])
    assert extra == {
        "user_id": 123,
        "ratio": 0.5,
        "ok": True,
        "none": None,
        "nested": {"a": [1, "x"]},
        "big": 2**70,
        "nul": "\\x00",
        "half": "\\ud800",
        "_whole": {"thread_name": "worker-" + "x" * 300},
    }
    assert row["thread_name"] == ("worker-" + "x" * 300)[:255]
    assert (row["level"], row["logger_name"], row["message"]) == ("ERROR", "api", "failed: it")
    assert (row["function_name"], row["filename"], row["module"]) == ("work", "<string>", "<string>")
    assert row["exception"].endswith("KeyError: 'missing'")
    assert row["lineno"] > 1
    assert row["pathname"] == "<string>"
    assert row["process_id"] > 1
    assert row["thread_id"] > 1
    assert row["hostname"] == os.uname().nodename
    assert all(row[name] is not None for name in ("id", "timestamp", "created_at"))


def test_P9_health_is_read_from_python_by_command_and_by_prometheus(
    run: Callable[..., Ran], cordwood: Callable[..., Ran], configured: Callable[..., None]
) -> None:
    configured("sqlite:///logs.db")
    done = run(
        "ai_platform",
        """
        import json, cordwood
        from logger import *
        assert initialize_logger()
        log = get_logger("x" * 300)
        for number in range(120):
            log.info("%d", number)
        assert cordwood.flush(20) == 0
        (stats,) = cordwood.stats()["databases"].values()
        from cordwood.integrations.prometheus import Collector
        figures = {}
        for family in Collector(cordwood.stats).collect():
            for sample in family.samples:
                figures[sample.name + "".join(sample.labels.get(key, "") for key in ("state",))] = sample.value
        print(json.dumps([stats, figures]))
        """,
    )
    stats, figures = json.loads(done.stdout)
    assert (stats["delivered"], stats["waiting"], stats["lag_seconds"], stats["state"]) == (120, 0, 0, "connected")
    assert 1 <= stats["batches"] <= 4
    assert stats["rows_per_second"] > 0
    assert (stats["retries"], stats["fallback"], stats["quarantined"], stats["cut"]) == (0, 0, 0, 120)
    assert figures["cordwood_database_delivered_total"] == 120
    assert figures["cordwood_database_waiting"] == 0
    assert figures["cordwood_database_connected"] == 1
    assert figures["cordwood_database_batches_total"] == stats["batches"]


def test_P9_doctor_says_how_the_database_fares(
    run: Callable[..., Ran], cordwood: Callable[..., Ran], tmp_path: Path
) -> None:
    program = """
        import sys, time, cordwood
        cordwood.configure(log_dir="logs", database=sys.argv[1], console_output=False)
        for number in range(7):
            cordwood.get_logger("x").info("%d", number)
        end = time.monotonic() + 20
        while not list(cordwood.stats()["databases"].values())[0].get(sys.argv[2]):
            assert time.monotonic() < end
            time.sleep(0.05)
            cordwood.flush(0)
        import os; os._exit(0)
        """
    run("", program, "sqlite:///logs.db", "delivered")
    said = cordwood("doctor", "logs").stdout
    assert re.search(r"sqlite:///.*#app_logs: 0 records behind", said)
    run("", program, "postgresql://app:topsecret@127.0.0.1:1/x", "retries")
    whole = json.loads(cordwood("doctor", "logs", "--json", status=1).stdout)
    (spool,) = whole["spools"]
    (name,) = [sink for sink in spool["sinks"] if sink.startswith("postgresql://")]
    assert spool["sinks"][name] == 7
    assert spool["databases"][name]["failed_writes"] >= 1
    assert "topsecret" not in json.dumps(whole)
    assert any("records wait" in problem for problem in whole["problems"])


def test_P11_the_handlers_work_on_standard_loggers(run: Callable[..., Ran], tmp_path: Path) -> None:
    done = run(
        "ai_platform",
        """
        import logging
        from logger import create_console_handler, create_database_handler, create_file_handler
        from logger.log_handler import DatabaseLogHandler
        log = logging.getLogger("plain")
        log.setLevel("DEBUG")
        for handler in (
            create_console_handler("WARNING"),
            create_file_handler("logs/own.log", "INFO"),
            create_database_handler("ERROR", url="sqlite:///logs.db", table_prefix="byhand"),
        ):
            log.addHandler(handler)
        log.info("one"); log.warning("two"); log.error("three", extra={"n": 3})
        assert isinstance(log.handlers[2], DatabaseLogHandler)
        for handler in log.handlers:
            handler.close()
        """,
    )
    assert [line.rpartition(" - ")[2] for line in done.stderr.splitlines()] == ["two", "three"]
    assert (tmp_path / "logs" / "own.log").read_text().count("\n") == 3
    assert [(row["message"], row["extra_data"]) for row in embedded(tmp_path, "SELECT * FROM byhand_logs")] == [
        ("three", '{"n":3}')
    ]


def test_P11_a_wrong_setting_of_a_handler_is_named(run: Callable[..., Ran]) -> None:
    program = "from logger import create_database_handler; create_database_handler(url='mysql://x/y')"
    done = run("ai_platform", program, status=1)
    assert "url: it is not the address of a database that Cordwood knows" in done.stderr
    assert at("postgresql://h/x", "y") == "postgresql://h/y"
