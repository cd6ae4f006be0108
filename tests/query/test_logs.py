"""Which files are logs, and in which order a log's files were written."""

from __future__ import annotations

from pathlib import Path

from cordwood.query.logs import chain, logs_in, siblings


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_backups_are_listed_from_the_oldest_to_the_newest(tmp_path: Path) -> None:
    """Numbers, dates, both with a compressed form; of a file that is there twice, the plain one."""
    numbered = "app.log app.log.1 app.log.2 app.log.2.gz app.log.10.zst app.log.lock app.logger.1"
    dated = "app.log.2026-11-19 app.log.2026-11-20 app.log.2026-11-20.10 app.log.2026-11-20.2 app.log-20261118.gz"
    for name in f"{numbered} {dated}".split():
        (tmp_path / name).touch()
    assert names(chain(str(tmp_path / "app.log"))) == [
        "app.log-20261118.gz",
        "app.log.2026-11-19", "app.log.2026-11-20", "app.log.2026-11-20.2", "app.log.2026-11-20.10",
        "app.log.10.zst", "app.log.2", "app.log.1", "app.log",
    ]  # fmt: skip
    assert "app.log.10.zst" not in names(siblings(str(tmp_path / "app.log"), packed=False))


def test_the_logs_of_a_folder(tmp_path: Path) -> None:
    """Also those of which only backups are left; nothing else."""
    for name in ("a.log", "a.log.1", "b.log.3.gz", "c.jsonl", "notes.txt", "core.1", ".hidden"):
        (tmp_path / name).touch()
    assert names(logs_in(str(tmp_path))) == ["a.log", "b.log", "c.jsonl"]
