"""A fault: a function that puts one kind of trouble in the way of a real process that logs.

`@fault(...)` puts it into the table FAULTS. It is given a Scene: a folder, a contender, and the tools to make trouble.
What the process did, and what its files hold, becomes an Outcome; nothing is asserted here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(rb"n=(\d{7}) x{90}\.")
PATIENCE = 15.0  # seconds: a call of the application that takes longer counts as blocked for ever
MOST_SAID = 6  # lines on stderr
BOUND = 1.5  # seconds: no call of Cordwood may take longer, on a machine that does something else as well


class BlockedError(Exception):
    """The application's thread did not come back from its log calls."""


class DiedError(Exception):
    """The application's process ended although nobody asked it to."""


@dataclass
class Outcome:
    """What became of the records, and of the application."""

    called: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    last_kept: bool = False
    raised: list[str] = field(default_factory=list)
    slowest: float = 0.0
    ledger: dict[str, int] = field(default_factory=dict)
    said: str = ""
    ended: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def counted(self) -> int:
        """Records that the contender itself says its files did not get."""
        return sum(number for reason, number in self.ledger.items() if reason != "stream_stopped")

    def words(self) -> str:
        """The cell of the table in docs/faults.md."""
        parts = [self.ended] if self.ended else []
        if self.raised:
            parts.append(f"raised {len(self.raised):,} times into the caller ({self.raised[0].split(':')[0]})")
        if self.slowest > BOUND and not self.ended:
            parts.append(f"held the caller up for {self.slowest:.1f} s")
        if self.lost:
            how = (
                "all counted"
                if self.counted == self.lost
                else f"{self.counted:,} counted"
                if self.counted
                else "uncounted"
            )
            parts.append(f"lost {self.lost:,} of {self.called:,}, {how}")
        elif self.called and not self.ended and not self.notes:
            parts.append(f"kept all {self.called:,}")
        parts += [f"{number:,} {what}" for number, what in ((self.doubled, "doubled"), (self.torn, "torn")) if number]
        if self.lost and not self.last_kept and not self.ended:
            parts.append("did not resume")
        parts += self.notes
        if len(self.said) > 1000:
            parts.append(f"{len(self.said) / 1000:,.0f} kB on stderr")
        return "; ".join(parts)


@dataclass(frozen=True)
class Fault:
    """One line of the table.

    Args:
        title: what is wrong, as an operator would say it.
        rows: its places in the list of faults the project was given.
        inject: brings it about; its docstring says how.
        needs: what of the system it takes: `mount`, `strace`, `faketime`, `unshare`, `cc`.
        loses: Cordwood may lose records by it, all of them counted.
        torn: a stranger tears lines.
        silent: nothing has to be said: nothing is amiss for anybody.
        spool: it is the spool that is hurt; who has none is not tried.
        cut: nobody can know how many records were in what is gone: Cordwood must count some.
        note: what Cordwood's outcome has to say besides.
    """

    title: str
    rows: str
    inject: Callable[[Scene], None]
    needs: tuple[str, ...]
    loses: bool
    silent: bool
    torn: bool
    spool: bool
    cut: bool
    note: str

    @property
    def name(self) -> str:
        return self.inject.__name__

    @property
    def how(self) -> str:
        return " ".join((self.inject.__doc__ or "").split())

    def complaints(self, outcome: Outcome) -> list[str]:
        """Where Cordwood's outcome is not what it promises; empty if all is well."""
        said = outcome.said.splitlines()
        foreign = [line for line in said if not line.startswith("cordwood: ")]
        wrong = {
            outcome.ended: outcome.ended,
            f"raised into the caller: {outcome.raised[:3]}": outcome.raised,
            f"held the caller up for {outcome.slowest:.1f} s": outcome.slowest > BOUND,
            f"lost {outcome.lost}": outcome.lost and not self.loses,
            f"lost {outcome.lost}, counted {outcome.ledger}": not (
                0 < outcome.counted <= outcome.lost if self.cut else outcome.lost == outcome.counted
            ),
            f"doubled {outcome.doubled}": outcome.doubled,
            f"tore {outcome.torn} lines": outcome.torn and not self.torn,
            "did not resume": outcome.called and not outcome.last_kept,
            f"{'; '.join(outcome.notes)} instead of {self.note!r}": "; ".join(outcome.notes) != self.note,
            "said nothing": not said and not self.silent,
            f"said the same more than once, or too much: {said}": len(said) > min(MOST_SAID, len(set(said))),
            f"said what is not Cordwood's: {foreign}": foreign,
        }
        return [words for words, is_wrong in wrong.items() if is_wrong]


