"""The rules of known issues: `rules.yml` beside this file, and the user's own in the same form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from cordwood import _native
from cordwood.errors import ConfigError

BUILT_IN = Path(__file__).with_name("rules.yml")
# libyaml's reader, where PyYAML has it, takes a tenth of the time.
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEYS = {"id", "title", "match", "advice", "test"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A known issue.

    Args:
        id: its name; a rule of the user's with the id of a built-in one replaces it.
        title: what happened, in a few words.
        match: regular expressions (Rust's syntax); one is enough.
        advice: what to do.
        test: a line that the rule finds.
    """

    id: str
    title: str
    match: tuple[str, ...]
    advice: str
    test: str

    @property
    def pattern(self) -> str:
        """All of `match` as one expression."""
        return "|".join(f"(?:{one})" for one in self.match)


def load(paths: Iterable[str | os.PathLike[str]] = ()) -> list[Rule]:
    """The built-in rules, and those of files.

    Raises:
        ConfigError: a file cannot be read or a rule is wrong; names the file and the rule.
    """
    rules: dict[str, Rule] = {}
    for path in (BUILT_IN, *map(Path, paths)):
        rules.update((rule.id, rule) for rule in _read(path))
    return list(rules.values())


def _read(path: Path) -> Iterable[Rule]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError("--rules", f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(found, list):
        raise ConfigError("--rules", f"{path}: a list of rules is expected, each with {', '.join(sorted(_KEYS))}")
    for place, one in enumerate(found, start=1):
        rule = _rule(one, f"{path}, rule {place}")
        yield rule if path == BUILT_IN else _tried(rule, f"{path}, rule {place}")


def _rule(given: object, where: str) -> Rule:
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise ConfigError("--rules", f"{where}: a rule has {', '.join(sorted(_KEYS))}")
    where = f"{where} ({given.get('id', 'without an id')})"
    if wrong := sorted(_KEYS ^ given.keys()):
        raise ConfigError("--rules", f"{where}: {wrong[0]} is {'unknown' if wrong[0] in given else 'missing'}")
    match = given["match"]
    match = [match] if isinstance(match, str) else match
    expressions = match if isinstance(match, list) else [None]
    texts = [given["id"], given["title"], given["advice"], given["test"], *expressions]
    if not match or not all(isinstance(text, str) and text for text in texts):
        raise ConfigError("--rules", f"{where}: every value is text, and match one expression or a list of them")
    return Rule(given["id"], given["title"], tuple(match), given["advice"], given["test"])


def _tried(rule: Rule, where: str) -> Rule:
    """The rule, if it finds its own test line; tests say that of the built-in ones."""
    where = f"{where} ({rule.id})"
    try:
        found = _native.find_rules([rule.pattern], rule.test)
    except ValueError as error:
        raise ConfigError("--rules", f"{where}: {error}") from None
    if not found:
        raise ConfigError("--rules", f"{where}: match does not find its test line")
    return rule


def matches(rules: Sequence[Rule], text: str) -> list[Rule]:
    """The rules that find something in a text."""
    return [rules[place] for place in _native.find_rules([rule.pattern for rule in rules], text)]
