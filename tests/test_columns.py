"""Archives in Parquet: given back to the byte, and searched as logs are."""

from __future__ import annotations

import os
import re
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
    assert refused.return_value == 1
    assert refused.stderr == f"cordwood: {packed}: shop.log.1 is there already; move it away first\n"
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


def test_A9_a_damaged_archive_is_refused_and_stays(logs: Path) -> None:
    archive(logs, compress="parquet")
    packed = logs / "shop.log.1.parquet"
    found = bytearray(packed.read_bytes())
    found[len(found) // 2] ^= 0xFF
    packed.write_bytes(found)
    with pytest.raises(OSError):  # noqa: PT011 what is wrong depends on the byte
        restore(packed)
    assert packed.exists()
    assert not (logs / "shop.log.1").exists()


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
