"""An archive is its log: every byte comes back, and every question has the answers that the log gives."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from cordwood.analysis import analyze
from cordwood.archive import archive, restore
from cordwood.query import Query, open_source, parse
from cordwood.spool import Format

AGE = 40 * 86_400
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line {n}, in pay\n    call()\nKeyError: {n}\n'
)


def text(count: int = 300, end: str = "\n") -> str:
    """A log of `logging`'s usual format, with tracebacks and messages of two lines."""
    lines = []
    for n in range(count):
        level = "ERROR" if n % 10 == 0 else "INFO"
        lines.append(
            f"2026-11-20 09:{n // 60:02}:{n % 60:02},123 - shop.{'ab'[n % 2]} - {level} - Order {n} paid by user{n}"
        )
        if n % 30 == 0:
            lines += TRACEBACK.format(n=n).splitlines()
        if n % 7 == 0:
            lines.append(f"  and {n} more")
    return end.join([*lines, ""])


def otlp() -> str:
    """As OpenTelemetry's collector writes files: several records a line, then one."""
    records = [
        {"timeUnixNano": f"17951833{n:02}000000000", "severityNumber": 9 + 8 * (n % 2),
         "body": {"stringValue": f"Order {n} paid by user{n}"},
         "attributes": [{"key": "user_id", "value": {"intValue": str(n)}}]}
        for n in range(90)
    ]  # fmt: skip
    whole = [{"resourceLogs": [{"scopeLogs": [{"logRecords": records[:50]}]}]}, *records[50:]]
    return "".join(json.dumps(one) + "\n" for one in whole)


