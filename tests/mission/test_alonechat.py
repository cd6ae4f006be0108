"""L: one manager, one configuration object, environments."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def messages(path: Path) -> list[str]:
    return [line.rpartition(" - ")[2] for line in path.read_text().splitlines()]


def test_L1_the_configuration_object_has_the_nine_documented_attributes_and_defaults(run: Run) -> None:
    run(
        "alonechat",
        """
        from AloneChat.core.logging import LogConfig, LoggingManager, configure_logging, get_logger
        config = LogConfig()
        assert (config.level, config.log_dir) == ("INFO", "./logs")
        assert (config.console_output, config.file_output) == (True, True)
        assert (config.max_bytes, config.backup_count, config.format_string) == (10 * 1024 * 1024, 5, None)
        assert (config.date_format, config.component_levels) == ("%Y-%m-%d %H:%M:%S", {})
        assert LoggingManager() is LoggingManager() is configure_logging(config)
        """,
    )


def test_L1_manual_configuration_writes_the_main_and_the_errors_log(run: Run, tmp_path: Path) -> None:
    console = run(
        "alonechat",
        """
        from AloneChat.core.logging import configure_logging, get_logger, LogConfig
        configure_logging(LogConfig(
            level="DEBUG", log_dir="./logs", max_bytes=10*1024*1024, backup_count=5,
            console_output=True, file_output=True,
        ))
        logger = get_logger(__name__)
        logger.debug("Debug information")
        logger.error("Error occurred")
        """,
    ).stderr
    lines = (tmp_path / "logs/alonechat.log").read_text()
    assert re.fullmatch(rf"{STAMP} - __main__ - DEBUG - Debug information\n{STAMP} - __main__ - ERROR - .*\n", lines)
    assert console == lines
    assert messages(tmp_path / "logs/alonechat_errors.log") == ["Error occurred"]


def test_L2_the_three_presets_have_their_documented_values(run: Run) -> None:
    run(
        "alonechat",
        """
        from AloneChat.core import logging
        def values(config):
            size = config.max_bytes >> 20
            return (config.level, config.console_output, config.file_output, size, config.backup_count)
        development, production = logging.create_development_config(), logging.create_production_config()
        assert values(development) == ("DEBUG", True, True, 5, 3)
        assert values(production) == ("INFO", False, True, 50, 10)
        testing = logging.create_testing_config()
        assert values(testing)[:3] == ("DEBUG", True, False)
        for config in (development, production):
            assert "%(filename)s:%(lineno)d" in config.format_string
            assert [file.name for file in config.files] == ["alonechat.log", "alonechat_errors.log"]
        assert [file.name for file in testing.files] == ["alonechat.log"]
        """,
    )


LOG_IN_BOTH = """
from AloneChat.core.logging import auto_configure, get_logger
auto_configure()
logger = get_logger("AloneChat.app")
logger.info("started")
logger.error("broken")
"""


@pytest.mark.parametrize(
    ("env", "folder", "shown"),
    [("development", "dev", True), ("production", "prod", False), ("", "dev", True)],
)
def test_L2_the_environment_variable_chooses_directory_and_console(
    run: Run, tmp_path: Path, env: str, folder: str, shown: bool
) -> None:
    console = run("alonechat", LOG_IN_BOTH, ALONECHAT_ENV=env).stderr
    assert bool(console) is shown
    assert messages(tmp_path / "logs" / folder / "alonechat.log") == ["started", "broken"]
    assert messages(tmp_path / "logs" / folder / "alonechat_errors.log") == ["broken"]
    assert [path.name for path in (tmp_path / "logs").iterdir()] == [folder]


def test_L2_testing_writes_no_file_unless_asked_and_then_one(run: Run, tmp_path: Path) -> None:
    console = run("alonechat", LOG_IN_BOTH, ALONECHAT_ENV="testing").stderr
    assert console == "INFO: started\nERROR: broken\n"
    assert not (tmp_path / "logs").exists()
    run("alonechat", LOG_IN_BOTH, ALONECHAT_ENV="testing", CORDWOOD_FILE_OUTPUT="yes")
    files = [path.name for path in (tmp_path / "logs/test").iterdir() if not path.name.startswith(".")]
    assert files == ["alonechat.log"]


def test_L2_an_environment_named_explicitly_wins(run: Run, tmp_path: Path) -> None:
    program = LOG_IN_BOTH.replace("auto_configure()", 'auto_configure(env="development")')
    run("alonechat", program, ALONECHAT_ENV="production")
    assert (tmp_path / "logs/dev/alonechat.log").exists()


def test_L2_a_wrong_environment_is_said_and_development_is_used(run: Run, tmp_path: Path) -> None:
    console = run("alonechat", LOG_IN_BOTH, ALONECHAT_ENV="prodution").stderr
    assert "ALONECHAT_ENV: there is no environment 'prodution'" in console
    assert "did you mean 'production'" in console
    assert (tmp_path / "logs/dev/alonechat.log").exists()


def test_L3_the_console_is_coloured_and_detailed(run: Run) -> None:
    console = run("alonechat", LOG_IN_BOTH, FORCE_COLOR="1").stderr
    assert re.fullmatch(
        rf"{STAMP} - AloneChat.app - \x1b\[32mINFO\x1b\[0m - <string>:5 - started\n"
        rf"{STAMP} - AloneChat.app - \x1b\[31mERROR\x1b\[0m - <string>:6 - broken\n",
        console,
    )


def test_L3_json_lines(run: Run, tmp_path: Path) -> None:
    run(
        "alonechat",
        """
        from AloneChat.core.logging import configure_logging, get_logger, LogConfig
        configure_logging(LogConfig(format="json", console_output=False))
        get_logger("x").info("Processing request", extra={"request_id": "r1", "user_id": 7, "duration": 0.5})
        """,
    )
    line = json.loads((tmp_path / "logs/alonechat.log").read_text())
    expected = {
        "level": "INFO",
        "logger": "x",
        "message": "Processing request",
        "request_id": "r1",
        "user_id": 7,
        "duration": 0.5,
    }
    assert {name: line[name] for name in expected} == expected


def test_L3_component_levels_and_fatal_as_critical(run: Run, tmp_path: Path) -> None:
    run(
        "alonechat",
        """
        import logging
        from AloneChat.core.logging import configure_logging, get_logger, LogConfig
        config = LogConfig(level="FATAL", component_levels={"AloneChat.db": "DEBUG"}, console_output=False)
        assert config.level == "CRITICAL"
        configure_logging(config)
        get_logger("AloneChat.db.pool").debug("seen")
        get_logger("AloneChat.ui").error("not seen")
        get_logger("AloneChat.ui").fatal("fatal")
        """,
    )
    text = (tmp_path / "logs/alonechat.log").read_text()
    assert re.fullmatch(rf"{STAMP} - .*pool - DEBUG - seen\n{STAMP} - AloneChat.ui - CRITICAL - fatal\n", text)


UTILITIES = """
import asyncio
from AloneChat.core.logging import configure_logging, LogConfig
from AloneChat.core.logging.utils import ExceptionLogger, LogTimer, MetricsCollector, RequestLogger, timed
configure_logging(LogConfig(console_output=False))
"""


def test_L4_timer_and_decorator_log_success_and_failure_of_sync_and_async(run: Run, tmp_path: Path) -> None:
    run(
        "alonechat",
        UTILITIES
        + """
