"""Patterns: the templates that messages were made of, with what varies in them. The mining is the core's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cordwood import _native


@dataclass(frozen=True, slots=True)
class Variable:
    """What stands at one place of a template.

    Attributes:
        kind: what most of its values are: `integer`, `number`, `size`, `duration`, `time`, `hex`, `uuid`, `address`,
            `url`, `path`, `boolean`, `name`, `word`, `nothing` or `mixed`.
        kinds: how many of the values looked at were of which kind.
        distinct: how many different ones, estimated.
        least: the smallest number, if there were numbers.
        greatest: the greatest.
        top: values with how often they were seen, the most frequent first.
    """

    kind: str
    kinds: Mapping[str, int]
    distinct: int
    least: float | None
    greatest: float | None
    top: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Variable:
        """From what the core tells."""
        return cls(**{**found, "kinds": dict(found["kinds"]), "top": tuple(found["top"])})


@dataclass(frozen=True, slots=True)
class Template:
    """The template of messages.

    Attributes:
        text: with `<*>` for each variable.
        count: messages.
        first: the place of the first one among all, from 0.
        example: the first one.
        variables: in the order of the text. They are known from the first 256 messages and every 1,024th after them.
    """

    text: str
    count: int
    first: int
    example: str
    variables: tuple[Variable, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Template:
        """From what the core tells."""
        return cls(**{**found, "variables": tuple(Variable.of(one) for one in found["variables"])})


def plain(path: str | os.PathLike[str], assignments: str | os.PathLike[str] | None = None) -> list[Template]:
    """The templates of a file of bare messages, one a line; the most frequent first.

    Args:
        path: the file.
        assignments: where to write the template of each line, one a line.

    Raises:
        OSError: a file cannot be read or written.
    """
    found = _native.mine_plain(os.fspath(path), None if assignments is None else os.fspath(assignments))
    return [Template.of(one) for one in found]
