"""Make Cordwood's logger class the class of every logger, root included: in a test run, and in the processes it starts.

The test run imports it; for a child, a line in the environment's site-packages runs it where CORDWOOD_PRELOAD names it.
"""

from __future__ import annotations

import logging

import cordwood


def logger_class() -> type[logging.Logger]:
    """The class of loggers that come from `cordwood.get_logger`; the asking leaves nothing behind."""
    name = "cordwood-preload"
    found = type(cordwood.get_logger(name))
    del logging.Logger.manager.loggerDict[name]
    return found


LOGGER = logger_class()
assert LOGGER is not logging.Logger
ROOT = type("RootLogger", (LOGGER, logging.RootLogger), {})


def activate() -> None:
    """Loggers made from now on, and the root, are Cordwood's."""
    logging.setLoggerClass(LOGGER)
    logging.root.__class__ = ROOT


activate()
