"""A soak as long as one likes: python -m tests.soak --minutes 60 --seed 1; `make soak` runs it."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DISK = "64m"
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def main() -> int:
    """0 where every bound was kept and every record is accounted for."""
    parse = argparse.ArgumentParser(prog="make soak")
    parse.add_argument("--minutes", type=float, default=60.0)
    parse.add_argument("--seed", type=int, default=None, help="of the faults and when they come")
    parse.add_argument("--gap", type=float, nargs=2, default=(2.0, 8.0), help="seconds between two faults")
    parse.add_argument("--record", type=Path, help="write the result into this page")
    parse.add_argument("--within", type=Path, help=argparse.SUPPRESS)
    wanted = parse.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nobody is left running, and no disk mounted
    if wanted.within:
        return soak(wanted)
    wanted.seed = wanted.seed if wanted.seed is not None else random.SystemRandom().randrange(1 << 30)
    place = Path(tempfile.mkdtemp(prefix="cordwood-soak-"))
    status = on_a_disk_of_its_own(place, [*sys.argv[1:], "--seed", str(wanted.seed), "--within", str(place)])
    if status:
        print(f"again: make soak MINUTES={wanted.minutes:g} SEED={wanted.seed}; its folder is {place}")
    else:
        shutil.rmtree(place)
    return status


def on_a_disk_of_its_own(place: Path, arguments: list[str]) -> int:
    """Run it; as root on a small disk that can be filled, and without root's rights, which no permission stops."""
    (place / "disk").mkdir()
    command = [sys.executable, "-m", "tests.soak", *arguments]
    environment = {**os.environ, "HOME": str(place), "TMPDIR": str(place)}
    mounts = os.geteuid() == 0 and all(map(shutil.which, ("mount", "setpriv")))
    if mounts:
        mount = ["mount", "-t", "tmpfs", "-o", f"mode=0700,size={DISK}", "tmpfs", str(place / "disk")]
        mounts = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        command = [*WITHOUT_RIGHTS, *command]
    try:
        status = subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
        if status:
            shutil.copytree(place / "disk", place / "kept", symlinks=True)
        return status
    finally:
        if mounts:
            subprocess.run(["umount", "-l", str(place / "disk")], check=True)


def soak(wanted: argparse.Namespace) -> int:
    """The soak itself, in the place that was made for it."""
    from tests.crash.page import put
    from tests.soak import bounds, page
    from tests.soak.run import run

    disk = wanted.within / "disk"
    without = set() if disk.is_mount() else {"disk_full"}
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        without.add("folder_read_only")
    found = run(disk, seed=wanted.seed, seconds=wanted.minutes * 60, without=without, gap=tuple(wanted.gap))
    print(f"seed {wanted.seed}: {page.sentence(found)}")
    measured = list(bounds.courses(found))
    for course in measured:
        print(course)
    wrong = found.wrong + [f"out of bounds: {course}" for course in measured if course.is_broken]
    for words in wrong:
        print(f"NOT AS PROMISED: {words}")
    if wanted.record and not wrong:
        put(wanted.record, "".join(page.result(found, measured, wanted.seed, without)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
