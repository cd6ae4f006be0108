"""`cordwood tail` over files that grow, rotate, shrink and have not got everything yet."""

from __future__ import annotations

import gzip
import json
import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from cordwood import _native
from cordwood.errors import NoLogsError
from cordwood.query.entries import Entry
from cordwood.query.tail import Tail
from cordwood.record import Record
from cordwood.views.tail import tail

_made: list[Tail] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def Tailing(*paths: Path) -> Tail:
    _made.append(Tail(map(str, paths)))
    return _made[-1]


def stamp(second: int, text: str) -> str:
    return f"2026-11-20 10:{second // 60:02}:{second % 60:02},000 - app - INFO - {text}"


def write(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + end)


def texts(entries: list[Entry]) -> list[str]:
    return [entry.text.split(" - ")[-1] for entry in entries]


def drain(tail: Tail) -> list[str]:
    """What is new, the entry that is held back included."""
    return texts(tail.new() + tail.new())


def record(second: int, message: str, sequence: int) -> Record:
    created = time.mktime((2026, 11, 20, 10, 0, second, 0, 0, -1))
    return Record(
        time=int(created) * 1_000_000_000, level=20, level_name="INFO", logger="app", message=message, template=message,
        pathname="/a.py", filename="a.py", module="a", line=1, function="f", pid=7, process_name="p", thread_id=1,
        thread_name="t", hostname="h", fields={}, exception=None, stack_info=None, task_name=None, segment=1,
        sequence=sequence,
    )  # fmt: skip


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Record]:
    """What stands in the spool of the test's folder."""
    records: list[Record] = []
    (tmp_path / ".cordwood" / "sinks").mkdir(parents=True)
    monkeypatch.setattr(_native, "read_spool", lambda folder: list(records), raising=False)
    return records


def test_the_last_records_of_several_files_are_merged_by_time(tmp_path: Path) -> None:
    """A record keeps its further lines, and `count` counts records."""
    write(tmp_path / "host.log", stamp(1, "h1"), stamp(3, "h3"), "Traceback", "  File", stamp(5, "h5"))
    write(tmp_path / "worker.log", stamp(2, "w2"), stamp(4, "w4"))
    (tmp_path / "notes.txt").write_text("no log")
    found = Tailing(tmp_path).last(4)
    assert texts(found) == ["w2", "h3\nTraceback\n  File", "w4", "h5"]
    assert Tailing(tmp_path / "host.log").last(1)[0].source == str(tmp_path / "host.log")


def test_after_a_rotation_the_rest_comes_from_the_backups(tmp_path: Path) -> None:
    """Ten records are ten records, however young the file is."""
    for n, name in enumerate(["app.log.2", "app.log.1", "app.log"]):
        write(tmp_path / name, *(stamp(10 * n + k, f"{n}{k}") for k in range(3)))
    assert texts(Tailing(tmp_path / "app.log").last(7)) == ["02", "10", "11", "12", "20", "21", "22"]


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path) -> None:
    """And still the records are whole."""
    path = tmp_path / "app.log"
    write(path, *(stamp(n % 3600, f"{n} " + "x" * 200) for n in range(3000)))
    found = Tailing(path).last(5)
    assert [text.split()[0] for text in texts(found)] == ["2995", "2996", "2997", "2998", "2999"]
    assert len(Tailing(path).last(2500)) == 2500


def test_a_last_line_without_newline_is_shown_or_waited_for(tmp_path: Path) -> None:
    """Shown at once where nothing will follow; when following, once it is whole."""
    seen: list[Entry] = []
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"), stamp(2, "b"), end="")
    tail([str(path)], 5, seen.append, print, follow=False, stop=lambda: True)
    assert texts(seen) == ["a", "b"]
    following = Tailing(path)
    assert texts(following.last(5)) == ["a"]
    write(path, "bb")
    assert drain(following) == ["bbb"]


