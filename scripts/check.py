"""Run the checks of `make lint`, `make wheel` or `make test`, each with its name and time; show output where one fails.

cargo's run one after another beside the others. pytest runs last, alone, and shows its own output, so that its
count of tests closes the report.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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
    report = f"{verdict:>6}  {time.monotonic() - began:6.1f} s  {name}\n"
    if done.returncode or name in STDLIB | WHEEL:
        report += "".join(f"                  {line}\n" for line in done.stdout.splitlines())
    print(report, end="", flush=True)
    return done.returncode == 0


def in_a_row(steps: Steps) -> list[str]:
    """Run one step after another; the names of those that failed."""
    return [name for name, command in steps.items() if not check(name, command)]


def main() -> int:
    """Run the set named on the command line; 0 where all is well."""
    chosen = sys.argv[1]
    steps = SETS[chosen]
    cargo = {name: command for name, command in steps.items() if command[0] == "cargo"}
    others = {name: command for name, command in steps.items() if name not in cargo}
    with ThreadPoolExecutor() as both:
        failed = [name for names in both.map(in_a_row, (cargo, others)) for name in names]
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
