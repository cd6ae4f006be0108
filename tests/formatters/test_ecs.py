"""C7: a JSON line with ECS names is one that ELK's index templates take: every key and every type."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import cordwood
import pytest
import yaml

FIELDS = yaml.safe_load((Path(__file__).parent / "ecs_fields.yml").read_text(encoding="utf-8"))
KNOWN = {**FIELDS["schema"], **FIELDS["own"]}
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z")


def fits(kind: str, value: object) -> bool:
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return isinstance(value, str) and (kind != "date" or DATE.fullmatch(value) is not None)


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    quiet: dict[str, Any] = {"component_levels": {"asyncio": "WARNING"}}
    cordwood.configure(log_dir="logs", level="DEBUG", console_output=False, files="app.jsonl", format="ecs", **quiet)
    log = logging.getLogger("shop.orders")
    log.info("order %d of %s", 7, "ann")
    log.critical("plain", stack_info=True)
    try:
        raise KeyError("missing")  # noqa: TRY301 to be logged
    except KeyError:
        log.exception("failed")
    trace = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "trace_flags": "01"}
    log.warning("traced", extra=trace)

    async def in_task() -> None:
        log.debug("in a task")

    asyncio.run(in_task())
    log.info("fields", extra={"user_id": 7, "ratio": 0.5, "ok": True, "labels.env": "test", "host": "x", "error": "y"})
    assert cordwood.shutdown(10) == 0
    return [json.loads(line) for line in Path("logs/app.jsonl").read_text(encoding="utf-8").splitlines()]


def test_C7_every_key_of_ours_is_known_and_has_its_type(lines: list[dict[str, Any]]) -> None:
    assert len(lines) == 6
    seen = set()
    for line in lines[:-1]:
        assert {name for name, field in KNOWN.items() if field.get("required")} <= set(line)
        assert set(line) <= set(KNOWN)
        for name, value in line.items():
            assert fits(KNOWN[name]["type"], value), f"{name}: {value!r} is no {KNOWN[name]['type']}"
        seen |= set(line)
    unnamed = {"task"} if sys.version_info < (3, 12) else set()  # before, a LogRecord has no taskName
    assert seen | unnamed == set(KNOWN), "each field was seen once"


def test_C7_the_fields_that_collectors_look_for_come_first(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert list(line)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]
    assert [line["log.level"] for line in lines] == ["info", "critical", "error", "warning", "debug", "info"]
    assert {line["ecs.version"] for line in lines} == {"8.11"}


def test_C7_extra_fields_keep_their_types_and_never_take_a_name_of_the_schema(lines: list[dict[str, Any]]) -> None:
    extra = {name: value for name, value in lines[-1].items() if name not in KNOWN}
    assert extra == {"user_id": 7, "ratio": 0.5, "ok": True, "labels.env": "test", "host_": "x", "error_": "y"}


def test_C7_no_key_is_another_ones_parent(lines: list[dict[str, Any]]) -> None:
    """`host: text` and `host.hostname: text` in one index are refused by Elasticsearch."""
    for line in lines:
        names = set(line)
        parents = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
        assert not names & parents