def test_what_comes_later_is_shown_once(tmp_path: Path) -> None:
    """A record whose lines arrive in two writes is one record."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    following = Tailing(path)
    following.last(1)
    write(path, stamp(2, "b"))
    assert texts(following.new()) == []
    write(path, "Traceback", stamp(3, "c"))
    assert texts(following.new()) == ["b\nTraceback"]
    assert drain(following) == ["c"]
    assert drain(following) == []


def test_rotation_by_rename_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Also what was written just before the rename, and several rotations between two looks."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    following = Tailing(path)
    following.last(1)
    write(path, stamp(2, "b"))
    path.rename(tmp_path / "app.log.1")
    write(path, stamp(3, "c"))
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    path.rename(tmp_path / "app.log.1")
    write(path, stamp(4, "d"))
    assert drain(following) == ["b", "c", "d"]
    write(tmp_path / "app.log.2", stamp(5, "late, by a writer that still holds it"))
    assert drain(following) == ["late, by a writer that still holds it"]


def test_dated_backups_are_followed_too(tmp_path: Path) -> None:
    """With `naming="date"` the newest has the greatest name."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    following = Tailing(path)
    following.last(1)
    path.rename(tmp_path / "app.log.2026-11-20")
    write(path, stamp(2, "b"))
    path.rename(tmp_path / "app.log.2026-11-21")
    for n in (2, 10):
        write(path, stamp(n, f"b{n}"))
        path.rename(tmp_path / f"app.log.2026-11-21.{n}")
    write(path, stamp(13, "c"))
    assert drain(following) == ["b", "b2", "b10", "c"]


