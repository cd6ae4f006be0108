"""A record that Cordwood wrote to two files of a folder is found once, and none is missed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from cordwood.analysis import analyze
from cordwood.query import parse
from cordwood.query.files import Files
from cordwood.query.tail import Tail

PROGRAM = """if True:
    import sys, cordwood
    cordwood.configure(preset=sys.argv[1], log_dir="logs", console_output=False)
    log = cordwood.get_logger("services.auth")
    log.info("begun")
    for n in range(3):
        log.error("failed %d", n)
    cordwood.get_logger("other").error("failed elsewhere")
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "logs"


def logged(preset: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, preset], check=True, capture_output=True)


def errors(*paths: str) -> list[str]:
    return [entry.message for entry in Files(paths).select(parse("level:error"))]


ALL = ["failed 0", "failed 1", "failed 2", "failed elsewhere"]


@pytest.mark.parametrize("preset", ["development", "production", "services"])
def test_in_a_folder_each_record_is_found_once(write: Path, preset: str) -> None:
    """Whatever files the preset has; by search, count, the last ones, and analysis."""
    logged(preset)
    assert len(list(write.glob("*.log"))) > 1
    source = Files(["logs"])
    assert errors("logs") == ALL
    assert source.count(parse("level:error")) == 4
    assert [entry.message for entry in source.last(parse("level:error"), 2)] == ALL[2:]
    assert source.count(parse("begun")) == 1
    assert analyze(["logs"]).levels == [0, 0, 1, 0, 4, 0]
    tail = Tail(["logs"])
    assert [entry.message for entry in tail.last(9)] == ["begun", *ALL]
    logged(preset)
    assert [entry.message for entry in [*tail.new(), *tail.new()]] == ["begun", *ALL]
    tail.close()


def test_what_the_longer_file_has_lost_is_found_in_the_shorter(write: Path) -> None:
    """Errors are kept longer, as their file rotates more rarely."""
    logged("development")
    log, old = write / "app.log", write / "app_errors.log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[3:]))
    lines = old.read_text().splitlines(keepends=True)
    old.write_text("".join([f"2020-01-01{line[10:]}" for line in lines[:2]] + lines[2:]))
    assert errors("logs") == ALL
    assert analyze(["logs"]).levels[4] == 4
    log.unlink()
    assert errors("logs") == ALL


def test_a_file_that_is_named_is_read_whole(write: Path) -> None:
    logged("development")
    assert errors("logs/app_errors.log") == ALL
    assert sorted(errors("logs/app.log", "logs/app_errors.log")) == sorted(ALL * 2)


def test_files_of_different_processes_are_no_copies(write: Path) -> None:
    """Each has a file of its own, in one folder."""
    for name in ("host", "worker"):
        program = f"""if True:
            import cordwood
            cordwood.configure(log_dir="logs", files="{name}.log", console_output=False)
            cordwood.get_logger("x").error("by {name}")
        """
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert sorted(errors("logs")) == ["by host", "by worker"]


CONSOLE = """if True:
    import sys, cordwood
    cordwood.configure(preset=sys.argv[1], log_dir="logs")
    log = cordwood.get_logger("services.auth")
    log.info("begun")
    print("printed", flush=True)
    print("begun", flush=True)
    try:
        {}["key"]
    except KeyError:
        log.exception("failed with 7")
    log.warning("begun")
    log.info("begun")
    cordwood.shutdown()
    raise RuntimeError("the end")
"""
RUN = "from cordwood.views.cli import main; main()"


def run(preset: str) -> None:
    words = [sys.executable, "-c", RUN, "run", "-d", "logs", "--", sys.executable, "-c", CONSOLE, preset]
    subprocess.run(words, check=False, capture_output=True, timeout=60)


@pytest.mark.parametrize("preset", ["ami_backend", "development", "services"])
def test_in_a_folder_a_record_is_found_in_the_log_and_not_in_the_consoles_copy(write: Path, preset: str) -> None:
    """Prints and the traceback of a crash are found in the copy, though one print says what a record says."""
    run(preset)
    (copy,) = write.glob("console_*.log")
    source = Files(["logs"])
    found = [(Path(e.source).name == copy.name, e.text) for e in source.select(parse("begun OR printed"))]
    assert [is_copy for is_copy, _ in found].count(False) == 3
    assert sorted(text.split(" ", 2)[2] for is_copy, text in found if is_copy) == ["begun", "printed"]
    assert source.count(parse('"failed with 7"')) == 1
    assert source.count(parse("KeyError")) == 1
    assert {Path(e.source).name for e in source.select(parse('"the end"'))} == {copy.name}
    assert len(source.last(parse("begun"), 9)) == 4
    levels = analyze(["logs"]).levels
    assert (levels[2], levels[3], levels[4]) == (2, 1, 1)
    assert Files([str(copy)]).count(parse("begun")) == 4, "a file that is named is read whole"


def test_a_line_of_a_copy_is_found_where_its_log_has_lost_the_record(write: Path) -> None:
    """It is compared with what is there."""
    run("ami_backend")
    assert Files(["logs"]).count(parse("begun")) == 4
    (write / "amibackend.log").write_text("")
    assert Files(["logs"]).count(parse("begun")) == 4


def test_who_follows_a_folder_hears_a_record_once(write: Path) -> None:
    """A copy's line comes before the log's: it is held until that has been delivered."""
    write.mkdir()
    log, copy = write / "app.log", write / "console_20261120_090000.log"
    log.write_text("")
    copy.write_text("")
    tail = Tail(["logs"])
    tail.last(0)
    with copy.open("a") as file:
        file.write("2026-11-20 09:00:00,124 INFO: begun\n2026-11-20 09:00:00,125 printed\n")
    assert tail.new() == []
    with log.open("a") as file:
        file.write("2026-11-20 09:00:00,123 - app - INFO - begun\n")
    heard: list[str] = []
    deadline = time.monotonic() + 20
    while len(heard) < 2 and time.monotonic() < deadline:
        heard += [entry.message for entry in tail.new()]
        time.sleep(0.02)
    tail.close()
    assert heard == ["begun", "printed"]
