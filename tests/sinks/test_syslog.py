"""RFC 5424 messages, as a real rsyslog reads them, and what it means to be at least once."""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cordwood
import pytest
from cordwood import _native
from cordwood.errors import ConfigError
from cordwood.record import Record
from cordwood.sinks.address import Address
from cordwood.sinks.syslog import SyslogSink, severity

from tests.test_record import make

pytestmark = pytest.mark.skipif(not hasattr(_native, "escape"), reason="the core is not built")
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
needs_rsyslog = pytest.mark.skipif(
    RSYSLOGD is None, reason="rsyslogd is not installed; type: apt-get install --no-install-recommends rsyslog"
)

CONFIG = r"""
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="{folder}/log" UseSpecialParser="off" RateLimit.Interval="0")
input(type="imudp" address="127.0.0.1" port="{port}")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="lines" type="list") {{
    property(name="pri") constant(value="|") property(name="app-name") constant(value="|")
    property(name="procid") constant(value="|") property(name="timereported" dateformat="rfc3339") constant(value="|")
    property(name="structured-data") constant(value="|") property(name="msg" droplastlf="off") constant(value="\n")
}}
action(type="omfile" file="{folder}/out" template="lines")
"""
LINE = re.compile(r"(\d+)\|([^|]*)\|(\d+)\|([^|]*)\|(.*?)\|(.*)")


class Rsyslog:
    """A syslog server of its own: private socket, private port, private configuration."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.config = folder / "rsyslog.conf"
        self.config.write_text(CONFIG.format(folder=folder, port=self.port))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert RSYSLOGD is not None
        self.process = subprocess.Popen([RSYSLOGD, "-n", "-f", self.config, "-i", self.folder / "pid"])

    def stop(self) -> list[str]:
        """End it, which makes it write all it has; the lines that it got."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)
        self.process = None
        return (self.folder / "out").read_text(encoding="utf-8").splitlines()

    def wait_for_udp(self) -> None:
        """Nobody tells a sender by UDP whether it is heard: knock until a line is there."""
        knock = threading.Event()
        for _ in range(600):
            Address("udp", host="127.0.0.1", port=self.port).send([b"<14>1 - - knock 1 - - knock"])
            knock.wait(0.05)
            if (self.folder / "out").exists() and "knock" in (self.folder / "out").read_text():
                return
        pytest.fail("rsyslogd does not listen")


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    server = Rsyslog(tmp_path)
    yield server
    if server.process is not None:
        server.process.kill()
        server.process.wait()


def log_some(sink: SyslogSink, count: int) -> None:
    handler = cordwood.Handler(sink=sink)
    log = logging.getLogger("shop.orders")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        for number in range(count):
            log.warning("order %d", number, extra={"order": number, "note": 'a "b" ] \\', "tags": ["x"]})
        assert cordwood.flush(30) == 0
    finally:
        log.removeHandler(handler)
        handler.close()


def parsed(lines: Sequence[str]) -> list[tuple[str, ...]]:
    found = []
    for line in lines:
        match = LINE.fullmatch(line)
        assert match is not None, line
        if match[2] != "knock":
            found.append(match.groups())
    return found


@needs_rsyslog
@pytest.mark.parametrize("kind", ["unix", "udp", "tcp"])
def test_C7_a_real_rsyslog_reads_every_message(rsyslog: Rsyslog, kind: str) -> None:
    rsyslog.start()
    if kind == "udp":
        rsyslog.wait_for_udp()
    address = f"unix:{rsyslog.folder}/log" if kind == "unix" else f"{kind}://127.0.0.1:{rsyslog.port}"
    log_some(SyslogSink(address, facility="local3", app_name="shop"), 100)
    lines = parsed(rsyslog.stop())
    assert [line[5].strip() for line in lines] == [f"order {number}" for number in range(100)]
    priority, app, _, time, data, _ = lines[7]
    assert (priority, app) == (str(19 * 8 + 4), "shop")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|\+00:00)", time)
    assert re.match(
        r'\[cordwood@32473 segment="[0-9a-f]{16}" sequence="\d+" level="WARNING" logger="shop.orders"', data
    )
    assert data.endswith(r'[fields@32473 order="7" note="a \"b\" \] \\" tags="[\"x\"\]"]')


@needs_rsyslog
def test_records_wait_while_the_server_is_down_and_each_arrives(rsyslog: Rsyslog) -> None:
    sink = SyslogSink(f"tcp://127.0.0.1:{rsyslog.port}")
    handler = cordwood.Handler(sink=sink)
    log = logging.getLogger("waits")
    log.addHandler(handler)
    try:
        for number in range(10):
            log.warning("before %d", number)
        assert cordwood.flush(0.3) == 10
        rsyslog.start()
        for number in range(10):
            log.warning("after %d", number)
        assert cordwood.flush(60) == 0
    finally:
        log.removeHandler(handler)
        handler.close()
    pairs = [re.search(r'sequence="(\d+)"', line[4]) for line in parsed(rsyslog.stop())]
    assert sorted({int(pair[1]) for pair in pairs if pair}) == list(range(1, 21))