def test_truncation_begins_anew(tmp_path: Path) -> None:
    """Logrotate's copytruncate: shorter than before, or grown again beyond it."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    following = Tailing(path)
    following.last(1)
    path.write_text(stamp(2, "b")[:20] + "\n")
    assert len(following.new() + following.new()) == 1
    path.write_text("")
    write(path, stamp(3, "c"), stamp(4, "d"))
    assert drain(following) == ["c", "d"]


def test_a_file_that_comes_later_is_followed(tmp_path: Path) -> None:
    """New files of a folder, from their beginning."""
    write(tmp_path / "a.log", stamp(1, "a"))
    following = Tailing(tmp_path)
    following.last(1)
    write(tmp_path / "b.log", stamp(2, "b"))
    assert drain(following) == ["b"]


def test_spooled_records_are_shown_before_they_are_delivered(tmp_path: Path, spooled: list[Record]) -> None:
    """In the format of the file, and not again when they come out of it."""
    path = tmp_path / "app.log"
    spec = {"kind": "file", "path": str(path), "format": {"kind": "text", "format": "%(asctime)s - %(message)s"}}
    (tmp_path / ".cordwood" / "sinks" / "1.json").write_text(json.dumps(spec))
    write(path, "2026-11-20 10:00:01,000 - a")
    spooled += [record(2, "b", 1), record(3, "c\nd", 2)]
    following = Tailing(path)
    found = [entry.text for entry in following.last(3)]
    assert found == ["2026-11-20 10:00:01,000 - a", "2026-11-20 10:00:02,000 - b", "2026-11-20 10:00:03,000 - c\n  d"]
    spooled.clear()
    write(path, *found[1:], "2026-11-20 10:00:04,000 - e")
    assert drain(following) == ["e"]


def test_what_nobody_delivers_shows_while_following(tmp_path: Path, spooled: list[Record]) -> None:
    """A record that stays in the spool for a second is shown from there, once."""
    write(tmp_path / "app.log", stamp(1, "a"))
    following = Tailing(tmp_path)
    following.last(1)
    spooled.append(record(2, "stuck", 1))
    # The clock of the records stands in the past or the future of this machine's: only the past is late.
    if spooled[0].time > time.time_ns():
        object.__setattr__(spooled[0], "time", 0)
    following._next_look = 0
    assert drain(following) == ["stuck"]
    following._next_look = 0
    assert drain(following) == []


def test_a_record_delivered_while_the_files_are_read_is_not_missed(
    tmp_path: Path, spooled: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is among the last ones, or the first that is new."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    spooled.append(record(2, "b", 1))
    looks = []

    def read_spool(_: str) -> list[Record]:
        looks.append(1)
        if len(looks) == 2:  # between the file and the second look
            write(path, stamp(2, "b"))
            spooled.clear()
        return list(spooled)

    monkeypatch.setattr(_native, "read_spool", read_spool, raising=False)
    following = Tailing(tmp_path)
    assert texts(following.last(5)) + drain(following) == ["a", "b"]


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With its name, and what was looked for."""
    with pytest.raises(NoLogsError, match=r"nowhere\.log: there is no such file"):
        Tail([str(tmp_path / "nowhere.log")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoLogsError, match="no logs in this folder"):
        Tailing(tmp_path / "empty")
    (tmp_path / "app.log.1.gz").touch()
    with pytest.raises(NoLogsError, match="nothing comes to a packed log"):
        Tailing(tmp_path / "app.log.1.gz")


def test_packed_binary_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    """A packed log is unpacked; of what cannot be shown a line is said, and the rest is shown."""
    seen: list[Entry] = []
    said: list[str] = []
    packed, binary, gone = tmp_path / "old.log.gz", tmp_path / "core.log", tmp_path / "gone.log"
    packed.write_bytes(gzip.compress(stamp(1, "packed").encode() + b"\n"))
    binary.write_bytes(bytes(100))
    tail([str(packed), str(binary), str(gone)], 5, seen.append, said.append, follow=False, stop=lambda: True)
    assert texts(seen) == ["packed"]
    assert [line.rpartition(": ")[2] for line in said] == [
        "there is no such file or folder", "this is no text (it holds NUL bytes); it is left out",
    ]  # fmt: skip


def test_a_file_that_cannot_be_followed_is_said(tmp_path: Path) -> None:
    """By name, once; the others are followed."""
    (tmp_path / "a.log").write_bytes(bytes(100))
    write(tmp_path / "b.log", stamp(2, "b"))
    following = Tailing(tmp_path)
    assert texts(following.last(5)) == ["b"]
    assert following.notices() == [f"{tmp_path}/a.log: this is no text (it holds NUL bytes); it is left out"]
    assert following.notices() == []


def test_a_line_without_end_is_cut_and_what_follows_it_is_heard(tmp_path: Path) -> None:
    """However long it gets, and however much comes at once."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"))
    following = Tailing(path)
    following.last(1)
    write(path, stamp(2, "b" * 20_000_000), end="")
    heard = [entry for _ in range(4) for entry in following.new()]
    write(path, "", stamp(3, "c"))
    heard += [*following.new(), *following.new()]
    assert 8 << 20 <= len(heard[0].text) < 20 << 20
    assert heard[-1].message == "c"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_a_busy_rotating_file_sees_every_record_once(tmp_path: Path, seed: int) -> None:
    """Against a writer in another thread that rotates every few lines."""
    path = tmp_path / "app.log"
    path.touch()
    log = logging.Logger("busy")  # noqa: LOG001 nobody else shall hear it
    handler = RotatingFileHandler(path, maxBytes=4000, backupCount=100)
    handler.setFormatter(logging.Formatter("%(asctime)s - app - INFO - %(message)s"))
    log.addHandler(handler)
    following = Tailing(path)
    following.last(0)
    done = threading.Event()

    def work() -> None:
        for n in range(3000):
            log.info("%d", n)
        handler.close()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    seen: list[str] = []
    chance = random.Random(seed)
    while not done.is_set():
        seen += texts(following.new())
        done.wait(chance.random() / 200)
    thread.join()
    seen += drain(following)
    assert sorted(map(int, seen)) == list(range(3000))


def test_a_file_in_utf16_is_said_and_the_others_are_followed(tmp_path: Path) -> None:
    (tmp_path / "windows.log").write_text(stamp(1, "w"), encoding="utf-16")
    write(tmp_path / "app.log", stamp(2, "a"))
    following = Tailing(tmp_path)
    assert texts(following.last(5)) == ["w", "a"]
    said = f"{tmp_path / 'windows.log'}: this is UTF-16, which can be searched and not followed"
    assert following.notices() == [said]
    write(tmp_path / "app.log", stamp(3, "b"))
    assert drain(following) == ["b"]


def test_tail_writes_and_stops(tmp_path: Path) -> None:
    """First the last records, then those that come, until it is told to stop."""
    path = tmp_path / "app.log"
    write(path, stamp(1, "a"), stamp(2, "b"))
    seen: list[Entry] = []

    def stop() -> bool:
        if len(seen) == 1:
            write(path, stamp(3, "c"))
            os.utime(path)
            seen.append(Entry(0, "written - more", ""))
        return len(seen) > 2

    tail([str(path)], 1, seen.append, print, follow=True, stop=stop)
    assert texts(seen) == ["b", "more", "c"]
