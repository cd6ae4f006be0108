"""Archives in Parquet: given back to the byte, and searched as logs are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from cordwood.archive import archive, restore
from cordwood.errors import NoLogsError
from cordwood.query import open_source, parse
from cordwood.views.archive import archive as command

OLD = 40 * 86_400
PAGE = Path(__file__).parents[1] / "docs" / "archives.md"
LINE = "2026-11-20 09:{minute:02}:00,{ms:03} - shop.{name} - INFO - Order {n} paid by user{n} at 10.0.0.{host}\n"


def text(count: int) -> str:
    return "".join(
        LINE.format(minute=n // 100 % 60, ms=n % 1000, name="ab"[n % 2], n=n, host=n % 250) for n in range(count)
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "shop.log").write_text("2026-11-20 10:00:00,000 - shop - INFO - live\n")
    (tmp_path / "shop.log.1").write_text(text(5000) + "\udcff\x00 odd\n", encoding="utf-8", errors="surrogateescape")
    os.utime(tmp_path / "shop.log.1", (tmp_path.stat().st_mtime - OLD,) * 2)
    return tmp_path


def test_A9_parquet_gives_back_every_byte_its_age_and_its_mode(logs: Path) -> None:
    log = logs / "shop.log.1"
    log.chmod(0o640)
    whole, age = log.read_bytes(), log.stat().st_mtime_ns
    outcome = archive(logs, compress="parquet")
    assert (outcome.files, outcome.failed) == (["shop.log.1"], {})
    packed = logs / "shop.log.1.parquet"
    assert packed.stat().st_size * 8 < len(whole)
    assert restore(packed) == log
    assert (log.read_bytes(), log.stat().st_mtime_ns, log.stat().st_mode & 0o777) == (whole, age, 0o640)
    assert not packed.exists()


def test_A9_an_archive_is_searched_as_its_log_was(logs: Path) -> None:
    asked = parse('"user77 " OR odd OR live')
    before = [entry.text for entry in open_source([str(logs)]).select(asked)]
    archive(logs, compress="parquet")
    assert [entry.text for entry in open_source([str(logs)]).select(asked)] == before
    assert len(before) == 3


@pytest.mark.parametrize(
    "asked", ["user77", '"77 paid"', "ODD", '"nowhere"', "logger:shop.a user4998", '"4,998"', '"at 10.0.0.1"']
)
def test_A9_what_row_groups_cannot_hold_is_left_out_and_no_answer_is_missed(logs: Path, asked: str) -> None:
    log = logs / "shop.log.1"
    query = parse(asked)
    before = [(entry.time, entry.level, entry.text) for entry in open_source([str(log)]).select(query)]
    archive(logs, compress="parquet")
    packed = open_source([str(log.with_name("shop.log.1.parquet"))])
    assert [(entry.time, entry.level, entry.text) for entry in packed.select(query)] == before


def test_A9_restore_by_command_says_what_came_back_and_replaces_nothing(logs: Path) -> None:
    archive(logs, compress="parquet")
    packed = str(logs / "shop.log.1.parquet")
    (logs / "shop.log.1").write_text("another")
    refused = CliRunner().invoke(command, ["--restore", packed], standalone_mode=False)
    assert refused.return_value == 2
    assert refused.stderr == (
        f"cordwood: {packed}: shop.log.1 is there already; move it away first; nothing was changed\n"
    )
    assert (logs / "shop.log.1").read_text() == "another"
    with pytest.raises(NoLogsError, match=r"shop.log.1 is no packed log, whose name ends with .gz, .zst, .parquet"):
        command.main(["--restore", str(logs / "shop.log.1")], standalone_mode=False)
    (logs / "shop.log.1").unlink()
    done = CliRunner().invoke(command, ["--restore", packed], standalone_mode=False)
    assert (done.return_value, done.output) == (0, f"restored {logs / 'shop.log.1'}\n")


@pytest.mark.parametrize("compress", ["gzip", "zstd"])
def test_A9_what_gzip_and_zstd_packed_comes_back_too(logs: Path, compress: str) -> None:
    whole = (logs / "shop.log.1").read_bytes()
    archive(logs, compress=compress)
    (packed,) = (path for path in logs.iterdir() if path.suffix in (".gz", ".zst"))
    assert restore(packed).read_bytes() == whole


@pytest.mark.parametrize("compress", ["gzip", "zstd", "parquet"])
def test_A9_what_is_packed_already_is_not_packed_again(logs: Path, compress: str) -> None:
    """By whatever form, nor where its name does not say so."""
    for form in ("parquet", "gzip", "zstd"):
        (logs / "other.log.1").write_text(text(9))
        (logs / "other.log.1").rename(logs / f"{form}.log.1")
        os.utime(logs / f"{form}.log.1", (logs.stat().st_mtime - OLD,) * 2)
        archive(logs, compress=form)
    (logs / "unnamed.log.1").write_bytes((logs / "parquet.log.1.parquet").read_bytes())
    os.utime(logs / "unnamed.log.1", (logs.stat().st_mtime - OLD,) * 2)
    before = {path.name: path.read_bytes() for path in logs.iterdir()}
    outcome = archive(logs, compress=compress)
    assert (outcome.files, outcome.failed) == ([], {"unnamed.log.1": "it is packed already"})
    assert {path.name: path.read_bytes() for path in logs.iterdir()} == before


def test_A9_a_log_goes_only_where_its_archive_gave_back_every_byte(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it again comes first, then the disk, then its name; what is wrong is said in one line."""
    log = logs / "shop.log.1"
    whole, names = log.read_bytes(), set(logs.iterdir())

    def fails(*_: object) -> None:
        raise OSError(None, "it does not give back the log")

    with monkeypatch.context() as patched:
        patched.setattr("cordwood.archive._native.pack", fails)
        done = CliRunner().invoke(command, ["--format", "parquet", str(logs)], standalone_mode=False)
    assert done.return_value == 2
    assert done.stderr == "cordwood: shop.log.1: it does not give back the log; it is left as it is\n"
    with monkeypatch.context() as patched:
        patched.setattr("cordwood.archive.os.fsync", fails)
        assert list(archive(logs, compress="parquet").failed) == ["shop.log.1"]
    with (logs / "huge.log.1").open("wb") as huge:
        huge.write(b"x" * 9_000_000 + b"\n")
    os.utime(logs / "huge.log.1", (logs.stat().st_mtime - OLD,) * 2)
    told = "a line of it is longer than 8 MB, which archives in Parquet do not hold; zstd packs it"
    (logs / "shop.log.1").rename(logs / "kept")
    assert archive(logs, compress="parquet").failed == {"huge.log.1": told}
    (logs / "huge.log.1").unlink()
    (logs / "kept").rename(log)
    assert (log.read_bytes(), set(logs.iterdir())) == (whole, names)


