"""`cordwood search`: what it prints, what it says, how it exits."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cordwood.query.tail import Tail
from cordwood.views.cli import main

Search = Callable[..., Result]
SEARCH = [sys.executable, "-c", "from cordwood.views.cli import main; main()", "search"]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def search() -> Search:
    def run(*words: str | Path, status: int = 0) -> Result:
        done = CliRunner().invoke(main, ["search", *map(str, words)])
        assert done.exit_code == status, done.output
        return done

    return run


def line(second: int, message: str, level: str = "INFO", logger: str = "app") -> str:
    return f"2026-11-20 10:{second // 60:02}:{second % 60:02},000 - {logger} - {level} - {message}\n"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    traceback = 'Traceback (most recent call last):\n  File "a.py", line 1\nTimeoutError: no reply\n'
    (folder / "app.log.1").write_text(line(0, "first") + line(10, "it Timed out", "ERROR", "app.db") + traceback)
    (folder / "app.log").write_text(line(30, "third") + line(70, "fourth", "WARNING"))
    (folder / "worker.log").write_text(line(20, "second", logger="worker"))
    return folder


def test_records_are_found_with_their_traceback_and_merged_by_time(search: Search, logs: Path) -> None:
    """Over files, backups and logs; ./logs is the default."""
    assert search("", status=0).stdout == "".join(
        [(logs / "app.log.1").read_text(), (logs / "worker.log").read_text(), (logs / "app.log").read_text()]
    )
    assert search("no reply").stdout.splitlines()[0] == line(10, "it Timed out", "ERROR", "app.db").strip()
    assert len(search("no reply").stdout.splitlines()) == 4
    assert search("level>=warning -reply", logs).stdout == line(70, "fourth", "WARNING")


def test_a_query_may_begin_with_a_minus(search: Search, logs: Path) -> None:
    """Before a field; it is no option."""
    assert search("-logger:app.* -level<warning", logs, "-c").stdout == "1\n"
    assert search("-logger:app,app.db", logs).stdout == line(20, "second", logger="worker")


def test_the_exit_status_is_greps(search: Search, logs: Path) -> None:
    """0 found, 1 nothing, 2 trouble; one clear line for that."""
    assert search("nothing-of-this", status=1).output == ""
    assert "there is no such file or folder" in search("x", "nowhere.log", status=2).stderr
    wrong = search("level>=eror", status=2)
    assert wrong.stderr.splitlines()[1:] == ["  level>=eror", "         ^"]
    assert search("levl:error", status=1).stderr == "cordwood: nothing was found; did you mean level by levl?\n"
    assert search("", "-g", "levl").stderr == "cordwood: no record has levl; did you mean level?\n"
    (logs / "binary.log").write_bytes(b"\0\1\2" * 99)
    done = search("third", status=2)
    assert done.stdout == line(30, "third")
    assert done.stderr.startswith(f"cordwood: {logs.name}/binary.log: this is no text")


def test_one_path_that_is_missing_or_closed_leaves_the_others(
    search: Search, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As grep does: the rest is searched, and the status says so."""
    done = search("third", logs, "nowhere.log", status=2)
    assert (done.stdout, done.stderr) == (line(30, "third"), "cordwood: nowhere.log: there is no such file or folder\n")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # root may read everything
    assert search("third", logs / "app.log").stdout == line(30, "third")


def test_context_stands_around_and_gaps_are_marked(search: Search, logs: Path) -> None:
    """Records, not lines."""
    (logs / "app.log").write_text("".join(line(n, f"m{n}") for n in range(10)))
    (logs / "app.log.1").unlink()
    (logs / "worker.log").unlink()
    assert search("/m[27]/", "-B1", "-A", "1").stdout == "".join(
        [line(1, "m1"), line(2, "m2"), line(3, "m3"), "--\n", line(6, "m6"), line(7, "m7"), line(8, "m8")]
    )
    assert search("m5", "-C1").stdout == line(4, "m4") + line(5, "m5") + line(6, "m6")
    assert "--last shows no context" in search("m5", "-C1", "-n1", status=2).stderr


