"""Reads a configuration file: its settings, and the line that each stands in.

YAML has them in its `logging:` section, with those of a store in `database:` beside it; TOML in `[tool.cordwood]`.
`${NAME}` in a value is the environment's variable, `${NAME:-text}` has a text for when there is none.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cordwood.errors import ConfigError, MissingExtraError
from cordwood.plain import Frozen

if TYPE_CHECKING:
    from pathlib import Path

Keys = tuple[str, ...]

# Texts, which `re` compiles when they are first used.
_VARIABLE = r"\$\{(\w+)(?::-([^}]*))?\}"
_TOML_HEADER = r"\s*\[+\s*([^\]#]+?)\s*\]+"
_TOML_KEY = r"\s*([\w.\"'-]+)\s*="
_TOML_LINE = r"\(at line (\d+)"
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class UnreadableError(ConfigError):
    """A file that cannot be used as a whole; `line` is where, from 1."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__("", problem)
        self.line = line


class Document(Frozen):
    """What a file says.

    Args:
        settings: of the `logging:` section or `[tool.cordwood]`.
        database: of the `database:` section that stands beside `logging:`.
        lines: of each setting, by its keys; those of the database begin with `database`.
    """

    settings: Mapping[str, object] = _NOTHING
    database: Mapping[str, object] = _NOTHING
    lines: Mapping[Keys, int] = _NOTHING


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        OSError: it cannot be read.
        UnreadableError: it is not text, not YAML or TOML, or has no settings in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 text ({error.reason} at byte {error.start})") from None
    return _toml(text) if path.suffix.lower() == ".toml" else _yaml(text)


def expand(name: str, value: object, environ: Mapping[str, str]) -> object:
    """Put variables of the environment into a value.

    Raises:
        ConfigError: there is no such variable, and no text for that case.
    """
    if isinstance(value, Mapping):
        return {key: expand(name, inner, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [expand(name, inner, environ) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = environ.get(match[1], match[2])
        if found is None:
            raise ConfigError(name, f"the environment has no variable {match[1]}", f"${{{match[1]}:-a default}}")
        return found

    return re.sub(_VARIABLE, variable, value)


def _yaml(text: str) -> Document:
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        document = None if node is None else loader.construct_document(node)
        written = [] if node is None else list(_yaml_lines(node))
    except RecursionError:
        raise UnreadableError("it is nested too deeply, or within itself") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        if "'\\t'" in problem:
            problem += " (a tab; YAML indents with spaces)"
        raise UnreadableError(f"it is not YAML: {problem}", None if mark is None else mark.line + 1) from None
    finally:
        loader.dispose()
    whole = document if isinstance(document, Mapping) else {}
    if not isinstance(whole.get("logging"), Mapping):
        raise UnreadableError("there is no `logging:` section in it")
    beside = whole.get("database")
    lines = {
        keys[1:] if keys[0] == "logging" else keys: line for keys, line in written if keys[0] in {"logging", "database"}
    }
    return Document(whole["logging"], beside if isinstance(beside, Mapping) else {}, lines)


def _yaml_lines(node: Any, above: Keys = ()) -> Iterator[tuple[Keys, int]]:
    """The keys and their lines; those of the entries of a list, where only one entry has them."""
    if node.id == "sequence":
        found = [pair for entry in node.value for pair in _yaml_lines(entry, above)]
        times = Counter(keys for keys, _ in found)
        yield from ((keys, line) for keys, line in found if times[keys] == 1)
    if node.id == "mapping":
        for key, value in node.value:
            keys = (*above, str(key.value))
            yield keys, key.start_mark.line + 1
            yield from _yaml_lines(value, keys)


def _toml(text: str) -> Document:
    try:
        toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading TOML on Python 3.10", "pip install tomli") from None
    try:
        document = toml.loads(text)
    except toml.TOMLDecodeError as error:
        line = re.search(_TOML_LINE, str(error))
        raise UnreadableError(f"it is not TOML: {error}", int(line[1]) if line else None) from None
    tool = document.get("tool")
    table = tool.get("cordwood") if isinstance(tool, Mapping) else None
    if not isinstance(table, Mapping):
        raise UnreadableError("there is no [tool.cordwood] table in it")
    return Document(table, {}, dict(_toml_lines(text)))


def _toml_lines(text: str) -> Iterator[tuple[Keys, int]]:
    """The keys below [tool.cordwood], as far as they are written one a line."""
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(_TOML_HEADER, line):
            table = _keys(header[1])
        elif (key := re.match(_TOML_KEY, line)) and table[:2] == ("tool", "cordwood"):
            yield (*table, *_keys(key[1]))[2:], number


def _keys(written: str) -> Keys:
    return tuple(key.strip(" \"'") for key in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", written))
