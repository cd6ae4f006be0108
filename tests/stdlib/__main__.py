"""CPython's own test_logging on each Python found: plain, with Cordwood's logger class, with its handler on the root.

The same tests must pass as on plain stdlib, but for test_last_resort with a handler on the root, where even a
NullHandler changes the outcome. `python -m tests.stdlib [plain|class|handler ...]`; plain is kept in .tox/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.environments import Environment, built_wheel, environments, run

HERE = Path(__file__).resolve().parent
MAY_DIFFER = {"plain": set[str](), "class": set[str](), "handler": {"test_last_resort"}}
PTH = "import os, runpy; os.environ.get('CORDWOOD_PRELOAD') and runpy.run_path(os.environ['CORDWOOD_PRELOAD'])\n"
SECONDS = 300  # it takes 25, most of them asleep
AT_ONCE = 4

Outcomes = dict[str, str]


def outcomes(environment: Environment, mode: str, tests: Iterable[str] = ()) -> tuple[Outcomes, str]:
    """What became of each test, and what the run printed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "outcomes.json")
        done = subprocess.run(
            [str(environment.python), str(HERE / "run_one.py"), mode, str(out), *tests],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "XDG_STATE_HOME": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        if not out.exists():
            raise RuntimeError(f"no outcome from {mode} (exit {done.returncode}):\n{done.stdout[-4000:]}")
        return json.loads(out.read_text()), done.stdout


def plain(environment: Environment) -> Outcomes:
    """Plain stdlib's outcomes on this interpreter, from .tox/ where they are known."""
    release = run([environment.interpreter, "-c", "import sys; print(sys.version)"])
    kept = environment.folder / "test_logging.json"
    if kept.exists() and (known := json.loads(kept.read_text()))["release"] == release:
        return dict(known["outcomes"])
    found, _ = outcomes(environment, "plain")
    kept.write_text(json.dumps({"release": release, "outcomes": found}))
    return found


def prepare(environment: Environment) -> str | None:
    """Make the environment ready; say why this Python cannot be tried, if it cannot."""
    try:
        run([environment.interpreter, "-c", "import test.test_logging"])
    except RuntimeError:
        return f"not tried: it came without its tests (Debian: libpython{environment.version}-testsuite)"
    environment.install(built_wheel())
    site = run([environment.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    Path(site, "cordwood_preload.pth").write_text(PTH)
    return None


def compare(environment: Environment, mode: str) -> tuple[bool, str]:
    """Run one mode; a test that passes on plain stdlib and not here is tried once more alone before it counts."""
    expected = {test for test, outcome in plain(environment).items() if outcome == "passed"}
    if mode == "plain":
        return True, f"{len(expected)} of {len(plain(environment))} pass"
    try:
        found, printed = outcomes(environment, mode)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    lost = sorted(
        test for test in expected if found.get(test) != "passed" and test.split(".")[-1] not in MAY_DIFFER[mode]
    )
    if lost:
        again, printed = outcomes(environment, mode, lost)
        lost = [test for test in lost if again.get(test) != "passed"]
    passing = sum(found.get(test) == "passed" for test in expected)
    verdict = f"{passing} of the {len(expected)} that pass on plain stdlib pass"
    return not lost, verdict + "".join(f"\n    lost: {test}" for test in lost) + (f"\n{printed}" if lost else "")


def main() -> int:
    """Print one line a Python and mode; 0 where nothing is lost."""
    modes = sys.argv[1:] or list(MAY_DIFFER)
    failed = False
    ready = []
    for environment in environments():
        if why := prepare(environment):
            print(f"{environment.version}  {why}")
        else:
            ready.append(environment)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(plain, ready))
        jobs = [(environment, mode, pool.submit(compare, environment, mode)) for environment in ready for mode in modes]
        for environment, mode, job in jobs:
            well, verdict = job.result()
            failed |= not well
            print(f"{environment.version}  {mode:8} {verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