with LogTimer("database_query"):
    pass
@timed("api_call")
def fetch_data(fail=False):
    if fail:
        raise ValueError("no data")
    return 7
@timed("async_call")
async def fetch():
    raise KeyError("x")
assert fetch_data() == 7
for call in (lambda: fetch_data(True), lambda: asyncio.run(fetch())):
    try:
        call()
    except (ValueError, KeyError):
        pass
    else:
        raise SystemExit("the exception is swallowed")
""",
    )
    seconds = r"\d\.\d{3} s"
    assert re.fullmatch(
        "\n".join([
            f"database_query completed in {seconds}",
            f"api_call completed in {seconds}",
            f"api_call failed after {seconds}: ValueError: no data",
            f"async_call failed after {seconds}: KeyError: 'x'",
        ]),
        "\n".join(messages(tmp_path / "logs/alonechat.log")),
    )  # fmt: skip


def test_L5_requests_websocket_events_exceptions_and_metrics(run: Run, tmp_path: Path) -> None:
    run(
        "alonechat",
        UTILITIES
        + """
requests = RequestLogger()
requests.log_request(method="GET", path="/api/users", status_code=200, duration=0.123, user="john_doe")
requests.log_websocket_event(event_type="connect", user="john_doe")
try:
    raise ValueError("declined")
except Exception as e:
    ExceptionLogger().log_exception(e, context="Processing payment")
metrics = MetricsCollector()
metrics.increment("requests.total")
metrics.increment("requests.errors")
metrics.record_timing("request.duration", 0.123)
metrics.log_summary()
""",
    )
    text = (tmp_path / "logs/alonechat.log").read_text()
    assert "GET /api/users 200 in 0.123 s, user john_doe\n" in text
    assert "connect, user john_doe\n" in text
    assert re.search(r" - ERROR - .*Processing payment.*\n(.*\n)*Traceback \(most recent call last\):\n", text)
    assert "ValueError: declined\n" in text
    for name in ("requests.total", "requests.errors", "request.duration"):
        assert name in text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def chat(port: int) -> str:
    """Talk to the server as soon as it answers."""
    websockets = pytest.importorskip("websockets")
    async with asyncio.timeout(30) if hasattr(asyncio, "timeout") else _forever():
        while True:
            try:
                async with websockets.connect(f"ws://127.0.0.1:{port}/ws/john_doe") as client:
                    await client.send("hello")
                    return str(await client.recv())
            except OSError:  # noqa: PERF203 it does not listen yet
                await asyncio.sleep(0.05)


class _forever:  # noqa: N801 asyncio.timeout came with 3.11
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


WITH_HOOKS = """
import sys
from AloneChat.core.logging import auto_configure, get_logger
from AloneChat.core.server import HookContext, HookPhase, UnifiedWebSocketManager, make_app