def test_counts_and_groups(search: Search, logs: Path) -> None:
    """By fields, by time, and as JSON."""
    assert search("-c", "").stdout == "5\n"
    assert search("nothing-of-this", "--count", status=1).stdout == "0\n"
    assert search("", "--group-by", "level,logger").stdout.splitlines() == [
        "INFO     app     2", "ERROR    app.db  1", "INFO     worker  1", "WARNING  app     1",
    ]  # fmt: skip
    assert search("", "-g", "name").stdout.splitlines()[0] == "app     3"
    assert search("", "--per", "1m").stdout.splitlines() == ["2026-11-20 10:00:00  4", "2026-11-20 10:01:00  1"]
    found = [json.loads(one) for one in search("", "-g", "level", "--per", "1h", "--json").stdout.splitlines()]
    assert found[0] == {"time": 1795168800.0, "level": "ERROR", "count": 1}


def test_json_has_every_part(search: Search, logs: Path) -> None:
    """One object a line."""
    found = json.loads(search("--json", "reply").stdout)
    assert (found["time"], found["level"], found["logger"], found["message"]) == (
        1795168810.0,
        "ERROR",
        "app.db",
        "it Timed out",
    )
    assert found["exception"].endswith("TimeoutError: no reply")
    assert found["file"] == "logs/app.log.1"
    (logs / "app.log").write_text(line(0, "milliseconds").replace(",000", ",123"))
    assert json.loads(search("--json", "milliseconds").stdout)["time"] == 1795168800.123


def test_the_last_answers(search: Search, logs: Path) -> None:
    """In order of time."""
    assert search("-n", "2", "").stdout == line(30, "third") + line(70, "fourth", "WARNING")


