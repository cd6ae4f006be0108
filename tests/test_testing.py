"""The pytest fixture `cordwood_records`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cordwood import testing
from cordwood.pipeline import LoggingManager, configure
from cordwood.testing import Records


@pytest.fixture(autouse=True)
def _shut_down() -> Iterator[None]:
    yield
    LoggingManager().shutdown()


@pytest.fixture
def fixture() -> Callable[[], Iterator[Records]]:
    """The fixture's function, to be run by hand."""
    function: Any = testing.cordwood_records
    found: Callable[[], Iterator[Records]] = getattr(function, "__wrapped__", None) or function.__pytest_wrapped__.obj
    return found


def test_it_holds_what_is_logged(fixture: Callable[[], Iterator[Records]], caplog: pytest.LogCaptureFixture) -> None:
    """At once, with fields; and caplog holds the same."""
    running = fixture()
    records = next(running)
    log = logging.getLogger("app")
    log.warning("paid %d", 7, extra={"order_id": 7})
    log.info("below the level")
    assert records.messages == ["paid 7"] == [record.getMessage() for record in caplog.records]
    assert records[0].fields["order_id"] == 7
    assert len(records) == 1
    records.clear()
    assert list(records) == []
    assert next(running, None) is None
    log.warning("after")
    assert caplog.messages == ["paid 7", "after"]


def test_the_test_may_change_logging(fixture: Callable[[], Iterator[Records]]) -> None:
    """Configuration, levels, handlers, filters and factories are as before when it ends."""
    root, log = logging.getLogger(), logging.getLogger("app")
    factory, before = logging.getLogRecordFactory(), (root.level, list(root.handlers), log.level, log.propagate)
    running = fixture()
    records = next(running)
    configure(file_output=False, console_output=False, level="DEBUG")
    root.handlers = [root.handlers[0], *root.handlers[1:], logging.NullHandler()]
    log.setLevel(5)
    log.propagate = False
    logging.disable(10)
    logging.setLogRecordFactory(type("Special", (logging.LogRecord,), {}))
    logging.getLogger("made.in.the.test").setLevel(7)
    logging.getLogger("other").info("now on")
    assert records.messages == ["now on"]
    next(running, None)
    assert LoggingManager().config is None
    assert logging.getLogRecordFactory() is factory
    assert (root.level, list(root.handlers), log.level, log.propagate) == before
    assert logging.getLogger("made.in.the.test").level == 0
    assert logging.root.manager.disable == 0


def test_a_configuration_from_before_comes_back(fixture: Callable[[], Iterator[Records]]) -> None:
    """The test itself begins without one."""
    configure(file_output=False, level="ERROR")
    running = fixture()
    next(running)
    assert LoggingManager().config is None
    next(running, None)
    config = LoggingManager().config
    assert config is not None
    assert config.level == "ERROR"
