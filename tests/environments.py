"""One small environment in .tox/ for each CPython 3.10-3.13 found, with the wheel of dist/ in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """A Python of this machine and its environment's folder in .tox/."""

    version: str
    interpreter: Path

    @property
    def folder(self) -> Path:
        """Where the environment stands."""
        return ROOT / ".tox" / self.version

    @property
    def python(self) -> Path:
        """The environment's own interpreter."""
        return self.folder / "bin" / "python"

    def install(self, wheel: Path) -> None:
        """Make the environment with `wheel` in it, unless that has been done."""
        stamp = self.folder / "wheel"
        wanted = f"{self.interpreter} {wheel.name} {wheel.stat().st_mtime_ns}"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        run([self.interpreter, "-m", "venv", "--clear", self.folder])
        # A PATH without cc and cargo: nothing may be compiled.
        run(
            [self.python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", wheel],
            PATH=str(self.folder / "bin"),
        )
        stamp.write_text(wanted)


def run(command: list[str | Path], **environ: str) -> str:
    """Run a command and return what it printed, which is also the error's text where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def environments() -> list[Environment]:
    """Every CPython 3.10-3.13 found, newest first."""
    lines = run([ROOT / "scripts" / "pythons"]).splitlines()
    return [Environment(version, Path(path)) for version, path in (line.split(" ", 1) for line in lines)]


def built_wheel() -> Path:
    """The wheel that `make wheel` left in dist/."""
    (wheel,) = (ROOT / "dist").glob("cordwood-*.whl")
    return wheel
