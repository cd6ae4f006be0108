"""How records look: highlighted, coloured, all formats alike."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cordwood.views.cli import main


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "app.log").write_text(
        "2026-11-20 10:00:10,000 - app.db - ERROR - it Timed out\n2026-11-20 10:00:30,000 - app - INFO - third\n"
    )
    return folder


def search(*words: str | Path, status: int = 0) -> Result:
    done = CliRunner().invoke(main, ["search", *map(str, words)])
    assert done.exit_code == status, done.output
    return done


def test_what_was_found_is_highlighted(logs: Path) -> None:
    """Any case where the query is in lower case; nothing where it is left out."""
    marked = "\x1b[31m\x1b[1mTimed out\x1b[0m"
    assert marked in search('"timed out" -fourth', "--color", "always").stdout
    assert "\x1b" not in search('"timed out"').stdout
    assert marked in search("/(?i)timed.out/ OR /(?P<a>x)|(?P<b>y)/", "--color", "always").stdout


def test_colours_follow_the_usual_variables(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, FORCE_COLOR; a pipe on a CI stays plain."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "\x1b" not in search("third").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in search("third").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in search("third").stdout
    assert "\x1b" in search("third", "--color", "always").stdout


def test_records_of_all_formats_are_shown_alike(tmp_path: Path) -> None:
    """Time in local time, level, logger, message, own fields, traceback; nothing that acts on a terminal."""
    own = {"timestamp": "2026-11-20T10:00:00.5+00:00", "level": "ERROR", "logger": "a.b", "message": "no\nreply",
           "pid": 7, "template": "no", "user_id": 42, "path": "/a b", "exception": {"text": "T:\n  E\x1b"}}  # fmt: skip
    (tmp_path / "a.jsonl").write_text(json.dumps(own) + "\n")
    (tmp_path / "b.log").write_text('10.0.0.1 - - [20/Nov/2026:11:00:01 +0100] "GET /x HTTP/1.1" 503 12\n')
    assert search("", "--pretty", tmp_path).stdout.splitlines() == [
        "2026-11-20 10:00:00.500 ERROR    a.b: no",
        '  reply user_id=42 path="/a b"',
        "T:",
        "  E\\x1b",
        "2026-11-20 10:00:01.000 ERROR    GET /x HTTP/1.1 ip=10.0.0.1 status=503 bytes=12",
    ]
    coloured = search("reply", "-p", "--color", "always", tmp_path).stdout
    assert "\x1b[31mERROR   \x1b[0m" in coloured
    assert "\x1b[31m\x1b[1mreply\x1b[0m" in coloured
    assert "two ways" in search("", "-p", "--json", tmp_path, status=2).stderr
