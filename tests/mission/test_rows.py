"""Each row of what must work has a test that bears its number."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = {"A": 9, "C": 8, "L": 8, "H": 7, "P": 11}  # ami-backend, clipizi, alonechat, chainner, the AI platform


def test_each_row_of_the_five_systems_has_a_test_here() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    names = re.findall(r"def test_((?:[ACLHP]\d+_)+)", texts)  # one test may bear two numbers
    found = {number for name in names for number in name.rstrip("_").split("_")}
    rows = {f"{system}{number}" for system, last in ROWS.items() for number in range(1, last + 1)}
    assert not rows - found
    assert found <= rows