FAULTS: dict[str, Fault] = {}


def fault(
    title: str,
    *,
    rows: str,
    needs: Sequence[str] = (),
    loses: bool = False,
    silent: bool = False,
    torn: bool = False,
    spool: bool = False,
    cut: bool = False,
    note: str = "",
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Put a function into the table."""

    def enter(inject: Callable[[Scene], None]) -> Callable[[Scene], None]:
        FAULTS[inject.__name__] = Fault(title, rows, inject, tuple(needs), loses, silent, torn, spool, cut, note)
        return inject

    return enter


def lacking(need: str) -> str:
    """Why this machine cannot bring it about, with the way to run it; empty if it can."""
    root = os.geteuid() == 0
    if need in ("mount", "unshare") and not (root and shutil.which(need)):
        return f"{need} takes root: sudo make faults"
    if need == "strace" and not shutil.which("strace"):
        return "strace is not installed: apt-get install strace"
    if need == "cc" and not shutil.which("cc"):
        return "a C compiler is not installed: apt-get install gcc libc6-dev"
    if need == "faketime" and not faketime():
        return "libfaketime is not installed: apt-get install libfaketime"
    return ""


def faketime() -> Path | None:
    """The library of Debian's libfaketime."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def wait_until(true: Callable[[], object], what: str, seconds: float = PATIENCE, pause: float = 0.002) -> None:
    """Poll what sends no event."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(pause)


class Writer:
    """A process of tests.faults.writer, told line by line what to do."""

    def __init__(
        self, scene: Scene, first: int, before: Sequence[str], options: dict[str, Any], environment: dict[str, str],
        stdout: int | None,
    ) -> None:  # fmt: skip
        self._scene = scene
        self.first = first
        self.report: dict[str, Any] = {"number": first, "refused": [], "raised": [], "slowest": 0.0, "ledger": {}}
        self.errors = scene.folder / f"stderr-{first}"
        receive, send = os.pipe()
        command = [
            *before, sys.executable, "-m", "tests.faults.writer",
            scene.contender, scene.logs, first, send, json.dumps(options),
        ]  # fmt: skip
        home = scene.folder / "home"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=errors,
                pass_fds=[send], text=True, env={**os.environ, "HOME": str(home), "TMPDIR": str(home), **environment},
            )  # fmt: skip
        os.close(send)
        self._replies = os.fdopen(receive)
        try:
            self._hear(PATIENCE)
        except DiedError as died:
            self.kill()
            last = self.errors.read_text(errors="replace").rstrip().rpartition("\n")[2]
            raise DiedError(f"{died}: its set-up raised {last.partition(':')[0]}") from None

    @property
    def pid(self) -> int:
        return self.process.pid

    def _hear(self, patience: float) -> None:
        if not select.select([self._replies], [], [], patience)[0]:
            self.kill()
            raise BlockedError
        line = self._replies.readline()
        if not line:
            status = self.process.wait(PATIENCE)
            raise DiedError(f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}")
        self.report = json.loads(line)

    def begin(self, code: str) -> None:
        """Have it run Python, without waiting for it."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(code) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died: `end` tells

    def end(self, patience: float = PATIENCE) -> Any:
        """Wait for what was begun."""
        self._hear(patience)
        return self.report.get("answer")

    def do(self, code: str, patience: float = PATIENCE) -> Any:
        """Have it run Python; what that put into `writer.answer`."""
        self.begin(code)
        return self.end(patience)

    def log(self, count: int, patience: float = PATIENCE) -> None:
        """Have it log so many records."""
        before = self.report["number"]
        try:
            self.do(f"log({count})", patience)
        except (BlockedError, DiedError):
            self.report["number"] = before + count  # what it would have logged
            raise

    def flush(self, patience: float = 10) -> None:
        """Have all delivered that can be in so many seconds."""
        self.do(f"contender.flush({patience})", 2 * PATIENCE)

    def stop(self) -> None:
        """End it as programs end."""
        self.do("writer.ledger = contender.close()", 3 * PATIENCE)
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.kill()

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._replies.close()
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


class Scene:
    """Where a fault happens, to whom, and the tools to bring it about."""

    def __init__(self, contender: str, folder: Path) -> None:
        self.contender = contender
        self.folder = folder
        self.logs = folder / "logs"
        self.file = self.logs / "app.log"
        self.spool = self.logs / ".cordwood"
        self.outcome = Outcome()
        self.writers: list[Writer] = []
        self.places = [self.logs]
        (folder / "home").mkdir(parents=True)
        self.logs.mkdir(mode=0o700)

    @property
    def is_cordwood(self) -> bool:
        return self.contender == "cordwood"

    def start(
        self, *, before: Sequence[str] = (), environment: dict[str, str] | None = None, stdout: int | None = None,
        **options: Any,
    ) -> Writer:  # fmt: skip
        """A process that is ready to log; `options` are the contender's."""
        writer = Writer(self, len(self.writers) * 1_000_000, before, options, environment or {}, stdout)
        self.writers.append(writer)
        return writer

    @contextlib.contextmanager
    def disk(self, options: str) -> Iterator[None]:
        """The log directory on a tmpfs of its own."""
        command = ["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "tmpfs", str(self.logs)]
        subprocess.run(command, check=True, capture_output=True)
        try:
            yield
            self.finish()
        finally:
            for writer in self.writers:
                writer.kill()
            subprocess.run(["umount", "-l", str(self.logs)], check=True)

    def fill(self) -> Path:
        """Take all that is left of the log directory's disk."""
        ballast = self.logs / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        return ballast

    @contextlib.contextmanager
    def traced(self, writer: Writer, *words: str) -> Iterator[None]:
        """Have strace tamper with the process's system calls; it goes on without strace afterwards."""
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(writer.pid), *words]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        tasks = Path(f"/proc/{writer.pid}/task")

        def attached() -> bool:
            assert tracer.poll() is None, tracer.stderr and tracer.stderr.read()
            return all(f"TracerPid:\t{tracer.pid}" in (task / "status").read_text() for task in tasks.iterdir())

        wait_until(attached, "strace")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=PATIENCE)

    def stop(self) -> None:
        """End all processes as programs end."""
        for writer in self.writers:
            if writer.process.poll() is None:
                writer.stop()

    def run(self, inject: Callable[[Scene], None]) -> Outcome:
        """Bring the fault about and see what it did."""
        try:
            inject(self)
            self.stop()
        except BlockedError:
            self.outcome.ended = "blocked the caller"
        except DiedError as died:
            self.outcome.ended = str(died)
        finally:
            for writer in self.writers:
                writer.kill()
        if not self.outcome.called:
            self.finish()
        return self.outcome

    def finish(self) -> None:
        """Stop, deliver what is left, and read the files."""
        if not self.outcome.ended:
            self.stop()
        for spool in [self.spool, *(self.folder / "home").glob(".local/state/cordwood/spool/*")]:
            if self.is_cordwood and (spool / "control").exists():
                self.recover(spool)
        outcome, wanted, seen = self.outcome, set[int](), list[int]()
        for writer in self.writers:
            report = writer.report
            wanted |= set(range(writer.first, report["number"])) - set(report["refused"])
            outcome.raised += report["raised"]
            outcome.slowest = max(outcome.slowest, report["slowest"])
            self.count(report["ledger"])
            outcome.said += writer.errors.read_text(errors="replace")
        for line in self.lines():
            match = LINE.fullmatch(line)
            if match:
                seen.append(int(match[1]))
            elif line and not line.startswith((b"#", b"  ")):
                outcome.torn += 1
        outcome.called = len(wanted)
        outcome.lost = len(wanted - set(seen))
        outcome.doubled = len(seen) - len(set(seen))
        outcome.last_kept = bool(wanted) and max(wanted) in seen

    def recover(self, spool: Path) -> None:
        """What the next process on the folder would do, and what its counters say then."""
        code = (
            "import json, sys; from cordwood import _native as core; core.recover(sys.argv[1]);"
            "print(json.dumps(core.spool_status(sys.argv[1])['dropped']))"
        )
        command = [sys.executable, "-c", code, str(spool)]
        done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
        self.count(json.loads(done.stdout) if done.returncode == 0 else {})

    def count(self, dropped: dict[str, int]) -> None:
        """Take up a spool's counters, which only grow."""
        for reason, number in dropped.items():
            self.outcome.ledger[reason] = max(self.outcome.ledger.get(reason, 0), number)

    def lines(self) -> Iterator[bytes]:
        """Every line of every log file; what is not counted begins with # or blanks."""
        for place in self.places:
            for path in sorted(place.glob("app*.log*")):
                if path.is_file() and not path.is_symlink():
                    yield from path.read_bytes().replace(b"\0", b"").split(b"\n")