def test_a_peer_that_ends_before_it_has_read_all_gets_the_batch_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def break_off() -> None:
            link, _ = server.accept()
            link.recv(10)
            link.close()  # with bytes unread: a reset

        peer = threading.Thread(target=break_off)
        peer.start()
        sink = SyslogSink(f"tcp://127.0.0.1:{port}")
        with pytest.raises(OSError, match=r"reset|Broken pipe|not connected"):
            sink.write([make(message="x" * 5000)] * 500)
        peer.join(10)


def message(record: Record, **options: object) -> str:
    return SyslogSink(**options)._message(record).decode()  # type: ignore[arg-type]


def test_a_message_cannot_be_forged_by_its_text() -> None:
    text = message(replace(make(), message="one\n<14>1 two\x1b[31m\0", logger="a\nb"))
    assert "\n<" not in text
    assert "\x1b" not in text
    assert "\0" not in text
    assert "one\n  <14>1 two\\x1b[31m\\x00" in text


def test_names_and_words_keep_to_the_grammar() -> None:
    text = message(
        replace(make(), fields={'a b="]é': 1, "x" * 40: None, "": True}, hostname="my host"), app_name="my prögram"
    )
    assert f'[fields@32473 a_b____="1" {"x" * 32}="null" _="true"]' in text
    assert " my_host my_pr_gram " in text


def test_a_long_message_is_cut_with_a_mark_and_its_data_stays_whole() -> None:
    text = message(replace(make(), message="é" * 10000), max_bytes=1000)
    assert len(text.encode()) <= 1000
    assert text.endswith("é [cut]")
    text = message(replace(make(), message="short", fields={"big": "x" * 10000}), max_bytes=1000)
    assert 'cut="fields"]' in text
    assert text.endswith("] short")


def test_exceptions_follow_the_message() -> None:
    problem = {
        "type": "KeyError",
        "message": "'x'",
        "text": "Traceback …\nKeyError: 'x'",
        "fingerprint": "",
        "frames": [],
    }
    text = message(replace(make(), message="bad", exception=problem))  # type: ignore[arg-type]
    assert 'exception="KeyError"' in text
    assert text.endswith("bad\n  Traceback …\n  KeyError: 'x'")


@pytest.mark.parametrize(("level", "number"), [(5, 7), (10, 7), (20, 6), (25, 6), (30, 4), (40, 3), (50, 2), (60, 2)])
def test_levels_become_severities(level: int, number: int) -> None:
    assert severity(level) == number


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("/dev/log", "unix:/dev/log"), ("unix:/run/x", "unix:/run/x"), ("unix:///dev/log", "unix:/dev/log"),
        ("udp://loghost:514", "udp://loghost:514"), ("tcp://[::1]:601", "tcp://[::1]:601"),
    ],
)  # fmt: skip
def test_addresses(text: str, whole: str) -> None:
    assert SyslogSink(text).identity == f"syslog:{whole}"


@pytest.mark.parametrize("text", ["", "loghost", "udp://loghost", "http://x:1", "tcp://x:99999", "udp://x:514/path"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"address: .* is not an address; allowed: unix:/dev/log"):
        SyslogSink(text)


def test_the_sinks_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "logging:\n  console_output: false\n  sinks:\n"
        "    - {kind: syslog, address: 'udp://127.0.0.1:9', facility: local0, level: ERROR, logger: shop}\n"
        "    - {kind: journald, path: /nowhere}\n"
    )
    config = cordwood.configure(tmp_path / "config.yml").config
    assert config is not None
    assert [entry.sink for entry in config.sinks] == [
        SyslogSink("udp://127.0.0.1:9", "local0"), cordwood.JournaldSink("/nowhere")
    ]  # fmt: skip
    assert (config.sinks[0].level, config.sinks[0].logger) == ("ERROR", "shop")
    assert any("syslog" in repr(handler) for handler in logging.getLogger("shop").handlers)
    cordwood.shutdown(1)
    assert json.dumps(logging.getLogger("shop").handlers) == "[]"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([{"kind": "sislog"}], "kind: journald, memory, postgres, sqlite, syslog"),
        ([{"kind": "syslog", "adress": "x"}], r"sinks\.adress: there is no such option; .*did you mean 'address'"),
        ([{"kind": "syslog", "facility": "locl0"}], r"sinks\.facility: there is no facility 'locl0'"),
        ([{"kind": "syslog", "level": "LOUD"}], r"sinks\.level: 'LOUD' is not a level"),
        (["syslog"], "is not a sink"),
        ("syslog", "is not a list of sinks"),
    ],
)
def test_wrong_sinks_are_named(given: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        cordwood.LogConfig(sinks=given)  # type: ignore[arg-type]
