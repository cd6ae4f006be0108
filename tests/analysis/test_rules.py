"""Known issues: rules that are built in, and rules of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from cordwood.analysis.rules import Rule, load, matches
from cordwood.errors import ConfigError

MINE = """
- id: mine
  title: My own
  match: 'quota of [0-9]+ exceeded'
  advice: Ask for more.
  test: quota of 7 exceeded
"""


@pytest.mark.parametrize("rule", load(), ids=lambda rule: rule.id)
def test_a_rule_finds_its_test_line(rule: Rule) -> None:
    assert rule in matches(load(), rule.test)


def test_a_rule_finds_no_other_rules_line() -> None:
    """But where an issue is the cause of another one."""
    rules = load()
    others = {rule.id: {found.id for found in matches(rules, rule.test)} - {rule.id} for rule in rules}
    assert {name: found for name, found in others.items() if found} == {
        "pool-exhausted": {"timeout"},
        "broker": {"connection-refused"},
    }


def test_the_documented_issues_and_thirty_more_are_known() -> None:
    ids = [rule.id for rule in load()]
    assert ids[:4] == ["event-loop-closed", "different-event-loop", "address-in-use", "missing-module"]
    assert len(set(ids)) == len(ids) >= 34


def test_rules_of_ones_own_are_added_and_replace_those_of_their_id(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(MINE)
    assert load([tmp_path / "rules.yml"])[-1].title == "My own"
    (tmp_path / "rules.yml").write_text(MINE.replace("id: mine", "id: timeout"))
    rules = {rule.id: rule for rule in load([tmp_path / "rules.yml"])}
    assert rules["timeout"].title == "My own"
    assert len(rules) == len(load())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title: My own", ""), "title is missing"),
        (("id: mine", "id: mine\n  nope: 1"), "nope is unknown"),
        (("test: quota of 7 exceeded", "test: something else"), "match does not find its test line"),
        (("quota of [0-9]+ exceeded", "quota of ("), "rule 1 (mine): rules: "),
        (("- id: mine", "id: [mine"), "rules.yml: "),
    ],
)
def test_a_wrong_rule_is_named_with_its_file(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "rules.yml").write_text(MINE.replace(*change))
    with pytest.raises(ConfigError) as raised:
        load([tmp_path / "rules.yml"])
    assert said in str(raised.value)
    assert "rules.yml" in str(raised.value)
