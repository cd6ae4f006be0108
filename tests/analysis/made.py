"""Messages made up in the styles of many programs, each with the template it is of: the same at every call.

A style is a file of `corpus/`: on each line how often, and a template. A kind of values is a line of `values.txt`: its
name, and what it may be, between `|`. In both, `«kind»` is a value of that kind, `«one|other»` one of these, `«1..9»` a
number, `«hex:4»` four hexadecimal digits, `«1..3 of kind by , »` so many with commas between.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
STYLES = sorted(path.stem for path in (HERE / "corpus").glob("*.txt"))
_NUMBER = re.compile(r"(\d+)\.\.(\d+)")
_DIGITS = re.compile(r"hex:(\d+)")
_SEVERAL = re.compile(r"(\d+)\.\.(\d+) of (\S+) by (.*)")


def _parts(text: str) -> list[str]:
    """Text and the places in it, in turn."""
    parts, depth = [""], 0
    for sign in text:
        outside = depth == 0
        depth += (sign == "«") - (sign == "»")
        if outside != (depth == 0):
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _choices(text: str) -> list[str]:
    """What stands between bars, but not between those of a place inside."""
    choices, depth = [""], 0
    for sign in text:
        depth += (sign == "«") - (sign == "»")
        if sign == "|" and depth == 0:
            choices.append("")
        else:
            choices[-1] += sign
    return choices


_LINES = (HERE / "values.txt").read_text(encoding="utf-8").splitlines()
KINDS = {name: _choices(values) for name, values in (line.split(" ", 1) for line in _LINES)}


def _value(place: str, chances: random.Random) -> str:
    chosen = chances.choice(_choices(place))
    if several := _SEVERAL.fullmatch(chosen):
        few, many, kind, between = several.groups()
        return between.join(_value(kind, chances) for _ in range(chances.randint(int(few), int(many))))
    if number := _NUMBER.fullmatch(chosen):
        return str(chances.randint(int(number[1]), int(number[2])))
    if digits := _DIGITS.fullmatch(chosen):
        return f"{chances.getrandbits(4 * int(digits[1])):0{digits[1]}x}"
    return message(chances.choice(KINDS.get(chosen, [chosen])), chances)


def message(template: str, chances: random.Random) -> str:
    """One message of a template."""
    parts = _parts(template)
    return "".join(_value(part, chances) if place % 2 else part for place, part in enumerate(parts))


def made(style: str, seed: int = 1) -> list[tuple[str, str]]:
    """All of a style's messages in random order, each after its template."""
    chances = random.Random(f"{style} {seed}")
    lines = (HERE / "corpus" / f"{style}.txt").read_text(encoding="utf-8").splitlines()
    templates = [(int(times), template) for times, template in (line.split(" ", 1) for line in lines)]
    rows = [(template, message(template, chances)) for times, template in templates for _ in range(times)]
    chances.shuffle(rows)
    return rows


def grouping(truth: list[str], given: list[str]) -> tuple[float, float]:
    """The share of messages whose group is exactly one of the truth's, and the F1 of the groups."""
    true, groups = Counter(truth), Counter(given)
    pairs = Counter(zip(truth, given, strict=True))
    right = [count for (template, group), count in pairs.items() if count == true[template] == groups[group]]
    return sum(right) / len(truth), 2 * len(right) / (len(true) + len(groups))
