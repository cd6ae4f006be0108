"""Cordwood built with its failpoints, beside the ordinary build: `target/armed/cordwood`.

A debug build: overflow and debug assertions are checked, and the timing is another one than that of a release.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def build() -> Path:
    """The folder for PYTHONPATH, made or renewed.

    Raises:
        subprocess.CalledProcessError: it does not compile.
    """
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = ["cargo", "build", "--quiet", "--locked", "-p", "cordwood-py", "--features", "failpoints"]
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".cargo" / "bin")])
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PATH": path})
    package = target / "armed" / "cordwood"
    package.mkdir(parents=True, exist_ok=True)
    here = {path.name for path in (ROOT / "python" / "cordwood").iterdir() if not path.name.startswith("_native.abi3")}
    for stale in package.iterdir():
        if stale.is_symlink() and stale.name not in here:
            stale.unlink()
    for name in here:
        link = package / name
        if not link.is_symlink():
            link.symlink_to(ROOT / "python" / "cordwood" / name)
    fresh = package / f"_native.{os.getpid()}.tmp"
    shutil.copyfile(target / "debug" / "lib_native.so", fresh)
    fresh.replace(package / "_native.abi3.so")
    return package.parent


def environment() -> dict[str, str]:
    """For a process that is to run the armed build."""
    return {**os.environ, "PYTHONPATH": str(build())}
