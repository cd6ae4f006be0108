"""systemd's native protocol, as its documentation describes what the journal reads."""

from __future__ import annotations

import array
import json
import logging
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cordwood
import pytest
from cordwood.sinks.journald import JournaldSink

from tests.test_record import make

JOURNALD = Path("/lib/systemd/systemd-journald")
UNSHARE = shutil.which("unshare")
# A journal of its own, on folders that only these processes see; prints what it got.
REAL = """
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mkdir -p /run/systemd/journal /run/log/journal || exit 77
{journald} & journal=$!
trap 'kill $journal; wait $journal' EXIT
while [ ! -S /run/systemd/journal/socket ]; do kill -0 $journal || exit 77; sleep 0.05; done
{python} -c '
import logging, cordwood
log = logging.getLogger("shop")
log.addHandler(cordwood.Handler(sink=cordwood.JournaldSink(identifier="shop")))
log.error("order %d\\nis late", 7, extra={{"order_id": 7}})
log.error("x" * 500_000)
assert cordwood.flush(30) == 0
'
journalctl --sync
journalctl --all --no-pager -t shop -o json
"""


@pytest.mark.skipif(
    not (JOURNALD.exists() and UNSHARE and os.geteuid() == 0),
    reason="needs systemd-journald and root, for a namespace of its own; type: apt-get install systemd",
)
def test_a_real_journal_takes_every_entry() -> None:
    script = REAL.format(journald=JOURNALD, python=sys.executable)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [str(UNSHARE), "--mount", "sh", "-c", script],
        capture_output=True, text=True, timeout=60, check=False, env=environ,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no journal of its own can be started here: {done.stderr.strip()}")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["MESSAGE"], first["PRIORITY"], first["ORDER_ID"]) == ("order 7\nis late", "3", "7")
    assert (first["LOGGER"], first["CORDWOOD_SEQUENCE"]) == ("shop", "1")
    assert len(second["MESSAGE"]) == 500_000


class Journal:
    """A socket that reads what the journal would."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)
        self.by_file = 0

    def entry(self) -> dict[str, str]:
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        if ancillary:
            assert data == b""
            (fd,) = array.array("i", ancillary[0][2])
            with os.fdopen(fd, "rb") as file:
                data = os.pread(fd, os.fstat(fd).st_size, 0)
                with pytest.raises(OSError, match="Operation not permitted"):
                    os.ftruncate(file.fileno(), 0)  # it is sealed, or the journal would not read it
            self.by_file += 1
        return dict(self._fields(data))

    @staticmethod
    def _fields(data: bytes) -> Iterator[tuple[str, str]]:
        while data:
            line, _, rest = data.partition(b"\n")
            if b"=" in line:
                name, _, value = line.partition(b"=")
            else:
                name, (length,) = line, struct.unpack("<Q", rest[:8])
                value, end, rest = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
                assert end == b"\n"
            yield name.decode("ascii"), value.decode()
            data = rest


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    yield made
    made.socket.close()


def test_each_field_of_a_record_is_a_field_of_the_entry(journal: Journal) -> None:
    handler = cordwood.Handler(sink=JournaldSink(journal.path, identifier="shop"))
    log = logging.getLogger("shop.orders")
    log.addHandler(handler)
    try:
        log.error("order %d\nis late", 7, extra={"order_id": 7, "Customer": "Zoë", "tags": ["x"], "message_": "m"})
        assert cordwood.flush(30) == 0
    finally:
        log.removeHandler(handler)
        handler.close()
    entry = journal.entry()
    assert entry["MESSAGE"] == "order 7\nis late"
    assert (entry["PRIORITY"], entry["LEVEL"], entry["LOGGER"]) == ("3", "ERROR", "shop.orders")
    assert (entry["CODE_FILE"], entry["CODE_FUNC"]) == (
        __file__,
        test_each_field_of_a_record_is_a_field_of_the_entry.__name__,
    )
    assert int(entry["CODE_LINE"]) > 0
    assert (entry["ORDER_ID"], entry["CUSTOMER"], entry["TAGS"], entry["MESSAGE_"]) == ("7", "Zoë", '["x"]', "m")
    assert entry["SYSLOG_IDENTIFIER"] == "shop"
    assert len(entry["CORDWOOD_SEGMENT"]) == 16
    assert entry["CORDWOOD_SEQUENCE"] == "1"


def test_names_are_such_that_the_journal_takes_them(journal: Journal) -> None:
    fields = {"1st": "a", "_hidden": "b", "with-dash": "c", "é": "d", "message": "e", "x" * 80: "f"}
    JournaldSink(journal.path).write([replace(make(), fields=fields)])
    entry = journal.entry()
    assert (entry["FIELD_1ST"], entry["HIDDEN"], entry["WITH_DASH"], entry["FIELD_"]) == ("a", "b", "c", "d")
    assert (entry["MESSAGE"], entry["MESSAGE_"], entry["X" * 64]) == ("", "e", "f")


def test_what_is_too_large_for_a_datagram_goes_as_a_sealed_file(journal: Journal) -> None:
    JournaldSink(journal.path).write([replace(make(), message="x" * 5_000_000)])
    assert len(journal.entry()["MESSAGE"]) == 5_000_000
    assert journal.by_file == 1


def test_exceptions_have_their_text_and_type(journal: Journal) -> None:
    problem = {
        "type": "KeyError",
        "message": "'x'",
        "text": "Traceback …\nKeyError: 'x'",
        "fingerprint": "",
        "frames": [],
    }
    JournaldSink(journal.path).write([replace(make(), message="bad", exception=problem)])  # type: ignore[arg-type]
    entry = journal.entry()
    assert entry["MESSAGE"] == "bad\nTraceback …\nKeyError: 'x'"
    assert (entry["EXCEPTION_TYPE"], entry["EXCEPTION_MESSAGE"]) == ("KeyError", "'x'")


def test_without_a_journal_the_batch_fails_and_comes_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JournaldSink(str(tmp_path / "none")).write([make()])
