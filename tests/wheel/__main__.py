"""Install the wheel, without a compiler, into a fresh environment of each Python found, and log one file from each."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.environments import built_wheel, environments, run


def main() -> int:
    """Print one line a Python; 0 where all of them are well."""
    wheel = built_wheel()
    failed = False
    for environment in environments():
        try:
            environment.install(wheel)
            with tempfile.TemporaryDirectory() as folder:  # away from the sources
                verdict = run([environment.python, "-I", Path(__file__).with_name("smoke.py")], TMPDIR=folder).strip()
        except RuntimeError as error:
            failed, verdict = True, str(error)
        print(f"{environment.version}  {wheel.name}  {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
