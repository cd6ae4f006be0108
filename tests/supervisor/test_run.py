"""`cordwood run`, as a process with processes under it."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CORDWOOD = [sys.executable, "-c", "from cordwood.views.cli import main; main()"]
STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (.*)")


def run(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CORDWOOD, "run", *args], capture_output=True, text=True, timeout=60, check=False, **options)


def python(code: str) -> list[str]:
    return ["--", sys.executable, "-c", code]


def copied(folder: str = "logs") -> list[str]:
    """The lines of the one console copy, without their stamps."""
    (path,) = Path(folder).glob("console_*.log")
    assert re.fullmatch(r"console_\d{8}_\d{6}\.log", path.name)
    assert path.stat().st_mode & 0o777 == 0o600
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = STAMPED.fullmatch(line)
        assert match is not None, line
        found.append(match[1])
    return found


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process holds, the next one free."""
    while True:
        with socket.socket() as holder, socket.socket() as following:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            try:
                following.bind(("", port + 1))
            except OSError:
                continue
            following.close()
            yield port
            return


HOLDER = """
import signal, socket, sys
{}
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen()
print(sock.getsockname()[1], flush=True)
signal.pause()
"""


@pytest.fixture
def holder(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds a port; the parameter is code that it runs first."""
    code = HOLDER.format(getattr(request, "param", ""))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


def test_prints_and_tracebacks_are_shown_and_kept() -> None:
    done = run(*python("import sys; print('out'); print('err', file=sys.stderr); 1 / 0"))
    assert done.returncode == 1
    assert done.stdout == "out\n"
    assert done.stderr.startswith("err\nTraceback (most recent call last):\n")
    lines = copied()
    assert {"out", "err", "Traceback (most recent call last):", "ZeroDivisionError: division by zero"} <= set(lines)


def test_streams_that_lead_to_one_place_keep_their_order() -> None:
    code = "import sys\nfor n in range(200): print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True)"
    done = subprocess.run(
        [*CORDWOOD, "run", *python(code)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == copied() == [str(n) for n in range(200)]


def test_colours_stay_on_the_console_and_leave_the_copy() -> None:
    done = run(*python(r"print('\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x07'); print('10%\r100%')"))
    assert "\x1b[1;31mred\x1b[0m" in done.stdout
    assert copied() == [r"red link\x07", "100%"]


def test_a_line_without_an_end_and_bytes_that_are_no_text_are_kept() -> None:
    done = run(*python(r"import os; os.write(1, b'a\xff\nlast')"), errors="replace")
    assert done.stdout.endswith("last")
    assert copied() == [r"a\xff", "last"]


def test_secrets_are_hidden_in_the_copy_private_keys_over_lines_too() -> None:
    key = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq\\nhkiG9w0BAQEF\\n-----END PRIVATE KEY-----"
    code = (
        f"import sys\nprint('password=hunter2')\nfor line in '{key}'.splitlines(): print(line, flush=True)\nprint('x')"
    )
    done = run(*python(code))
    assert "hunter2" in done.stdout
    text = "\n".join(copied())
    assert "password=***" in text
    for secret in ("hunter2", "MIIEvQIBADANBgkq", "hkiG9w0BAQEF"):
        assert secret not in text
    assert copied()[-1] == "x"


def test_own_words_of_the_configuration_hide_too() -> None:
    run(*python("print('pin=1234')"), env={**os.environ, "CORDWOOD_REDACTION__WORDS": "pin"})
    assert copied() == ["pin=***"]


def test_the_command_learns_port_and_level(taken: int) -> None:
    code = "import os, sys; print(os.environ['PORT'], os.environ['CORDWOOD_LEVEL'], *sys.argv[1:])"
    done = run("-p", str(taken + 1), "-l", "debug", *python(code), "--port={port}", "{level}", "{other}")
    assert done.stdout == f"{taken + 1} DEBUG --port={taken + 1} DEBUG {{other}}\n"


def test_without_a_port_none_is_set() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PORT"}
    assert run(*python("import os; print('PORT' in os.environ)"), env=environ).stdout == "False\n"


def test_A5_a_taken_port_is_said_and_the_next_one_used(taken: int) -> None:
    done = run("-p", str(taken), *python("import os; print(os.environ['PORT'])"))
    warning = f"WARNING: Port {taken} already in use, trying port {taken + 1}"
    assert done.stderr == f"{warning}\n"
    assert done.stdout == f"{taken + 1}\n"
    assert copied() == [warning, str(taken + 1)]


def test_A5_force_kill_asks_the_holder_politely(holder: tuple[subprocess.Popen[str], int]) -> None:
    process, port = holder
    done = run("-f", "-p", str(port), *python("import os; print(os.environ['PORT'])"))
    assert process.wait(10) == -signal.SIGTERM
    assert done.stdout == f"{port}\n"
    assert done.stderr.startswith(f"Port {port} is held by process {process.pid} ({sys.executable} -c")
    assert done.stderr.endswith(": ending it\n")


@pytest.mark.parametrize("holder", ["signal.signal(signal.SIGTERM, signal.SIG_IGN)"], indirect=True)
def test_A5_a_holder_that_does_not_listen_is_killed(holder: tuple[subprocess.Popen[str], int]) -> None:
    from cordwood.supervisor.port import end_holders, is_free

    process, port = holder
    said: list[str] = []
    end_holders(port, said.append, patience=0.2)
    assert process.wait(10) == -signal.SIGKILL
    assert said[1:] == [f"Process {process.pid} has not ended in 0.2 seconds: killing it"]
    assert is_free(port)


def test_A5_force_kill_spares_who_started_it(taken: int) -> None:
    done = run("-f", "-p", str(taken), *python("import os; print(os.environ['PORT'])"))
    assert "which started this command: left alone" in done.stderr
    assert done.stdout == f"{taken + 1}\n"


def test_A5_force_kill_spares_another_users_process(
    holder: tuple[subprocess.Popen[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cordwood.supervisor import port as ports

    process, port = holder
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    said: list[str] = []
    ports.end_holders(port, said.append)
    assert process.poll() is None
    assert len(said) == 1
    assert "left alone, only own processes are ended" in said[0]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["-p", "70000"], "70000"),
        (["-p", "http"], "http"),
        (["-l", "LOUD"], "'LOUD' is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        (["-f"], "--force-kill needs the port"),
        (["--nonsense"], "--nonsense"),
        (["--", "echo", "{port}"], "say which: cordwood run --port 5000"),
    ],
)
def test_A4_bad_values_are_one_line_and_status_2(args: list[str], problem: str) -> None:
    done = run(*args, *(["--", "true"] if "--" not in args else []))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("cordwood: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_command_is_status_2() -> None:
    assert run().returncode == 2


def test_a_command_that_is_not_there_is_127_and_one_that_cannot_run_126(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    assert run("--", "no-such-command-here").returncode == 127
    done = run("--", "./plain")
    assert done.returncode == 126
    assert done.stderr == "cordwood: ./plain: Permission denied\n"


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_the_exit_status_is_the_commands(status: int) -> None:
    assert run(*python(f"raise SystemExit({status})")).returncode == status


def test_the_end_by_a_signal_is_told_as_a_shell_does() -> None:
    assert run(*python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")).returncode == 128 + signal.SIGKILL


LISTENER = """
import signal, sys
def say(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(42)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, say)
print("ready", flush=True)
while True: signal.pause()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_reach_the_command(name: str) -> None:
    with subprocess.Popen([*CORDWOOD, "run", *python(LISTENER)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.stdout.read() == f"{name}\n"
        assert process.wait(30) == 42
    assert copied() == ["ready", name]


def test_ctrl_c_of_a_terminal_reaches_the_command_once() -> None:
    counting = """
import os, signal, sys, tty
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("ready", sys.stdout.isatty(), flush=True)
while not seen: signal.pause()
sys.stdin.readline()
print("seen", len(seen), flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(CORDWOOD[0], [*CORDWOOD, "run", *python(counting)])
    shown = b""
    while b"ready True" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    os.write(terminal, b"\n")
    try:
        while b"seen 1" not in shown:
            shown += os.read(terminal, 1000)
    finally:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
        os.close(terminal)
    assert b"\r\r\n" not in shown


def test_processes_left_behind_do_not_keep_it() -> None:
    code = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid)"
    )
    done = subprocess.run([*CORDWOOD, "run", *python(code)], stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    os.kill(int(done.stdout), signal.SIGKILL)


def test_the_copy_goes_on_when_nobody_reads_the_console() -> None:
    code = "for n in range(20000): print(n)"
    with subprocess.Popen([*CORDWOOD, "run", *python(code)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
    assert copied() == [str(n) for n in range(20000)]


def test_without_a_place_for_the_copy_the_command_runs() -> None:
    Path("logs").write_text("")
    done = run(*python("print('runs')"))
    assert done.stdout == "runs\n"
    assert done.stderr == "cordwood: the console is not copied to logs: File exists\n"


def test_H5_records_of_a_crashed_command_are_in_their_file_afterwards() -> None:
    code = """
import logging, os, signal, cordwood
cordwood.configure(preset="default", log_dir="logs/dev", console_output=False)
for n in range(1000): logging.getLogger("x").warning("record %d", n)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run(*python(code)).returncode == 128 + signal.SIGKILL
    lines = Path("logs/dev/app.log").read_text().splitlines()
    assert [line.rpartition(" - ")[2] for line in lines] == [f"record {n}" for n in range(1000)]


def test_two_runs_of_one_second_have_each_a_copy() -> None:
    from cordwood.supervisor.console import ConsoleCopy

    copies = [ConsoleCopy("logs") for _ in range(3)]
    for number, copy in enumerate(copies):
        copy.line(str(number))
        copy.close()
    assert len({copy.path for copy in copies}) == 3