def test_standard_input_and_a_given_format(tmp_path: Path) -> None:
    """A format string, and an example line."""
    data = "INFO;app;2026-11-20 10:00:00;hello\nERROR;app;2026-11-20 10:00:01;oh\n"
    for form in ("%(levelname)s;%(name)s;%(asctime)s;%(message)s",):
        done = subprocess.run(
            [*SEARCH, "level:error", "-", "--json", "--format", form], input=data.replace("20.11.2026", "2026-11-20"),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["message"] == "oh"
    example = "20.11.2026 09:00:00 | INFO | app | hello"
    done = subprocess.run(
        [*SEARCH, "since:2020-01-01", "-", "--json", "--format", example],
        input="20.11.2026 10:00:01 | ERROR | a.b | oh\n",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["logger"] == "a.b"


def test_what_comes_through_a_pipe_is_shown_when_it_comes() -> None:
    """A record is whole when the next one begins."""
    with subprocess.Popen([*SEARCH, "x", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(line(0, "x 1") + line(1, "y"))
        process.stdin.flush()
        assert process.stdout.readline() == line(0, "x 1")
        process.stdin.write(line(2, "x 2"))
        process.stdin.close()
        assert process.stdout.read() == line(2, "x 2")


def test_a_reader_that_leaves_ends_it_quietly(logs: Path) -> None:
    """As `| head` does."""
    (logs / "big.log").write_text("".join(line(n // 10, "x" * 200) for n in range(20_000)))
    program = f"{sys.executable} -c 'from cordwood.views.program import run; run()'"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{program} search '' {logs} | head -1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == line(0, "first")
    assert done.stderr == ""


def test_the_program_ends_with_the_status_and_all_that_was_said(logs: Path) -> None:
    """It leaves Python without taking it apart."""
    program = [sys.executable, "-c", "from cordwood.views.program import run; run()", "search"]
    done = subprocess.run([*program, "first", str(logs)], capture_output=True, text=True, check=True)
    assert done.stdout == line(0, "first")
    assert subprocess.run([*program, "no such text", str(logs)], capture_output=True, check=False).returncode == 1
    bad = subprocess.run([*program, "level>>x", str(logs)], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("cordwood: ")


RUN = f"{sys.executable} -c 'from cordwood.views.program import run; run()' search"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of it, with output held in buffers as users have it."""
    held = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=held, check=False)


def test_what_was_found_goes_out_whatever_happens_then(logs: Path, tmp_path: Path) -> None:
    """A reader of stderr that left, and one that is not there."""
    for away in ("2> >(true)", "2>&-"):
        done = shell(f"{RUN} first {logs} {tmp_path}/missing.log {away}")
        assert done.stdout == line(0, "first"), away
    assert shell(f"{RUN} first {logs} 2>&-").returncode == 0


def test_an_interrupt_loses_nothing_that_was_found(logs: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a search."""
    program = (
        "import os, signal; from cordwood.query.files import Files; select = Files.select\n"
        "def interrupted(*given, **options):\n"
        "    yield from select(*given, **options)\n"
        "    raise KeyboardInterrupt\n"
        "Files.select = interrupted\n"
        "from cordwood.views.program import run; run()"
    )
    (tmp_path / "program.py").write_text(program)
    done = shell(f"{sys.executable} {tmp_path}/program.py search first {logs} > {tmp_path}/out")
    assert done.returncode == 130
    assert (tmp_path / "out").read_text() == line(0, "first")


def test_a_full_disk_is_trouble_and_not_nothing_found(logs: Path) -> None:
    done = shell(f"{RUN} first {logs} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "cordwood: standard output: No space left on device\n"


def test_a_database_is_searched_by_its_url(search: Search, tmp_path: Path) -> None:
    """With the same query."""
    from tests.contract.sources import Row, closing, sqlite

    rows = [Row(1_795_168_800_000_000_000, "ERROR", "app", "it failed", fields={"user_id": 7})]
    with closing(sqlite(tmp_path, rows)):
        pass
    url = f"sqlite:///{tmp_path}/logs.db"
    assert search("user_id:7", url).stdout == "2026-11-20 10:00:00,000 - app - ERROR - it failed\n"
    assert search("user_id:8", url, status=1).stdout == ""
    assert "no such file" in search("x", f"sqlite:///{tmp_path}/no.db", status=2).stderr
    assert "one URL" in search("x", url, "logs", status=2).stderr


def test_a_database_is_followed(search: Search, tmp_path: Path) -> None:
    """What is there, and what is inserted from then on."""
    from cordwood.query import parse
    from cordwood.views.search import _following

    from tests.contract.sources import Row, closing, insert, sqlite

    at = 1_795_168_800_000_000_000
    with closing(sqlite(tmp_path, [Row(at, "ERROR", "app", "one"), Row(at, "INFO", "app", "two")])) as source:
        shown = _following(source.follow(parse("level:error")), None)
        assert next(shown).message == "one"
        insert(f"sqlite:///{tmp_path}/logs.db", [Row(at, "INFO", "app", "three"), Row(at, "ERROR", "app", "four")])
        assert next(shown).message == "four"
        assert [entry.message for entry in source.follow(parse("")).last(3)] == ["two", "three", "four"]
    assert "a database" in search("x", "-f", "-", status=2).stderr


def test_a_path_in_the_querys_place_is_told(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.log").write_text(line(0, "x"))
    assert "the query comes first: cordwood search '' app.log" in search("app.log", status=2).stderr


def test_lines_in_all_encodings_and_ends_are_read(search: Search, logs: Path) -> None:
    """CRLF, Latin-1 among UTF-8, a byte order mark, times in the future and none at all."""
    text = "\ufeff".encode() + line(0, "a").replace("\n", "\r\n").encode() + line(1, "caf\xe9").encode("latin-1")
    (logs / "app.log").write_bytes(text + line(2, "z").replace("2026", "2099").encode() + b"no time\n")
    (logs / "app.log.1").unlink()
    assert search("-c", "", logs / "app.log").stdout.strip() == "3"
    assert "caf\ufffd" in search("caf", logs / "app.log").stdout
    assert search("since:2090-01-01", logs / "app.log").stdout.splitlines()[-1] == "no time"


def test_a_line_of_many_megabytes_is_cut_and_said(search: Search, logs: Path) -> None:
    """What follows it is found."""
    with (logs / "huge.log").open("w") as file:
        file.write(line(0, "x" * 20_000_000) + line(1, "after"))
    done = search("after", logs / "huge.log", status=2)
    assert done.stdout == line(1, "after")
    assert "1 record longer than 8 MB cut" in done.stderr


def test_a_cut_record_is_counted_once_by_the_last_ones(search: Search, logs: Path) -> None:
    """However often the end of the file is looked at."""
    with (logs / "huge.log").open("w") as file:
        file.write(line(0, "before") + line(1, "x" * 20_000_000) + line(2, "after"))
    done = search("-n", "3", "", logs / "huge.log", status=2)
    assert done.stdout.startswith(line(0, "before"))
    assert done.stdout.endswith(line(2, "after"))
    assert done.stderr == f"cordwood: {logs / 'huge.log'}: 1 record longer than 8 MB cut\n"
    assert search("-n", "1", "", logs / "huge.log").stderr == ""


def test_utf16_is_searched_like_any_other_text(search: Search, logs: Path) -> None:
    """As Windows writes it, with its byte order mark."""
    (logs / "windows.log").write_text(line(0, "größer", "ERROR") + line(1, "b"), encoding="utf-16")
    assert search("level:error größer", logs / "windows.log").stdout == line(0, "größer", "ERROR")
    assert search("-n1", "", logs / "windows.log").stdout == line(1, "b")


def test_the_collectors_json_is_found_record_by_record(search: Search, logs: Path) -> None:
    """A line of the file exporter holds many; each is shown as a line."""
    records = [
        {"timeUnixNano": f"179518338{n}000000000", "severityNumber": 9 + 8 * (n % 2), "body": {"stringValue": f"m{n}"},
         "attributes": [{"key": "user_id", "value": {"intValue": str(n)}}]}
        for n in range(6)
    ]  # fmt: skip
    lines = [{"resourceLogs": [{"scopeLogs": [{"logRecords": records[:4]}]}]}, records[4], records[5]]
    (logs / "otlp.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    found = [json.loads(one) for one in search("level:error", "--json", logs / "otlp.jsonl").stdout.splitlines()]
    assert [(one["message"], one["fields"]) for one in found] == [(f"m{n}", {"user_id": str(n)}) for n in (1, 3, 5)]
    assert search("-c", "user_id>=2", logs / "otlp.jsonl").stdout == "4\n"
    tail = Tail([str(logs / "otlp.jsonl")])
    assert [entry.message for entry in tail.last(2)] == ["m4", "m5"]
    with (logs / "otlp.jsonl").open("a") as file:
        file.write(json.dumps(lines[0]) + "\n")
    assert [entry.message for entry in [*tail.new(), *tail.new()]] == ["m0", "m1", "m2", "m3"]
    tail.close()


def test_the_command_loads_what_it_needs_and_no_more() -> None:
    """Loading takes longer than searching a hundred megabytes."""
    code = (
        "import sys, cordwood.views.cli, cordwood.views.search, cordwood.query.files;"
        "loaded = {'logging', 'yaml', 'msgspec', 'sqlalchemy', 'asyncio', 'cordwood.record'} & set(sys.modules);"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def peak(*words: str) -> tuple[str, int]:
    """What a search prints, and the most memory it took, in kB."""
    program = r"""if True:
        import re, sys
        from cordwood.views.cli import main
        try:
            main()
        finally:
            print(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", program, "search", *words], capture_output=True, text=True, check=False
    )
    return done.stdout, int(done.stderr.split()[-1])


def test_memory_is_bounded_however_long_a_line(logs: Path) -> None:
    """One of 100 MB, shown as far as it is kept."""
    with (logs / "huge.log").open("w") as file:
        file.write(line(0, "x" * 100_000_000) + line(1, "after"))
    shown, most = peak("", str(logs / "huge.log"))
    assert 8 << 20 <= len(shown) < 9 << 20
    assert most < 64 * 1024


def test_memory_is_bounded_however_large_the_file(logs: Path) -> None:
    """A file of 200 MB, packed and plain, below 64 MB."""
    block = "".join(line(n % 3600, "y" * 100) for n in range(2000))
    with (logs / "large.log").open("w") as plain, gzip.open(logs / "packed.log.1.gz", "wt", compresslevel=1) as packed:
        for _ in range(400):
            plain.write(block)
        for _ in range(50):
            packed.write(block)
    shown, most = peak("-c", "y OR z", str(logs / "large.log"), str(logs / "packed.log"))
    assert shown == "900000\n"
    assert most < 64 * 1024


def test_following_gives_what_is_there_and_what_comes_through_rotation(logs: Path) -> None:
    """Each answer once."""
    from cordwood.query import parse

    log = logging.Logger("followed")  # noqa: LOG001 nobody else shall hear it
    handler = RotatingFileHandler(logs / "new.log", maxBytes=3000, backupCount=90)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    log.addHandler(handler)
    for n in range(50):
        log.info("n%d", n)
    tail = Tail([str(logs / "new.log")], parse("/[05]$/"))
    found = [entry.message for entry in tail.before()]
    for n in range(50, 150):
        log.info("n%d", n)
        if n % 30 == 0:
            found += [entry.message for entry in tail.new()]
    handler.close()
    found += [entry.message for entry in [*tail.new(), *tail.new()]]
    tail.close()
    assert found == [f"n{n}" for n in range(0, 150, 5)]


def test_a_file_that_rotates_while_it_is_read_is_read_once(logs: Path) -> None:
    """All files are open before the first is read."""
    from cordwood.query import parse
    from cordwood.query.files import Files

    found = Files([str(logs / "app.log")]).select(parse(""))
    first = next(found)
    (logs / "app.log").replace(logs / "app.log.2")
    (logs / "app.log.1").unlink()
    (logs / "app.log").write_text(line(99, "later"))
    assert [entry.message for entry in [first, *found]] == ["first", "it Timed out", "third", "fourth"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--per", "soon", ""], "--per: 'soon' is no duration"),
        (["--group-by", "a b", ""], "'a b' is no field's name"),
        (["--count", "-f", ""], "cannot be used with"),
        (["--format", "%(message)s", "x"], "no time and no level"),
        (["--format", "no time", "x"], "no time is found in the example"),
    ],
)
def test_wrong_options_are_refused_in_one_line(search: Search, logs: Path, words: list[str], why: str) -> None:
    """With what is wrong."""
    error = search(*words, status=2).stderr
    assert why in error
    assert len(error.splitlines()) == 1


def test_what_is_only_in_the_spool_is_found(search: Search, tmp_path: Path) -> None:
    """In the format of its file, and by its folder, while nobody delivers it."""
    program = """if True:
        import os, cordwood
        cordwood.configure(log_dir="logs", files="app.log", console_output=False)
        log = cordwood.get_logger("shop")
        log.info("delivered")
        cordwood.flush()
        os.rename("logs/app.log", "kept.log")
        os.mkdir("logs/app.log")  # nothing can be written there
        for n in range(3):
            log.warning("only spooled %d", n)
        os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, capture_output=True)
    (tmp_path / "logs" / "app.log").rmdir()
    (tmp_path / "kept.log").rename(tmp_path / "logs" / "app.log")
    found = search("level:warning", "logs").stdout.splitlines()
    assert [one.partition(" - ")[2][:14] for one in found] == ["shop - WARNING"] * 3
    assert [one.rpartition(" - ")[2] for one in found] == [f"only spooled {n}" for n in range(3)]
    assert search("-c", "", "logs").stdout == "4\n"
