"""What docs/pictures.py runs: for each picture the files that are there, and the commands that are typed.

A scene's programs use the façade package of their system, from `examples/`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """One picture.

    Args:
        title: stands above it.
        commands: what is typed, one after the other.
        files: name → text.
        facade: the folder of `examples/` whose packages are beside the programs.
        taken: a port that somebody else has.
    """

    title: str
    commands: tuple[str, ...]
    files: dict[str, str]
    facade: str = ""
    taken: int = 0


SHOP = """\
import sys

import cordwood

cordwood.configure(
    format_string="%(asctime)s %(levelname)-8s %(name)s: %(message)s", date_format="%H:%M:%S", level="DEBUG",
    log_dir="logs", files=["app.log", {"name": "app.jsonl", "format": "json"}],
)
log = cordwood.get_logger("shop.orders")

with cordwood.context(request_id="r-81"):
    log.debug("basket %s has %d items", "b-7", 3)
    log.info("order %d paid: %.2f EUR", 1042, 29.85, extra={"customer": "c-17"})
    log.warning("gateway slow, password=%s", "hunter2")
    try:
        raise KeyError("address")
    except KeyError:
        log.exception("order %d cannot be shipped", 1042)
log.critical("a forged line?\\n2026-01-01 00:00:00 INFO root: nothing happened")
"""

CRASH = """\
import os
import signal

import cordwood

cordwood.configure(log_dir="logs", console_output=False)
log = cordwood.get_logger("shop.orders")
for word in ("these", "are", "its last words"):
    log.info(word)
os.kill(os.getpid(), signal.SIGKILL)
"""

SERVER = """\
import os

from cordwood.integrations.event_loop import run_async, run_in_thread
from utilities import logger


async def warm_up() -> None:
    logger.debug("caches are warm")


def answer(request: str) -> None:
    if request == "GET /favicon.ico":
        logger.error("%s: there is no such file", request)
    logger.info("%s answered", request)


run_async(warm_up())
logger.info("Starting server on port %s", os.environ["PORT"])
for request in ("GET /", "GET /favicon.ico"):
    run_in_thread(answer, request).join()
logger.critical("out of requests")
"""

SERVICES = """\
import cordwood
from api.config.logging import get_auth_logger, get_job_logger, get_storage_logger

auth, jobs, storage = get_auth_logger(), get_job_logger(), get_storage_logger()


def login(email: str, password: str) -> None:
    auth.info("Attempting to authenticate user: %s", email)
    auth.warning("wrong password=%s for %s", password, email)


def process(job: int) -> None:
    jobs.debug("Processing job %d", job)
    try:
        raise ConnectionError("bucket 'tracks' is gone")
    except ConnectionError as error:
        storage.error("Operation failed: %s", error)


login("ann@example.org", "hunter2")
process(7)
cordwood.set_level("services", "DEBUG")  # one switch for all services
process(8)
"""

CHAT = """\
from AloneChat.core.logging import auto_configure, get_logger
from AloneChat.core.logging.utils import ExceptionLogger, LogTimer, MetricsCollector, RequestLogger

auto_configure()  # from ALONECHAT_ENV
logger = get_logger("AloneChat.demo")

logger.debug("Debug information")
with LogTimer("database_query"):
    logger.info("User %s logged in from %s", "john_doe", "10.0.0.7")
RequestLogger().log_request(method="GET", path="/api/users?token=abc", status_code=200, duration=0.123, user="john_doe")
RequestLogger().log_websocket_event(event_type="connect", user="john_doe")
try:
    raise TimeoutError("the bank does not answer")
except TimeoutError as error:
    ExceptionLogger().log_exception(error, context="Processing payment")
metrics = MetricsCollector()
metrics.increment("requests.total", 41)
metrics.log_summary()
logger.critical("Critical failure")
"""

HOST = """\
import subprocess
import sys
import time

from logger import setup_logger

logger = setup_logger("host", log_dir="logs", log_level="DEBUG")
logger.debug("Starting the worker")
subprocess.run([sys.executable, "worker.py"], check=False)
time.sleep(0.05)  # so that the files' milliseconds tell what was first
logger.error("The worker is gone; its log is kept")
"""

WORKER = """\
import os
import signal

from logger import setup_logger

logger = setup_logger("worker", log_dir="logs")
logger.info("Loading model 4x-ESRGAN.pth")
logger.warning("Only 512 MB of memory are free")
logger.critical("Out of memory")
os.kill(os.getpid(), signal.SIGKILL)
"""

PLATFORM = """\
from logger import get_logger, initialize_logger, shutdown_logging