auto_configure("production")
manager = UnifiedWebSocketManager()

def log_connection(ctx: HookContext) -> HookContext:
    logger = get_logger("hooks.connection")
    if ctx.phase == HookPhase.POST_CONNECT:
        logger.info("User connected: %s", ctx.user_id)
    elif ctx.phase == HookPhase.POST_DISCONNECT:
        logger.info("User disconnected: %s", ctx.user_id)
    return ctx

def failing(ctx: HookContext) -> HookContext:
    raise LookupError("no such hook")

manager.register_hook(HookPhase.POST_CONNECT, failing)
manager.register_hook(HookPhase.POST_CONNECT, log_connection)
manager.register_hook(HookPhase.POST_DISCONNECT, log_connection)

import uvicorn
uvicorn.run(make_app(manager), host="127.0.0.1", port=int(sys.argv[1]), log_config=None)
"""


def test_L6_a_real_connection_goes_through_hooks_and_log_and_a_failing_hook_does_not_end_it(
    start: Start, tmp_path: Path
) -> None:
    pytest.importorskip("uvicorn")
    port = free_port()
    (tmp_path / "chat.py").write_text(WITH_HOOKS)
    server = start("alonechat", ["chat.py", str(port)], PYTHONWARNINGS="ignore")
    assert asyncio.run(chat(port)) == "hello"
    server.send_signal(signal.SIGINT)
    server.wait(30)
    lines = (tmp_path / "logs/prod/alonechat.log").read_text().splitlines()
    ours = [line.partition(" - ")[2] for line in lines if " - hooks.connection - " in line or ".websocket - " in line]
    assert [re.sub(r" - [\w<>]+\.py:\d+ - ", " - ", line) for line in ours] == [
        "cordwood.websocket - INFO - WebSocket connect, user john_doe",
        "cordwood.websocket - ERROR - hook failing failed in POST_CONNECT; it is passed over",
        "hooks.connection - INFO - User connected: john_doe",
        "cordwood.websocket - INFO - WebSocket disconnect, user john_doe",
        "hooks.connection - INFO - User disconnected: john_doe",
    ]
    assert "LookupError: no such hook" in lines


@pytest.mark.parametrize("how", ["option", "variable"])
def test_L7_the_server_starts_in_the_environment_that_is_asked_for(start: Start, tmp_path: Path, how: str) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("websockets")
    port = free_port()
    option = ["--env", "production"] if how == "option" else []
    variable = {} if how == "option" else {"ALONECHAT_ENV": "production"}
    server = start(
        "alonechat", ["-m", "AloneChat", "server", *option, "--port", str(port)], PYTHONWARNINGS="ignore", **variable
    )
    assert asyncio.run(chat(port)) == "hello"
    server.send_signal(signal.SIGINT)
    server.wait(30)
    text = (tmp_path / "logs/prod/alonechat.log").read_text()
    assert f"Server starts on 127.0.0.1:{port}" in text
    assert "john_doe" in text
    assert " - uvicorn.error - INFO - " in text, "the framework's records are there too"
    assert not (tmp_path / "logs/dev").exists()


def test_L7_a_server_that_is_told_to_end_has_all_in_its_file(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    port = free_port()
    words = ["-m", "AloneChat", "server", "--env", "production", "--port", str(port)]
    server = start("alonechat", words, PYTHONWARNINGS="ignore")
    assert asyncio.run(chat(port)) == "hello"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 128 + signal.SIGTERM
    assert "Finished server process" in (tmp_path / "logs/prod/alonechat.log").read_text().splitlines()[-1]


def test_L7_an_unknown_environment_is_refused(start: Start) -> None:
    server = start("alonechat", ["-m", "AloneChat", "server", "--env", "staging"])
    _, said = server.communicate(timeout=60)
    assert server.returncode == 2
    assert "invalid choice: 'staging'" in said


def test_L8_existing_code_goes_through_after_one_call(run: Run, tmp_path: Path) -> None:
    run(
        "alonechat",
        """
        import logging
        logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")
        logger = logging.getLogger(__name__)
        class Adapter(logging.LoggerAdapter):
            def process(self, msg, kwargs):
                return f"[adapted] {msg}", kwargs
        from AloneChat.core.logging import auto_configure
        auto_configure(env="production")
        logger.info("made before")
        logging.getLogger("made.after").warning("made %s", "after")
        logging.info("from the root")
        Adapter(logger, {}).error("through an adapter")
        """,
    )
    assert messages(tmp_path / "logs/prod/alonechat.log") == [
        "made before",
        "made after",
        "from the root",
        "[adapted] through an adapter",
    ]
