"""Run CPython's test_logging in this interpreter and write each test's outcome as JSON.

    run_one.py plain|class|handler OUTCOMES.json [TEST ...]

plain: as it is. class: with Cordwood's logger class active at the start of each test. handler: with a cordwood.Handler
added to the root at the end of each setUp of the module's BaseTest (the other tests assert which handlers the root has,
or that it has none).
"""

from __future__ import annotations

import json
import logging
import os
import runpy
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAKES_TIME = "test_relativeCreated_has_higher_precision"


class Outcomes(unittest.TextTestResult):
    """What became of each test, by its id."""

    before_each: Callable[[unittest.TestCase], None] = staticmethod(lambda _: None)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.outcomes: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        self.before_each(test)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.outcomes.setdefault(test.id(), "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.outcomes[test.id()] = "skipped"

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.outcomes[test.id()] = "failed"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.outcomes[test.id()] = "failed"

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = "failed"


def activate_before_each() -> None:
    """Give back what earlier tests reset, here and in the processes that a test starts."""
    preload = Path(__file__).with_name("preload.py")
    activate_all = runpy.run_path(str(preload))["activate"]

    def activate(test: unittest.TestCase) -> None:
        activate_all()
        if test.id().endswith(FAKES_TIME):  # its child must be the first to import logging, under a false clock
            os.environ.pop("CORDWOOD_PRELOAD", None)
        else:
            os.environ["CORDWOOD_PRELOAD"] = str(preload)

    Outcomes.before_each = staticmethod(activate)


def add_handler_after_set_up() -> None:
    """Put a cordwood.Handler on the root at the end of every BaseTest's setUp, and take it away after the test."""
    import cordwood
    from test import test_logging

    original = unittest.TestCase._callSetUp  # type: ignore[attr-defined]

    def set_up(case: unittest.TestCase) -> None:
        original(case)
        if not isinstance(case, test_logging.BaseTest):
            return
        handler = cordwood.Handler("records.log")
        root = logging.getLogger()
        root.addHandler(handler)
        case.addCleanup(handler.close)
        case.addCleanup(root.removeHandler, handler)

    unittest.TestCase._callSetUp = set_up  # type: ignore[attr-defined]


def main() -> None:
    """Run what the command line names."""
    mode, out, *names = sys.argv[1:]
    if mode == "class":
        activate_before_each()
    elif mode == "handler":
        add_handler_after_set_up()
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names or ["test.test_logging"])
    result = unittest.TextTestRunner(resultclass=Outcomes, verbosity=0).run(suite)
    assert isinstance(result, Outcomes)
    if mode == "handler":
        assert Path("records.log").stat().st_size, "cordwood.Handler wrote nothing: it was not in the way"
    Path(out).write_text(json.dumps(result.outcomes, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