initialize_logger()
get_logger("authentication").debug("User %s authenticated", "ann")
get_logger("apikey").info("Key created: sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4")
get_logger("models").info("models log from WARNING on: this is not shown")
get_logger("models").error("Model %s cannot be loaded", "gpt-oss", extra={"user_id": 7})
shutdown_logging()
"""

PLATFORM_CONFIG = """\
logging:
  level: "DEBGU"
  console:
    enabled: true
    format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
  components:
    authentication: "DEBUG"
    models: "WARNING"
  database:
    enabled: true
database:
  url: "sqlite:///logs.db"
"""

DEADLOCK = """\
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 41, in pay
    cursor.execute(PAID, (order,))
  File "/usr/lib/python3.12/site-packages/psycopg/cursor.py", line 97, in execute
    raise ex.with_traceback(None)
psycopg.errors.DeadlockDetected: deadlock detected
"""
HOUR = 3600


def application() -> str:
    """Two hours of a shop that had a release after the first."""
    lines = []
    for second in range(0, 2 * HOUR, 20):
        stamp = f"2026-11-20 {10 + second // HOUR}:{second // 60 % 60:02}:{second % 60:02},000"
        lines.append(f"{stamp} [INFO] shop.orders: Order {1000 + second} paid by c-{second % 7}\n")
        if second % 300 == 0:
            lines.append(f"{stamp} [WARNING] shop.mail: SMTP slow: {second % 900} ms\n")
        if second > HOUR and second % 260 == 0:
            lines.append(f"{stamp} [ERROR] shop.orders: Order {1001 + second} cannot be paid\n{DEADLOCK}")
    return "".join(lines)


def requests() -> str:
    """The same two hours, as the server in front saw them."""
    lines = []
    for second in range(0, 2 * HOUR, 60):
        stamp = f"20/Nov/2026:{10 + second // HOUR}:{second // 60 % 60:02}:07 +0000"
        path, status = "/orders", 502 if second > HOUR and second % 1380 == 0 else 200
        if second % 420 == 0:
            path, status = "/health", 503
        lines.append(f'10.0.0.{second % 9} - - [{stamp}] "POST {path} HTTP/1.1" {status} {second % 977}\n')
    return "".join(lines)


SCENES = {
    "output": Scene(
        "shop",
        (
            "python shop.py",
            "grep paid logs/app.jsonl",
            "python crash.py",
            "cordwood recover logs",
            "tail -n 1 logs/app.log",
        ),
        {"shop.py": SHOP, "crash.py": CRASH},
    ),
    "find": Scene(
        "finding it again",
        (
            "cordwood search 'level>=error -path:/health since:2026-11-20 11:55' app.log access.log --pretty",
            "cordwood search 'status>=500' access.log --group-by path,status --per 1h | tail -n 3",
            "cordwood analyze app.log --compare 'since 2026-11-20 11:00'",
        ),
        {"app.log": application(), "access.log": requests()},
    ),
    "ami-backend": Scene(
        "AMI backend",
        ("./start_server.sh --port 5000", "tail -n 2 logs/amibackend.log", "tail -n 2 logs/console_*.log"),
        {"server.py": SERVER},
        "ami_backend",
        taken=5000,
    ),
    "clipizi": Scene(
        "clipizi", ("python services.py", "ls logs", "tail -n 2 logs/debug.log"), {"services.py": SERVICES}, "clipizi"
    ),
    "alonechat": Scene(
        "AloneChat",
        (
            "ALONECHAT_ENV=development python chat.py",
            "ALONECHAT_ENV=testing python chat.py",
            "ALONECHAT_ENV=production python chat.py",
            "tail -n 2 logs/prod/alonechat.log",
        ),
        {"chat.py": CHAT},
        "alonechat",
    ),
    "chainner": Scene(
        "chaiNNer",
        ("python host.py", "cordwood tail logs/host.log logs/worker.log"),
        {"host.py": HOST, "worker.py": WORKER},
        "chainner",
    ),
    "ai-platform": Scene(
        "AI platform",
        ("python platform_.py", "cordwood search 'level>=info user_id:7' sqlite:///logs.db"),
        {"platform_.py": PLATFORM, "config.yml": PLATFORM_CONFIG},
        "ai_platform/src",
    ),
}