def told(*words: str) -> tuple[int, str, str]:
    """Status, output and errors of a command."""
    done = subprocess.run(
        [sys.executable, "-c", "from cordwood.views.cli import main; main()", *words],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_A9_a_damaged_archive_is_one_line_and_status_2(logs: Path) -> None:
    """By search, analysis and restoring, whatever byte it is; the archive stays, and other files are read."""
    archive(logs, compress="parquet")
    packed = logs / "shop.log.1.parquet"
    whole = packed.read_bytes()
    spoilt = [whole[:-9], whole[: len(whole) // 2], whole[:4], whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:]]
    places = range(4, len(whole), len(whole) // 12)
    spoilt += [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in places]
    said = set()
    for data in spoilt:
        packed.write_bytes(data)
        status, shown, errors = told("search", "user77 OR live", str(logs))
        assert "live" in shown
        assert (status, errors.count("\n")) in {(0, 0), (2, 1)}, errors
        if errors:
            assert errors.startswith(f"cordwood: {packed}: ")
            assert errors.endswith(("it is left out\n", "what is left of it is missing\n"))
            said.add(errors.rpartition("; ")[2])
        status, _, errors = told("archive", "--restore", str(packed))
        assert (status, errors.count("\n")) == (2, 1), errors
        assert errors.startswith(f"cordwood: {packed}: ")
        assert errors.endswith("; nothing was changed\n")
        assert packed.read_bytes() == data
        assert sorted(path.name for path in logs.iterdir()) == ["shop.log", "shop.log.1.parquet"]
    assert len(said) == 2
    status, _, errors = told("analyze", str(logs))
    assert (status, errors.count("\n")) in {(0, 0), (2, 1)}, errors


def test_A9_a_parquet_file_of_others_is_named_as_such(logs: Path) -> None:
    other = logs / "shop.log.1.parquet"
    one = duckdb.sql("SELECT 1 AS a")
    assert one is not None
    one.write_parquet(str(other))
    (logs / "shop.log.1").unlink()
    assert told("archive", "--restore", str(other))[2] == (
        f"cordwood: {other}: this is no archive of Cordwood's; nothing was changed\n"
    )
    assert told("search", "live", str(logs)) == (
        2,
        "2026-11-20 10:00:00,000 - shop - INFO - live\n",
        f"cordwood: {other}: this is no archive of Cordwood's; it is left out\n",
    )


def test_A9_a_record_that_goes_on_in_the_next_file_is_found_whole_in_an_archive(logs: Path) -> None:
    """A rotation came between its lines: the archive's last record is never left out."""
    log = logs / "shop.log.1"
    head, tail = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n', "ValueError: needle\n"
    log.write_text(text(2000) + "2026-11-20 09:30:00,000 - shop - ERROR - failed\n" + head)
    os.utime(log, (logs.stat().st_mtime - OLD,) * 2)
    (logs / "shop.log").write_text("    f()\n" + tail + "2026-11-20 10:00:00,000 - shop - INFO - live\n")
    before = [(e.message, e.exception) for e in open_source([str(logs)]).select(parse("needle"))]
    assert before == [("failed", (head + "    f()\n" + tail).rstrip())]
    archive(logs, compress="parquet")
    assert [(e.message, e.exception) for e in open_source([str(logs)]).select(parse("needle"))] == before
    assert open_source([str(logs)]).count(parse("user77")) == 11


def test_A9_a_search_of_an_archive_takes_no_more_memory_than_of_its_log(logs: Path) -> None:
    """Below 64 MB, though the log is much larger."""
    with (logs / "shop.log.1").open("w") as log:
        for _ in range(20):
            log.write(text(100_000))
    os.utime(logs / "shop.log.1", (logs.stat().st_mtime - OLD,) * 2)
    archive(logs, compress="parquet")
    program = (
        "import re, sys; from cordwood.query import open_source, parse;"
        "print(open_source([sys.argv[1]]).count(parse(sys.argv[2])));"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    for asked, count in [("user777", 20 * 111), ("level:info", 2_000_000), ("level:error", 0)]:
        done = subprocess.run(
            [sys.executable, "-c", program, str(logs / "shop.log.1.parquet"), asked],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found, most = map(int, done.stdout.split())
        assert found == count
        assert most < 64 * 1024, asked


def test_A9_polars_reads_the_documented_columns_of_every_record(logs: Path) -> None:
    polars = pytest.importorskip("polars", reason="polars stands in the bench's environment only")
    archive(logs, compress="parquet")
    table = polars.read_parquet(logs / "shop.log.1.parquet").sort("row")
    texts = ["logger", "template", *(f"v{number}" for number in range(1, 21))]
    assert dict(table.schema) == {
        "row": polars.Int64, "time": polars.Datetime("ms"), "level": polars.Int32,
        **dict.fromkeys(texts, polars.String), "bytes": polars.Binary,
    }  # fmt: skip
    assert table["row"].to_list() == list(range(5000))
    one = table.row(77, named=True)
    assert (one["time"].isoformat(), one["level"], one["logger"]) == ("2026-11-20T09:00:00.077000", 20, "shop.b")
    assert (one["template"], one["v1"]) == ("<time  ,3> - shop.b - INFO - Order <*> paid by <*> at <*>", "77")
    assert (one["v2"], one["v3"], one["v4"], one["bytes"]) == ("user77", "10.0.0.77", None, None)
    assert table["bytes"].drop_nulls().to_list()[0].endswith(b"\n\xff\x00 odd")


def test_A9_duckdb_reads_the_documented_columns_of_every_record(logs: Path) -> None:
    archive(logs, compress="parquet")
    table = duckdb.from_parquet(str(logs / "shop.log.1.parquet"))
    documented = dict(re.findall(r"^\| `(\w+)`.*? \| ([A-Z]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    values = {f"v{number}": documented["v1"] for number in range(1, 21)}
    ahead = {name: documented[name] for name in ("row", "time", "level", "logger", "template")}
    assert dict(zip(table.columns, map(str, table.types), strict=True)) == {
        **ahead,
        **values,
        "bytes": documented["bytes"],
    }
    counted = "count(*), count(DISTINCT row), min(row), max(row), count(template), count(bytes)"
    assert table.aggregate(counted).fetchall() == [(5000, 5000, 0, 4999, 4999, 1)]
    (found,) = table.filter("row = 77").project("time::VARCHAR, level, logger, template, v1, v2, v3, bytes").fetchall()
    template = "<time  ,3> - shop.b - INFO - Order <*> paid by <*> at <*>"
    assert found == ("2026-11-20 09:00:00.077", 20, "shop.b", template, "77", "user77", "10.0.0.77", None)
    (odd,) = table.filter("bytes IS NOT NULL").project("row, bytes").fetchall()
    assert (odd[0], odd[1].endswith(b"\n\xff\x00 odd")) == (4999, True)
