"""C: one file a level, one logger a service."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SERVICES = (
    "auth", "storage", "prompt", "job", "project", "track", "video", "image", "audio", "export", "stats", "pricing",
)  # fmt: skip

ALL_LEVELS = """
import logging
from api.config.logging import get_auth_logger
for logger in (get_auth_logger(), logging.getLogger("api.main")):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)("at %s", level)
"""


def levels(path: Path, logger: str) -> list[str]:
    return re.findall(rf" - {logger} - ([A-Z]+) - ", path.read_text())


def test_C1_each_file_has_its_levels_and_services_log_has_all_services(run: Run, tmp_path: Path) -> None:
    run("clipizi", ALL_LEVELS, CORDWOOD_COMPONENT_LEVELS__services="DEBUG")
    every = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    for name, expected in {"debug.log": every, "info.log": every[1:], "error.log": every[3:]}.items():
        for logger in ("services.auth_service", "api.main"):
            assert levels(tmp_path / "logs" / name, logger) == expected, name
    assert levels(tmp_path / "logs/services.log", "services.auth_service") == every
    assert levels(tmp_path / "logs/services.log", "api.main") == []


def test_C1_files_rotate_at_10_mb_with_5_backups() -> None:
    from cordwood.config.presets.clipizi import clipizi

    config = clipizi()
    assert (config.max_bytes, config.backup_count, config.when) == (10 * 1024 * 1024, 5, None)
    assert [(file.max_bytes, file.backup_count) for file in config.files] == [(None, None)] * 4


def test_C2_twelve_services_have_their_helpers(run: Run, tmp_path: Path) -> None:
    run(
        "clipizi",
        f"""
        import logging
        from api.config import logging as services
        for name in {SERVICES!r}:
            logger = getattr(services, f"get_{{name}}_logger")()
            assert logger is logging.getLogger(f"services.{{name}}_service")
            logger.info("from %s", name)
        own = services.setup_logger("services.own", logging.DEBUG)
        own.debug("of its own level")
        """,
    )
    lines = (tmp_path / "logs/services.log").read_text().splitlines()
    assert [line.rpartition(" - ")[2] for line in lines] == [*(f"from {name}" for name in SERVICES), "of its own level"]


def test_C3_console_and_file_have_the_documented_formats(run: Run, tmp_path: Path) -> None:
    program = """from api.config.logging import get_job_logger
def work():
    get_job_logger().info("Job %d done", 7)
work()
"""
    console = run("clipizi", program).stderr
    assert re.fullmatch(r"\d\d:\d\d:\d\d - INFO - Job 7 done\n", console)
    line = (tmp_path / "logs/services.log").read_text()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{stamp} - services\.job_service - INFO - work:3 - Job 7 done\n", line)
    assert line.startswith(line[:11] + console[:8]), "both times are those of the call"


def make(name: str, days: float) -> None:
    Path("logs").mkdir(exist_ok=True)
    Path("logs", name).write_text("x")
    os.utime(Path("logs", name), (time.time() - days * 86_400,) * 2)


def test_C4_cleanup_keeps_30_days_or_as_many_as_asked_for(run: Run, tmp_path: Path) -> None:
    for name, days in {"info.log.1": 6, "info.log.2": 8, "info.log.3.gz": 29, "error.log.1": 31, "old.txt": 99}.items():
        make(name, days)
    kept = "import os; print(sorted(n for n in os.listdir('logs') if not n.startswith('.')))"
    cleaned = "from api.config.logging import cleanup_old_logs, get_auth_logger; get_auth_logger(); cleanup_old_logs"
    found = run("clipizi", f"{cleaned}(); {kept}").stdout
    assert found == "['info.log.1', 'info.log.2', 'info.log.3.gz', 'old.txt']\n"
    found = run("clipizi", f"{cleaned}(days_to_keep=7); {kept}").stdout
    assert found == "['info.log.1', 'old.txt']\n"


HOLD = """
import fcntl, sys
files = [open(f"logs/{name}.log", "a") for name in ("info", "debug", "services")]
for file in files:
    fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_C5_a_call_returns_although_no_file_can_be_written(run: Run, tmp_path: Path) -> None:
    """Every file of the directory is locked by another process: calls go on, lines come when it lets go."""
    (tmp_path / "hold.py").write_text(HOLD)
    done = run(
        "clipizi",
        """
        import subprocess, sys
        from api.config.logging import get_auth_logger
        import cordwood
        logger = get_auth_logger()
        logger.info("first")
        cordwood.flush()
        holder = subprocess.Popen(
            [sys.executable, "hold.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        holder.stdout.readline()
        for number in range(10_000):
            logger.info("call %d", number)
        print("returned", cordwood.flush(0.2) > 0)
        holder.communicate()
        print(cordwood.flush(20))
        """,
        CORDWOOD_CONSOLE_OUTPUT="no",
    )
    assert done.stdout == "returned True\n0\n"
    lines = (tmp_path / "logs/services.log").read_text().splitlines()
    assert [line.rpartition(" - ")[2] for line in lines] == ["first", *(f"call {number}" for number in range(10_000))]


