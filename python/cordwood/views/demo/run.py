"""One after the other: serve, order, kill, end, recover, count."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cordwood import _native
from cordwood.errors import DemoError
from cordwood.spool import spool_folder
from cordwood.views.demo import check, ledger, show
from cordwood.views.demo.load import Load, drive
from cordwood.views.demo.server import WORKERS
from cordwood.views.demo.service import JSON, LOG_DIR, TEXT

SECONDS = 6.0  # of orders
_CONSOLE = "console.txt"
_START_TIMEOUT = 30.0
_END_TIMEOUT = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What was found.

    Args:
        rows: accepted, delivered, lost and doubled: by logger, of the killed worker, and of all.
        files: the logs.
        out_of_order: processes whose records stand in a file in another order than they were logged in.
        load: what the client saw.
        recovered: records that waited in the spool when the last process had ended.
    """

    rows: tuple[check.Row, ...]
    files: tuple[check.Found, ...]
    out_of_order: int
    load: Load
    recovered: int

    @property
    def agree(self) -> bool:
        """Whether nothing is lost, doubled, torn or out of order, and there was something to lose."""
        whole = self.rows[-1]
        broken = sum(found.broken for found in self.files)
        return whole.accepted > 0 and not (whole.lost or whole.doubled or broken or self.out_of_order)

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "agree": self.agree,
            "rows": [asdict(row) for row in self.rows],
            "files": [{**asdict(found), "keys": sum(map(len, found.keys.values()))} for found in self.files],
            "out_of_order": self.out_of_order,
            "answered": len(self.load.answered),
            "cut_off": self.load.cut_off,
            "killed": self.load.killed,
            "killed_led": self.load.led,
            "recovered": self.recovered,
        }


def run(folder: Path, say: Say, seconds: float = SECONDS) -> Result:
    """Run it all in a folder.

    Args:
        folder: empty, and kept.
        say: takes each line of the story.
        seconds: how long orders come in.

    Raises:
        DemoError: the service did not start.
    """
    spool = Path(spool_folder(folder / LOG_DIR))
    say(f"starting uvicorn with {WORKERS} workers in {folder}")
    with _serving(folder) as port:
        say(f"the service answers on http://127.0.0.1:{port}; orders come in for {seconds:g} seconds")
        load = asyncio.run(drive(port, seconds, spool, lambda: _alive(folder / ledger.FOLDER)))
        led = ", the one that was writing the files for all of them" if load.led else ""
        say(f"after {load.answered_before:,} answers: kill -9 of worker {load.killed}{led}")
        say(f"{len(load.answered):,} orders were answered, {load.cut_off} were cut off by the kill")
    recovered = int(_native.recover(str(spool))["delivered"])
    say(f"the service has ended; `cordwood recover` finds {recovered} lines that nobody had written yet")
    accepted = ledger.read(folder / ledger.FOLDER)
    files = (check.of_text(folder / LOG_DIR / TEXT), check.of_json(folder / LOG_DIR / JSON))
    rows = (
        *(check.row(name, accepted, files, logger=name) for name in ("shop", "httpx", "uvicorn.access")),
        check.row(f"worker {load.killed} (killed)", accepted, files, process=load.killed),
        check.row("all", accepted, files),
    )
    wrong = sum(check.out_of_order(accepted, found, "shop") for found in files)
    return Result(rows, files, wrong, load, recovered)


@contextmanager
def _serving(folder: Path) -> Iterator[int]:
    """The server, up and with all its workers; its port. Ended at the end, and whatever happens."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CORDWOOD_")}
    port = _free_port()
    with (folder / _CONSOLE).open("ab") as console:
        server = subprocess.Popen(  # noqa: S603 its own module, by this interpreter
            [sys.executable, "-m", "cordwood.views.demo.server", str(port)],
            cwd=folder, env=environ, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_started(server, folder)
        yield port
        server.terminate()
        server.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise DemoError(f"the service did not end within {_END_TIMEOUT:.0f} seconds; see {folder}/{_CONSOLE}") from None
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_started(server: subprocess.Popen[bytes], folder: Path) -> None:
    """Every worker opens its ledger when it is up."""
    until = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < until and server.poll() is None:
        if len(_alive(folder / ledger.FOLDER)) >= WORKERS:
            return
        time.sleep(0.05)
    said = (folder / _CONSOLE).read_text(encoding="utf-8", errors="replace")
    raise DemoError(f"the service did not start; it said: {said.strip()[-2000:] or 'nothing'}")


def _alive(folder: Path) -> list[int]:
    """The workers that run, by their ledgers."""
    try:
        pids = [int(path.name) for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(pid for pid in pids if Path(f"/proc/{pid}").exists())


def story(result: Result, folder: Path) -> Iterator[str]:
    """The request in three forms, the table, and the verdict."""
    number = _example(result.load, folder)
    console = list(show.of_request(show.lines_of(folder / _CONSOLE), number))
    text = list(show.of_request(show.lines_of(folder / LOG_DIR / TEXT), number))
    objects = [line for line in show.of_request(show.lines_of(folder / LOG_DIR / JSON), number) if " paid: " in line]
    yield from ("", f"One request, order {number}, three ways:", "")
    yield from show.picture(
        [("console", console), (f"{LOG_DIR}/{TEXT}", text), (f"{LOG_DIR}/{JSON}: the line of the payment", objects)]
    )
    yield ""
    yield from show.table(result.rows, [found.name for found in result.files])
    yield ""
    for found in result.files:
        yield (
            f"{found.name}: {found.files} files after {found.files - 1} rotations, {found.bytes:,} bytes, "
            f"{found.records:,} whole records, {found.broken} broken lines"
        )
    order = "in the order in which they were logged" if not result.out_of_order else "NOT in order"
    yield f"records of each process are {order}"
    if result.agree:
        yield f"every accepted record is in each file once: {result.rows[-1].accepted:,} accepted, 0 lost, 0 doubled"
    else:
        yield f"the numbers do NOT agree; everything is kept in {folder}"


def _example(load: Load, folder: Path) -> int:
    """An order that was paid after the kill, and that all three outputs show."""
    shown = " ".join(show.lines_of(folder / _CONSOLE))
    late = load.answered[load.answered_before + 50 :] or load.answered
    return next((number for number in late if f"order {number} paid" in shown), late[0])


def as_json(result: Result) -> str:
    """The result for programs."""
    return json.dumps(result.as_json())
