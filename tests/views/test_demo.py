"""The demo finds what is lost, doubled, torn or out of order, and ends well when nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cordwood.errors import DemoError, MissingExtraError
from cordwood.views import demo
from cordwood.views.demo import check, ledger, show

LINES = [
    "2026-11-20 10:00:00,000 [7] INFO     shop: order 1 received: 2 items",
    '2026-11-20 10:00:00,001 [7] INFO     httpx: HTTP Request: POST http://127.0.0.1:80/payments/1 "HTTP/1.1 200 OK"',
    "2026-11-20 10:00:00,002 [7] ERROR    shop: order 1 failed",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in <module>',
    "cordwood.views.demo.service.RefusedError: the card has expired",
    '2026-11-20 10:00:00,003 [7] INFO     uvicorn.access: 127.0.0.1:5 - "POST /orders/1 HTTP/1.1" 502',
]
KEYS = ["shop order 1 received", "httpx POST /payments/1", "shop order 1 failed", "uvicorn.access POST /orders/1"]


def found(tmp_path: Path, *lines: str) -> check.Found:
    path = tmp_path / "service.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return check.of_text(path)


def test_whole_files_agree_with_the_ledger(tmp_path: Path) -> None:
    log = found(tmp_path, *LINES)
    assert (log.records, log.broken, log.keys) == (4, 0, {7: KEYS})
    row = check.row("all", {7: KEYS}, [log])
    assert (row.accepted, row.delivered, row.lost, row.doubled) == (4, (4,), 0, 0)
    assert check.out_of_order({7: KEYS}, log, "shop") == 0


def test_a_missing_line_is_lost_and_a_second_one_doubled(tmp_path: Path) -> None:
    row = check.row("all", {7: KEYS}, [found(tmp_path, *LINES[1:], LINES[-1])])
    assert (row.delivered, row.lost, row.doubled) == ((3,), 1, 1)


def test_a_line_of_another_process_does_not_stand_in_for_a_lost_one(tmp_path: Path) -> None:
    row = check.row("all", {8: KEYS[:1]}, [found(tmp_path, LINES[0])])
    assert row.lost == 1


def test_records_in_another_order_are_seen(tmp_path: Path) -> None:
    assert check.out_of_order({7: KEYS}, found(tmp_path, LINES[2], LINES[0]), "shop") == 1


def test_a_torn_line_is_broken(tmp_path: Path) -> None:
    assert found(tmp_path, LINES[0][:30], LINES[0][30:]).broken == 2


def test_rotated_files_are_read_oldest_first(tmp_path: Path) -> None:
    for name, line in (("service.log.10", 0), ("service.log.2", 1), ("service.log", 2)):
        (tmp_path / name).write_text(LINES[line] + "\n")
    assert check.of_text(tmp_path / "service.log").keys == {7: KEYS[:3]}


def test_json_lines_are_known_by_the_same_names(tmp_path: Path) -> None:
    path = tmp_path / "service.jsonl"
    path.write_text(json.dumps({"pid": 7, "logger": "shop", "message": "order 1 item 0 reserved"}) + '\n{"pid": 7\n')
    log = check.of_json(path)
    assert (log.keys, log.broken) == ({7: ["shop order 1 item 0"]}, 1)


def test_a_ledger_holds_each_name_when_the_call_returns(tmp_path: Path) -> None:
    kept = ledger.Ledger(str(tmp_path / "accepted"))
    kept.accepted("shop order 1 received")
    kept.accepted("shop order 1 paid")
    assert list(ledger.read(tmp_path / "accepted").values()) == [["shop order 1 received", "shop order 1 paid"]]


def test_a_picture_is_as_wide_on_every_line_with_colours_and_long_lines() -> None:
    lines = [f"\x1b[32mINFO\x1b[0m {'x' * 300}", "short", "a,b " * 100]
    widths = {len(show._COLOUR.sub("", line)) for line in show.picture([("console", lines), ("file", [])])}
    assert len(widths) == 1


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cordwood\[demo\]'"):
        demo.demonstrate(None, print)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(DemoError, match="not empty"):
        demo.demonstrate(tmp_path, print)


@pytest.mark.parametrize("lost", [0, 1])
def test_the_numbers_decide_the_status_and_whether_the_folder_stays(
    lost: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cordwood.views.demo import run as module
    from cordwood.views.demo.load import Load

    row = check.Row("all", 4, (4 - lost,), lost, 0)
    result = module.Result((row,), (found(tmp_path, *LINES),), 0, Load(answered=[1], killed=7), 0)
    folders: list[Path] = []

    def ran(folder: Path, _: object) -> module.Result:
        folders.append(folder)
        return result

    monkeypatch.setattr(module, "run", ran)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said: list[str] = []
    assert demo.demonstrate(None, lambda line, **_: said.append(line), as_json=True) is (lost == 0)
    assert json.loads(said[-1])["agree"] is (lost == 0)
    assert folders[0].exists() is (lost == 1)


def test_a_worker_is_killed_and_every_accepted_record_is_there_once(tmp_path: Path) -> None:
    from cordwood.views.demo.run import run, story

    result = run(tmp_path, lambda _: None, seconds=2)
    told = "\n".join(story(result, tmp_path))
    assert result.agree, told
    assert result.load.killed in ledger.read(tmp_path / ledger.FOLDER)
    assert result.load.answered
    assert all(row.accepted for row in result.rows)
    for name in ("console", "logs/service.log", "logs/service.jsonl", "0 lost, 0 doubled"):
        assert name in told