def test_C6_one_switch_turns_debug_on_for_all_services_while_running(run: Run, tmp_path: Path) -> None:
    run(
        "clipizi",
        """
        import logging
        import cordwood
        from api.config.logging import get_auth_logger, get_job_logger, setup_logger
        stubborn = setup_logger("services.stubborn", logging.ERROR)
        for logger in (get_auth_logger(), stubborn):
            logger.debug("before")
        cordwood.set_level("services", "DEBUG")
        for logger in (get_auth_logger(), get_job_logger(), stubborn):
            logger.debug("switched on")
        cordwood.set_level("services", None)
        for logger in (get_auth_logger(), get_job_logger(), stubborn):
            logger.debug("after")
            logger.error("as configured")
        """,
    )
    text = (tmp_path / "logs/services.log").read_text()
    assert (text.count("before"), text.count("switched on"), text.count("after")) == (0, 3, 0)
    assert text.count("as configured") == 3


RUNNING = """
import sys
import cordwood
from api.config.logging import get_auth_logger, get_job_logger
preset = None
get_auth_logger().info("ready")
print("ready", flush=True)
for line in sys.stdin:  # one question a line: is DEBUG on?
    print(get_job_logger().isEnabledFor(10), get_job_logger().debug("asked"), flush=True)
"""


def ask_until(program: subprocess.Popen[str], answer: str) -> None:
    """Ask a running program until it answers as expected; the test's timeout bounds it."""
    assert program.stdin is not None
    assert program.stdout is not None
    deadline = time.monotonic() + 20
    found = ""
    while time.monotonic() < deadline:
        program.stdin.write("?\n")
        program.stdin.flush()
        found = program.stdout.readline().split(" ")[0].strip()
        if found == answer:
            return
        time.sleep(0.02)
    pytest.fail(f"{found} for 20 s")


@pytest.fixture
def running(start: Callable[..., subprocess.Popen[str]]) -> subprocess.Popen[str]:
    program = start("clipizi", RUNNING)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


def test_C6_the_switch_by_command(running: subprocess.Popen[str], cordwood: Run) -> None:
    ask_until(running, "False")
    assert cordwood("level", "services", "DEBUG", "logs").stdout == "services DEBUG\n"
    ask_until(running, "True")
    assert cordwood("level", "services", "reset", "logs").stdout == "no level is switched in logs\n"
    ask_until(running, "False")
    running.communicate()


def test_C6_a_wrong_level_is_refused_by_the_command(cordwood: Run) -> None:
    assert "did you mean 'DEBUG'" in cordwood("level", "services", "DEBGU", "logs", status=2).stderr


