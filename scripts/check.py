"""Run the checks of `make lint`, `make wheel` or `make test`, each with its name and time; show output where one fails.

pytest runs last and shows its own output, so that its count of tests closes the report.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"

Steps = dict[str, list[Path | str]]

LINT: Steps = {
    "ruff check": [BIN / "ruff", "check", "--quiet", "."],
    "ruff format": [BIN / "ruff", "format", "--quiet", "--check", "."],
    "mypy strict": [BIN / "mypy", "--no-error-summary"],
    "stubtest of cordwood._native": [
        BIN / "stubtest",
        "--concise",
        "cordwood._native",
    ],
    "import layers": [BIN / "lint-imports", "--no-logo"],
    "cargo fmt": ["cargo", "fmt", "--all", "--check"],
    "cargo clippy": ["cargo", "clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"],
}
# With the named places at which the tests' leaders die.
CORE: Steps = {
    "cargo test of the core": [
        "cargo",
        "test",
        "--quiet",
        "--locked",
        "-p",
        "cordwood-core",
        "--features",
        "failpoints",
    ]
}
STDLIB: Steps = {"CPython's test_logging": [BIN / "python", "-m", "tests.stdlib"]}
WHEEL: Steps = {"wheel on each Python": [BIN / "python", "-m", "tests.wheel"]}
PYTEST = [BIN / "pytest"]

SETS = {"lint": LINT, "wheel": WHEEL, "all": LINT | CORE | STDLIB | WHEEL}


def check(name: str, command: list[Path | str]) -> bool:
    """Run one step; print its verdict, and its output where it failed or had something to say."""
    began = time.monotonic()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{verdict:>6}  {time.monotonic() - began:6.1f} s  {name}", flush=True)
    if done.returncode or name in STDLIB | WHEEL:
        print("".join(f"                  {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the set named on the command line; 0 where all is well."""
    chosen = sys.argv[1]
    failed = [name for name, command in SETS[chosen].items() if not check(name, command)]
    if chosen == "all":
        print("pytest", flush=True)
        if subprocess.run([str(word) for word in PYTEST], cwd=ROOT, check=False).returncode:
            failed.append("pytest")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    sys.exit(main())
