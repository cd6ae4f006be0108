"""The miner beside messages made up in the styles of many programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from cordwood.analysis.patterns import plain

from tests.analysis.made import STYLES, grouping, made

# Of names of several words, texts and statements in messages little repeats: rare ones stay by themselves.
FREE = {"jobs", "shop", "web"}


def _scores(style: str, folder: Path, seed: int) -> tuple[float, float]:
    rows = made(style, seed)
    (folder / "messages").write_text("".join(f"{text}\n" for _, text in rows), encoding="utf-8", newline="\n")
    plain(folder / "messages", folder / "out")
    given = (folder / "out").read_text(encoding="utf-8").split("\n")[:-1]
    return grouping([template for template, _ in rows], given)


def test_messages_are_made_the_same_again() -> None:
    assert made("shop") == made("shop")


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_grouped_by_its_templates(style: str, tmp_path: Path) -> None:
    grouped, groups = _scores(style, tmp_path, 1)
    assert grouped >= (0.85 if style in FREE else 0.97)
    assert groups >= (0.6 if style in FREE else 0.9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_styles_together_are_grouped_by_their_templates(seed: int, tmp_path: Path) -> None:
    scores = [_scores(style, tmp_path, seed) for style in STYLES]
    grouped, groups = (sum(one) / len(scores) for one in zip(*scores, strict=True))
    assert grouped >= 0.95
    assert groups >= 0.9
