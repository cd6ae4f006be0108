"""Each row of what must work has a test that bears its number."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = {"A": 9, "C": 8, "L": 8, "H": 7}  # ami-backend, clipizi, alonechat, chainner
IN_WORK = {"A7"}  # the log analyser


def test_each_row_of_the_four_systems_has_a_test_here() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    found = set(re.findall(r"def test_([ACLH]\d+)_", texts))
    rows = {f"{system}{number}" for system, last in ROWS.items() for number in range(1, last + 1)}
    assert rows - found <= IN_WORK
    assert found <= rows
