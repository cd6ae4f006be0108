"""What every sink that keeps records does with them: file, SQLite, PostgreSQL and memory, by what stands there."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cordwood
import pytest
from cordwood.sinks.memory import MemorySink
from cordwood.sinks.sqlite import SqliteSink

from tests.databases import rows

Row = tuple[str, str]  # level and message


@dataclass
class Target:
    settings: dict[str, Any]
    read: Callable[[], list[Row]]
    shared: bool = True


@pytest.fixture(params=["file", "memory", "postgres", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    kept = {"log_dir": tmp_path / "logs", "console_output": False, "level": "DEBUG"}
    if request.param == "file":

        def lines() -> list[Row]:
            text = (tmp_path / "logs" / "app.log").read_text()
            return [(entry["level"], entry["message"]) for entry in map(json.loads, text.splitlines())]

        return Target({**kept, "format": "json"}, lines)
    if request.param == "memory":
        memory = MemorySink(100_000)
        return Target({**kept, "sinks": [memory]}, lambda: [(r.level_name, r.message) for r in memory.records], False)
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        return Target({**kept, "database": url}, lambda: [(row["level"], row["message"]) for row in rows(url)])

    def stored() -> list[Row]:
        with sqlite3.connect(tmp_path / "logs" / "logs.db") as connection:
            found = connection.execute("SELECT level, message FROM app_logs ORDER BY id").fetchall()
        connection.close()
        return found

    return Target({**kept, "database": True}, stored)


def test_each_record_stands_there_once_and_in_order(target: Target) -> None:
    cordwood.configure(**target.settings)
    log = cordwood.get_logger("shop")
    for number in range(2000):
        log.info("order %d", number)
    assert cordwood.flush(20) == 0
    assert target.read() == [("INFO", f"order {number}") for number in range(2000)]


def test_threads_lose_nothing_and_each_keeps_its_order(target: Target) -> None:
    cordwood.configure(**target.settings)
    log = cordwood.get_logger("shop")

    def work(name: str) -> None:
        for number in range(300):
            log.info("%s %d", name, number)

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cordwood.flush(20) == 0
    found = [message.split() for _, message in target.read()]
    for name in "abcd":
        assert [int(number) for who, number in found if who == name] == list(range(300))


def test_what_is_hard_to_store_is_stored(target: Target) -> None:
    cordwood.configure(**target.settings)
    log = cordwood.get_logger("shop")
    hard = ["", "é 漢 😀", "a\nb\r\tc", "quote ' \" \\ % ; -- $1 {x}", "\x1b[31m", "x" * 100_000, "a\0b", "\ud800"]
    for text in hard:
        log.warning("%s", text, extra={"given": text})
    assert cordwood.flush(20) == 0
    found = [message for _, message in target.read()]
    assert found[:6] == hard[:6]
    assert found[6] in {"a\0b", "a\\x00b"}
    assert found[7] == "\\ud800"


def test_a_level_keeps_out_what_is_below_it(target: Target) -> None:
    cordwood.configure(**{**target.settings, "level": "WARNING"})
    log = cordwood.get_logger("shop")
    log.info("no")
    log.error("yes")
    assert cordwood.flush(20) == 0
    assert target.read() == [("ERROR", "yes")]


def test_shutdown_leaves_nothing_behind(target: Target) -> None:
    cordwood.configure(**target.settings)
    for number in range(100):
        cordwood.get_logger("shop").info("order %d", number)
    assert cordwood.shutdown(20) == 0
    assert len(target.read()) == 100


def test_parent_and_forked_children_stand_there_once_each(target: Target) -> None:
    if not target.shared:
        target.settings["sinks"] = []
        pytest.skip("a sink in memory is its process's own; tests/sinks has what it does in a fork")
    cordwood.configure(**target.settings)
    log = cordwood.get_logger("shop")
    log.info("before")
    children = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for number in range(50):
                    log.info("child %d %d", child, number)
                status = cordwood.flush(20)
            finally:
                os._exit(status)
        children.append(pid)
    for number in range(50):
        log.info("parent %d", number)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0]
    assert cordwood.flush(20) == 0
    wanted = ["before", *(f"parent {n}" for n in range(50)), *(f"child {c} {n}" for c in range(3) for n in range(50))]
    assert sorted(message for _, message in target.read()) == sorted(wanted)


def test_a_target_that_was_closed_is_opened_again(target: Target) -> None:
    for text in ("one", "two"):
        cordwood.configure(**target.settings)
        cordwood.get_logger("shop").info(text)
        assert cordwood.shutdown(20) == 0
    assert [message for _, message in target.read()] == ["one", "two"]


def test_the_sink_of_a_handler_made_by_hand_is_served_too(tmp_path: Path) -> None:
    import logging

    handler = cordwood.Handler(sink=SqliteSink(f"sqlite:///{tmp_path}/own.db"))
    logger = logging.getLogger("by.hand")
    logger.addHandler(handler)
    try:
        logger.error("kept")
        handler.flush()
        with sqlite3.connect(tmp_path / "own.db") as connection:
            assert connection.execute("SELECT message FROM app_logs").fetchall() == [("kept",)]
        connection.close()
    finally:
        logger.removeHandler(handler)
        handler.close()
