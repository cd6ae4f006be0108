"""Celery on a broker in memory: each record of a task has its id, and the request's that sent it."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cordwood
import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from cordwood.integrations.celery import take_over

from tests.integrations.servers import wait_until
from tests.logged import Logged

log = logging.getLogger("shop")
app = Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.broker_transport_options = {"polling_interval": 0.01}


@app.task(name="shop.work")  # type: ignore[untyped-decorator]
def work(n: int) -> int:
    log.info("at work %d", n)
    if n < 0:
        raise LookupError("nothing there")
    return n + 1


@pytest.fixture(scope="module")
def running() -> Iterator[None]:
    """One worker for all tests: it takes seconds to stop."""
    undo = take_over()
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    root.setLevel(logging.INFO)  # Celery looks once whether that is enabled
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="INFO"):
        assert root.handlers == before, "Celery configured no logging of its own"
        yield
    root.setLevel(level)
    undo()


@pytest.fixture
def worker(running: None, logged: Logged) -> None:
    """A worker that logs into this test's memory."""


def ended(logged: Logged, count: int) -> list[Any]:
    wait_until(lambda: len(logged.records("shop")) == count, "no record")
    return logged.records("shop")


@pytest.mark.usefixtures("worker")
def test_a_tasks_id_and_name_are_in_its_records_and_in_no_others(logged: Logged) -> None:
    results = [work.delay(n) for n in (1, 2)]
    log.info("elsewhere")
    records = ended(logged, 3)
    found = {record.message: dict(record.fields) for record in records}
    assert found == {
        "elsewhere": {},
        "at work 1": {"task_id": results[0].id, "celery_task": "shop.work"},
        "at work 2": {"task_id": results[1].id, "celery_task": "shop.work"},
    }
    assert [result.get(timeout=30) for result in results] == [2, 3]
    wait_until(lambda: any("succeeded" in message for message in logged.messages("celery")), "no word of success")


@pytest.mark.usefixtures("worker")
def test_the_request_that_sent_a_task_is_in_its_records(logged: Logged) -> None:
    with cordwood.context(request_id="r-17"):
        result = work.delay(1)
    (record,) = ended(logged, 1)
    assert record.fields == {"task_id": result.id, "celery_task": "shop.work", "request_id": "r-17"}


@pytest.mark.usefixtures("worker")
def test_a_failing_task_leaves_nothing_behind(logged: Logged) -> None:
    failed = work.delay(-1)
    with pytest.raises(LookupError):
        failed.get(timeout=30)
    result = work.delay(1)
    first, second = ended(logged, 2)
    assert (first.fields["task_id"], second.fields["task_id"]) == (failed.id, result.id)
    errors = [record for record in logged.records("celery") if record.exception is not None]
    assert errors[0].exception is not None
    assert "LookupError: nothing there" in errors[0].exception["text"]


TASKS = """
import logging, sys
import cordwood
from celery import Celery
from cordwood.integrations.celery import take_over

if __name__ != "__main__":
    cordwood.configure(
        log_dir="logs", level="INFO", console_output=False, files="app.log",
        format_string="%(process)d %(name)s task_id=%(task_id)s %(message)s",
    )
    take_over()
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    **dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], "queue"), "polling_interval": 0.05,
}

@app.task(name="tasks.work")
def work():
    logging.getLogger("shop").info("at work")
    print("printed")

if __name__ == "__main__":
    print(work.delay().id)
"""


def test_a_worker_with_forked_processes_logs_into_our_file_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS, encoding="utf-8")
    (tmp_path / "queue").mkdir()
    sent = subprocess.run(
        [sys.executable, "tasks.py"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )
    log, console = tmp_path / "logs" / "app.log", tmp_path / "console"
    with console.open("wb") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=1", "--loglevel=INFO"],
            cwd=tmp_path, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            wait_until(lambda: log.exists() and " succeeded in " in log.read_text(encoding="utf-8"), "no success")
        finally:
            worker.terminate()
            worker.wait(60)
    text = log.read_text(encoding="utf-8")
    identity = sent.stdout.strip()
    at_work = re.search(rf"^(\d+) shop task_id={identity} at work$", text, re.MULTILINE)
    received = re.search(rf"^(\d+) celery.worker.strategy task_id=- Task tasks.work\[{identity}\]", text, re.MULTILINE)
    assert at_work is not None
    assert received is not None
    assert (at_work[1] != received[1], received[1]) == (True, str(worker.pid))
    assert "Task tasks.work" not in console.read_text(encoding="utf-8")
