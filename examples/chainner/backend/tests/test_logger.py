"""`python -m pytest backend/tests/test_logger.py -v`, from the folder above `backend`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cordwood
import pytest
from logger import get_logger, get_logger_from_env, setup_logger


@pytest.fixture(autouse=True)
def _give_back() -> Iterator[None]:
    yield
    cordwood.shutdown()


def test_each_process_has_its_file(tmp_path: Path) -> None:
    setup_logger("host", log_dir=tmp_path).info("from the host")
    get_logger("worker").info("from the worker")
    cordwood.flush()
    assert "from the host" in (tmp_path / "host.log").read_text()
    assert "from the worker" in (tmp_path / "worker.log").read_text()


def test_the_first_line_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINNER_PROCESS_TYPE", "host")
    setup_logger("host", log_dir=tmp_path)
    assert get_logger_from_env() is get_logger("host")
    cordwood.flush()
    line = (tmp_path / "host.log").read_text()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[\d+\] \[INFO\] "
        rf"Logger initialized for host process\. Log file: {re.escape(str(tmp_path))}/host\.log\n",
        line,
    )
