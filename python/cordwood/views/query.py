"""Commands that take a query."""

from __future__ import annotations

import re

import click

# A term that is not wanted, such as `-path:/health`, and no option.
_NEGATED = re.compile(r"-[A-Za-z_@][\w.@-]*(?::|[<>]=?)")


class QueryCommand(click.Command):
    """A command whose query may begin with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments: behind a space a minus makes no option, and a query is the same."""
        return super().parse_args(ctx, [f" {word}" if _NEGATED.match(word) else word for word in args])
