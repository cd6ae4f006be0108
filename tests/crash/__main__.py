"""A campaign as long as one likes: python -m tests.crash --seconds 60 --kills 2000 --seed 1; `make crash` runs it."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path


def main() -> int:
    """Run it on the armed build; 0 where every promise was kept."""
    parse = argparse.ArgumentParser(prog="make crash")
    parse.add_argument("--seconds", type=float, default=60.0, help="at least so long")
    parse.add_argument("--kills", type=int, default=0, help="and at least so many kills")
    parse.add_argument("--seed", type=int, default=None, help="of the first episode; each next one has the next")
    parse.add_argument("--places", action="store_true", help="only: each named place once")
    parse.add_argument("--record", type=Path, help="write the result into this page")
    wanted = parse.parse_args()
    if "CORDWOOD_ARMED" not in os.environ:
        from tests.crash.armed import environment

        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.crash", *sys.argv[1:]],
            {**environment(), "CORDWOOD_ARMED": "1"},
        )
    del os.environ["CORDWOOD_ARMED"]  # no setting of Cordwood's
    from tests.crash import campaign, page, troubles

    seed = wanted.seed if wanted.seed is not None else random.SystemRandom().randrange(1 << 30)
    if wanted.places:
        missed = troubles.each_place(seed)
        print("every named place was come to and died at" if not missed else f"not come to: {', '.join(missed)}")
        return 1 if missed else 0
    report = campaign.run(seed=seed, seconds=wanted.seconds, kills=wanted.kills)
    print(page.sentence(report, seed))
    if wanted.record and not report.failed:
        page.record(wanted.record, report, seed)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
