"""Programs of the five systems, run as processes of their own in an empty folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FACADES = {
    "ami_backend": EXAMPLES / "ami_backend",
    "clipizi": EXAMPLES / "clipizi",
    "alonechat": EXAMPLES / "alonechat",
    "chainner": EXAMPLES / "chainner",
    "ai_platform": EXAMPLES / "ai_platform" / "src",
}
CORDWOOD = [sys.executable, "-c", "from cordwood.views.cli import main; main()"]

Ran = subprocess.CompletedProcess[str]


def environment(system: str = "", **variables: str) -> dict[str, str]:
    """What a program of a system finds: its packages, a home and a temporary directory of its own."""
    path = [str(FACADES[system])] if system else []
    home = Path.cwd() / "home"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": os.pathsep.join([*path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
        "PYTHONWARNINGS": "error",
        "TZ": "UTC",
        **variables,
    }


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Run a program of a system to its end; `status` is what it has to exit with."""

    def run_(system: str, program: str, *arguments: str, status: int = 0, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), *arguments],
            cwd=tmp_path, env=environment(system, **variables), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done

    return run_


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program of a system; it is talked to through its standard input and output."""
    started: list[subprocess.Popen[str]] = []

    def start_(system: str, program: str | list[str], **variables: str) -> subprocess.Popen[str]:
        words = ["-uc", textwrap.dedent(program)] if isinstance(program, str) else program
        started.append(
            subprocess.Popen(
                [sys.executable, *words], cwd=tmp_path, env=environment(system, **variables),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        return started[-1]

    yield start_
    for process in started:
        process.kill()
        with contextlib.suppress(ValueError):  # talked to until its end
            process.communicate()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def cordwood(tmp_path: Path) -> Callable[..., Ran]:
    """Run the `cordwood` command."""

    def cordwood_(*arguments: str, status: int = 0) -> Ran:
        done = subprocess.run(
            [*CORDWOOD, *arguments],
            cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr + done.stdout
        return done

    return cordwood_
