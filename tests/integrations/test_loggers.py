"""Takeover of a framework's loggers: handlers off, records to the root, all given back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from cordwood.integrations import loggers


@pytest.fixture
def framework() -> Iterator[logging.Logger]:
    logger = logging.getLogger("framework")
    yield logger
    logger.handlers, logger.propagate = [], True


def test_a_logger_with_handlers_is_taken_and_given_back(framework: logging.Logger) -> None:
    own, later = logging.NullHandler(), logging.NullHandler()
    framework.addHandler(own)
    framework.propagate = False
    undo = loggers.take_over(["framework"])
    assert (framework.handlers, framework.propagate) == ([], True)
    framework.addHandler(later)
    undo()
    undo()
    assert (framework.handlers, framework.propagate) == ([own, later], False)


def test_a_logger_that_is_switched_off_stays_off(framework: logging.Logger) -> None:
    framework.propagate = False
    loggers.take_over(["framework"])()
    undo = loggers.take_over(["framework"])
    assert framework.propagate is False
    undo()
