"""Patterns of bare messages, through Python; the miner's own rules are tested beside it, in the core."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cordwood.analysis.patterns import plain
from cordwood.views.analyze import analyze

SHARED = Path(__file__).resolve().parents[3] / "shared"
MESSAGES = """\
User alice1 logged in from 10.0.0.1
User bob2 logged in from 10.0.0.2
cache is cold
User carol3 logged in from 10.0.0.3
"""


def test_messages_that_differ_in_values_have_one_template(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text(MESSAGES)
    first, second = plain(tmp_path / "messages")
    assert (first.text, first.count, first.first) == ("User <*> logged in from <*>", 3, 0)
    assert first.example == "User alice1 logged in from 10.0.0.1"
    assert (second.text, second.count, second.variables) == ("cache is cold", 1, ())


def test_variables_keep_kind_span_and_values(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("".join(f"took {n} ms on 10.0.0.{n % 3}\n" for n in range(5, 100)))
    (template,) = plain(tmp_path / "messages")
    duration, host = template.variables
    assert (duration.kind, duration.least, duration.greatest) == ("integer", 5, 99)
    assert host.kind == "address"
    assert host.distinct == 3
    assert dict(host.top) == {"10.0.0.0": 32, "10.0.0.1": 31, "10.0.0.2": 32}


def test_assignments_name_the_template_of_each_line(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text(MESSAGES)
    done = CliRunner().invoke(
        analyze, ["--plain", "--assignments", str(tmp_path / "out"), str(tmp_path / "messages")], catch_exceptions=False
    )
    assert (done.exit_code, done.output) == (0, "")
    user = "User <*> logged in from <*>"
    assert (tmp_path / "out").read_text().splitlines() == [user, user, "cache is cold", user]


def test_messages_come_through_a_pipe_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cordwood.views.cli import main; main()", "analyze", "--plain", "-"],
        input="ready\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1", "ready"]


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        plain(tmp_path / "none")


def _score(name: str, folder: Path, scorer: Any) -> tuple[float, float]:
    table = SHARED / "loghub" / f"{name}_2k.log_structured.csv"
    rows, truth, _ = scorer.load(table)
    (folder / "messages").write_text("".join(f"{row['Content']}\n" for row in rows), encoding="utf-8", newline="\n")
    plain(folder / "messages", folder / "out")
    given = (folder / "out").read_text(encoding="utf-8").split("\n")[:-1]
    found = scorer.score(truth, given)
    return found["GA"], found["FGA"]


# The scorer that lies with the sets leaves its files to be closed by whoever comes by.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(
    not (SHARED / "loghub").is_dir(), reason="needs the public log sets in ../shared/loghub; runs where they are"
)
def test_public_log_sets_are_grouped_as_people_grouped_them(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("grouping_accuracy", SHARED / "tools" / "grouping_accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    limit = csv.field_size_limit()
    spec.loader.exec_module(scorer)
    csv.field_size_limit(limit)
    names = sorted(path.name.split("_2k")[0] for path in (SHARED / "loghub").glob("*_2k.log_structured.csv"))
    scores = [_score(name, tmp_path, scorer) for name in names]
    grouping, groups = (sum(one) / len(scores) for one in zip(*scores, strict=True))
    assert grouping >= 0.97
    assert groups >= 0.98
