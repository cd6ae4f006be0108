"""Levels of loggers: configured, switched while running, given back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from cordwood.config import switches
from cordwood.errors import ConfigError
from cordwood.pipeline.levels import Levels
from cordwood.pipeline.watch import Watcher
from cordwood.retention import DAY, Found, closed, past


@pytest.fixture
def levels() -> Iterator[Levels]:
    made = Levels()
    yield made
    made.give_back()


def effective(*names: str) -> list[str]:
    return [logging.getLevelName(logging.getLogger(name).getEffectiveLevel()) for name in names]


TREE = ("s", "s.one", "s.two.deep", "sx")


def test_a_switch_is_for_a_whole_subtree_and_can_be_taken_back(levels: Levels) -> None:
    logging.getLogger("s.two").setLevel("ERROR")
    levels.configure({"": "WARNING", "s": "INFO", "s.one": "CRITICAL"})
    before = effective(*TREE)
    assert before == ["INFO", "CRITICAL", "ERROR", "WARNING"]
    levels.switch("s", "DEBUG")
    assert effective(*TREE) == ["DEBUG", "DEBUG", "DEBUG", "WARNING"]
    assert effective("s.made.later") == ["DEBUG"]
    levels.switch("s", None)
    assert effective(*TREE) == before
    levels.give_back()
    assert logging.getLogger("s").level == logging.NOTSET
    assert logging.getLogger("s.two").level == logging.ERROR
    logging.getLogger("s.two").setLevel(logging.NOTSET)


def test_the_newest_switch_counts(levels: Levels) -> None:
    levels.switch("s.one", "ERROR")
    levels.switch("s", "DEBUG")
    assert effective("s.one") == ["DEBUG"]
    levels.switch("s.one", "ERROR")
    assert effective("s", "s.one") == ["DEBUG", "ERROR"]
    levels.switch("", "CRITICAL")
    assert effective(*TREE) == ["CRITICAL"] * 4


def test_new_levels_of_the_configuration_leave_switches_in_force(levels: Levels) -> None:
    levels.configure({"s": "INFO"})
    levels.switch("s", "DEBUG")
    levels.configure({"s": "ERROR", "sx": "ERROR"})
    assert effective("s", "sx") == ["DEBUG", "ERROR"]
    levels.switch("s", None)
    assert effective("s") == ["ERROR"]


def test_switches_are_kept_in_a_file_and_a_damaged_one_holds_none(tmp_path: Path) -> None:
    assert switches.read(tmp_path) == {}
    switches.write(tmp_path, "s", "debug")
    assert switches.write(tmp_path, "", "WARN") == {"s": "DEBUG", "": "WARNING"}
    assert list(switches.write(tmp_path, "s", "INFO")) == ["", "s"], "the newest last"
    assert switches.write(tmp_path, "s", None) == switches.read(tmp_path) == {"": "WARNING"}
    with pytest.raises(ConfigError, match="is not a level"):
        switches.write(tmp_path, "s", "LOUD")
    for damaged in ("", "[1]", "7", '{"s": "LOUD"}', json.dumps({"s": [1]})):
        (tmp_path / switches.FILE).write_text(damaged)
        assert switches.read(tmp_path) == {}


def test_a_watcher_tells_of_a_file_that_changes_appears_or_goes(tmp_path: Path) -> None:
    path, told = tmp_path / "watched", []
    watcher = Watcher({str(path): lambda: told.append("changed")})
    watcher.stop(10)
    for change in (lambda: None, lambda: path.write_text("a"), lambda: path.write_text("ab"), path.unlink):
        change()
        watcher.look()
    assert told == ["changed"] * 3


def test_a_watcher_survives_what_it_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "watched"
    watcher = Watcher({str(path): lambda: 1 / 0})  # type: ignore[dict-item]
    watcher.stop(10)
    path.write_text("a")
    watcher.look()
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    ["app.log.1", "app.log.12.gz", "app.log.3.zst", "a.b.log.2026-01-02", "app.log.2026-01-02_03.4.gz", "x.jsonl.1"],
)
def test_rotated_files_are_closed(name: str) -> None:
    assert closed([Found(name, 0, 1)])


@pytest.mark.parametrize(
    "name",
    [
        "app.log",
        "app.log.old",
        "app.log.1.bz2",
        "notes.1",
        "app.log.1.tmp",
        "log.1",
        "app.log.",
        "console_x.log",
        "a.log.1~",
    ],
)
def test_other_files_are_not(name: str) -> None:
    assert not closed([Found(name, 0, 1)])


def test_the_newest_copy_of_the_console_is_not_closed() -> None:
    copies = [Found("console_20260101_000000.log", 1, 1), Found("console_20260102_000000.log", 2, 1)]
    assert [file.name for file in closed(copies)] == ["console_20260101_000000.log"]


def test_a_file_is_past_its_term_only_after_all_of_it() -> None:
    files = [Found("a.log.1", 0, 1), Found("a.log.2", 1, 1)]
    assert [file.name for file in past(files, 30, 30 * DAY + 1)] == ["a.log.1"]
