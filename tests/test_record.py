"""A record read back, and levels by name and number."""

from __future__ import annotations

import dataclasses
import logging
from datetime import datetime, timezone
from typing import Any

import pytest
from cordwood.errors import ConfigError
from cordwood.level import level_name, level_number
from cordwood.record import FIELDS, Record

EMPTY: dict[str, Any] = {
    **dict.fromkeys(FIELDS, ""),
    **dict.fromkeys(("time", "level", "line", "pid", "thread_id", "segment", "sequence"), 0),
    **dict.fromkeys(("exception", "stack_info", "task_name")),
    "fields": {},
}


def make(**given: Any) -> Record:
    return Record(**{**EMPTY, **given})


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().message = "other"  # type: ignore[misc]


def test_the_time_is_an_aware_datetime_cut_to_microseconds() -> None:
    moment = datetime(2025, 10, 19, 5, 52, 25, 123456, tzinfo=timezone.utc)
    assert make(time=int(moment.timestamp()) * 10**9 + 123_456_789).timestamp == moment


def test_levels_by_name_and_number() -> None:
    assert [level_number(level) for level in ("fatal", "WARN", "NOTSET", "15", 15)] == [50, 30, 0, 15, 15]
    assert level_name(logging.CRITICAL) == "CRITICAL"
    with pytest.raises(ConfigError, match="did you mean 'DEBUG'"):
        level_number("DEBG")