def lines(pattern: str, count: int = 120) -> str:
    """So many lines of a pattern, at most a second apart."""
    return "".join(
        pattern.format(n=n, mm=n // 60, ss=n % 60, level="ERROR" if n % 10 == 0 else "INFO") + "\n"
        for n in range(count)
    )


LONG = "x7 " * 600_000
LOGS: dict[str, bytes] = {
    "text": text().encode(),
    "CRLF": text(end="\r\n").encode(),
    "no final newline": text().encode().rstrip(b"\n"),
    "blank lines": b"\n\n" + text(20).encode().replace(b"\n2026", b"\n\n\n2026") + b"\n\n",
    "byte order mark": b"\xef\xbb\xbf" + text(20).encode(),
    "mixed encodings": text(30).encode() + text(30).replace("paid", "bezahlt für").encode("latin-1"),
    "binary lines": text(30).encode() + b"\xff\x00\x01\xfe odd user7\n\x00\n" + text(30).encode(),
    "marks of its own": (text(20) + text(20).replace("user", "<*> <time ,3>")).encode(),
    "lines of 2 MB": (text(20) + text(1).rstrip() + LONG + "user9\n" + text(20)).encode(),
    "UTF-16, little": text(40).encode("utf-16"),
    "UTF-16, big": b"\xfe\xff" + text(40).encode("utf-16-be"),
    "OTLP": otlp().encode(),
    "JSON": lines(
        '{{"timestamp":"2026-11-20T09:{mm:02}:{ss:02}.123Z","level":"{level}","logger":"shop","message":"Order {n} paid \\"by\\" user{n}","user_id":{n}}}'
    ).encode(),
    "logfmt": lines('time=2026-11-20T09:{mm:02}:{ss:02}Z level={level} msg="Order {n} paid by user{n}" user_id={n}').encode(),
    "syslog": lines("Oct 20 09:{mm:02}:{ss:02} host shop[7]: {level} Order {n} paid by user{n}").encode(),
    "RFC 5424": lines('<14>1 2026-11-20T09:{mm:02}:{ss:02}Z host shop 7 - [a@1 user_id="{n}"] Order {n} paid by user{n}').encode(),
    "nginx": lines(
        '10.0.0.{n} - user{n} [20/Nov/2026:09:{mm:02}:{ss:02} +0100] "GET /orders/{n} HTTP/1.1" 200 {n} "-" "curl"'
    ).encode(),
    "loguru": lines("2026-11-20 09:{mm:02}:{ss:02}.123456 | {level:8} | shop:pay:{n} - Order {n} paid by user{n}").encode(),
    "structlog's console": lines(
        "2026-11-20 09:{mm:02}:{ss:02} [info     ] Order {n} paid by user{n}        [shop] user_id={n}"
    ).encode(),
    "colours": lines(
        "\x1b[2m2026-11-20 09:{mm:02}:{ss:02},123\x1b[0m - \x1b[32mshop\x1b[0m - \x1b[31m{level}\x1b[0m - Order {n} of user{n}"
    ).encode(),
    "uvicorn": lines('INFO:     10.0.0.{n}:5000 - "GET /user{n} HTTP/1.1" 200 OK').encode(),
    "a hole": b"\0" * 5000 + text(40).encode(),
    "plain": (lines("Order {n} of user{n}") + TRACEBACK.format(n=7) + TRACEBACK.format(n=8) + lines("user{n} left")).encode(),
    "nothing": b"",
}  # fmt: skip
GIVEN: dict[str, tuple[Format, bytes]] = {
    "a format of one's own": (
        ("%(levelname)s;%(asctime)s;%(name)s;%(message)s", None),
        lines("{level};2026-11-20 09:{mm:02}:{ss:02},123;shop;Order {n} paid by user{n}").encode(),
    ),
    "a date format": (
        ("%(asctime)s %(levelname)s %(message)s", "%d.%m.%Y %H:%M:%S"),
        lines("20.11.2026 09:{mm:02}:{ss:02} {level} Order {n} paid by user{n}").encode(),
    ),
    "a looser one than would be found": (
        ("%(asctime)s - %(message)s - %(levelname)s", None),
        lines("2026-11-20 09:{mm:02}:{ss:02},123 - Order {n} - paid by user{n} - {level}").encode(),
    ),
}
QUERIES = [
    "", "user7", '"Order 77 "', "USER7 level>=error", "level:error", "level>=info", "KeyError", "-paid", "/user[18]$/",
    'since:"2026-11-20 09:01" until:"2026-11-20 09:01:30"', 'until:"2026-11-20 09:00:10" paid', "user_id:42", "logger:shop*",
    "odd OR für", "nowhere",
]  # fmt: skip


def answers(path: Path, query: Query, formats: list[Format]) -> list[object]:
    """All that a search of a file tells, but for where the file is."""
    source = open_source([str(path)], formats)
    found: list[object] = [
        (e.time, e.level, e.logger, e.message, e.exception, e.text, dict(e.fields)) for e in source.select(query)
    ]
    found += [source.count(query), source.group(query, ["level", "logger"], 60 * 10**9)]
    found += [[entry.text for entry in source.last(query, 3)]]
    found += [[(entry.text, entry.answers) for entry in source.select(query, before=1, after=1)]]
    return [*found, [notice.partition(": ")[2] for notice in source.notices()]]


def analysed(path: Path, formats: list[Format]) -> object:
    """But for the times, which a packed log's are told in wider units of: its last one is not looked for."""
    report = analyze([str(path)], formats=formats)
    counts = [(one.text, one.count) for one in report.patterns]
    return report.levels, counts, [(one.text, one.count) for one in report.errors]


def packed(folder: Path, data: bytes, given: list[Format]) -> tuple[Path, Path]:
    """A log, and the same in an archive elsewhere."""
    then = time.time() - AGE
    for name in ("log", "archive"):
        (folder / name).mkdir()
        log = folder / name / "app.log.1"
        log.write_bytes(data)
        os.utime(log, (then, then))
    if given:  # as the folder's configuration says
        sinks = folder / "archive" / ".cordwood" / "sinks"
        sinks.mkdir(parents=True)
        (sinks.parent / "leader.lock").touch()
        form = {"kind": "text", "format": given[0][0], "date_format": given[0][1]}
        spec = {"kind": "file", "path": str((folder / "archive" / "app.log").resolve()), "format": form}
        (sinks / "0000000000000001.json").write_text(json.dumps(spec))
    assert archive(folder / "archive", compress="parquet").failed == {}
    return folder / "log" / "app.log.1", folder / "archive" / "app.log.1.parquet"


def check(folder: Path, data: bytes, given: list[Format]) -> None:
    log, one = packed(folder, data, given)
    for formats in [given, []] if given else [[]]:
        for query in map(parse, QUERIES):
            # An archive keeps what was known of its lines.
            assert answers(one, query, formats) == answers(log, query, given), query
        assert analysed(one, formats) == analysed(log, given)
    assert restore(one).read_bytes() == data


@pytest.mark.parametrize("name", LOGS)
def test_an_archive_answers_as_its_log_and_gives_it_back(name: str, tmp_path: Path) -> None:
    """Whatever its lines look like."""
    check(tmp_path, LOGS[name], [])


@pytest.mark.parametrize("name", GIVEN)
def test_an_archive_of_lines_that_the_configuration_names_answers_as_its_log(name: str, tmp_path: Path) -> None:
    """Asked with the configuration at hand, and without: then the archive says how its lines are read."""
    form, data = GIVEN[name]
    check(tmp_path, data, [form])
