"""`cordwood analyze`: what it counts, how it compares, how it is shown."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cordwood
import pytest
from click.testing import CliRunner, Result
from cordwood.analysis import analyze
from cordwood.analysis.comparison import adjusted, chance
from cordwood.analysis.window import Comparison
from cordwood.query import open_source, parse
from cordwood.views.analyze import analyze as command

from tests.contract import sources

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/shop.py", line {line}, in pay
    raise TimeoutError
TimeoutError: timed out after {line} s
"""


def log(hours: range, failing: range = range(0)) -> str:
    """A hundred records an hour, of which one fails in hours that are failing."""
    lines = []
    for hour in hours:
        for minute in range(50):
            stamp = f"2026-11-{20 + hour // 24} {hour % 24:02}:{minute:02}:00,000"
            lines.append(f"{stamp} - shop.http - INFO - GET /items/{minute} 200\n")
            lines.append(f"{stamp} - shop.auth - DEBUG - User user{minute} logged in\n")
            if hour in failing:
                lines.append(f"{stamp} - shop.pay - ERROR - Payment {minute} failed\n{TRACEBACK.format(line=minute)}")
    return "".join(lines)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_everything_is_counted_by_level_hour_logger_pattern_and_traceback(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(log(range(3), failing=range(2, 3)))
    report = analyze([str(tmp_path / "shop.log")])
    assert report.levels == [0, 150, 150, 0, 50, 0]
    assert [sum(sum(levels) for at, levels in report.times if (at or 0) * report.unit // 3600 % 24 == hour)
            for hour in range(3)] == [100, 100, 150]  # fmt: skip
    assert {one.text: one.count for one in report.loggers} == {"shop.http": 150, "shop.auth": 150, "shop.pay": 50}
    assert {one.text: one.count for one in report.patterns} == {
        "GET <*> 200": 150,
        "User <*> logged in": 150,
        "Payment <*> failed": 50,
    }
    (error,) = report.errors
    assert (error.count, error.frames) == (50, ["/srv/shop.py in pay"])
    assert [issue.id for issue in report.issues] == ["timeout"]


def test_a_database_is_analysed_like_a_file(tmp_path: Path) -> None:
    """By its URL, with tracebacks and issues; a query is answered by SQL."""
    rows = [sources.Row(1_795_183_380 * 10**9 + n, "INFO", "shop.http", f"GET /items/{n} 200") for n in range(20)]
    failed = [
        sources.Row(
            1_795_183_390 * 10**9 + n, "ERROR", "shop.pay", f"Payment {n} failed", TRACEBACK.format(line=n).strip()
        )
        for n in range(5)
    ]
    url = f"sqlite:///{tmp_path / 'logs.db'}"
    sources.insert(url, [*rows, *failed])
    report = analyze([url])
    assert report.levels == [0, 0, 20, 0, 5, 0]
    assert {one.text: one.count for one in report.patterns} == {"GET <*> 200": 20, "Payment <*> failed": 5}
    assert (report.errors[0].count, report.errors[0].frames) == (5, ["/srv/shop.py in pay"])
    assert [issue.id for issue in report.issues] == ["timeout"]
    assert analyze([url], parse("level:error")).levels == [0, 0, 0, 0, 5, 0]
    result = run(url, "--json")
    assert (result.exit_code, json.loads(result.output)["now"]["records"]) == (0, 25)


def test_a_databases_templates_are_its_patterns_where_it_keeps_them(tmp_path: Path) -> None:
    """`columns="extended"` does; and they are fields to ask for."""
    url = f"sqlite:///{tmp_path}/logs.db"
    cordwood.configure(
        log_dir=tmp_path, console_output=False, database={"enabled": True, "url": url, "columns": "extended"}
    )
    log = cordwood.get_logger("shop")
    for name in ("ann", "bob of york", "carol"):
        log.info("user %s left", name)
    log.info("user dan came")
    assert cordwood.flush(20) == 0
    assert [(one.text, one.count) for one in analyze([url]).patterns] == [("user <*> left", 3), ("user dan came", 1)]
    source = open_source([url])
    assert source.count(parse('template:"user %s left" user')) == 3
    source.close()


def test_what_was_named_is_read_however_old_it_is(tmp_path: Path) -> None:
    """A packed sibling that old is left out, as by a search."""
    old, live = tmp_path / "shop.log.1.gz", tmp_path / "shop.log"
    old.write_bytes(gzip.compress(log(range(1)).encode()))
    live.write_text(log(range(1, 2)))
    os.utime(old, (1_000_000, 1_000_000))
    query = parse('since:"2026-11-20 00:00"')
    assert sum(analyze([str(live)], query).levels) == 100
    assert sum(analyze([str(old)], query).levels) == 100


def test_the_query_chooses_the_records(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(log(range(2), failing=range(1, 2)))
    report = analyze([str(tmp_path)], parse("level>=error"))
    assert (report.now.records, report.levels) == (50, [0, 0, 0, 0, 50, 0])


def test_rotated_and_packed_siblings_are_read_with_their_log(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "shop.log").write_text(log(range(2, 3)))
    (tmp_path / "shop.log.1").write_text(log(range(1, 2)))
    (tmp_path / "shop.log.2.gz").write_bytes(gzip.compress(log(range(1)).encode()))
    assert analyze([str(tmp_path / "shop.log")]).now.records == 300


def test_a_traceback_that_goes_on_in_the_next_file_is_one(tmp_path: Path) -> None:
    """A rotation came between its lines."""
    first = "2026-11-20 09:00:00,000 - shop.pay - ERROR - it failed\n" + TRACEBACK.format(line=7)
    cut = first.index("  File")
    head, tail = first[:cut], first[cut:]
    (tmp_path / "shop.log.1").write_text(log(range(1)) + head)
    (tmp_path / "shop.log").write_text(tail + log(range(10, 11)))
    report = analyze([str(tmp_path)])
    assert report.levels == [0, 100, 100, 0, 1, 0]
    assert [(one.count, one.text) for one in report.errors] == [(1, "TimeoutError: timed out after 7 s")]
    assert sum(one.count for one in report.patterns) == 201


def test_times_without_a_year_are_of_the_files_last_change(tmp_path: Path) -> None:
    log = tmp_path / "system.log"
    log.write_text("Nov 20 09:00:00 box app[7]: begun\n")
    os.utime(log, (1_700_500_000, 1_700_500_000))  # 2023-11-20
    report = analyze([str(log)])
    assert report.now.first is not None
    assert abs(report.now.first / 1e9 - 1_700_500_000) < 2 * 86_400
    assert [one.text for one in report.loggers] == ["app"]


def test_what_was_too_long_is_said_in_the_right_number(tmp_path: Path) -> None:
    line = "2026-11-20 09:00:00,000 - x - INFO - " + "y" * 9_000_000 + "\n"
    (tmp_path / "x.log").write_text(line)
    said = "1 record longer than 8 MB cut"
    assert analyze([str(tmp_path)]).notices == [f"{tmp_path / 'x.log'}: {said}"]
    (tmp_path / "x.log").write_text(line * 2)
    assert "2 records longer than 8 MB cut" in analyze([str(tmp_path)]).notices[0]


def test_what_is_new_vanished_or_spiking_is_told_beside_another_file(tmp_path: Path) -> None:
    gone = "2026-11-20 09:00:00,000 - shop.old - INFO - Nightly sync of shard 7 done\n"
    rare = "2026-11-20 09:00:00,000 - shop.db - WARNING - Retry number 3\n"
    (tmp_path / "before.log").write_text(log(range(3)) + gone * 40 + rare * 2)
    (tmp_path / "now.log").write_text(log(range(3), failing=range(2, 3)) + rare * 60)
    compare = Comparison("with before.log", path=str(tmp_path / "before.log"))
    report = analyze([str(tmp_path / "now.log")], compare=compare)
    assert [(one.kind, one.pattern.text) for one in report.changes] == [
        ("new", "Payment <*> failed"),
        ("new", "TimeoutError: timed out after 0 s"),
        ("spiking", "Retry number 3"),
        ("vanished", "Nightly sync of shard 7 done"),
    ]
    assert all(one.p < 0.01 for one in report.changes)


@pytest.mark.parametrize("how", [(), ("--markdown",), ("--html",)])
def test_an_error_that_was_never_there_before_is_called_new(tmp_path: Path, how: tuple[str, ...]) -> None:
    """Though its message is an old one."""
    (tmp_path / "shop.log").write_text(
        log(range(3), failing=range(3)) + log(range(3, 4), failing=range(3, 4)).replace("TimeoutError", "KeyError")
    )
    shown = run("--compare", "since 2026-11-20 03:00", *how, str(tmp_path)).stdout
    assert re.search(r"new\W.*KeyError: timed out", shown), "among the changes"
    assert len(re.findall(r"\bnew, 2026-11-20 03:00:00", shown)) == 1, "and among the errors"


def test_what_was_before_a_moment_is_what_is_compared_with(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(log(range(4), failing=range(3, 4)))
    done = run("--compare", "since 2026-11-20 03:00", "--json", str(tmp_path / "shop.log"))
    report = json.loads(done.stdout)
    assert (report["before"]["records"], report["now"]["records"]) == (300, 150)
    assert [one["kind"] for one in report["changes"]] == ["new", "new"]


def test_the_json_says_what_is_what(tmp_path: Path) -> None:
    """Levels by name, times as they are elsewhere."""
    (tmp_path / "shop.log").write_text(log(range(1), failing=range(1)) + "2026-11-20 23:00:00,000 - x - INFO - it\n")
    report = json.loads(run("--json", str(tmp_path)).stdout)
    assert report["levels"] == {"DEBUG": 50, "INFO": 51, "ERROR": 50}
    assert report["times"] == [
        {"begin": "2026-11-20 00:00", "levels": {"DEBUG": 50, "INFO": 50, "ERROR": 50}},
        {"begin": "2026-11-20 23:00", "levels": {"INFO": 1}},
    ]
    assert report["now"]["last"] - report["now"]["first"] == 23 * 3600
    (error,) = report["errors"]
    assert (error["count"], error["levels"], error["frames"]) == (50, {"ERROR": 50}, ["/srv/shop.py in pay"])


def test_equal_logs_show_no_change(tmp_path: Path) -> None:
    chances = random.Random(7)
    for name in ("before", "now"):
        words = [chances.choice("abcdefgh") * 3 for _ in range(3000)]
        (tmp_path / f"{name}.log").write_text("".join(f"2026-11-20 09:00:00,000 - x - INFO - {w} ran\n" for w in words))
    compare = Comparison("with before", path=str(tmp_path / "before.log"))
    assert analyze([str(tmp_path / "now.log")], compare=compare).changes == []


def test_the_chance_is_that_of_the_g_test_and_is_adjusted_for_many() -> None:
    assert chance(10, 100, 10, 100) == pytest.approx(1.0)
    assert chance(10, 100, 30, 100) == pytest.approx(0.000316, rel=0.01)
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])


def test_one_screen_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(log(range(3), failing=range(2, 3)))
    done = run(str(tmp_path / "shop.log"))
    assert done.exit_code == 0
    assert "ERROR 50   INFO 150   DEBUG 150" in done.output
    assert "Calls time out" in done.output
    assert "TimeoutError: timed out after 0 s" in done.output
    assert "GET <*> 200" in done.output
    only = run("--errors-only", str(tmp_path / "shop.log")).output
    assert "shop.pay - ERROR - Payment 0 failed" in only
    assert "GET <*>" not in only
    assert "Errors without" not in only, "what has a traceback is told once"
    assert "No errors." in run("--errors-only", "level:info", str(tmp_path / "shop.log")).output
    assert "\x1b" not in done.output
    assert "\x1b[31mCalls time out\x1b[0m" in run("--color", "always", str(tmp_path / "shop.log")).output


def test_what_has_no_traceback_is_told_by_its_pattern(tmp_path: Path) -> None:
    failed = "".join(f"2026-11-20 09:00:0{n},000 - x - ERROR - disk {n} failed\n" for n in range(9))
    (tmp_path / "x.log").write_text(failed)
    lines = run(str(tmp_path)).output.splitlines()
    place = lines.index("Errors without a traceback, by pattern")
    assert lines[place + 1].split("  ")[-1] == "disk <*> failed"
    assert lines[place + 2].strip() == "2026-11-20 09:00:00 … 09:00:08  such as: disk 0 failed"


def test_each_list_is_as_long_as_asked_for(tmp_path: Path) -> None:
    """Five on one screen."""
    (tmp_path / "x.log").write_text(
        "".join(f"2026-11-20 09:00:00,000 - x - ERROR - no{' at all' * n}\n" for n in range(10))
    )
    assert "and 5 more" in run(str(tmp_path)).output
    assert "and 2 more" in run("--most", "8", str(tmp_path)).output


def test_without_records_from_before_no_change_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("2026-11-20 09:00:00,000 - x - ERROR - it\n")
    said = "There is nothing to compare with"
    for how in ((), ("--markdown",), ("--html",)):
        assert said in run("--compare", "since 2026-11-20 08:00", *how, str(tmp_path)).output


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]


@pytest.mark.parametrize(("seconds", "unit"), [(90, 60), (7_000, 60), (8_000, 300), (36_000, 300), (37_000, 3600)])
def test_short_logs_are_counted_by_minutes(tmp_path: Path, seconds: int, unit: int) -> None:
    """Where there would be a few hours only; a rotated sibling counts."""
    ends = ((at // 3600, at // 60 % 60, at % 60) for at in (0, seconds))
    stamps = ["2026-11-20 {:02}:{:02}:{:02},000 - x - INFO - it\n".format(*end) for end in ends]
    (tmp_path / "x.log.1").write_text(stamps[0])
    (tmp_path / "x.log").write_text(stamps[1])
    report = analyze([str(tmp_path)])
    assert report.unit == unit
    assert [sum(levels) for _, levels in report.times] == [1, 1]
    # What is asked for is shorter.
    assert analyze([str(tmp_path / "x.log")], parse(f'since:"{stamps[1][:16]}"')).unit == 60


def test_what_comes_through_a_pipe_is_counted_by_minutes_too() -> None:
    program = [sys.executable, "-c", "from cordwood.views.cli import main; main()", "analyze", "-logger:shop.auth", "-"]
    done = subprocess.run(program, input=log(range(1)), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("standard input: 50 records")
    assert f"Times    {'█' * 16}▆  2026-11-20 00:00 … 2026-11-20 00:49" in done.stdout


def test_columns_of_a_sparkline_stand_for_as_many_hours_each(tmp_path: Path) -> None:
    """Records that come evenly show no peaks, however many hours there are."""
    (tmp_path / "shop.log").write_text(log(range(28)))
    hours = run(str(tmp_path)).stdout.splitlines()[3]
    assert hours == f"Times    {'█' * 14}  2026-11-20 00:00 … 2026-11-21 03:00"


@pytest.mark.parametrize("how", [(), ("--markdown",), ("--html",)])
def test_one_is_no_plural(tmp_path: Path, how: tuple[str, ...]) -> None:
    (tmp_path / "x.log").write_text("2026-11-20 09:00:00,000 - x - ERROR - timed out\n")
    shown = run(*how, str(tmp_path)).stdout
    assert ": 1 record, 2026" in shown.replace("\\", "")
    assert not re.search("1 (records|errors)", shown)


def test_the_picture_says_which_colour_is_which_level(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(log(range(2), failing=range(1)))
    page = run("--html", str(tmp_path)).stdout
    assert '<rect class="l4" width="10" height="10"/></svg> ERROR <b>50</b>' in page
    assert '<rect class="l2" width="10" height="10"/></svg> INFO <b>100</b>' in page
    assert "<title>2026-11-20 00:00: ERROR " in page


@pytest.mark.parametrize("how", ["--html", "--markdown"])
def test_what_a_log_holds_never_becomes_markup(tmp_path: Path, how: str) -> None:
    evil = "2026-11-20 09:00:00,000 - x - ERROR - <script>alert(1)</script> `a` | b \x1b[31m<img src=x>\n"
    (tmp_path / "x.log").write_text(evil)
    shown = run(how, str(tmp_path / "x.log")).output
    assert "\x1b" not in shown
    if how == "--html":
        reader = _Reader()
        reader.feed(shown)
        assert "svg" in reader.tags
        assert not reader.tags & {"script", "img"}
        assert reader.addresses == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere/x.log"], "nowhere/x.log: there is no such file or folder"),
        (["--compare", "nowhere", "."], "--compare: 'nowhere' is no file"),
        (["--assignments", "x"], "--assignments needs --plain"),
        (["--plain", "nowhere"], "cordwood: cannot read nowhere"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from cordwood.views.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["analyze", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
