"""Where calls go natively to the spool, the place of an instrument's record is its caller's as well."""

from __future__ import annotations

import asyncio

from cordwood import ExceptionLogger, LogTimer, MetricsCollector, RequestLogger, timed

from tests.logged import Logged


@timed("work")
def work() -> None: ...


@timed("step")
async def step() -> None: ...


async def awaits() -> None:
    await step()


def test_the_place_is_the_callers(logged: Logged) -> None:
    logged.alone()
    with LogTimer("block"):
        pass
    work()
    RequestLogger().log_request("GET", "/", 200, 0.1, user="u")
    RequestLogger().log_websocket_event("connect")
    ExceptionLogger().log_exception(ValueError("x"), context="y")
    metrics = MetricsCollector()
    metrics.increment("n")
    metrics.log_summary()
    asyncio.run(awaits())
    *here, awaited = logged.records("cordwood")
    assert [record.function for record in here] == ["test_the_place_is_the_callers"] * 6
    assert {record.filename for record in here} == {"test_place.py"}
    assert awaited.function == "awaits"