def test_C6_the_switch_by_editing_the_configuration_file(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text("logging: {components: {services: INFO}}\n")
    program = start("clipizi", RUNNING.replace("preset = None", "cordwood.configure('config.yml', preset='clipizi')"))
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    ask_until(program, "False")
    config.write_text("logging: {components: {services: DEBUG}}\n")
    ask_until(program, "True")
    config.write_text("logging:\n\tlevel: DEBUG\n")  # damaged: levels stay
    ask_until(program, "True")
    config.write_text("logging: {components: {services: WARNING}}\n")
    ask_until(program, "False")
    program.communicate()


def test_C7_files_rotated_by_others_figures_and_alerts(run: Run, tmp_path: Path) -> None:
    """Rename and copytruncate as logrotate does them (with the real one: tests/integrations/test_logrotate.py)."""
    done = run(
        "clipizi",
        """
        import os, pathlib, shutil
        from api.config.logging import get_job_logger
        import cordwood, prometheus_client
        from cordwood.integrations.alert import AlertSink
        from cordwood.integrations.prometheus import Collector

        logger, told = get_job_logger(), []
        logger.parent.addHandler(cordwood.Handler(sink=AlertSink(told.append, threshold=2), level="ERROR"))
        os.makedirs("elsewhere")
        def log(text):
            logger.error("%s", text)
            cordwood.flush()
        log("before")
        os.rename("logs/services.log", "elsewhere/renamed.log")
        log("after rename")
        shutil.copy("logs/services.log", "elsewhere/copied.log")
        os.truncate("logs/services.log", 0)
        log("after copytruncate")
        print([alert.count for alert in told])
        registry = prometheus_client.CollectorRegistry()
        registry.register(Collector(cordwood.stats))
        spool = str(pathlib.Path("logs/.cordwood").resolve())
        print(registry.get_sample_value("cordwood_records_undelivered", {"spool": spool}))
        """,
    )
    assert done.stdout == "[2]\n0.0\n"
    texts = [(tmp_path / name).read_text() for name in ("elsewhere/renamed.log", "elsewhere/copied.log")]
    texts.append((tmp_path / "logs/services.log").read_text())
    assert [text.rpartition(" - ")[2] for text in texts] == ["before\n", "after rename\n", "after copytruncate\n"]
    assert [text.count("\n") for text in texts] == [1, 1, 1]


def test_C8_secrets_reach_no_destination_and_e_mail_and_user_ids_do(run: Run, tmp_path: Path) -> None:
    card, jwt = (
        "4111 1111 1111 1111",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0",
    )
    console = run(
        "clipizi",
        f"""
        from api.config.logging import get_auth_logger
        logger = get_auth_logger()
        logger.info("User authenticated successfully: %s", "ann@example.org")
        logger.info("login of user_id=42 with password=%s", "hunter2-a")
        logger.info("token: %s", "hunter2-b", extra={{"api_key": "hunter2-c", "user_id": 42}})
        logger.error("paid with {card} and {jwt}")
        try:
            raise ValueError("secret=hunter2-d")
        except ValueError as error:
            logger.error(f"Authentication failed: {{error}}", exc_info=True)
        """,
    ).stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    found = console.encode() + b"".join(path.read_bytes() for path in files)
    for secret in ("hunter2", card, jwt):
        assert secret.encode() not in found
    assert "ann@example.org" in console
    assert "user_id=42" in console


def test_C1_the_docs_have_shell_lines_that_answer_rightly(run: Run, tmp_path: Path) -> None:
    run(
        "clipizi",
        """
        from api.config.logging import get_job_logger, get_stats_logger
        get_stats_logger().critical("down")
        for number in range(3):
            try:
                raise ValueError("a - b - ERROR - c")
            except ValueError:
                get_job_logger().exception("Processing job %d failed", number)
        """,
    )
    page = Path(__file__).resolve().parents[2] / "docs/systems/clipizi.md"
    count, find = re.findall(r"^(?:awk|grep -F) .*$", page.read_text(), re.MULTILINE)
    counted = subprocess.run(["sh", "-c", count], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"(\d+) (\S+)\n", counted) == [("3", "services.job_service"), ("1", "services.stats_service")]
    found = subprocess.run(["sh", "-c", find], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert found.count("\n") == found.count("Processing job") == 3
